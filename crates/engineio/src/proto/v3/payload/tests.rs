//! Wire and meaning, both directions; and the fast reader against a slow one.

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Packet {
    Packet::Message(text.into())
}

fn binary(data: &'static [u8]) -> Packet {
    Packet::Message(Bytes::from_static(data).into())
}

fn encode(packets: &[Packet], base64: bool) -> Bytes {
    let mut encoder = Encoder::new(base64, usize::MAX);
    packets.iter().for_each(|packet| encoder.push(packet.clone()));
    encoder.finish()
}

fn read(body: &[u8]) -> Result<Vec<Packet>, PacketError> {
    let body = Bytes::copy_from_slice(body);
    if is_binary(&body) {
        decode_binary(body, 16).collect()
    } else {
        decode_text(body, 16).collect()
    }
}

#[test]
fn text_payloads_count_utf16_code_units() {
    for (wire, packets) in [
        ("6:4hello", vec![text("hello")]),
        ("6:4hello2:4€", vec![text("hello"), text("€")]),
        ("3:4😀1:2", vec![text("😀"), Packet::Ping]),
        ("5:4a😀é1:6", vec![text("a😀é"), Packet::Noop]),
        ("1:4", vec![text("")]),
        ("2:4:3:4::", vec![text(":"), text("::")]),
        ("6:2probe", vec![Packet::PingProbe]),
        ("6:4hello10:b4AQIDBA==", vec![text("hello"), binary(&[1, 2, 3, 4])]),
    ] {
        assert_eq!(read(wire.as_bytes()), Ok(packets.clone()), "{wire}");
        assert_eq!(encode(&packets, true), wire, "{packets:?}");
    }
}

#[test]
fn binary_payloads_count_bytes() {
    for (wire, packets) in [
        (
            &[0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4][..],
            vec![text("hello"), binary(&[1, 2, 3, 4])],
        ),
        (b"\x00\x04\xff4\xe2\x82\xac\x01\x01\xff\x04", vec![text("€"), binary(&[])]),
        (
            b"\x01\x01\x00\xff\x04123456789\x00\x05\xff4\xf0\x9f\x98\x80",
            vec![binary(b"123456789"), text("😀")],
        ),
    ] {
        assert_eq!(read(wire), Ok(packets.clone()), "{wire:?}");
        assert_eq!(encode(&packets, false), wire, "{packets:?}");
    }
}

#[test]
fn a_payload_of_texts_is_text_for_every_client() {
    let packets = [text("€"), Packet::Ping];
    assert_eq!(encode(&packets, false), "2:4€1:2");
    assert_eq!(encode(&packets, true), "2:4€1:2");
}

#[test]
fn broken_bodies_say_what_is_wrong() {
    for (body, error) in [
        (&b""[..], PacketError::Empty),
        (b"abc", PacketError::NoLength),
        (b":4a", PacketError::NoLength),
        (b"-1:4", PacketError::NoLength),
        (b"1x:4", PacketError::NoLength),
        (b"2", PacketError::NoLength),
        (b"00000000001:4", PacketError::NoLength),
        (b"3:4a", PacketError::CutShort { len: 3, left: 2 }),
        (b"9999999999:4", PacketError::CutShort { len: 9_999_999_999, left: 1 }),
        ("2:4😀".as_bytes(), PacketError::CutShort { len: 2, left: 5 }),
        (b"2:4\xff", PacketError::Utf8 { at: 3 }),
        (b"1:x", PacketError::UnknownType { first: b'x' }),
        (b"\x00\xff", PacketError::NoLength),
        (b"\x00\x01", PacketError::NoLength),
        (b"\x00\x0a\xff", PacketError::NoLength),
        (b"\x01\x02\xff\x04", PacketError::CutShort { len: 2, left: 1 }),
        (b"\x00\x00\xff", PacketError::Empty),
        (b"\x00\x02\xff4\xff", PacketError::Utf8 { at: 1 }),
        (b"\x01\x01\xff\x09", PacketError::UnknownType { first: 9 }),
    ] {
        assert_eq!(read(body), Err(error), "{body:?}");
    }
    let foreign = decode_binary(Bytes::from_static(b"\x02\x01\xff4"), 16).last();
    assert_eq!(foreign, Some(Err(PacketError::UnknownType { first: 2 })));
    assert_eq!(decode_binary(Bytes::new(), 16).last(), Some(Err(PacketError::Empty)));
}

#[test]
fn packets_before_a_broken_one_are_read_and_empty_ones_are_skipped() {
    let mut packets = decode_text(Bytes::from_static(b"2:4a0:2:4bx"), 16);
    assert_eq!(packets.next(), Some(Ok(text("a"))));
    assert_eq!(packets.next(), Some(Ok(text("b"))));
    assert_eq!(packets.next(), Some(Err(PacketError::NoLength)));
    assert_eq!(packets.next(), None);
}

#[test]
fn one_packet_over_the_limit_is_an_error_with_the_number() {
    for body in [&b"1:21:21:2"[..], b"0:0:0:"] {
        let body = Bytes::copy_from_slice(body);
        assert_eq!(decode_text(body, 2).last(), Some(Err(PacketError::TooManyPackets { max: 2 })));
    }
}

#[test]
fn the_body_stays_below_the_limit_unless_one_packet_is_larger() {
    let mut encoder = Encoder::new(false, 40);
    assert!(encoder.fits(&text(&"a".repeat(100))));
    encoder.push(text("aa"));
    assert!(encoder.fits(&binary(&[1])));
    encoder.push(binary(&[1]));
    assert!(!encoder.fits(&Packet::Noop));
    assert!(encoder.finish().len() <= 40);
}

/// Splits a text payload as JavaScript does: by its UTF-16 code units.
fn naive(body: &str) -> Option<Vec<Packet>> {
    let units: Vec<u16> = body.encode_utf16().collect();
    let (mut at, mut packets) = (0, Vec::new());
    while at < units.len() {
        let colon = at + units[at..].iter().position(|&u| u == u16::from(b':'))?;
        let digits = String::from_utf16(&units[at..colon]).ok()?;
        if digits.is_empty() || digits.len() > 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let end = colon + 1 + digits.parse::<usize>().ok()?;
        let wire = String::from_utf16(units.get(colon + 1..end)?).ok()?;
        if !wire.is_empty() {
            packets.push(crate::proto::v3::decode_text(wire.into()).ok()?);
        }
        at = end;
    }
    Some(packets)
}

fn packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        ".*".prop_map(|t| text(&t)),
        proptest::collection::vec(any::<u8>(), 0..50)
            .prop_map(|data| Packet::Message(Message::Binary(data.into()))),
        Just(Packet::Ping),
        Just(Packet::PongProbe),
        Just(Packet::Close),
    ]
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_packets(packets in proptest::collection::vec(packet(), 1..10), base64: bool) {
        let body = encode(&packets, base64);
        prop_assert!(!(base64 && is_binary(&body)));
        prop_assert_eq!(read(&body), Ok(packets));
    }

    #[test]
    fn texts_read_as_javascript_reads_them(body in "([0-4]{1,2}:[4€😀é]{0,3}){1,4}") {
        prop_assert_eq!(read(body.as_bytes()).ok(), naive(&body));
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode_text(body.clone().into(), 16).count();
        let _ = decode_binary(body.into(), 16).count();
    }
}
