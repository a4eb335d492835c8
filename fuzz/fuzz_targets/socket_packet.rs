//! Packets of Socket.IO: no text panics; a parsed packet, written and parsed again, is the same;
//! limits hold; the JSON checker and the argument reader agree with `serde_json`.

#![no_main]

use bytes::Bytes;
use engineio::proto::{Text, Time};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use socketio::proto::json::{self, JsonError};
use socketio::proto::{Args, Body, Config, Encoded, Packet, Reassembly, encode, parse};

fuzz_target!(|wire: &str| {
    let json = wire.find(['[', '{', '"']).map_or(wire, |at| &wire[at..]);
    check(json);
    check_array(json);

    let config = Config::default();
    let strict = Config {
        max_attachments: 1,
        max_namespace_len: 4,
        max_ack_digits: 2,
        max_json_depth: 3,
        ..Config::default()
    };
    let text = Text::new(wire);
    let parsed = parse(&text, &config);
    if let Ok(announced) = parse(&text, &strict) {
        assert!(announced.attachments <= 1);
        assert!(announced.packet.namespace.as_str().len() <= 4);
        assert_eq!(parsed.as_ref(), Ok(&announced));
    }
    let Ok(announced) = parsed else { return };
    assert!(announced.attachments <= config.max_attachments);
    let attachments: Vec<_> = (0..announced.attachments).map(|n| vec![n as u8; n].into()).collect();
    let Some(packet) = complete(&text, &attachments) else { return };

    let encoded = encode::packet(&packet);
    assert_eq!(encoded.attachments(), attachments);
    assert_eq!(read(&encoded), packet);
    if let Body::Event { args, .. } | Body::Ack { args, .. } = &packet.body {
        arguments(args);
        resent(&packet);
    }
});

/// Returns the packet with its attachments, or `None` if a placeholder names none of them.
fn complete(text: &Text, attachments: &[Bytes]) -> Option<Packet> {
    let config = Config::default();
    let mut reassembly = Reassembly::default();
    let announced = parse(text, &config).expect("parsed before");
    assert_eq!(announced.attachments, attachments.len());
    let mut packet = reassembly.handle_text(Time::ZERO, announced, &config).expect("not waiting");
    for attachment in attachments {
        assert_eq!(packet, None);
        assert!(reassembly.is_waiting());
        packet = reassembly.handle_binary(attachment.clone(), &config).ok()?;
    }
    assert!(!reassembly.is_waiting());
    Some(packet.expect("no attachment is due"))
}

fn read(encoded: &Encoded) -> Packet {
    complete(encoded.text(), encoded.attachments()).expect("what we wrote")
}

fn check(json: &str) {
    let oracle = serde_json::from_str::<IgnoredAny>(json);
    match json::check(json.as_bytes(), json::DEEPEST) {
        Ok(()) => assert!(oracle.is_ok(), "accepted, serde_json says {oracle:?}"),
        Err(JsonError::Syntax { at }) => {
            assert!(oracle.is_err(), "refused at {at}, serde_json accepts");
            assert!(at <= json.len());
        }
        Err(JsonError::TooDeep { depth, max }) => assert_eq!((depth, max), (129, 128)),
        Err(other) => panic!("{other}"),
    }
}

fn check_array(json: &str) {
    let Ok(head) = json::check_array(json.as_bytes(), json::DEEPEST) else { return };
    let elements: Vec<&RawValue> = serde_json::from_str(json).expect("an array");
    assert_eq!(head.len, elements.len());
    assert_eq!(&json[head.end..=head.end], "]");
    assert!(json[head.end + 1..].trim().is_empty());
    assert_eq!(&json[head.first.clone()], elements.first().map_or("", |first| first.get()));
    match elements.get(1) {
        Some(second) => assert!(json[head.rest_at..].starts_with(second.get())),
        None => assert_eq!(head.rest_at, head.end),
    }
}

/// Checks that arguments equal what `serde_json` reads from their text.
fn arguments(args: &Args) {
    let array = format!("[{}]", std::str::from_utf8(args.raw()).expect("UTF-8 came in"));
    let elements: Vec<&RawValue> = serde_json::from_str(&array).expect("checked");
    assert_eq!(args.len(), elements.len());
    assert!(args.iter().eq(elements.iter().map(|element| element.get().as_bytes())));
    assert_eq!(args.to_raw(), args.raw());
    let _ = args.name();
    let values: Result<Vec<Value>, _> =
        elements.iter().map(|element| serde_json::from_str(element.get())).collect();
    let Ok(values) = values else { return };
    let first: Option<Value> = args.parse::<(Option<Value>,)>().expect("read before").0;
    // Reading an `Option` turns null into `None`.
    assert_eq!(first, values.first().filter(|value| !value.is_null()).cloned());
    match (args.parse::<(Value, Value)>(), &values[..]) {
        (Ok(two), [a, b, ..]) => assert_eq!(two, (a.clone(), b.clone())),
        (Err(_), [] | [_]) => {}
        (result, values) => panic!("{result:?} from {values:?}"),
    }
}

/// Checks that received arguments are sent on unchanged, by every encoder.
fn resent(packet: &Packet) {
    let namespace = &packet.namespace;
    match &packet.body {
        Body::Event { args, ack_id } => {
            let name = args.name();
            let again = read(&encode::event_args(namespace, *ack_id, &name, args).expect("a name"));
            let Body::Event { args: same, ack_id: id } = &again.body else { panic!("{again:?}") };
            assert_eq!((same.raw(), same.name(), id), (args.raw(), name.clone(), ack_id));
            assert_eq!((same.len(), same.attachments()), (args.len(), args.attachments()));
            assert_eq!(&again.namespace, namespace);

            let parts: Vec<_> = args.iter().collect();
            let raw = encode::event_raw(namespace, *ack_id, &name, &parts).expect("UTF-8");
            let raw = complete(raw.text(), &[]).expect("no attachments");
            let Body::Event { args: same, .. } = &raw.body else { panic!("{raw:?}") };
            assert!(same.iter().eq(args.iter()));
        }
        Body::Ack { id, args } => {
            let again = read(&encode::ack_args(namespace, *id, args));
            let Body::Ack { id: same_id, args: same } = &again.body else { panic!("{again:?}") };
            assert_eq!((same_id, same.raw()), (id, args.raw()));
            assert_eq!((same.len(), same.attachments()), (args.len(), args.attachments()));
        }
        other => panic!("{} has no arguments", other.name()),
    }
}
