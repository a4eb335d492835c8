//! Payloads: several packets in one HTTP body, joined by `0x1e`. [spec: HTTP long-polling]
//!
//! Pure. Limits come from the caller; nothing here grows beyond the body it was given.

use bytes::Bytes;

use super::{Packet, PacketError};

/// What stands between two packets.
pub const SEPARATOR: u8 = 0x1e;

/// Reads the packets of a body one by one. Yields an error once, then nothing.
///
/// ```
/// use bytes::Bytes;
/// use engineio::proto::{Packet, payload};
/// let packets: Result<Vec<_>, _> = payload::decode(Bytes::from("4hello\u{1e}2"), 10).collect();
/// assert_eq!(packets?, [Packet::Message("hello".into()), Packet::Ping]);
/// # Ok::<(), engineio::proto::PacketError>(())
/// ```
pub fn decode(body: Bytes, max_packets: usize) -> Packets {
    // UTF-8 is checked once for the whole body: the separator is ASCII, so each part is UTF-8 too.
    let fault = std::str::from_utf8(&body).err().map(|e| PacketError::Utf8 { at: e.valid_up_to() });
    Packets { rest: Some(body), fault, left: max_packets, max: max_packets }
}

/// The packets of one body, from [`decode`].
#[derive(Debug)]
pub struct Packets {
    /// What is not read yet; `None` after the last packet.
    rest: Option<Bytes>,
    fault: Option<PacketError>,
    left: usize,
    max: usize,
}

impl Packets {
    fn packet(&mut self, mut rest: Bytes) -> Result<Packet, PacketError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.left =
            self.left.checked_sub(1).ok_or(PacketError::TooManyPackets { max: self.max })?;
        let wire = match memchr::memchr(SEPARATOR, &rest) {
            Some(at) => {
                let wire = rest.split_to(at);
                self.rest = Some(rest.slice(1..));
                wire
            }
            None => rest,
        };
        Packet::decode_checked(wire)
    }
}

impl Iterator for Packets {
    type Item = Result<Packet, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let packet = self.packet(rest);
        if packet.is_err() {
            self.rest = None;
        }
        Some(packet)
    }
}

/// Joins packets into a body of at most `max` bytes.
#[derive(Debug)]
pub struct Encoder {
    body: Vec<u8>,
    /// The whole body while it is one text message, so that it is shared and not copied.
    single: Option<Packet>,
    max: usize,
}

