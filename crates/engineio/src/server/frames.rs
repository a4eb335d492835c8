//! Frames of a websocket, out of what its connection brought. [RFC 6455, 5]
//!
//! A data frame that is a whole message, as nearly all are, is taken here: copied once, and
//! unmasked where it then is; so is a close without a reason. All others, and what breaks the rules,
//! go to tungstenite one by one; its context, with a buffer, is made for them and dropped when it
//! holds nothing.

mod header;
mod port;

use std::io::{self, Cursor};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, FrameHeader};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

pub(super) use self::header::write_header;
use self::header::{unmask, whole};
use self::port::{Header, Other, Port};
use super::websocket::Read;
use super::wire::{Stream, Wire};
use crate::proto::{Frame, TransportFault};

/// The reading side of a websocket, and its goodbye.
pub(super) struct Frames {
    /// Most bytes of a message.
    max: usize,
    begun: Begun,
    context: Option<Box<WebSocketContext>>,
    /// `context` has the beginning of a message that comes in fragments.
    fragments: bool,
    /// `context` has a pong for which the connection had no room.
    owes: bool,
    /// The client's close was answered here.
    answered: bool,
}

/// What was read of a frame.
enum Begun {
    /// A header, perhaps cut.
    Header(Header),
    /// A whole message, of which `data` is there, still masked.
    Message {
        kind: Data,
        mask: [u8; 4],
        len: usize,
        data: Vec<u8>,
    },
    Other(Other),
}

