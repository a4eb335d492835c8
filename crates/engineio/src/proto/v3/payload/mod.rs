//! Payloads of protocol 3. [spec v3: Payload]
//!
//! ```text
//! text     length ':' packet                     repeated; length in UTF-16 code units
//! binary   (0 | 1) length 0xff packet            repeated; length in bytes, one byte per digit,
//!                                                0 before text, 1 before a typed binary packet
//! ```
//! Pure. Limits come from the caller; nothing here grows beyond the body it was given.

use bytes::Bytes;

use super::{MESSAGE, write_base64};
use crate::proto::{Message, Packet, PacketError};

/// Reads the packets of a text body one by one. Yields an error once, then nothing.
///
/// ```
/// use bytes::Bytes;
/// use engineio::proto::{Packet, v3::payload};
/// let packets: Result<Vec<_>, _> = payload::decode_text(Bytes::from("2:4€1:2"), 10).collect();
/// assert_eq!(packets?, [Packet::Message("€".into()), Packet::Ping]);
/// # Ok::<(), engineio::proto::PacketError>(())
/// ```
pub fn decode_text(body: Bytes, max_packets: usize) -> Packets {
    // Checked once for the whole body; a length counts whole characters, so its parts are UTF-8.
    let fault = std::str::from_utf8(&body).err().map(|e| PacketError::Utf8 { at: e.valid_up_to() });
    Packets { fault: fault.or_else(|| empty(&body)), ..Packets::new(body, false, max_packets) }
}

/// Reads the packets of a binary body one by one. Yields an error once, then nothing.
pub fn decode_binary(body: Bytes, max_packets: usize) -> Packets {
    Packets { fault: empty(&body), ..Packets::new(body, true, max_packets) }
}

/// Whether a body of [`Encoder::finish`] has the binary form.
pub fn is_binary(body: &[u8]) -> bool {
    body.first().is_some_and(|&first| first <= BINARY)
}

/// The packets of one body.
#[derive(Debug)]
pub struct Packets {
    rest: Bytes,
    binary: bool,
    fault: Option<PacketError>,
    left: usize,
    max: usize,
}

impl Packets {
    fn new(rest: Bytes, binary: bool, max: usize) -> Self {
        Self { rest, binary, fault: None, left: max, max }
    }

    fn packet(&mut self) -> Result<Option<Packet>, PacketError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.left =
            self.left.checked_sub(1).ok_or(PacketError::TooManyPackets { max: self.max })?;
        if self.binary { self.binary_packet().map(Some) } else { self.text_packet() }
    }

    /// A text packet; `None` for one of length 0, which the reference skips.
    fn text_packet(&mut self) -> Result<Option<Packet>, PacketError> {
        let len = self.length(b':', b'0')?;
        let end = utf16_end(&self.rest, len)
            .ok_or(PacketError::CutShort { len, left: self.rest.len() })?;
        let wire = self.rest.split_to(end);
        if wire.is_empty() { Ok(None) } else { super::decode_text(wire).map(Some) }
    }

    fn binary_packet(&mut self) -> Result<Packet, PacketError> {
        let form = self.rest[0];
        if form > BINARY {
            return Err(PacketError::UnknownType { first: form });
        }
        self.rest = self.rest.slice(1..);
        let len = self.length(END, 0)?;
        if len > self.rest.len() {
            return Err(PacketError::CutShort { len, left: self.rest.len() });
        }
        let wire = self.rest.split_to(len);
        if form == BINARY {
            return super::decode_binary(wire);
        }
        std::str::from_utf8(&wire).map_err(|e| PacketError::Utf8 { at: e.valid_up_to() })?;
        super::decode_text(wire)
    }

    /// Takes the digits, each `zero` and its value, up to `end`.
    fn length(&mut self, end: u8, zero: u8) -> Result<usize, PacketError> {
        let digits = self.rest.iter().take(MAX_DIGITS + 1).position(|&b| b == end);
        let digits = digits.filter(|&n| n > 0).ok_or(PacketError::NoLength)?;
        let mut len = 0;
        for &digit in &self.rest[..digits] {
            let value = digit.checked_sub(zero).filter(|&value| value <= 9);
            len = len * 10 + u64::from(value.ok_or(PacketError::NoLength)?);
        }
        self.rest = self.rest.slice(digits + 1..);
        Ok(usize::try_from(len).unwrap_or(usize::MAX))
    }
}

