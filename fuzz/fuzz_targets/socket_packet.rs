//! Packets of Socket.IO: no text panics; what parses is written back to something that parses to
//! the same; limits hold; the argument reader agrees with `serde_json`.

#![no_main]

use bytes::Bytes;
use engineio::proto::{Text, Time};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use socketio::proto::{Args, Body, ConnectionConfig, Encoded, Packet, Reassembly, encode, parse};

fuzz_target!(|wire: &str| {
    let config = ConnectionConfig::default();
    let strict = ConnectionConfig {
        max_attachments: 1,
        max_namespace_len: 4,
        max_ack_digits: 2,
        max_json_depth: 3,
        ..ConnectionConfig::default()
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

/// The packet with its attachments; None when a placeholder names none of them.
fn complete(text: &Text, attachments: &[Bytes]) -> Option<Packet> {
    let config = ConnectionConfig::default();
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

/// Arguments are what `serde_json` reads from their text.
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
    // An option that is asked for reads null as none.
    assert_eq!(first, values.first().filter(|value| !value.is_null()).cloned());
    match (args.parse::<(Value, Value)>(), &values[..]) {
        (Ok(two), [a, b, ..]) => assert_eq!(two, (a.clone(), b.clone())),
        (Err(_), [] | [_]) => {}
        (result, values) => panic!("{result:?} from {values:?}"),
    }
}

/// Received arguments leave again as they came, by every way there is.
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
