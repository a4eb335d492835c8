//! Packets of Socket.IO.

use bytes::Bytes;
use engineio::proto::{Message, Text, Time};
use serde::ser::{SerializeMap, SerializeTuple};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use socketio::proto::{
    Args, Body, ConnectionConfig, Encoded, NamespaceName, Packet, RawJson, Reassembly, encode,
    parse,
};
use tests::bytes;

use crate::read;

#[derive(Deserialize)]
struct Packets {
    packets: Vec<Vector>,
    refused: Vec<Vec<Part>>,
}

#[derive(Deserialize)]
struct Vector {
    wire: Vec<Part>,
    #[serde(flatten)]
    meaning: Meaning,
}

/// One message of the engine.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Part {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Meaning {
    #[serde(rename = "type")]
    kind: String,
    namespace: String,
    id: Option<u64>,
    data: Option<Value>,
}

fn packets() -> Packets {
    read("socket_packets.json")
}

/// How many comparisons the table makes: reading and writing each vector, refusing the others.
pub(crate) fn comparisons() -> usize {
    let table = packets();
    2 * table.packets.len() + table.refused.len()
}

/// Reads packets as a connection does, up to the first fault.
fn decode(wire: &[Part]) -> Result<Vec<Packet>, String> {
    let (config, now) = (ConnectionConfig::default(), Time::default());
    let mut reassembly = Reassembly::default();
    let mut packets = Vec::new();
    for part in wire {
        let packet = match part {
            Part::Text(text) => {
                let announced = parse(&Text::new(text), &config).map_err(|e| e.to_string())?;
                reassembly.handle_text(now, announced, &config)
            }
            Part::Binary(data) => reassembly.handle_binary(Bytes::copy_from_slice(data), &config),
        };
        packets.extend(packet.map_err(|e| e.to_string())?);
    }
    Ok(packets)
}

/// What a packet says, in the table's words.
fn meaning(packet: &Packet) -> Meaning {
    let (id, data) = match &packet.body {
        Body::Connect { auth } => (None, auth.as_ref().map(json)),
        Body::Disconnect => (None, None),
        Body::ConnectError { data } => (None, Some(json(data))),
        Body::Event { args, ack_id } => {
            let mut data = vec![Value::from(args.name())];
            data.extend(arguments(args));
            (*ack_id, Some(data.into()))
        }
        Body::Ack { id, args } => (Some(*id), Some(arguments(args).collect())),
    };
    let kind = packet.body.name().to_owned();
    Meaning { kind, namespace: packet.namespace.as_str().to_owned(), id, data }
}

fn json(raw: &RawJson) -> Value {
    raw.parse().expect("JSON that was checked")
}

fn arguments(args: &Args) -> impl Iterator<Item = Value> {
    args.iter().map(|json| {
        let value = serde_json::from_slice(json).expect("JSON that was checked");
        attached(value, args.attachments())
    })
}

/// Puts attachments in the place of their placeholders.
fn attached(value: Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Object(object) if object.contains_key("_placeholder") => {
            let at = object["num"].as_u64().and_then(|n| usize::try_from(n).ok());
            bytes(&attachments[at.expect("the number of an attachment")])
        }
        Value::Object(object) => {
            object.into_iter().map(|(key, part)| (key, attached(part, attachments))).collect()
        }
        Value::Array(parts) => parts.into_iter().map(|part| attached(part, attachments)).collect(),
        other => other,
    }
}

/// Writes a packet from what it means, by the functions that an application's emits go through.
fn encode(meaning: &Meaning) -> Encoded {
    let namespace: NamespaceName = meaning.namespace.parse().expect("a name");
    let data = meaning.data.as_ref();
    let args: Vec<_> = data.and_then(Value::as_array).into_iter().flatten().map(Argument).collect();
    match &*meaning.kind {
        "EVENT" => {
            let name = args[0].0.as_str().expect("a name");
            encode::event(&namespace, meaning.id, name, &Spread(&args[1..])).expect("data")
        }
        "ACK" => encode::ack(&namespace, meaning.id.expect("an id"), &Spread(&args)).expect("data"),
        "DISCONNECT" => encode::disconnect(&namespace),
        "CONNECT" => {
            let auth = data.map(|data| RawJson::from_value(data).expect("JSON"));
            encode::packet(&Packet { namespace, body: Body::Connect { auth } })
        }
        "CONNECT_ERROR" => {
            let refusal = data.expect("a refusal");
            let data = refusal.get("data").map(|data| RawJson::from_value(data).expect("JSON"));
            let message = refusal["message"].as_str().expect("a message");
            encode::connect_error(&namespace, message, data.as_ref())
        }
        other => panic!("no packet of type {other}"),
    }
}

fn wire(encoded: &Encoded) -> Vec<Part> {
    encoded.messages().map(part).collect()
}

fn part(message: Message) -> Part {
    match message {
        Message::Text(text) => Part::Text(text.as_str().to_owned()),
        Message::Binary(data) => Part::Binary(data.to_vec()),
    }
}

/// An argument whose `{"$bytes"}` are bytes.
struct Argument<'a>(&'a Value);

impl Serialize for Argument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => {
                if let Some(bytes) = object.get("$bytes") {
                    let bytes: Vec<u8> = Deserialize::deserialize(bytes).expect("bytes");
                    return serializer.serialize_bytes(&bytes);
                }
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (key, part) in object {
                    map.serialize_entry(key, &Argument(part))?;
                }
                map.end()
            }
            Value::Array(parts) => serializer.collect_seq(parts.iter().map(Argument)),
            other => other.serialize(serializer),
        }
    }
}

/// Several arguments, as a tuple of them is.
struct Spread<'a>(&'a [Argument<'a>]);

impl Serialize for Spread<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}

#[test]
fn packets_are_read_as_the_table_says() {
    for vector in packets().packets {
        let read = decode(&vector.wire);
        let read = read.map(|packets| packets.iter().map(meaning).collect::<Vec<_>>());
        assert_eq!(read, Ok(vec![vector.meaning]), "{:?}", vector.wire);
    }
}

#[test]
fn packets_are_written_as_the_table_says() {
    for vector in packets().packets {
        assert_eq!(wire(&encode(&vector.meaning)), vector.wire);
        for packet in decode(&vector.wire).expect("packets of the table") {
            assert_eq!(wire(&encode::packet(&packet)), vector.wire, "written again as it came");
        }
    }
}

#[test]
fn what_the_table_refuses_is_refused() {
    for wire in packets().refused {
        let read = decode(&wire);
        assert!(read.is_err(), "{wire:?} is read as {read:?}");
    }
}
