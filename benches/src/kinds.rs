//! Every kind of packet of Socket.IO, by the default parser: read with its data as a type, and
//! written from one. In `/admin`, with an ack id where there may be one.

use bytes::Bytes;
use engineio::proto::{Message, Text, Time};
use serde::{Deserialize, Serialize};
use socketio::proto::{
    Args, Body, ConnectionConfig, Encoded, NamespaceName, Packet, Reassembly, encode, parse,
};
use socketioxide_core::packet::{ConnectPacket, Packet as Other, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParseError, ParserState};
use socketioxide_core::{Sid, Str, Value};
use socketioxide_parser_common::CommonParser;

use crate::Operation;

const OURS: &str = "ours";
const OXIDE: &str = "socketioxide";

/// What a client joins with.
#[derive(Debug, PartialEq, Deserialize)]
struct Auth {
    token: String,
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u32,
    y: u32,
}

/// One with an attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct File {
    name: String,
    data: Bytes,
}

const NAMESPACE: &str = "/admin";
const ID: u64 = 12;
const POINT: Point = Point { x: 3, y: 4 };

fn file() -> File {
    File { name: "a.txt".to_owned(), data: vec![7; 1024].into() }
}

/// Each kind read.
pub fn decode() -> Vec<Operation> {
    let connect = r#"0/admin,{"token":"secret"}"#;
    let event = r#"2/admin,12["move",{"x":3,"y":4}]"#;
    let ack = r#"3/admin,12[{"x":3,"y":4}]"#;
    let binary_event =
        r#"51-/admin,12["file",{"name":"a.txt","data":{"_placeholder":true,"num":0}}]"#;
    let binary_ack = r#"61-/admin,12[{"name":"a.txt","data":{"_placeholder":true,"num":0}}]"#;
    let mut all = Vec::new();
    let auth = |auth: &Auth| auth.token == "secret";
    all.extend(both("CONNECT", connect, false, ours_auth, their_auth, auth));
    let is_admin = |namespace: &String| namespace == NAMESPACE;
    all.extend(both("DISCONNECT", "1/admin,", false, ours_left, they_left, is_admin));
    let point = |point: &Point| *point == POINT;
    all.extend(both("EVENT", event, false, ours_event, their_event, point));
    all.extend(both("ACK", ack, false, ours_ack, their_ack, point));
    let whole = |read: &File| *read == file();
    all.extend(both("BINARY_EVENT", binary_event, true, ours_event, their_event, whole));
    all.extend(both("BINARY_ACK", binary_ack, true, ours_ack, their_ack, whole));
    // Only clients read one, which socketioxide is none of.
    let (error, config) = (Text::new(r#"4/admin,{"message":"no"}"#), ConnectionConfig::default());
    all.push(Operation::new(
        ("decode CONNECT_ERROR".to_owned(), OURS),
        error.as_bytes().len(),
        move || parse(&error, &config),
        |read| matches!(read, Ok(read) if matches!(read.packet.body, Body::ConnectError { .. })),
    ));
    all
}

/// The same packet read by both, then its data.
fn both<T: 'static>(
    kind: &str,
    text: &'static str,
    is_binary: bool,
    ours: fn(&Packet) -> T,
    theirs: fn(Other) -> T,
    is_right: fn(&T) -> bool,
) -> [Operation; 2] {
    let attachment = is_binary.then(|| file().data);
    let len = text.len() + attachment.as_ref().map_or(0, Bytes::len);
    let (work, other) = (format!("decode {kind}"), attachment.clone());
    let (config, own) = (ConnectionConfig::default(), Text::new(text));
    let (their_config, state, str) =
        (ParseConfig::default(), ParserState::default(), Str::from(text));
    [
        Operation::new(
            (work.clone(), OURS),
            len,
            move || ours(&read(&own, attachment.as_ref(), &config)),
            is_right,
        ),
        Operation::new(
            (work, OXIDE),
            len,
            move || {
                let read = CommonParser.decode_str(&their_config, &state, str.clone());
                theirs(match (read, &other) {
                    (Err(ParseError::NeedsMoreBinaryData), Some(data)) => CommonParser
                        .decode_bin(&their_config, &state, data.clone())
                        .expect("a packet"),
                    (read, _) => read.expect("a packet"),
                })
            },
            is_right,
        ),
    ]
}

fn read(text: &Text, attachment: Option<&Bytes>, config: &ConnectionConfig) -> Packet {
    let announced = parse(text, config).expect("a packet");
    let Some(data) = attachment else { return announced.packet };
    let mut parts = Reassembly::default();
    assert_eq!(parts.handle_text(Time::ZERO, announced, config), Ok(None));
    parts.handle_binary(data.clone(), config).expect("an attachment").expect("the last")
}

fn ours_auth(packet: &Packet) -> Auth {
    let Body::Connect { auth: Some(auth) } = &packet.body else { panic!("a connect") };
    auth.parse().expect("its type")
}

fn their_auth(packet: Other) -> Auth {
    let PacketData::Connect(auth) = packet.inner else { panic!("a connect") };
    CommonParser.decode_default(auth.as_ref()).expect("its type")
}

fn ours_left(packet: &Packet) -> String {
    assert_eq!(packet.body, Body::Disconnect);
    packet.namespace.as_str().to_owned()
}

fn they_left(packet: Other) -> String {
    assert!(matches!(packet.inner, PacketData::Disconnect));
    packet.ns.as_str().to_owned()
}

fn ours_event<T: for<'a> Deserialize<'a>>(packet: &Packet) -> T {
    let Body::Event { args, ack_id: Some(ID) } = &packet.body else { panic!("an event") };
    assert!(matches!(&*args.name(), "move" | "file"));
    typed(args)
}

fn their_event<T: for<'a> Deserialize<'a>>(packet: Other) -> T {
    let (PacketData::Event(mut data, Some(12)) | PacketData::BinaryEvent(mut data, Some(12))) =
        packet.inner
    else {
        panic!("an event")
    };
    assert!(matches!(CommonParser.read_event(&data).expect("a name"), "move" | "file"));
    CommonParser.decode_value(&mut data, true).expect("its type")
}

fn ours_ack<T: for<'a> Deserialize<'a>>(packet: &Packet) -> T {
    let Body::Ack { args, id: ID } = &packet.body else { panic!("an ack") };
    typed(args)
}

fn their_ack<T: for<'a> Deserialize<'a>>(packet: Other) -> T {
    let (PacketData::EventAck(mut data, 12) | PacketData::BinaryAck(mut data, 12)) = packet.inner
    else {
        panic!("an ack")
    };
    CommonParser.decode_value(&mut data, false).expect("its type")
}

fn typed<T: for<'a> Deserialize<'a>>(args: &Args) -> T {
    args.parse().expect("its type")
}

/// Each kind written.
pub fn encode() -> Vec<Operation> {
    let (admin, sid) = (NAMESPACE.parse::<NamespaceName>().expect("a name"), Sid::new());
    let value = |data: &Point, event| CommonParser.encode_value(data, event).expect("JSON");
    let whole = |data: &File, event| CommonParser.encode_value(data, event).expect("JSON");
    let (connected, text) = (ConnectPacket { sid }, sid.to_string());
    let (one, other) = (file(), file());
    [
        written(
            "CONNECT",
            &admin,
            move |admin| encode::connect(admin, &text),
            move |admin| {
                let data = CommonParser.encode_default(&connected).expect("JSON");
                Other::connect(admin, Some(data))
            },
        ),
        written("DISCONNECT", &admin, encode::disconnect, Other::disconnect),
        written(
            "EVENT",
            &admin,
            |admin| encode::event(admin, Some(ID), "move", &POINT).expect("JSON"),
            move |admin| asking(Other::event(admin, value(&POINT, Some("move")))),
        ),
        written(
            "ACK",
            &admin,
            |admin| encode::ack(admin, ID, &POINT).expect("JSON"),
            move |admin| Other::ack(admin, value(&POINT, None), 12),
        ),
        written(
            "CONNECT_ERROR",
            &admin,
            |admin| encode::connect_error(admin, "no", None),
            |admin| Other::connect_error(admin, "no"),
        ),
        written(
            "BINARY_EVENT",
            &admin,
            move |admin| encode::event(admin, Some(ID), "file", &one).expect("JSON"),
            move |admin| asking(Other::event(admin, whole(&other, Some("file")))),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn asking(mut packet: Other) -> Other {
    packet.inner.set_ack_id(12);
    packet
}

/// The same packet written by both.
fn written(
    kind: &str,
    admin: &NamespaceName,
    ours: impl Fn(&NamespaceName) -> Encoded + 'static,
    theirs: impl Fn(Str) -> Other + 'static,
) -> [Operation; 2] {
    let (work, admin, name) = (format!("encode {kind}"), admin.clone(), Str::from(NAMESPACE));
    let expected = ours(&admin);
    let (len, same) = (expected.size(), expected.clone());
    [
        Operation::new(
            (work.clone(), OURS),
            len,
            move || ours(&admin),
            move |encoded| *encoded == expected,
        ),
        Operation::new(
            (work, OXIDE),
            len,
            move || CommonParser.encode(theirs(name.clone())),
            move |value| {
                let Value::Str(text, attachments) = value else { return false };
                let attachments = attachments.iter().flatten().map(|data| data.clone().into());
                let text = Message::from(&**text);
                std::iter::once(text).chain(attachments).eq(same.messages())
            },
        ),
    ]
}
