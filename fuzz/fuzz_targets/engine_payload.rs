//! Payloads against a naive split: same packets, same error, never more than the limit. The packets
//! are then joined again within the encoder's limit.
//!
//! Input: the limit on packets, the limit on bytes, then the body.

#![no_main]

use bytes::Bytes;
use engineio::proto::{Packet, PacketError, payload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (max_packets, max_bytes, body) = input;
    let (max_packets, max_bytes) = (usize::from(max_packets), usize::from(max_bytes));
    let expected = naive(body, max_packets);

    let mut packets = payload::decode(Bytes::copy_from_slice(body), max_packets);
    // Read one by one, so that a decoder that looks ahead differs from the oracle.
    for result in &expected {
        assert_eq!(packets.next().as_ref(), Some(result));
    }
    assert_eq!(packets.next(), None);
    assert_eq!(packets.next(), None);

    let good = expected.into_iter().filter_map(Result::ok).collect();
    joined(good, max_bytes);
});

/// Returns the results in order: packets, then at most one error.
fn naive(body: &[u8], max: usize) -> Vec<Result<Packet, PacketError>> {
    if let Err(error) = std::str::from_utf8(body) {
        return vec![Err(PacketError::Utf8 { at: error.valid_up_to() })];
    }
    let mut results = Vec::new();
    for (index, wire) in body.split(|byte| *byte == 0x1e).enumerate() {
        results.push(match index < max {
            true => Packet::decode(Bytes::copy_from_slice(wire)),
            false => Err(PacketError::TooManyPackets { max }),
        });
        if matches!(results.last(), Some(Err(_))) {
            break;
        }
    }
    results
}

/// Joins packets into bodies of at most `max` bytes, and reads them again.
fn joined(packets: Vec<Packet>, max: usize) {
    let mut read = Vec::new();
    let mut waiting = packets.iter().cloned().peekable();
    while waiting.peek().is_some() {
        let (mut encoder, mut count) = (payload::Encoder::new(max), 0);
        while let Some(packet) = waiting.next_if(|packet| encoder.fits(packet)) {
            encoder.push(packet);
            count += 1;
        }
        assert!(count > 0, "the first packet always fits");
        let len = encoder.len();
        assert!(len <= max || count == 1, "{len} bytes in {count} packets, the limit is {max}");
        let body = encoder.finish();
        assert_eq!(body.len(), len);
        let before = read.len();
        read.extend(payload::decode(body, count).map(|packet| packet.expect("what we wrote")));
        assert_eq!(read.len(), before + count);
    }
    assert_eq!(read, packets);
}
