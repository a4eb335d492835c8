//! Frames of a websocket, read and written without a connection. [RFC 6455, 5]
//!
//! Pure: bytes in, messages and bytes out. Nearly every frame is a whole message with a short
//! header. Those are read and written here, for either role, and so is a close that says no more than
//! a code. Every other frame is left to tungstenite, whose way through a cursor and a buffer of its
//! own takes longer.

use crate::proto::{Frame, TransportFault};

/// Which end of the connection this side is. A client masks its frames, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads masked frames, writes unmasked ones.
    Server,
    /// Reads unmasked frames, writes masked ones.
    Client,
}

/// The buffers of a connection, as a [`Codec`](super::Codec) uses them. It never waits for the connection.
pub trait Buffers {
    /// Bytes that were read from the connection and not taken yet.
    fn unread(&self) -> &[u8];
    /// Takes the first `len` of them.
    fn take(&mut self, len: usize);
    /// Queues bytes to be written. Copies them.
    fn write(&mut self, bytes: &[u8]);
    /// Whether a pong may be queued. If not, it waits until there is room, and a later pong takes its
    /// place.
    fn has_room(&self) -> bool;
    /// Whether the connection has ended and all its bytes were taken.
    fn has_ended(&self) -> bool;
}

/// What [`Codec::next`](super::Codec::next) gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A whole message.
    Frame(Frame),
    /// The peer closed, or is gone.
    Closed,
    /// The peer broke RFC 6455 or a limit. [`Codec::goodbye`](super::Codec::goodbye) tells it by a close code.
    Failed(TransportFault),
}

/// The close code of text that is not UTF-8.
pub(super) const NOT_UTF8: u16 = 1007;

/// What the data of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// Reads whole messages out of bytes that come in any pieces.
#[derive(Debug)]
pub(super) struct Reader {
    role: Role,
    /// Most bytes of a message.
    max: usize,
    begun: Begun,
}

/// What is there of a frame.
#[derive(Debug)]
enum Begun {
    /// The header, perhaps cut.
    Header(HeaderBytes),
    /// A whole message, of which `data` is there, still masked.
    Message { kind: Kind, mask: Option<[u8; 4]>, len: usize, data: Vec<u8> },
}

/// What [`Reader::next`] found.
#[derive(Debug)]
pub(super) enum Step {
    /// No more frames are whole.
    Wait,
    /// A message. Text is UTF-8.
    Message(Kind, Vec<u8>),
    /// A message of text that is not UTF-8.
    NotUtf8,
    /// A close that says no more than this code.
    Close(Option<[u8; 2]>),
    /// A frame that is not read here. Its header was taken, what follows it was not.
    Other(HeaderBytes, Head),
}

impl Reader {
    /// Reads messages of at most `max` bytes.
    pub(super) fn new(role: Role, max: usize) -> Self {
        Self { role, max, begun: Begun::Header(HeaderBytes::default()) }
    }

    /// The next step, and how many of the bytes it took.
    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8]) -> (usize, Step) {
        match &mut self.begun {
            Begun::Header(header) if header.len == 0 => {
                // Nearly every message is here whole.
                if let Some(Whole { kind, mask, data, end }) = whole(bytes, self.role, self.max) {
                    return (end, message(kind, mask, data.to_vec()));
                }
                self.header(bytes)
            }
            Begun::Header(_) => self.header(bytes),
            Begun::Message { .. } => self.data(bytes),
        }
    }

    fn header(&mut self, bytes: &[u8]) -> (usize, Step) {
        let Begun::Header(header) = &mut self.begun else { return (0, Step::Wait) };
        let before = header.len;
        let Some(head) = header.fill(bytes) else { return (bytes.len(), Step::Wait) };
        let (header, taken) = (*header, header.len - before);
        let rest = &bytes[taken..];
        self.begun = Begun::Header(HeaderBytes::default());
        if head.is_masked() != (self.role == Role::Server) {
            // The other side breaks the rules, and tungstenite says so.
            return (taken, Step::Other(header, head));
        }
        match (head.whole_message(), usize::try_from(head.len), rest) {
            (Some(kind), Ok(len), _) if len <= self.max => {
                let data = Vec::with_capacity(len);
                self.begun = Begun::Message { kind, mask: head.mask, len, data };
                let (more, step) = self.data(rest);
                (taken + more, step)
            }
            (None, Ok(0), _) if head.first == CLOSE => (taken, Step::Close(None)),
            (None, Ok(2), [first, second, ..]) if head.first == CLOSE => {
                let mask = head.mask.unwrap_or_default();
                let code = [first ^ mask[0], second ^ mask[1]];
                match may_close_by(u16::from_be_bytes(code)) {
                    true => (taken + 2, Step::Close(Some(code))),
                    false => (taken, Step::Other(header, head)),
                }
            }
            _ => (taken, Step::Other(header, head)),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> (usize, Step) {
        let Begun::Message { kind, mask, len, data } = &mut self.begun else {
            return (0, Step::Wait);
        };
        let part = bytes.len().min(*len - data.len());
        data.extend_from_slice(&bytes[..part]);
        if data.len() < *len {
            return (part, Step::Wait);
        }
        let (kind, mask, data) = (*kind, *mask, std::mem::take(data));
        self.begun = Begun::Header(HeaderBytes::default());
        (part, message(kind, mask, data))
    }
}

/// Takes the mask off a whole message, and checks its text.
#[inline]
fn message(kind: Kind, mask: Option<[u8; 4]>, mut data: Vec<u8>) -> Step {
    let is_ascii = match mask {
        Some(mask) => apply_mask(&mut data, mask),
        None => data.is_ascii(),
    };
    // Most text is ASCII, which taking the mask off has seen on the way.
    match kind == Kind::Text && !is_ascii && std::str::from_utf8(&data).is_err() {
        true => Step::NotUtf8,
        false => Step::Message(kind, data),
    }
}

/// A message whose frame is complete.
#[derive(Debug, PartialEq)]
struct Whole<'a> {
    kind: Kind,
    mask: Option<[u8; 4]>,
    /// With the mask on.
    data: &'a [u8],
    /// Where its frame ends.
    end: usize,
}

