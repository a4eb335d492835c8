//! Frames of one websocket in both directions, without its connection: bytes in, messages out.

use std::fmt;

use super::foreign::Foreign;
use super::frame::{Buffers, CLOSE, Kind, NOT_UTF8, Reader, Received, Role, Step};
use crate::proto::{Frame, TransportFault};

/// One end of a websocket without its connection, after the handshake. [RFC 6455]
///
/// Messages are read as tungstenite reads them, however the bytes were cut; see the table of the
/// [module](super).
///
/// ```
/// use engineio::proto::Frame;
/// use engineio::websocket::{Buffers, Codec, Received, Role};
///
/// #[derive(Default)]
/// struct Memory {
///     unread: Vec<u8>,
///     written: Vec<u8>,
/// }
///
/// impl Buffers for Memory {
///     fn unread(&self) -> &[u8] {
///         &self.unread
///     }
///     fn take(&mut self, len: usize) {
///         self.unread.drain(..len);
///     }
///     fn write(&mut self, bytes: &[u8]) {
///         self.written.extend_from_slice(bytes);
///     }
///     fn has_room(&self) -> bool {
///         true
///     }
///     fn has_ended(&self) -> bool {
///         false
///     }
/// }
///
/// let mut io = Memory { unread: b"\x81\x02hi\x88\x00".to_vec(), ..Memory::default() };
/// let mut codec = Codec::new(Role::Client, 1_000);
/// assert_eq!(codec.next(&mut io), Some(Received::Frame(Frame::Text("hi".into()))));
/// assert_eq!(codec.next(&mut io), Some(Received::Closed));
/// ```
pub struct Codec {
    role: Role,
    /// Most bytes of a message.
    max: usize,
    holder: Holder,
}

/// Which of the two has the connection. The only place that knows.
enum Holder {
    /// Our reader has it.
    Own(Reader),
    /// tungstenite has it, until it holds nothing.
    Foreign(Box<Foreign>),
    /// Nothing more is read; a close frame of this code is to be written.
    Closing(u16),
    /// Nothing more is read or written.
    Closed,
}

impl Codec {
    /// One end of a websocket whose messages have at most `max` bytes.
    pub fn new(role: Role, max: usize) -> Self {
        Self { role, max, holder: Holder::Own(Reader::new(role, max)) }
    }

    /// The next message of what was read, or the end. `None` when no more of it is whole.
    ///
    /// After [`Received::Closed`] and [`Received::Failed`] there are no more messages.
    pub fn next(&mut self, io: &mut impl Buffers) -> Option<Received> {
        loop {
            // The connection ended, with a close frame or without: the reference makes no difference.
            if io.has_ended() {
                return Some(Received::Closed);
            }
            match &mut self.holder {
                Holder::Own(reader) => {
                    let unread = io.unread();
                    if unread.is_empty() {
                        return None;
                    }
                    let (taken, step) = reader.next(unread);
                    io.take(taken);
                    match step {
                        Step::Wait => return None,
                        Step::Message(Kind::Text, data) => {
                            return Some(Received::Frame(Frame::Text(data.into())));
                        }
                        Step::Message(Kind::Binary, data) => {
                            return Some(Received::Frame(Frame::Binary(data.into())));
                        }
                        Step::NotUtf8 => {
                            self.holder = Holder::Closing(NOT_UTF8);
                            return Some(Received::Failed(TransportFault::Websocket));
                        }
                        Step::Close(code) => {
                            self.answer_close(code, io);
                            return Some(Received::Closed);
                        }
                        Step::Other(header, head) => {
                            let mut foreign = Foreign::new(self.role, self.max);
                            foreign.begin(header, head);
                            self.holder = Holder::Foreign(Box::new(foreign));
                        }
                    }
                }
                Holder::Foreign(foreign) => {
                    let received = foreign.next(io);
                    let is_idle = foreign.is_idle();
                    if is_idle && !matches!(received, Some(Received::Closed | Received::Failed(_)))
                    {
                        self.holder = Holder::Own(Reader::new(self.role, self.max));
                    }
                    if received.is_some() || !is_idle {
                        return received;
                    }
                }
                Holder::Closing(_) | Holder::Closed => return Some(Received::Closed),
            }
        }
    }

    /// Answers a close by the same code, as RFC 6455 asks.
    fn answer_close(&mut self, code: Option<[u8; 2]>, io: &mut impl Buffers) {
        match (self.role, code) {
            (Role::Server, None) => io.write(&[CLOSE, 0]),
            (Role::Server, Some([high, low])) => io.write(&[CLOSE, 2, high, low]),
            (Role::Client, code) => {
                self.close_by_foreign(io, code.map(u16::from_be_bytes));
                return;
            }
        }
        self.holder = Holder::Closed;
    }

    /// Queues a close frame, if none was sent. False when there is no room: write the buffers out,
    /// then call it again.
    pub fn goodbye(&mut self, io: &mut impl Buffers) -> bool {
        // A peer that has ended the connection without a word is told nothing.
        if io.has_ended() {
            return true;
        }
        let code = match self.holder {
            Holder::Closed => return true,
            Holder::Closing(code) => Some(code),
            Holder::Own(_) | Holder::Foreign(_) => None,
        };
        if self.role == Role::Client || matches!(self.holder, Holder::Foreign(_)) {
            return self.close_by_foreign(io, code);
        }
        if !io.has_room() {
            return false;
        }
        match code.map(u16::to_be_bytes) {
            None => io.write(&[CLOSE, 0]),
            Some([high, low]) => io.write(&[CLOSE, 2, high, low]),
        }
        self.holder = Holder::Closed;
        true
    }

    /// Gives the connection to tungstenite to say goodbye. It also masks what a client says.
    fn close_by_foreign(&mut self, io: &mut impl Buffers, code: Option<u16>) -> bool {
        let mut foreign = match std::mem::replace(&mut self.holder, Holder::Closed) {
            Holder::Foreign(foreign) => foreign,
            _ => Box::new(Foreign::new(self.role, self.max)),
        };
        let is_done = foreign.close(io, code);
        self.holder = Holder::Foreign(foreign);
        is_done
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Whether tungstenite has the connection.
    #[cfg(test)]
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.holder, Holder::Foreign(_))
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = match &self.holder {
            Holder::Own(_) => "own",
            Holder::Foreign(_) => "tungstenite",
            Holder::Closing(_) => "closing",
            Holder::Closed => "closed",
        };
        f.debug_struct("Codec")
            .field("role", &self.role)
            .field("holder", &holder)
            .finish_non_exhaustive()
    }
}
