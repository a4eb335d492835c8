//! Packets of Socket.IO, ours.

use engineio::proto::{Message, Packet, Text};
use socketio::proto::{Body, ConnectionConfig, NamespaceName, encode, parse};

use crate::Operation;
use crate::data::{self, NAME, OhEvent};

const BY: &str = "ours";

/// The check that data is JSON.
pub fn json(size: usize) -> Vec<Operation> {
    let array = data::array(size);
    let work = (format!("check JSON, {}", data::name(size)), BY);
    vec![Operation::new(
        work,
        array.len(),
        move || checked_json::check(&array, checked_json::DEEPEST),
        Result::is_ok,
    )]
}

/// Reading an event and its name.
pub fn decode(size: usize) -> Vec<Operation> {
    let (wire, event) = (data::wire(size), data::event(size));
    let (len, size) = (wire.len(), data::name(size));
    let text = Text::from_wire(wire.clone()).expect("UTF-8");
    let read = |text: &Text| {
        let packet = parse(text, &ConnectionConfig::default()).expect("an event").packet;
        let Body::Event { args, ack_id: None } = packet.body else { panic!("an event") };
        assert_eq!(args.name(), NAME);
        args
    };
    let head = text.clone();
    vec![
        Operation::new(
            (format!("decode event, {size}"), BY),
            len,
            move || read(&head),
            move |args| args.raw() == &wire[14..len - 1],
        ),
        Operation::new(
            (format!("decode event, typed, {size}"), BY),
            len,
            move || read(&text).parse::<OhEvent>().expect("its type"),
            move |read| *read == event,
        ),
    ]
}

/// The same from the frame on: UTF-8 is checked, as a websocket layer or a payload does once.
pub fn whole(size: usize) -> Vec<Operation> {
    let wire = data::wire(size);
    vec![Operation::new(
        (format!("decode event from bytes, {}", data::name(size)), BY),
        wire.len(),
        move || match Packet::decode(wire.clone()) {
            Ok(Packet::Message(Message::Text(text))) => parse(&text, &ConnectionConfig::default()),
            other => panic!("{other:?}"),
        },
        Result::is_ok,
    )]
}

/// Writing an event.
pub fn encode(size: usize) -> Vec<Operation> {
    let (event, json, wire) = (data::event(size), data::json(&data::event(size)), data::wire(size));
    let (len, size) = (wire.len(), data::name(size));
    let root = NamespaceName::default();
    let (same, other_root) = (wire.clone(), root.clone());
    vec![
        Operation::new(
            (format!("encode event, {size}"), BY),
            len,
            move || encode::event(&root, None, NAME, &event).expect("JSON"),
            move |encoded| *encoded.text().wire() == wire,
        ),
        Operation::new(
            (format!("encode event, stored bytes, {size}"), BY),
            len,
            move || encode::event_raw(&other_root, None, NAME, &[&json]).expect("UTF-8"),
            move |encoded| *encoded.text().wire() == same,
        ),
    ]
}