/// The message at the start of `bytes`, if it is there whole in one frame with a short header, and has
/// at most `max` bytes.
#[inline]
fn whole(bytes: &[u8], role: Role, max: usize) -> Option<Whole<'_>> {
    let (kind, rest) = match bytes {
        [TEXT, rest @ ..] => (Kind::Text, rest),
        [BINARY, rest @ ..] => (Kind::Binary, rest),
        _ => return None,
    };
    // The bit of the mask and the length share a byte: with the bit taken off it is the length, and
    // one that has the bit wrong is too large for either arm.
    let bit = if role == Role::Server { MASKED } else { 0 };
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match (first ^ bit, rest) {
        (SHORT, [high, low, rest @ ..]) => (u16::from_be_bytes([*high, *low]).into(), rest),
        (len @ ..SHORT, rest) => (usize::from(len), rest),
        _ => return None,
    };
    let (mask, rest) = match role {
        Role::Server => {
            let (mask, rest) = rest.split_first_chunk()?;
            (Some(*mask), rest)
        }
        Role::Client => (None, rest),
    };
    let data = rest.get(..len).filter(|_| len <= max)?;
    Some(Whole { kind, mask, data, end: bytes.len() - rest.len() + len })
}

/// The bytes of a header, perhaps cut.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeaderBytes {
    bytes: [u8; HEADER],
    pub(super) len: usize,
}

impl HeaderBytes {
    /// Takes bytes until the header is whole, and gives it then. Until then all bytes are taken.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> Option<Head> {
        for byte in bytes {
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = *byte;
                self.len += 1;
            }
            if let Some(head) = Head::parse(self.as_slice()) {
                return Some(head);
            }
        }
        None
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// FIN, the three reserved bits and the opcode.
    first: u8,
    mask: Option<[u8; 4]>,
    /// Bytes that follow the header.
    pub(super) len: u64,
}

impl Head {
    /// A header that is exactly these bytes, or `None` when bytes are missing.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (len, rest) = match second & !MASKED {
            SHORT => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len).into(), rest)
            }
            LONG => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (len.into(), rest),
        };
        let mask = match second & MASKED {
            0 => None,
            _ => Some(*rest.first_chunk()?),
        };
        Some(Self { first: *first, mask, len })
    }

    fn is_masked(self) -> bool {
        self.mask.is_some()
    }

    /// The kind of a frame that is a whole message.
    fn whole_message(self) -> Option<Kind> {
        match self.first {
            TEXT => Some(Kind::Text),
            BINARY => Some(Kind::Binary),
            _ => None,
        }
    }

    /// For a frame that begins a message, whether more frames of that message follow. `None` for all
    /// others, among them those with reserved bits, which are an error.
    pub(super) fn begins_fragments(self) -> Option<bool> {
        match self.first & !FIN {
            TEXT_CODE | BINARY_CODE => Some(self.first & FIN == 0),
            _ => None,
        }
    }
}

/// Gives `write` the header of a whole message of `len` bytes, without a mask.
pub(super) fn write_header(kind: Kind, len: usize, write: impl FnOnce(&[u8])) {
    let first = if kind == Kind::Text { TEXT } else { BINARY };
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..SHORT), _) => write(&[first, len]),
        (_, Ok(len)) => {
            let [high, low] = len.to_be_bytes();
            write(&[first, SHORT, high, low]);
        }
        _ => {
            let mut header = [first, LONG, 0, 0, 0, 0, 0, 0, 0, 0];
            header[2..].copy_from_slice(&(len as u64).to_be_bytes());
            write(&header);
        }
    }
}

