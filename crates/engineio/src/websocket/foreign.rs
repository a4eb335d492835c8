//! Frames that tungstenite reads: fragments, pings and pongs, and whatever breaks the rules.
//!
//! Its context is given one frame at a time. So it never reads ahead, and what follows the frame is
//! still ours when the context has nothing left to do.

use std::io;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{self, WebSocketConfig, WebSocketContext};

use super::frame::{Buffers, Head, HeaderBytes, Received, Role};
use crate::proto::{Frame, TransportFault};

/// tungstenite with a connection in its hands.
pub(super) struct Foreign {
    context: WebSocketContext,
    begun: Begun,
    /// The context has the beginning of a message that comes in fragments.
    fragments: bool,
    /// The context has a pong for which the connection had no room.
    owes: bool,
}

/// What is there of a frame.
enum Begun {
    /// A header, perhaps cut.
    Header(HeaderBytes),
    /// A frame on its way to the context.
    Frame(OneFrame),
}

/// A frame on its way to the context: what it has not taken of the header, and how much follows.
#[derive(Clone, Copy, Default)]
struct OneFrame {
    header: HeaderBytes,
    taken: usize,
    left: u64,
}

impl Foreign {
    /// A context that has nothing yet, for messages of at most `max` bytes.
    pub(super) fn new(role: Role, max: usize) -> Self {
        Self {
            context: context(role, max),
            begun: Begun::Header(HeaderBytes::default()),
            fragments: false,
            owes: false,
        }
    }

    /// Takes over a frame whose header was read already.
    pub(super) fn begin(&mut self, header: HeaderBytes, head: Head) {
        if !self.fragments {
            self.fragments = head.begins_fragments() == Some(true);
        }
        self.begun = Begun::Frame(OneFrame { header, taken: 0, left: head.len });
    }

    /// Whether the context has nothing left to do, and may be dropped.
    pub(super) fn is_idle(&self) -> bool {
        let is_between = matches!(&self.begun, Begun::Header(header) if header.len == 0);
        is_between && !self.fragments && !self.owes
    }

    /// The next message of what was read. `None` when there is no more of it, or nothing is left to
    /// do here.
    pub(super) fn next(&mut self, io: &mut impl Buffers) -> Option<Received> {
        if self.owes && matches!(self.begun, Begun::Header(_)) {
            // The pong may leave now.
            let _ = self.read(io, &mut OneFrame::default());
        }
        loop {
            match self.begun {
                Begun::Header(_) if self.is_idle() => return None,
                Begun::Header(mut header) => {
                    let before = header.len;
                    let unread = io.unread();
                    let Some(head) = header.fill(unread) else {
                        let all = unread.len();
                        io.take(all);
                        self.begun = Begun::Header(header);
                        return None;
                    };
                    io.take(header.len - before);
                    self.begin(header, head);
                }
                Begun::Frame(mut frame) => {
                    let received = self.read(io, &mut frame);
                    let is_taken = frame.taken == frame.header.len && frame.left == 0;
                    self.begun = match is_taken {
                        true => Begun::Header(HeaderBytes::default()),
                        false => Begun::Frame(frame),
                    };
                    if received.is_some() || !is_taken {
                        return received;
                    }
                }
            }
        }
    }

    /// Gives the context what is there of a frame. What came of it.
    fn read(&mut self, io: &mut impl Buffers, frame: &mut OneFrame) -> Option<Received> {
        let mut port = Port { io, frame, refused: false };
        let message = loop {
            match self.context.read(&mut port) {
                // A pong leaves with the next call.
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Text(text)) => break Some(Frame::Text(Bytes::from(text))),
                Ok(Message::Binary(data)) => break Some(Frame::Binary(data)),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break None,
                Ok(Message::Close(_) | Message::Frame(_))
                | Err(
                    Error::ConnectionClosed
                    | Error::AlreadyClosed
                    | Error::Io(_)
                    | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
                ) => return Some(Received::Closed),
                Err(error) => {
                    let (code, fault) = fault(&error);
                    self.close(port.io, Some(code));
                    return Some(Received::Failed(fault));
                }
            }
        };
        self.owes = port.refused;
        self.fragments &= message.is_none();
        message.map(Received::Frame)
    }

    /// Has the context say goodbye, if it has not, by `code` if there is one. Whether all that it has
    /// to say is in the buffers; if not, there was no room.
    pub(super) fn close(&mut self, io: &mut impl Buffers, code: Option<u16>) -> bool {
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
        let mut port = Port { io, frame: &mut OneFrame::default(), refused: false };
        !matches!(
            self.context.close(&mut port, frame),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock
        )
    }
}

/// The close code that an error is told by, and what the session is told.
fn fault(error: &Error) -> (u16, TransportFault) {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            (TOO_LARGE, TransportFault::FrameTooLarge { len: *size, max: *max_size })
        }
        Error::Utf8(_) => (super::frame::NOT_UTF8, TransportFault::Websocket),
        _ => (BROKEN, TransportFault::Websocket),
    }
}

pub(super) fn context(role: Role, max: usize) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(CONTROL_BUFFER)
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    WebSocketContext::new(role, Some(config))
}

/// A connection as the context sees it: one frame, after which a read would block.
struct Port<'a, B> {
    io: &'a mut B,
    frame: &'a mut OneFrame,
    /// There was no room for a pong or a close.
    refused: bool,
}

impl<B: Buffers> io::Read for Port<'_, B> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let OneFrame { header, taken, left } = self.frame;
        let rest = &header.as_slice()[*taken..];
        if !rest.is_empty() {
            let len = into.len().min(rest.len());
            into[..len].copy_from_slice(&rest[..len]);
            *taken += len;
            return Ok(len);
        }
        let unread = self.io.unread();
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        let len = into.len().min(unread.len()).min(most);
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        into[..len].copy_from_slice(&unread[..len]);
        self.io.take(len);
        *left -= len as u64;
        Ok(len)
    }
}

impl<B: Buffers> io::Write for Port<'_, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A peer that pings and does not read: its pongs wait in tungstenite, which keeps one.
        if !self.io.has_room() {
            self.refused = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.io.write(bytes);
        Ok(bytes.len())
    }

    /// Nothing: the owner of the buffers writes them out.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The close code of a broken rule.
const BROKEN: u16 = 1002;
/// The close code of a message that is too large.
const TOO_LARGE: u16 = 1009;
/// Bytes that tungstenite takes at once.
const READ_BUFFER: usize = 2 << 10;
/// Bytes of pongs and closes that wait in tungstenite.
const CONTROL_BUFFER: usize = 1 << 10;