impl Frames {
    /// Frames of messages that have at most `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        let begun = Begun::Header(Header::default());
        Self { max, begun, context: None, fragments: false, owes: false, answered: false }
    }

    /// The next message of what was read; None when no more of it is whole. Asks no connection.
    pub(super) fn next<T: Stream>(&mut self, wire: &mut Wire<T>) -> Option<Read> {
        if self.owes && matches!(self.begun, Begun::Header(_)) {
            let _ = self.hand_over(wire, &mut Other::default());
        }
        loop {
            // The connection ended, with a goodbye or without; nor does the reference tell.
            if wire.has_ended() {
                return Some(Read::Closed);
            }
            match &mut self.begun {
                Begun::Header(header) => {
                    let mut header = *header;
                    if header.len == 0
                        && !self.fragments
                        && let Some((kind, mask, data, end)) = whole(wire.unread(), self.max)
                    {
                        let data = data.to_vec();
                        wire.take(end);
                        return Some(self.message(wire, kind, mask, data));
                    }
                    let added = header.fill(wire.unread());
                    let mut cursor = Cursor::new(header.bytes());
                    let parsed = FrameHeader::parse(&mut cursor);
                    let end = usize::try_from(cursor.position()).unwrap_or(header.len);
                    let cut = matches!(parsed, Ok(None));
                    // What follows the header stays where it is.
                    wire.take(if cut { added } else { added - (header.len - end) });
                    if cut {
                        self.begun = Begun::Header(header);
                        return None;
                    }
                    header.len = end;
                    let parsed = parsed.ok().flatten();
                    if self.answer_close(parsed.as_ref(), wire) {
                        return Some(Read::Closed);
                    }
                    self.begun = self.begin(parsed, header);
                }
                Begun::Message { kind, mask, len, data } => {
                    let unread = wire.unread();
                    let part = unread.len().min(*len - data.len());
                    data.extend_from_slice(&unread[..part]);
                    wire.take(part);
                    if data.len() < *len {
                        return None;
                    }
                    let (kind, mask, data) = (*kind, *mask, std::mem::take(data));
                    self.begun = Begun::Header(Header::default());
                    return Some(self.message(wire, kind, mask, data));
                }
                Begun::Other(other) => {
                    let mut other = *other;
                    let read = self.hand_over(wire, &mut other);
                    let done = other.is_taken();
                    self.begun = match done {
                        true => Begun::Header(Header::default()),
                        false => Begun::Other(other),
                    };
                    if read.is_some() || !done {
                        return read;
                    }
                }
            }
        }
    }

    /// A message that is there, its mask still on.
    fn message<T: Stream>(
        &mut self,
        wire: &mut Wire<T>,
        kind: Data,
        mask: [u8; 4],
        mut data: Vec<u8>,
    ) -> Read {
        let is_ascii = unmask(&mut data, mask);
        match kind {
            // Most text is ASCII, which is seen on the way.
            Data::Text if !is_ascii && std::str::from_utf8(&data).is_err() => {
                self.fail(wire, CloseCode::Invalid, TransportFault::Websocket)
            }
            Data::Text => Read::Frame(Frame::Text(data.into())),
            _ => Read::Frame(Frame::Binary(data.into())),
        }
    }

    /// Whether nothing of a frame is there.
    #[cfg(test)]
    fn is_between(&self) -> bool {
        matches!(&self.begun, Begun::Header(header) if header.len == 0)
    }

    /// How the frame of this header is read. It is None when no frame may have it.
    fn begin(&mut self, parsed: Option<(FrameHeader, u64)>, header: Header) -> Begun {
        let mut left = 0;
        if let Some((parsed, len)) = parsed {
            left = len;
            let reserved = parsed.rsv1 || parsed.rsv2 || parsed.rsv3;
            if let OpCode::Data(kind @ (Data::Text | Data::Binary)) = parsed.opcode
                && !self.fragments
                && !reserved
            {
                if let (true, Some(mask), Ok(len)) =
                    (parsed.is_final, parsed.mask, usize::try_from(len))
                    && len <= self.max
                {
                    return Begun::Message { kind, mask, len, data: Vec::with_capacity(len) };
                }
                self.fragments = !parsed.is_final;
            }
        }
        Begun::Other(Other::new(header, left))
    }

    /// Answers a close that says no more than a code, as nearly all do, by the same. Whether it did.
    fn answer_close<T: Stream>(
        &mut self,
        parsed: Option<&(FrameHeader, u64)>,
        wire: &mut Wire<T>,
    ) -> bool {
        let Some((FrameHeader { is_final: true, opcode, mask: Some(mask), .. }, len)) = parsed
        else {
            return false;
        };
        let reserved = parsed.is_some_and(|(parsed, _)| parsed.rsv1 || parsed.rsv2 || parsed.rsv3);
        if *opcode != OpCode::Control(Control::Close) || reserved || self.context.is_some() {
            return false;
        }
        match (len, wire.unread()) {
            (0, _) => wire.copy(&[CLOSE, 0]),
            (2, [first, second, ..]) => {
                let code = [first ^ mask[0], second ^ mask[1]];
                if !CloseCode::from(u16::from_be_bytes(code)).is_allowed() {
                    return false;
                }
                wire.take(2);
                wire.copy(&[CLOSE, 2, code[0], code[1]]);
            }
            _ => return false,
        }
        self.answered = true;
        true
    }

    /// Gives the context what is there of a frame. What came of it.
    fn hand_over<T: Stream>(&mut self, wire: &mut Wire<T>, other: &mut Other) -> Option<Read> {
        let context = self.context.get_or_insert_with(|| context(self.max));
        let mut port = Port::new(wire, other, None);
        let frame = loop {
            match context.read(&mut port) {
                // A pong leaves with the next call.
                Ok(WsMessage::Ping(_) | WsMessage::Pong(_)) => {}
                Ok(WsMessage::Text(text)) => break Some(Frame::Text(Bytes::from(text))),
                Ok(WsMessage::Binary(data)) => break Some(Frame::Binary(data)),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break None,
                Ok(WsMessage::Close(_) | WsMessage::Frame(_))
                | Err(
                    Error::ConnectionClosed
                    | Error::AlreadyClosed
                    | Error::Io(_)
                    | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
                ) => return Some(Read::Closed),
                Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
                    let fault = TransportFault::FrameTooLarge { len: size, max: max_size };
                    return Some(self.fail(wire, CloseCode::Size, fault));
                }
                Err(Error::Utf8(_)) => {
                    return Some(self.fail(wire, CloseCode::Invalid, TransportFault::Websocket));
                }
                Err(_) => {
                    return Some(self.fail(wire, CloseCode::Protocol, TransportFault::Websocket));
                }
            }
        };
        self.owes = port.refused;
        self.fragments &= frame.is_none();
        if port.other.is_taken() && !self.fragments && !self.owes {
            self.context = None;
        }
        frame.map(Read::Frame)
    }

    fn fail<T: Stream>(
        &mut self,
        wire: &mut Wire<T>,
        code: CloseCode,
        fault: TransportFault,
    ) -> Read {
        let other = &mut Other::default();
        let context = self.context.get_or_insert_with(|| context(self.max));
        // What it cannot write now is written with the goodbye.
        let close = CloseFrame { code, reason: "".into() };
        let _ = context.close(&mut Port::new(wire, other, None), Some(close));
        Read::Failed(fault)
    }

    /// Sends a close frame if none was sent, and all that waits.
    pub(super) fn poll_goodbye<T: Stream>(
        &mut self,
        wire: &mut Wire<T>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // Who has ended the connection without a word is told none.
        if !wire.has_ended() && !self.answered {
            let other = &mut Other::default();
            let context = self.context.get_or_insert_with(|| context(self.max));
            let mut port = Port::new(wire, other, Some(cx));
            match context.close(&mut port, None) {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Poll::Pending;
                }
                // Its last frame is out of its buffer, and may still be in that of the wire.
                Ok(()) | Err(_) => {}
            }
        }
        wire.poll_flush(cx).map(drop)
    }
}

fn context(max: usize) -> Box<WebSocketContext> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(CONTROL_BUFFER)
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    Box::new(WebSocketContext::new(Role::Server, Some(config)))
}

/// The first byte of a close frame.
const CLOSE: u8 = 0x88;
/// Bytes that tungstenite takes at once.
const READ_BUFFER: usize = 2 << 10;
/// Bytes of pongs and closes that wait in tungstenite.
const CONTROL_BUFFER: usize = 1 << 10;

#[cfg(test)]
mod tests;