impl Iterator for Packets {
    type Item = Result<Packet, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() || self.fault.is_some() {
            let packet = self.packet();
            if packet.is_err() {
                self.rest = Bytes::new();
            }
            if let Some(packet) = packet.transpose() {
                return Some(packet);
            }
        }
        None
    }
}

/// Joins packets into a body of at most `max` bytes.
#[derive(Debug)]
pub struct Encoder {
    packets: Vec<Packet>,
    len: usize,
    base64: bool,
    max: usize,
}

impl Encoder {
    /// An empty body that grows to at most `max` bytes; a text whatever is in it for a client with
    /// `base64`.
    pub fn new(base64: bool, max: usize) -> Self {
        Self { packets: Vec::new(), len: 0, base64, max }
    }

    /// Whether `packet` still fits. The first one always does: a packet that is larger than the
    /// limit by itself travels alone.
    pub fn fits(&self, packet: &Packet) -> bool {
        self.packets.is_empty() || self.len + most_bytes(packet) <= self.max
    }

    /// Appends `packet`.
    pub fn push(&mut self, packet: Packet) {
        self.len += most_bytes(&packet);
        self.packets.push(packet);
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The body, in the binary form if a binary message is in it and the client takes it.
    pub fn finish(self) -> Bytes {
        let is_binary = |packet: &Packet| matches!(packet, Packet::Message(Message::Binary(_)));
        let binary = !self.base64 && self.packets.iter().any(is_binary);
        let mut body = Vec::with_capacity(self.len);
        for packet in &self.packets {
            if binary { write_binary(packet, &mut body) } else { write_text(packet, &mut body) }
        }
        body.into()
    }
}

fn write_text(packet: &Packet, body: &mut Vec<u8>) {
    let mut wire = Vec::with_capacity(packet.polling_len() + 1);
    match packet {
        Packet::Message(Message::Binary(data)) => write_base64(data, &mut wire),
        packet => packet.write_polling(&mut wire),
    }
    body.extend_from_slice(utf16_len(&wire).to_string().as_bytes());
    body.push(b':');
    body.extend_from_slice(&wire);
}

fn write_binary(packet: &Packet, body: &mut Vec<u8>) {
    let (form, len) = match packet {
        Packet::Message(Message::Binary(data)) => (BINARY, 1 + data.len()),
        packet => (TEXT, packet.polling_len()),
    };
    body.push(form);
    body.extend(len.to_string().bytes().map(|digit| digit - b'0'));
    body.push(END);
    match packet {
        Packet::Message(Message::Binary(data)) => {
            body.push(MESSAGE);
            body.extend_from_slice(data);
        }
        packet => packet.write_polling(body),
    }
}

/// Bytes of a packet in either form, at most.
fn most_bytes(packet: &Packet) -> usize {
    packet.polling_len() + 1 + 2 + MAX_DIGITS
}

/// UTF-16 code units of UTF-8 text: one per character, two for those of four bytes.
fn utf16_len(text: &[u8]) -> usize {
    text.iter().map(|&b| units(b)).sum()
}

/// Where `units_left` UTF-16 code units of UTF-8 text end; `None` beyond its end, or in the middle
/// of a character.
fn utf16_end(text: &[u8], mut units_left: usize) -> Option<usize> {
    for (at, &byte) in text.iter().enumerate() {
        let is_start = units(byte) > 0;
        if is_start && units_left == 0 {
            return Some(at);
        }
        units_left = units_left.checked_sub(units(byte))?;
    }
    (units_left == 0).then_some(text.len())
}

/// UTF-16 code units of the character that begins with this byte; 0 in its middle.
fn units(byte: u8) -> usize {
    match byte {
        0x80..=0xbf => 0,
        0xf0.. => 2,
        _ => 1,
    }
}

fn empty(body: &[u8]) -> Option<PacketError> {
    body.is_empty().then_some(PacketError::Empty)
}

/// Marks of the binary form.
const TEXT: u8 = 0;
const BINARY: u8 = 1;
const END: u8 = 0xff;

/// Digits of a length; more than any body has bytes.
const MAX_DIGITS: usize = 10;

#[cfg(test)]
mod tests;
