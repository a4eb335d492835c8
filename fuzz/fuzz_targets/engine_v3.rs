//! Payloads of protocol 3, in both forms, against a naive split. The packets are then joined again
//! within the encoder's limit, for clients with and without `b64`.
//!
//! Input: the limit on packets, the limit on bytes, then the body.

#![no_main]

use bytes::Bytes;
use engineio::proto::v3::{decode_frame, into_frame, payload};
use engineio::proto::{Frame, Packet, PacketError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (max_packets, max_bytes, body) = input;
    let (max_packets, max_bytes) = (usize::from(max_packets), usize::from(max_bytes));
    let shared = Bytes::copy_from_slice(body);
    let text = compare(payload::decode_text(shared.clone(), max_packets), text(body, max_packets));
    let binary = compare(payload::decode_binary(shared, max_packets), binary(body, max_packets));
    for packets in [text, binary] {
        for base64 in [false, true] {
            joined(&packets, base64, max_bytes);
        }
    }
});

type Results = Vec<Result<Packet, PacketError>>;

/// Returns the packets, after comparing them with the expected ones.
fn compare(mut packets: payload::Packets, expected: Results) -> Vec<Packet> {
    // Read one by one, so that a decoder that looks ahead differs from the oracle.
    for result in &expected {
        assert_eq!(packets.next().as_ref(), Some(result));
    }
    assert_eq!(packets.next(), None);
    assert_eq!(packets.next(), None);
    expected.into_iter().filter_map(Result::ok).collect()
}

/// `length:packet`, the length in UTF-16 code units.
fn text(body: &[u8], max: usize) -> Results {
    let mut rest = match std::str::from_utf8(body) {
        Ok("") => return vec![Err(PacketError::Empty)],
        Ok(text) => text,
        Err(error) => return vec![Err(PacketError::Utf8 { at: error.valid_up_to() })],
    };
    let (mut results, mut count) = (Vec::new(), 0);
    let fault = loop {
        if rest.is_empty() {
            return results;
        }
        count += 1;
        if count > max {
            break PacketError::TooManyPackets { max };
        }
        let Some((digits, after)) = rest.split_once(':') else { break PacketError::NoLength };
        let Some(len) = number(digits.bytes()) else { break PacketError::NoLength };
        let units: Vec<u16> = after.encode_utf16().collect();
        let packet = units.get(..len).and_then(|units| String::from_utf16(units).ok());
        let Some(packet) = packet else {
            break PacketError::CutShort { len, left: after.len() };
        };
        rest = &after[packet.len()..];
        if packet.is_empty() {
            continue;
        }
        match decode_frame(Frame::Text(packet.into())) {
            Ok(packet) => results.push(Ok(packet)),
            Err(error) => break error,
        }
    };
    results.push(Err(fault));
    results
}

/// The form, the digits of the length as numbers, 0xff, the packet.
fn binary(body: &[u8], max: usize) -> Results {
    if body.is_empty() {
        return vec![Err(PacketError::Empty)];
    }
    let (mut results, mut rest) = (Vec::new(), body);
    let fault = loop {
        let Some((&form, after)) = rest.split_first() else { return results };
        if results.len() == max {
            break PacketError::TooManyPackets { max };
        }
        if form > 1 {
            break PacketError::UnknownType { first: form };
        }
        let Some(end) = after.iter().position(|&byte| byte == 0xff) else {
            break PacketError::NoLength;
        };
        let digits = after[..end].iter().map(|digit| digit.wrapping_add(b'0'));
        let Some(len) = number(digits) else { break PacketError::NoLength };
        let after = &after[end + 1..];
        let Some(wire) = after.get(..len) else {
            break PacketError::CutShort { len, left: after.len() };
        };
        rest = &after[len..];
        let frame = match (form, std::str::from_utf8(wire)) {
            (0, Err(error)) => break PacketError::Utf8 { at: error.valid_up_to() },
            (0, Ok(text)) => Frame::Text(text.to_owned().into()),
            _ => Frame::Binary(Bytes::copy_from_slice(wire)),
        };
        match decode_frame(frame) {
            Ok(packet) => results.push(Ok(packet)),
            Err(error) => break error,
        }
    };
    results.push(Err(fault));
    results
}

/// A number of one to ten decimal digits.
fn number(digits: impl Iterator<Item = u8>) -> Option<usize> {
    let digits = String::from_utf8(digits.collect()).ok()?;
    let valid = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if valid { digits.parse().ok() } else { None }
}

/// Joins packets into bodies of at most `max` bytes, and reads them again.
fn joined(packets: &[Packet], base64: bool, max: usize) {
    // A handshake that arrived as bytes may differ from the text that ours would be.
    let packets = packets.iter().filter(|packet| !matches!(packet, Packet::Open(_)));
    let mut waiting = packets.peekable();
    while waiting.peek().is_some() {
        let (mut encoder, mut pushed) = (payload::Encoder::new(base64, max), Vec::new());
        while let Some(packet) = waiting.next_if(|packet| encoder.fits(packet)) {
            encoder.push(packet.clone());
            pushed.push(packet.clone());
        }
        assert!(!pushed.is_empty(), "the first packet always fits");
        let body = encoder.finish();
        let count = pushed.len();
        assert!(body.len() <= max || count == 1, "{} bytes, the limit is {max}", body.len());
        let binary = payload::is_binary(&body);
        assert!(!(binary && base64), "a client with b64 reads no binary payload");
        let read: Result<Vec<_>, _> = match binary {
            true => payload::decode_binary(body, count).collect(),
            false => payload::decode_text(body, count).collect(),
        };
        assert_eq!(read.as_ref(), Ok(&pushed));
        for packet in pushed {
            assert_eq!(decode_frame(into_frame(packet.clone(), base64)), Ok(packet));
        }
    }
}