/// Gives `write` the header of a whole message of `len` bytes, with this mask.
pub(super) fn write_masked_header(
    kind: Kind,
    len: usize,
    mask: [u8; 4],
    write: impl FnOnce(&[u8]),
) {
    write_header(kind, len, |plain| {
        let (mut header, end) = ([0; HEADER], plain.len());
        header[..end].copy_from_slice(plain);
        header[1] |= MASKED;
        header[end..end + mask.len()].copy_from_slice(&mask);
        write(&header[..end + mask.len()]);
    });
}

/// Puts the mask on `data`, or takes it off, which is the same. Whether the result is ASCII.
///
/// Four bytes at a time, in the machine's own order: an XOR is the same in any order, as long as both
/// sides are in it. All results are collected by OR, so that one look at the end finds a high bit in
/// any of them; looking at each would keep the compiler from using wide registers.
pub(super) fn apply_mask(data: &mut [u8], mask: [u8; 4]) -> bool {
    let whole = u32::from_ne_bytes(mask);
    let (words, rest) = data.as_chunks_mut::<4>();
    let mut seen = 0;
    for word in words {
        let plain = u32::from_ne_bytes(*word) ^ whole;
        seen |= plain;
        *word = plain.to_ne_bytes();
    }
    let mut last = 0;
    for (byte, mask) in rest.iter_mut().zip(&mask) {
        *byte ^= mask;
        last |= *byte;
    }
    last.is_ascii() && seen.to_ne_bytes().is_ascii()
}

/// Whether a close frame may have this code. [RFC 6455, 7.4]
fn may_close_by(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999)
}

/// The bit of a final frame.
const FIN: u8 = 0x80;
const TEXT_CODE: u8 = 1;
const BINARY_CODE: u8 = 2;
/// A text frame that is final.
const TEXT: u8 = FIN | TEXT_CODE;
/// A binary frame that is final.
const BINARY: u8 = FIN | BINARY_CODE;
/// A close frame.
pub(super) const CLOSE: u8 = FIN | 8;
/// In place of a length: it follows in two bytes.
const SHORT: u8 = 126;
/// In place of a length: it follows in eight bytes.
const LONG: u8 = 127;
/// Added to a length: a mask follows.
const MASKED: u8 = 0x80;
/// Bytes of the longest header.
const HEADER: usize = 14;

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

    use super::*;

    #[test]
    fn headers_are_written_as_tungstenite_writes_them() {
        for (kind, data) in [(Kind::Text, Data::Text), (Kind::Binary, Data::Binary)] {
            for len in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 33] {
                for mask in [None, Some([1, 2, 3, 4])] {
                    let opcode = OpCode::Data(data);
                    let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
                    let mut theirs = Vec::new();
                    header.format(len as u64, &mut theirs).unwrap();
                    let mut ours = Vec::new();
                    let write = |header: &[u8]| ours.extend_from_slice(header);
                    match mask {
                        Some(mask) => write_masked_header(kind, len, mask, write),
                        None => write_header(kind, len, write),
                    }
                    assert_eq!(ours, theirs, "{len}");
                }
            }
        }
    }

    #[test]
    fn a_message_is_taken_when_all_of_it_is_there() {
        for len in [0, 1, 125, 126, 200, 65_535] {
            for (role, other, mask) in [
                (Role::Server, Role::Client, Some([1, 2, 3, 4])),
                (Role::Client, Role::Server, None),
            ] {
                let opcode = OpCode::Data(Data::Text);
                let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
                let mut frame = Vec::new();
                header.format(len as u64, &mut frame).unwrap();
                frame.resize(frame.len() + len, b'x');
                let end = frame.len();
                assert_eq!(whole(&frame[..end - 1], role, len), None, "{len}");
                frame.extend_from_slice(b"more");
                assert_eq!(whole(&frame, role, len.wrapping_sub(1)).is_some(), len == 0, "{len}");
                let data = &frame[end - len..end];
                let message = Some(Whole { kind: Kind::Text, mask, data, end });
                assert_eq!(whole(&frame, role, len), message);
                assert_eq!(whole(&frame, other, len), None);
            }
        }
    }

    #[test]
    fn a_mask_comes_off_and_ascii_is_seen() {
        for len in 0..70 {
            for odd in 0..=len {
                let plain: Vec<u8> =
                    (0..len).map(|at| if at == odd { 0x80 } else { 0x7f }).collect();
                let mask = [0x12, 0x9a, 0xff, 0];
                let mut data: Vec<u8> =
                    plain.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
                assert_eq!(apply_mask(&mut data, mask), plain.is_ascii(), "{len} {odd}");
                assert_eq!(data, plain);
            }
        }
    }

    #[test]
    fn a_close_may_have_the_codes_that_tungstenite_allows() {
        for code in 0..=u16::MAX {
            assert_eq!(may_close_by(code), CloseCode::from(code).is_allowed(), "{code}");
        }
    }
}
