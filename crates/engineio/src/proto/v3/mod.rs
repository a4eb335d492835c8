//! Protocol 3: the older framing of the same packets. [spec v3: Encoding]
//!
//! | | protocol 4 | protocol 3 |
//! |---|---|---|
//! | binary message, websocket | binary frame of the data | binary frame of `0x04` and the data |
//! | the same for a client with `b64=1` | - | text frame `b4` and base64 |
//! | payload of text | packets joined by `0x1e` | `length:packet`, in UTF-16 code units |
//! | payload with binary | `b` and base64 | [binary form](payload), or `b4` and base64 |
//! | heartbeat | the server pings | the client pings |

pub mod payload;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;

use super::packet::decode_base64;
use super::{Frame, Message, Packet, PacketError};

/// The packet in a websocket frame. Binary messages come as either form, whatever the client said
/// it prefers.
///
/// ```
/// use bytes::Bytes;
/// use engineio::proto::{Frame, Packet, v3};
/// let packet = v3::decode_frame(Frame::Binary(Bytes::from_static(&[4, 1, 2])))?;
/// assert_eq!(packet, Packet::Message(Bytes::from_static(&[1, 2]).into()));
/// # Ok::<(), engineio::proto::PacketError>(())
/// ```
///
/// # Errors
/// [`PacketError`] for a frame that is not a packet.
pub fn decode_frame(frame: Frame) -> Result<Packet, PacketError> {
    match frame {
        Frame::Text(wire) => decode_text(wire),
        Frame::Binary(wire) => decode_binary(wire),
    }
}

/// The packet as one websocket frame; for a client with `base64`, always a text frame.
pub fn into_frame(packet: Packet, base64: bool) -> Frame {
    let Packet::Message(Message::Binary(data)) = packet else { return packet.into_frame() };
    let mut wire = Vec::new();
    if base64 {
        write_base64(&data, &mut wire);
        return Frame::Text(wire.into());
    }
    wire.reserve_exact(1 + data.len());
    wire.push(MESSAGE);
    wire.extend_from_slice(&data);
    Frame::Binary(wire.into())
}

/// A packet in its text form, of bytes that are known to be UTF-8.
fn decode_text(wire: Bytes) -> Result<Packet, PacketError> {
    if wire.first() != Some(&b'b') {
        return Packet::decode_checked(wire);
    }
    let kind = *wire.get(1).ok_or(PacketError::Empty)?;
    let data = decode_base64(&wire[2..])?;
    typed(kind.wrapping_sub(b'0'), kind, data)
}

/// A packet in its binary form: the type as a number, then the data.
fn decode_binary(wire: Bytes) -> Result<Packet, PacketError> {
    let kind = *wire.first().ok_or(PacketError::Empty)?;
    typed(kind, kind, wire.slice(1..))
}

fn typed(kind: u8, first: u8, data: Bytes) -> Result<Packet, PacketError> {
    let probe = &data[..] == b"probe";
    match kind {
        0 => Ok(Packet::Open(data)),
        1 => Ok(Packet::Close),
        2 if probe => Ok(Packet::PingProbe),
        2 => Ok(Packet::Ping),
        3 if probe => Ok(Packet::PongProbe),
        3 => Ok(Packet::Pong),
        MESSAGE => Ok(Packet::Message(Message::Binary(data))),
        5 => Ok(Packet::Upgrade),
        6 => Ok(Packet::Noop),
        _ => Err(PacketError::UnknownType { first }),
    }
}

/// Appends `b4` and base64.
fn write_base64(data: &[u8], body: &mut Vec<u8>) {
    body.extend_from_slice(b"b4");
    let start = body.len();
    body.resize(start + data.len().div_ceil(3) * 4, 0);
    // The slice has exactly the encoded length, the only thing that can fail.
    let written = BASE64_STANDARD.encode_slice(data, &mut body[start..]);
    debug_assert_eq!(written, Ok(body.len() - start));
}

/// The type of messages as a number.
const MESSAGE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(wire: &'static str) -> Frame {
        Frame::Text(Bytes::from_static(wire.as_bytes()))
    }

    fn binary(wire: &'static [u8]) -> Frame {
        Frame::Binary(Bytes::from_static(wire))
    }

    fn message(data: &'static [u8]) -> Packet {
        Packet::Message(Bytes::from_static(data).into())
    }

    #[test]
    fn every_vector_reads_and_writes() {
        for (frame, packet, base64) in [
            (text("2probe"), Packet::PingProbe, false),
            (text("4€😀"), Packet::Message("€😀".into()), false),
            (text("4"), Packet::Message("".into()), true),
            (binary(&[4, 1, 2, 3, 4]), message(&[1, 2, 3, 4]), false),
            (binary(&[4]), message(&[]), false),
            (text("b4AQIDBA=="), message(&[1, 2, 3, 4]), true),
            (text("b4"), message(&[]), true),
            (text("6"), Packet::Noop, true),
        ] {
            assert_eq!(decode_frame(frame.clone()), Ok(packet.clone()), "{frame:?}");
            assert_eq!(into_frame(packet, base64), frame);
        }
    }

    #[test]
    fn packets_that_are_no_messages_come_in_binary_forms_too() {
        for (frame, packet) in [
            (binary(b"\x02probe"), Packet::PingProbe),
            (binary(b"\x02x"), Packet::Ping),
            (binary(&[1]), Packet::Close),
            (text("b2cHJvYmU="), Packet::PingProbe),
        ] {
            assert_eq!(decode_frame(frame), Ok(packet));
        }
    }

    #[test]
    fn bad_frames_say_what_is_wrong() {
        for (frame, error) in [
            (text(""), PacketError::Empty),
            (text("b"), PacketError::Empty),
            (binary(&[]), PacketError::Empty),
            (binary(b"4a"), PacketError::UnknownType { first: b'4' }),
            (text("b7"), PacketError::UnknownType { first: b'7' }),
            (text("b4!"), PacketError::Base64),
            (text("bAQID"), PacketError::Base64),
            (text("x"), PacketError::UnknownType { first: b'x' }),
        ] {
            assert_eq!(decode_frame(frame.clone()), Err(error), "{frame:?}");
        }
    }
}
