//! Packets: one framed unit. [spec: Packet encoding]
//!
//! Pure. Decoding slices the buffer it was given; nothing is copied but base64.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;

use super::{Message, PacketError, Text};

/// One packet of protocol 4.
///
/// | wire | packet | sent by |
/// |---|---|---|
/// | `0{…}` | `Open` | server |
/// | `1` | `Close` | both |
/// | `2`, `2probe` | `Ping`, `PingProbe` | server; client for the probe |
/// | `3`, `3probe` | `Pong`, `PongProbe` | client; server for the probe |
/// | `4…`, binary frame, `b…` | `Message` | both |
/// | `5` | `Upgrade` | client |
/// | `6` | `Noop` | server |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// The handshake, as JSON.
    Open(Bytes),
    /// Ends the session.
    Close,
    /// Heartbeat. Data after it other than `probe` is ignored, as in the reference server.
    Ping,
    /// Asks whether a new transport works.
    PingProbe,
    /// Answers a ping.
    Pong,
    /// Answers a probe.
    PongProbe,
    /// Data of the application.
    Message(Message),
    /// Moves the session to the probed transport.
    Upgrade,
    /// Nothing; ends a held poll.
    Noop,
}

impl Packet {
    /// Decodes one text packet: a websocket text frame, or one packet of a payload.
    ///
    /// # Errors
    /// [`PacketError`]; the session must close with reason `parse error`.
    pub fn decode(wire: Bytes) -> Result<Self, PacketError> {
        std::str::from_utf8(&wire).map_err(|e| PacketError::Utf8 { at: e.valid_up_to() })?;
        Self::decode_checked(wire)
    }

    /// Decodes one text packet of bytes that are known to be UTF-8.
    pub(crate) fn decode_checked(wire: Bytes) -> Result<Self, PacketError> {
        let (first, rest) = wire.split_first().ok_or(PacketError::Empty)?;
        let probe = rest == PROBE;
        match first {
            b'0' => Ok(Self::Open(wire.slice(1..))),
            b'1' => Ok(Self::Close),
            b'2' if probe => Ok(Self::PingProbe),
            b'2' => Ok(Self::Ping),
            b'3' if probe => Ok(Self::PongProbe),
            b'3' => Ok(Self::Pong),
            b'4' => Ok(Self::Message(Message::Text(Text::from_checked(wire)))),
            b'5' => Ok(Self::Upgrade),
            b'6' => Ok(Self::Noop),
            b'b' => Ok(Self::Message(Message::Binary(decode_base64(rest)?))),
            &first => Err(PacketError::UnknownType { first }),
        }
    }

    /// The packet as one websocket frame. Messages share their buffer.
    pub fn into_frame(self) -> Frame {
        let text = match self {
            Self::Message(Message::Text(text)) => text.into_wire(),
            Self::Message(Message::Binary(data)) => return Frame::Binary(data),
            Self::Open(json) => {
                let mut wire = Vec::with_capacity(1 + json.len());
                wire.push(b'0');
                wire.extend_from_slice(&json);
                wire.into()
            }
            other => Bytes::from_static(other.fixed()),
        };
        Frame::Text(text)
    }

    /// Appends the polling form: text as it is, binary as `b` and base64.
    pub fn write_polling(&self, body: &mut Vec<u8>) {
        match self {
            Self::Message(Message::Text(text)) => body.extend_from_slice(text.wire()),
            Self::Message(Message::Binary(data)) => {
                body.push(b'b');
                let start = body.len();
                body.resize(start + base64_len(data.len()), 0);
                // The slice has exactly the encoded length, the only thing that can fail.
                let written = BASE64_STANDARD.encode_slice(data, &mut body[start..]);
                debug_assert_eq!(written, Ok(body.len() - start));
            }
            Self::Open(json) => {
                body.push(b'0');
                body.extend_from_slice(json);
            }
            other => body.extend_from_slice(other.fixed()),
        }
    }

    /// Bytes of the polling form.
    pub fn polling_len(&self) -> usize {
        match self {
            Self::Message(Message::Text(text)) => text.wire().len(),
            Self::Message(Message::Binary(data)) => 1 + base64_len(data.len()),
            Self::Open(json) => 1 + json.len(),
            other => other.fixed().len(),
        }
    }

    /// The packet's name in the specification.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Close => "close",
            Self::Ping | Self::PingProbe => "ping",
            Self::Pong | Self::PongProbe => "pong",
            Self::Message(_) => "message",
            Self::Upgrade => "upgrade",
            Self::Noop => "noop",
        }
    }

    /// The wire form of packets that have only one; empty for the others.
    fn fixed(&self) -> &'static [u8] {
        match self {
            Self::Close => b"1",
            Self::Ping => b"2",
            Self::PingProbe => b"2probe",
            Self::Pong => b"3",
            Self::PongProbe => b"3probe",
            Self::Upgrade => b"5",
            Self::Noop => b"6",
            Self::Open(_) | Self::Message(_) => b"",
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One websocket frame as the session speaks it: whole messages, no continuations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame. The caller has checked that it is UTF-8 (RFC 6455, 8.1).
    Text(Bytes),
    /// A binary frame.
    Binary(Bytes),
}

