//! Packets as MessagePack: no bytes panic; one that is read as it is gives the packet that its text
//! gives, and the same types.

#![no_main]

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use engineio::proto::Time;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use socketio::proto::{
    Args, Body, ConnectionConfig, NamespaceName, Packet, PeerError, Reassembly, encode, msgpack, parse,
};

fuzz_target!(|wire: &[u8]| {
    let packet = Bytes::copy_from_slice(wire);
    let strict =
        ConnectionConfig { max_namespace_len: 4, max_ack_digits: 2, max_json_depth: 3, ..ConnectionConfig::default() };
    for config in [ConnectionConfig::default(), strict] {
        let read = msgpack::parse(&packet, &config);
        let text = rewritten(&packet, &config);
        if let (Ok(read), Ok(text)) = (&read, &text) {
            types(read, text);
        }
        assert_eq!(read, text);
    }
});

/// By way of the text, as clients of the default parser would have sent it.
fn rewritten(packet: &Bytes, config: &ConnectionConfig) -> Result<Packet, PeerError> {
    let (text, attachments) = msgpack::decode(packet, config)?;
    let mut parts = Reassembly::default();
    let mut whole = parts.handle_text(Time::ZERO, parse(&text, config)?, config)?;
    for attachment in attachments {
        whole = parts.handle_binary(attachment, config)?;
    }
    Ok(whole.expect("all attachments came"))
}

/// Before anybody asks for JSON.
fn types(read: &Packet, text: &Packet) {
    let (args, same) = match (&read.body, &text.body) {
        (Body::Event { args, .. }, Body::Event { args: same, .. })
        | (Body::Ack { args, .. }, Body::Ack { args: same, .. }) => (args, same),
        _ => return,
    };
    assert_eq!((args.name(), args.len()), (same.name(), same.len()));
    if args.attachments().is_empty() {
        relayed(args, same);
    }
    // Floats are exact in one and to 15 digits in the other: no type here keeps one.
    reads::<IgnoredAny>(args, same);
    reads::<(i8, u64, i64)>(args, same);
    reads::<(String, Option<bool>, Option<char>)>(args, same);
    reads::<Vec<Option<u16>>>(args, same);
    reads::<BTreeMap<i64, IgnoredAny>>(args, same);
    reads::<(BTreeMap<String, Kind>, Vec<Kind>)>(args, same);
    reads::<Struct>(args, same);
}

/// Sent on, they are the same once more; and a value that is written at once is what its JSON is.
fn relayed(args: &Args, same: &Args) {
    let root = NamespaceName::default();
    let wire = msgpack::ack_args(&root, 1, args).expect("they were data");
    let deep = ConnectionConfig { max_json_depth: 128, ..ConnectionConfig::default() };
    let packet = msgpack::parse(&wire, &deep).expect("an ack");
    let Body::Ack { id: 1, args: relayed } = packet.body else { panic!("an ack") };
    // By way of JSON the last digit of a fraction may be another.
    let is_float = |pair: &[u8]| pair[0].is_ascii_digit() && b".e".contains(&pair[1]);
    if same.raw().windows(2).any(is_float) {
        return;
    }
    assert_eq!(relayed.raw(), same.raw());
    if let Ok(value) = args.parse::<Value>() {
        let json = encode::ack(&root, 1, &(&value,)).expect("JSON");
        let written = msgpack::ack(&root, 1, &(&value,)).ok();
        assert_eq!(written, msgpack::encode(&json).ok());
    }
}

/// `rmp-serde` reads what JSON gives, or leaves it to that. Only variants may come by their number.
fn reads<'de, T: Deserialize<'de> + Debug>(args: &'de Args, same: &'de Args) {
    let has_variants = std::any::type_name::<T>().contains("Kind");
    match (args.parse::<T>(), same.parse::<T>()) {
        (Ok(_), Err(_)) if has_variants => {}
        (read, same) => assert_eq!(format!("{read:?}"), format!("{same:?}")),
    }
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "printed")]
struct Struct {
    a: Vec<String>,
    #[serde(default)]
    b: Option<Box<Struct>>,
    #[serde(default)]
    c: (),
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "printed")]
#[serde(rename_all = "lowercase")]
enum Kind {
    A,
    B(Box<Kind>),
    C(u8, String),
    D { e: IgnoredAny },
}
