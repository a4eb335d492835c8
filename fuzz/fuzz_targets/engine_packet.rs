//! Packets: a decoded packet, written and decoded again, is the same, and an error describes the
//! input correctly.

#![no_main]

use bytes::Bytes;
use engineio::proto::{Handshake, Packet, PacketError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| {
    match Packet::decode(Bytes::copy_from_slice(wire)) {
        Ok(packet) => {
            assert!(std::str::from_utf8(wire).is_ok());
            let mut body = Vec::new();
            packet.write_polling(&mut body);
            assert_eq!(body.len(), packet.polling_len());
            assert_eq!(Packet::decode(body.into()), Ok(packet.clone()));
            assert_eq!(packet.clone().into_frame().into_packet(), Ok(packet.clone()));
            if let Packet::Open(json) = packet {
                handshake(&json);
            }
        }
        Err(PacketError::Empty) => assert!(wire.is_empty()),
        Err(PacketError::Utf8 { at }) => {
            let valid = std::str::from_utf8(wire).expect_err("UTF-8 was refused as none");
            assert_eq!(at, valid.valid_up_to());
        }
        Err(PacketError::UnknownType { first }) => {
            assert_eq!(first, wire[0]);
            assert!(!b"0123456b".contains(&first));
        }
        Err(PacketError::Base64) => assert_eq!(wire[0], b'b'),
        Err(other) => panic!("{other} from one packet"),
    }
});

fn handshake(json: &[u8]) {
    if let Ok(handshake) = Handshake::from_json(json) {
        assert_eq!(Handshake::from_json(&handshake.to_json()), Ok(handshake));
    }
}
