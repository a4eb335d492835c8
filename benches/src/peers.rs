//! The same work by others: `serde_json` and `memchr` as bounds, `socketioxide` as a peer.

use std::rc::Rc;

use serde::de::IgnoredAny;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_core::{Str, Value};
use socketioxide_parser_common::CommonParser;

use crate::Operation;
use crate::data::{self, NAME, OhEvent};

const SERDE: &str = "serde_json (bound)";
const OXIDE: &str = "socketioxide";

/// Looking at every byte, and the check that data is JSON.
pub fn json(size: usize) -> Vec<Operation> {
    let (array, same, again) = (data::array(size), data::array(size), data::array(size));
    let (work, len) = (format!("check JSON, {}", data::name(size)), array.len());
    vec![
        Operation::new(
            (work.clone(), "memchr (bound)"),
            len,
            move || memchr::memchr(0, &array),
            Option::is_none,
        ),
        Operation::new(
            (work.clone(), "UTF-8 alone (bound)"),
            len,
            move || std::str::from_utf8(&same).is_ok(),
            |valid| *valid,
        ),
        Operation::new(
            (work, "serde_json, IgnoredAny"),
            len,
            move || serde_json::from_slice::<IgnoredAny>(&again),
            Result::is_ok,
        ),
    ]
}

/// Reading an event and its name. `socketioxide` is given the text without the engine's `4`, whose
/// UTF-8 is known, as ours is; reading the name, as its server does for every event, walks the
/// JSON.
pub fn decode(size: usize) -> Vec<Operation> {
    let (array, wire) = (data::array(size), data::wire(size));
    let (event, same) = (data::event(size), data::event(size));
    let (len, size) = (wire.len(), data::name(size));
    let text = Str::from(String::from_utf8_lossy(&wire[1..]).into_owned());
    let (config, state) = (ParseConfig::default(), ParserState::default());
    let read = move |text: &Str| {
        let packet = CommonParser.decode_str(&config, &state, text.clone()).expect("an event");
        let PacketData::Event(data, None) = packet.inner else { panic!("an event") };
        assert_eq!(CommonParser.read_event(&data).expect("a name"), NAME);
        data
    };
    let read = Rc::new(read);
    let (head, untyped) = (Rc::clone(&read), text.clone());
    vec![
        Operation::new(
            (format!("decode event, {size}"), OXIDE),
            len,
            move || head(&untyped),
            move |data| matches!(data, Value::Str(text, None) if text.len() == len - 2),
        ),
        Operation::new(
            (format!("decode event, typed, {size}"), OXIDE),
            len,
            move || {
                let mut data = read(&text);
                CommonParser.decode_value::<OhEvent>(&mut data, true).expect("its type")
            },
            move |read| *read == event,
        ),
        Operation::new(
            (format!("decode event, typed, {size}"), SERDE),
            len,
            move || serde_json::from_slice::<(IgnoredAny, OhEvent)>(&array).expect("its type").1,
            move |read| *read == same,
        ),
    ]
}

/// Writing an event.
pub fn encode(size: usize) -> Vec<Operation> {
    let (event, other) = (data::event(size), data::event(size));
    let (array, wire) = (data::array(size), data::wire(size));
    let (work, len) = (format!("encode event, {}", data::name(size)), wire.len());
    vec![
        Operation::new(
            (work.clone(), SERDE),
            len,
            move || serde_json::to_vec(&(NAME, &event)).expect("JSON"),
            move |json| *json == array,
        ),
        Operation::new(
            (work, OXIDE),
            len,
            move || {
                let data = CommonParser.encode_value(&other, Some(NAME)).expect("JSON");
                CommonParser.encode(Packet::event("/", data))
            },
            move |value| {
                let Value::Str(text, None) = value else { return false };
                text.as_bytes() == &wire[1..]
            },
        ),
    ]
}
