//! Packets as MessagePack: no bytes panic; a packet that is read directly gives the same packet and the
//! same types as its text.

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
    Args, Body, Config, Namespace, Packet, PeerError, Reassembly, encode, msgpack, parse,
};

fuzz_target!(|wire: &[u8]| {
    let packet = Bytes::copy_from_slice(wire);
    let strict =
        Config { max_namespace_len: 4, max_ack_digits: 2, max_json_depth: 3, ..Config::default() };
    for config in [Config::default(), strict] {
        let read = msgpack::parse(&packet, &config);
        let text = rewritten(&packet, &config);
        if let (Ok(read), Ok(text)) = (&read, &text) {
            types(read, text);
        }
        assert_eq!(read, text);
    }
});

/// Reads it through the text that clients with the default parser would have sent.
fn rewritten(packet: &Bytes, config: &Config) -> Result<Packet, PeerError> {
    let (text, attachments) = msgpack::decode(packet, config)?;
    let mut parts = Reassembly::default();
    let mut whole = parts.handle_text(Time::ZERO, parse(&text, config)?, config)?;
    for attachment in attachments {
        whole = parts.handle_binary(attachment, config)?;
    }
    Ok(whole.expect("all attachments came"))
}

/// Compares the types that are read before JSON is made.
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
    // Floats are exact in MessagePack and have 15 digits in JSON, so no type here holds one.
    reads::<IgnoredAny>(args, same);
    reads::<(i8, u64, i64)>(args, same);
    reads::<(String, Option<bool>, Option<char>)>(args, same);
    reads::<Vec<Option<u16>>>(args, same);
    reads::<BTreeMap<i64, IgnoredAny>>(args, same);
    reads::<(BTreeMap<String, Kind>, Vec<Kind>)>(args, same);
    reads::<Struct>(args, same);
}

/// Checks that arguments sent on stay the same, and that a value written directly equals its JSON.
fn relayed(args: &Args, same: &Args) {
    let root = Namespace::default();
    let wire = msgpack::ack_args(&root, 1, args).expect("they were data");
    let deep = Config { max_json_depth: 128, ..Config::default() };
    let packet = msgpack::parse(&wire, &deep).expect("an ack");
    let Body::Ack { id: 1, args: relayed } = packet.body else { panic!("an ack") };
    // Through JSON the last digit of a fraction may differ.
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

fn reads<'de, T: Deserialize<'de> + Debug>(args: &'de Args, same: &'de Args) {
    let words = |args: &'de Args| format!("{:?}", args.parse::<T>());
    assert_eq!(words(args), words(same));
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
enum Kind {
    a,
    b(Box<Kind>),
    c(u8, String),
    d { e: IgnoredAny },
}
