//! Packets and payloads of Engine.IO.

use bytes::Bytes;
use engineio::proto::{Message, Packet, payload};
use serde::Deserialize;

use crate::read;

#[derive(Deserialize)]
struct Packets {
    packets: Vec<PacketVector>,
    refused: Vec<String>,
}

#[derive(Deserialize)]
struct PacketVector {
    wire: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    Text(String),
    Binary {
        #[serde(rename = "$bytes")]
        bytes: Vec<u8>,
    },
}

impl Default for Data {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[derive(Deserialize)]
struct Payloads {
    payloads: Vec<PayloadVector>,
    refused: Vec<String>,
}

#[derive(Deserialize)]
struct PayloadVector {
    wire: String,
    packets: Vec<String>,
}

fn packets() -> Packets {
    read("engine_packets.json")
}

fn payloads() -> Payloads {
    read("engine_payloads.json")
}

/// How many comparisons both tables make: reading and writing each vector, refusing the others.
pub(crate) fn comparisons() -> usize {
    let (packets, payloads) = (packets(), payloads());
    2 * (packets.packets.len() + payloads.payloads.len())
        + packets.refused.len()
        + payloads.refused.len()
}

impl PacketVector {
    fn packet(self) -> Packet {
        match (&*self.kind, self.data) {
            ("message", Data::Binary { bytes }) => Packet::Message(Message::Binary(bytes.into())),
            ("message", Data::Text(text)) => Packet::Message(text.as_str().into()),
            ("open", Data::Text(json)) => Packet::Open(json.into()),
            ("ping", Data::Text(data)) if data == "probe" => Packet::PingProbe,
            ("pong", Data::Text(data)) if data == "probe" => Packet::PongProbe,
            ("ping", _) => Packet::Ping,
            ("pong", _) => Packet::Pong,
            ("close", _) => Packet::Close,
            ("upgrade", _) => Packet::Upgrade,
            ("noop", _) => Packet::Noop,
            (other, _) => panic!("no packet of type {other}"),
        }
    }
}

#[test]
fn packets_are_read_and_written_as_the_table_says() {
    let table = packets();
    for vector in table.packets {
        let wire = vector.wire.clone();
        let packet = vector.packet();
        assert_eq!(Packet::decode(Bytes::from(wire.clone())).as_ref(), Ok(&packet), "{wire}");
        let mut written = Vec::new();
        packet.write_polling(&mut written);
        assert_eq!(written, wire.as_bytes(), "{packet:?}");
    }
    for wire in table.refused {
        let read = Packet::decode(Bytes::from(wire.clone()));
        assert!(read.is_err(), "{wire:?} is read as {read:?}");
    }
}

#[test]
fn payloads_are_read_and_written_as_the_table_says() {
    let table = payloads();
    for PayloadVector { wire, packets } in table.payloads {
        let packets: Result<Vec<_>, _> =
            packets.into_iter().map(|packet| Packet::decode(packet.into())).collect();
        let read: Result<Vec<_>, _> = payload::decode(wire.clone().into(), 10).collect();
        assert_eq!(read, packets, "{wire:?}");

        let mut encoder = payload::Encoder::new(wire.len());
        for packet in packets.expect("packets of the table") {
            assert!(encoder.fits(&packet), "{packet:?} in {wire:?}");
            encoder.push(packet);
        }
        assert_eq!(encoder.finish(), wire.as_bytes());
    }
    for wire in table.refused {
        let read: Result<Vec<_>, _> = payload::decode(wire.clone().into(), 10).collect();
        assert!(read.is_err(), "{wire:?} is read as {read:?}");
    }
}