impl Frame {
    /// Bytes of the frame's data.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(data) | Self::Binary(data) => data.len(),
        }
    }

    /// Whether the frame carries nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packet in the frame.
    ///
    /// # Errors
    /// [`PacketError`] for a text frame that is not a packet.
    pub fn into_packet(self) -> Result<Packet, PacketError> {
        match self {
            Self::Text(wire) => Packet::decode_checked(wire),
            Self::Binary(data) => Ok(Packet::Message(Message::Binary(data))),
        }
    }
}

/// Characters of standard base64, with padding, for `n` bytes.
/// Decodes base64, with white space anywhere in it: some clients write it in lines. Nothing else is
/// skipped, so what is decoded is what was sent.
pub(super) fn decode_base64(text: &[u8]) -> Result<Bytes, PacketError> {
    let decode = |text: &[u8]| BASE64_STANDARD.decode(text).map(Bytes::from);
    if let Ok(data) = decode(text) {
        return Ok(data);
    }
    let dense: Vec<u8> = text.iter().copied().filter(|byte| !is_white_space(*byte)).collect();
    match dense.len() < text.len() {
        true => decode(&dense).map_err(|_| PacketError::Base64),
        false => Err(PacketError::Base64),
    }
}

fn is_white_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == VERTICAL_TAB
}

/// White space in JavaScript and C, but not in [`u8::is_ascii_whitespace`].
const VERTICAL_TAB: u8 = 0x0b;

fn base64_len(n: usize) -> usize {
    n.div_ceil(3) * 4
}

const PROBE: &[u8] = b"probe";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(s: &str) -> Packet {
        Packet::Message(Message::from(s))
    }

    /// Wire and meaning, both directions.
    fn vectors() -> Vec<(&'static str, Packet)> {
        vec![
            ("0{}", Packet::Open(Bytes::from_static(b"{}"))),
            ("1", Packet::Close),
            ("2", Packet::Ping),
            ("2probe", Packet::PingProbe),
            ("3", Packet::Pong),
            ("3probe", Packet::PongProbe),
            ("4", text("")),
            ("4hello", text("hello")),
            ("4€", text("€")),
            ("4éabcd", text("éabcd")),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
            ("bAQIDBA==", Packet::Message(Message::Binary(Bytes::from_static(&[1, 2, 3, 4])))),
            ("b", Packet::Message(Message::Binary(Bytes::new()))),
        ]
    }

    #[test]
    fn base64_may_be_written_in_lines() {
        // The official Java client writes lines of 76 characters and ends the last one too.
        let data: Vec<u8> = (0..=255).collect();
        let dense = BASE64_STANDARD.encode(&data);
        let lines: Vec<&str> = (0..dense.len())
            .step_by(76)
            .map(|at| dense.get(at..at + 76).unwrap_or(&dense[at..]))
            .collect();
        let packet = Packet::Message(Message::Binary(data.into()));
        for text in [lines.join("\n") + "\n", lines.join("\r\n"), format!(" {dense}\t\x0b\x0c")] {
            assert_eq!(Packet::decode(format!("b{text}").into()), Ok(packet.clone()), "{text:?}");
        }
        for text in ["bAQID\nBA=", "bAQ-D", "b\u{a0}AQID", "bA Q"] {
            assert_eq!(Packet::decode(text.into()), Err(PacketError::Base64), "{text:?}");
        }
    }

    #[test]
    fn every_vector_reads_and_writes() {
        for (wire, packet) in vectors() {
            assert_eq!(Packet::decode(Bytes::from(wire)).as_ref(), Ok(&packet), "{wire}");
            let mut body = Vec::new();
            packet.write_polling(&mut body);
            assert_eq!(body, wire.as_bytes(), "{packet:?}");
            assert_eq!(packet.polling_len(), wire.len(), "{packet:?}");
            assert_eq!(packet.clone().into_frame().into_packet(), Ok(packet));
        }
    }

    #[test]
    fn data_behind_a_heartbeat_is_ignored() {
        for (wire, packet) in
            [("2abc", Packet::Ping), ("2prob", Packet::Ping), ("3probes", Packet::Pong)]
        {
            assert_eq!(Packet::decode(Bytes::from(wire)), Ok(packet), "{wire}");
        }
    }

    #[test]
    fn bad_packets_say_what_is_wrong() {
        for (wire, error) in [
            (&b""[..], PacketError::Empty),
            (b"7", PacketError::UnknownType { first: b'7' }),
            (b"abc", PacketError::UnknownType { first: b'a' }),
            ("éabcd".as_bytes(), PacketError::UnknownType { first: 0xc3 }),
            (b"b!!", PacketError::Base64),
            (b"bAQI", PacketError::Base64),
            (b"4\xff", PacketError::Utf8 { at: 1 }),
        ] {
            assert_eq!(Packet::decode(Bytes::copy_from_slice(wire)), Err(error));
        }
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_the_packet(text in ".*", data in proptest::collection::vec(any::<u8>(), 0..200)) {
            for packet in [Packet::Message(Message::from(text.as_str())), Packet::Message(Message::Binary(data.into()))] {
                let mut body = Vec::new();
                packet.write_polling(&mut body);
                prop_assert_eq!(body.len(), packet.polling_len());
                prop_assert_eq!(Packet::decode(body.into()), Ok(packet.clone()));
                prop_assert_eq!(packet.clone().into_frame().into_packet(), Ok(packet));
            }
        }

        #[test]
        fn no_bytes_panic(wire in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Packet::decode(wire.into());
        }
    }
}
