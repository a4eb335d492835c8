//! A connection that is read through a buffer of the thread and written in gathered pieces.
//!
//! # The lent buffer
//!
//! Most connections are idle, and 64 KiB for each would be most of a server's memory. So there is
//! one buffer per thread. [`BufferedIo::poll_fill`] takes it and reads into it; the owner takes what
//! it can use in the same turn and then calls [`BufferedIo::settle`], which gives the buffer back
//! and copies what is left, usually nothing, into memory of its own. Between turns no connection holds the
//! buffer. A thread that reads a second connection before the first has settled makes a second
//! buffer; the last one given back stays.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::write_queue::{SLICES, WriteQueue};

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A connection with what waits on either side of it.
#[derive(Debug)]
pub(crate) struct BufferedIo<T> {
    io: T,
    unread: Unread,
    out: WriteQueue,
}

/// What was read of the connection, and not yet asked for.
#[derive(Debug)]
enum Unread {
    None,
    /// In the thread's buffer, from the first place to the second. Only until the end of the turn.
    Scratch(Box<[u8]>, usize, usize),
    Kept(Bytes),
    /// The connection has ended, or broken.
    End,
}

impl<T: Stream> BufferedIo<T> {
    /// A connection of which `read` was read already.
    pub(crate) fn new(io: T, read: Bytes) -> Self {
        let out = WriteQueue::new(io.is_write_vectored());
        let unread = if read.is_empty() { Unread::None } else { Unread::Kept(read) };
        Self { io, unread, out }
    }

    /// Waits until there is something in [`BufferedIo::unread`], if only the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.unread, Unread::None) {
            return Poll::Ready(());
        }
        let mut scratch = scratch();
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
        let len = buffer.filled().len();
        self.unread = match read {
            Poll::Ready(Ok(())) if len > 0 => Unread::Scratch(scratch, 0, len),
            ended => {
                SCRATCH.set(Some(scratch));
                let _ = ready!(ended);
                Unread::End
            }
        };
        Poll::Ready(())
    }

    /// What [`BufferedIo::poll_fill`] brought, and was not taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        match &self.unread {
            Unread::None | Unread::End => &[],
            Unread::Scratch(scratch, from, to) => &scratch[*from..*to],
            Unread::Kept(bytes) => bytes,
        }
    }

    /// Takes the first `len` bytes of that.
    pub(crate) fn take(&mut self, len: usize) {
        let left = match &mut self.unread {
            Unread::None | Unread::End => return,
            Unread::Scratch(_, from, to) => {
                *from += len;
                *to - *from
            }
            Unread::Kept(bytes) => {
                bytes.advance(len);
                bytes.len()
            }
        };
        if left == 0 {
            self.settle();
        }
    }

    /// Whether the connection has ended, or broken, and all of it was taken.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.unread, Unread::End)
    }

    /// Gives the thread its buffer back, and copies what is left in it.
    pub(crate) fn settle(&mut self) {
        self.unread = match std::mem::replace(&mut self.unread, Unread::None) {
            Unread::Scratch(scratch, from, to) => {
                let left = &scratch[from..to];
                let unread = match left.is_empty() {
                    true => Unread::None,
                    false => Unread::Kept(Bytes::copy_from_slice(left)),
                };
                SCRATCH.set(Some(scratch));
                unread
            }
            Unread::Kept(bytes) if bytes.is_empty() => Unread::None,
            other => other,
        };
    }

    /// Drops what comes. False at the end.
    pub(crate) fn poll_skip(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        ready!(self.poll_fill(cx));
        self.settle();
        let goes_on = !matches!(self.unread, Unread::End);
        if goes_on {
            self.unread = Unread::None;
        }
        Poll::Ready(goes_on)
    }

    /// Queues bytes that are copied.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        self.out.copy(bytes);
    }

    /// Queues bytes that are shared, unless they are few.
    pub(crate) fn share(&mut self, bytes: Bytes) {
        self.out.share(bytes);
    }

    /// Whether another frame may be queued before what waits is written.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len < WRITE_BUFFER
    }

    /// Bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.out.len
    }

    /// Writes all that waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out.len > 0 {
            let io = Pin::new(&mut self.io);
            let len = if let Some(one) = self.out.one() {
                ready!(io.poll_write(cx, one))?
            } else if self.out.is_few() {
                // A large message between small ones.
                let mut slices = [IoSlice::new(&[]); 3];
                let count = self.out.slices(&mut slices);
                ready!(io.poll_write_vectored(cx, &slices[..count]))?
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.out.slices(&mut slices);
                ready!(io.poll_write_vectored(cx, &slices[..count]))?
            };
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(len);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Writes zero bytes: a layer below that holds something back for the next write lets it go.
    pub(crate) fn poll_nudge(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_write(cx, &[]).map_ok(drop)
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

thread_local! {
    /// The buffer of this thread, unless a connection has it for its turn.
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

fn scratch() -> Box<[u8]> {
    SCRATCH.take().unwrap_or_else(|| vec![0; READ].into())
}

/// Bytes collected before they are written, if more come.
const WRITE_BUFFER: usize = 32 << 10;
/// Bytes read at once.
const READ: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use futures_util::task::noop_waker_ref;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_one_read_brought_is_read_in_pieces() {
        let (mut near, far) = duplex(READ);
        let mut io = BufferedIo::new(far, Bytes::new());
        let sent: Vec<u8> = (0..READ).map(|at| at as u8).collect();
        near.write_all(&sent).await.unwrap();
        drop(near);
        let mut read = Vec::new();
        loop {
            std::future::poll_fn(|cx| io.poll_fill(cx)).await;
            // Some pieces from the thread's buffer, the rest from the copy.
            for turn in 0..5 {
                let unread = io.unread();
                let len = unread.len().min(1000);
                read.extend_from_slice(&unread[..len]);
                io.take(len);
                if turn == 2 {
                    io.settle();
                }
            }
            if io.has_ended() {
                break;
            }
        }
        assert!(read == sent);
    }

    #[tokio::test]
    async fn a_connection_that_takes_nothing_waits() {
        let (mut near, far) = duplex(10);
        let mut io = BufferedIo::new(far, Bytes::new());
        io.copy(b"0123456789ab");
        let mut cx = Context::from_waker(noop_waker_ref());
        assert!(io.poll_flush(&mut cx).is_pending());
        assert_eq!(io.waiting(), 2);
        let mut seen = [0; 12];
        let (flushed, read) =
            tokio::join!(std::future::poll_fn(|cx| io.poll_flush(cx)), near.read_exact(&mut seen));
        flushed.unwrap();
        assert_eq!((read.unwrap(), &seen), (12, b"0123456789ab"));
    }
}
