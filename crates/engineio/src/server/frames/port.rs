//! One frame as tungstenite reads it, and what it answers.

use std::io;
use std::task::{Context, Poll};

use crate::server::websocket::WRITE_BUFFER;
use crate::server::wire::{Stream, Wire};

/// The first bytes of a frame, the header among them.
#[derive(Clone, Copy, Default)]
pub(super) struct Header {
    bytes: [u8; HEADER],
    pub(super) len: usize,
}

/// A frame on its way to the context: what it has not taken of the header, and how much follows.
#[derive(Clone, Copy, Default)]
pub(super) struct Other {
    header: Header,
    taken: usize,
    left: u64,
}

impl Header {
    /// Takes as much as there is room for; how much.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(HEADER - self.len);
        self.bytes[self.len..][..len].copy_from_slice(&bytes[..len]);
        self.len += len;
        len
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Other {
    /// A frame with `left` bytes behind its header.
    pub(super) fn new(header: Header, left: u64) -> Self {
        Self { header, taken: 0, left }
    }

    /// Whether all of it was taken.
    pub(super) fn is_taken(&self) -> bool {
        self.taken == self.header.len && self.left == 0
    }
}

/// A [`Wire`] as tungstenite sees it: one frame, and behind it all would block.
pub(super) struct Port<'a, 'c, T> {
    wire: &'a mut Wire<T>,
    pub(super) other: &'a mut Other,
    /// There was no room for a pong or a close.
    pub(super) refused: bool,
    /// Who is woken when the connection takes more; without, nothing is written now.
    cx: Option<&'a mut Context<'c>>,
}

impl<'a, 'c, T> Port<'a, 'c, T> {
    pub(super) fn new(
        wire: &'a mut Wire<T>,
        other: &'a mut Other,
        cx: Option<&'a mut Context<'c>>,
    ) -> Self {
        Self { wire, other, refused: false, cx }
    }
}

impl<T: Stream> io::Read for Port<'_, '_, T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Other { header, taken, left } = self.other;
        let rest = &header.bytes()[*taken..];
        if !rest.is_empty() {
            let len = into.len().min(rest.len());
            into[..len].copy_from_slice(&rest[..len]);
            *taken += len;
            return Ok(len);
        }
        let unread = self.wire.unread();
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        let len = into.len().min(unread.len()).min(most);
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        into[..len].copy_from_slice(&unread[..len]);
        self.wire.take(len);
        *left -= len as u64;
        Ok(len)
    }
}

impl<T: Stream> io::Write for Port<'_, '_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A peer that pings and does not read: its pongs wait in tungstenite, which keeps one.
        if self.wire.waiting() >= WRITE_BUFFER {
            self.refused = true;
            self.flush()?;
            self.refused = false;
        }
        self.wire.copy(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.cx {
            Some(cx) => match self.wire.poll_flush(cx) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            },
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Bytes of the longest header.
const HEADER: usize = 14;