impl Encoder {
    /// An empty body that grows to at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { body: Vec::new(), single: None, max }
    }

    /// Whether `packet` still fits. The first one always does: a packet that is larger than the
    /// limit by itself travels alone.
    pub fn fits(&self, packet: &Packet) -> bool {
        match self.len() {
            0 => true,
            len => len + 1 + packet.polling_len() <= self.max,
        }
    }

    /// Appends `packet`.
    pub fn push(&mut self, packet: Packet) {
        if self.is_empty() {
            self.single = Some(packet);
            return;
        }
        if let Some(first) = self.single.take() {
            self.body.reserve(first.polling_len() + 1 + packet.polling_len());
            first.write_polling(&mut self.body);
        }
        self.body.push(SEPARATOR);
        packet.write_polling(&mut self.body);
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.single.is_none() && self.body.is_empty()
    }

    /// Bytes of the body so far.
    pub fn len(&self) -> usize {
        self.single.as_ref().map_or(self.body.len(), Packet::polling_len)
    }

    /// The body.
    pub fn finish(mut self) -> Bytes {
        match self.single.take() {
            Some(Packet::Message(super::Message::Text(text))) => text.into_wire(),
            Some(packet) => {
                self.body.reserve_exact(packet.polling_len());
                packet.write_polling(&mut self.body);
                self.body.into()
            }
            None => self.body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::Message;

    fn all(body: &'static [u8]) -> Result<Vec<Packet>, PacketError> {
        decode(Bytes::from_static(body), 16).collect()
    }

    fn encode(packets: &[Packet], max: usize) -> Bytes {
        let mut encoder = Encoder::new(max);
        for packet in packets {
            assert!(encoder.fits(packet));
            encoder.push(packet.clone());
        }
        encoder.finish()
    }

    #[test]
    fn the_example_of_the_specification_reads_and_writes() {
        let packets = [
            Packet::Message("hello".into()),
            Packet::Ping,
            Packet::Message(Message::Binary(Bytes::from_static(&[1, 2, 3, 4]))),
        ];
        let wire = b"4hello\x1e2\x1ebAQIDBA==";
        assert_eq!(all(wire).as_deref(), Ok(&packets[..]));
        assert_eq!(encode(&packets, 100), &wire[..]);
    }

    #[test]
    fn broken_bodies_say_what_is_wrong() {
        for (body, error) in [
            (&b""[..], PacketError::Empty),
            (b"4a\x1e\x1e4b", PacketError::Empty),
            (b"4a\x1e", PacketError::Empty),
            (b"abc", PacketError::UnknownType { first: b'a' }),
            (b"4a\x1e4\xff", PacketError::Utf8 { at: 4 }),
        ] {
            assert_eq!(all(body), Err(error), "{body:?}");
        }
    }

    #[test]
    fn packets_before_a_broken_one_are_read() {
        let mut packets = decode(Bytes::from_static(b"4a\x1ex\x1e4b"), 16);
        assert_eq!(packets.next(), Some(Ok(Packet::Message("a".into()))));
        assert_eq!(packets.next(), Some(Err(PacketError::UnknownType { first: b'x' })));
        assert_eq!(packets.next(), None);
    }

    #[test]
    fn one_packet_over_the_limit_is_an_error_with_the_number() {
        let body = Bytes::from_static(b"2\x1e2\x1e2");
        assert_eq!(decode(body.clone(), 3).count(), 3);
        assert_eq!(decode(body, 2).last(), Some(Err(PacketError::TooManyPackets { max: 2 })));
    }

    #[test]
    fn the_body_stays_below_the_limit_unless_one_packet_is_larger() {
        let mut encoder = Encoder::new(7);
        let packet = Packet::Message("aa".into());
        encoder.push(packet.clone());
        assert!(encoder.fits(&packet));
        encoder.push(packet.clone());
        assert_eq!(encoder.len(), 7);
        assert!(!encoder.fits(&Packet::Noop));
        assert!(Encoder::new(1).fits(&packet));
    }

    #[test]
    fn a_single_text_is_shared_not_copied() {
        let text = crate::proto::Text::new("hello");
        let body = encode(&[Packet::Message(text.clone().into())], 100);
        assert_eq!(body.as_ptr(), text.wire().as_ptr());
    }

    fn packet() -> impl Strategy<Value = Packet> {
        prop_oneof![
            "[^\u{1e}]*".prop_map(|t| Packet::Message(Message::from(t.as_str()))),
            proptest::collection::vec(any::<u8>(), 0..50)
                .prop_map(|d| Packet::Message(Message::Binary(d.into()))),
            Just(Packet::Ping),
            Just(Packet::PongProbe),
            Just(Packet::Close),
            Just(Packet::Noop),
        ]
    }

    proptest! {
        #[test]
        fn decode_of_encode_is_the_packets(packets in proptest::collection::vec(packet(), 1..20)) {
            let body = encode(&packets, usize::MAX);
            let read: Result<Vec<_>, _> = decode(body, 20).collect();
            prop_assert_eq!(read, Ok(packets));
        }

        #[test]
        fn it_reads_as_splitting_by_hand_does(body in proptest::collection::vec(prop_oneof![Just(0x1e_u8), Just(b'4'), Just(b'b'), any::<u8>()], 0..60)) {
            let naive: Result<Vec<Packet>, PacketError> =
                body.split(|&b| b == SEPARATOR).map(|part| Packet::decode(Bytes::copy_from_slice(part))).collect();
            let read: Result<Vec<_>, _> = decode(body.into(), usize::MAX).collect();
            prop_assert_eq!(read.ok(), naive.ok());
        }
    }
}
