//! Types written as packets.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

fn wire<T: Serialize + ?Sized>(args: &T) -> String {
    text(&event(&NamespaceName::default(), None, "e", args).unwrap())
}

fn text(encoded: &Encoded) -> String {
    String::from_utf8(encoded.text().wire().to_vec()).unwrap()
}

fn admin() -> NamespaceName {
    "/admin".parse().unwrap()
}

#[derive(Serialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Serialize)]
struct Pair(i32, &'static str);

#[derive(Serialize)]
struct Newtype((i32, i32));

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
enum Shape {
    Empty,
    Disc { image: Bytes },
    Line(Point, Bytes),
    Raw(Bytes),
}

#[test]
fn a_tuple_is_several_arguments_a_unit_none_and_other_types_one() {
    assert_eq!(wire(&(1, "a", None::<i32>)), r#"42["e",1,"a",null]"#);
    assert_eq!(wire(&Pair(1, "a")), r#"42["e",1,"a"]"#);
    assert_eq!(wire(&[1, 2]), r#"42["e",1,2]"#);
    assert_eq!(wire(&((1, 2),)), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&()), r#"42["e"]"#);
    assert_eq!(wire(&Unit), r#"42["e"]"#);
    assert_eq!(wire(&((),)), r#"42["e",null]"#);
    assert_eq!(wire(&[(); 0]), r#"42["e"]"#);
    assert_eq!(wire(&None::<()>), r#"42["e",null]"#);
    assert_eq!(wire(&Some((1, 2))), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&Newtype((1, 2))), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&vec![1, 2]), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&Point { x: 1, y: 2 }), r#"42["e",{"x":1,"y":2}]"#);
    assert_eq!(wire("a\"é\n"), r#"42["e","a\"é\n"]"#);
    assert_eq!(wire(&true), r#"42["e",true]"#);
    assert_eq!(wire(&'c'), r#"42["e","c"]"#);
    assert_eq!(wire(&1.5), r#"42["e",1.5]"#);
    assert_eq!(wire(&u64::MAX), r#"42["e",18446744073709551615]"#);
    assert_eq!(wire(&Shape::Empty), r#"42["e","Empty"]"#);
    assert_eq!(wire(&format_args!("{}-{}", 1, 2)), r#"42["e","1-2"]"#);
    assert_eq!(wire(&json!({"a": [2, {}], "b": 1})), r#"42["e",{"a":[2,{}],"b":1}]"#);
    assert_eq!(wire(&json!(["one", "argument"])), r#"42["e",["one","argument"]]"#);
}

#[test]
fn raw_json_is_written_as_it_is() {
    let raw: &RawValue = serde_json::from_str(r#"{"b": 1.0, "a":[]}"#).unwrap();
    assert_eq!(wire(raw), r#"42["e",{"b": 1.0, "a":[]}]"#);
    assert_eq!(
        wire(&(raw, Bytes::from("x"))),
        r#"451-["e",{"b": 1.0, "a":[]},{"_placeholder":true,"num":0}]"#
    );
    let long = format!(r#"{{"b": "{}\\n"}}"#, "x".repeat(200));
    let raw: &RawValue = serde_json::from_str(&long).unwrap();
    assert_eq!(wire(&(raw, "y".repeat(200))), format!(r#"42["e",{long},"{}"]"#, "y".repeat(200)));
    let raw = RawJson::new(r#" {"b": 1.0} "#).unwrap();
    assert_eq!(wire(&raw), r#"42["e",{"b": 1.0}]"#);
}

#[test]
fn bytes_anywhere_become_attachments_in_order() {
    let bytes = |text: &'static str| Bytes::from(text);
    let place = |n: i32| format!(r#"{{"_placeholder":true,"num":{n}}}"#);
    let (p0, p1, p2) = (place(0), place(1), place(2));
    let check = |encoded: Encoded, wire: String, attachments: &[&str]| {
        assert_eq!(text(&encoded), wire);
        assert_eq!(encoded.attachments(), attachments);
    };
    let event = |args: &dyn Fn(&NamespaceName) -> Encoded| args(&NamespaceName::default());
    check(
        event(&|n| super::event(n, None, "e", &bytes("a")).unwrap()),
        format!(r#"451-["e",{p0}]"#),
        &["a"],
    );
    check(
        event(&|n| super::event(n, None, "e", &(bytes("a"), 1, Some(bytes("b")))).unwrap()),
        format!(r#"452-["e",{p0},1,{p1}]"#),
        &["a", "b"],
    );
    let shapes = [
        Shape::Disc { image: bytes("a") },
        Shape::Line(Point { x: 1, y: 2 }, bytes("b")),
        Shape::Raw(bytes("c")),
    ];
    check(
        super::event(&admin(), Some(7), "e", &shapes[..]).unwrap(),
        format!(
            r#"453-/admin,7["e",[{{"Disc":{{"image":{p0}}}}},{{"Line":[{{"x":1,"y":2}},{p1}]}},{{"Raw":{p2}}}]]"#
        ),
        &["a", "b", "c"],
    );
    check(ack(&admin(), 456, &(bytes("a"),)).unwrap(), format!("461-/admin,456[{p0}]"), &["a"]);
    let map = std::collections::BTreeMap::from([("k", bytes(""))]);
    check(
        ack(&NamespaceName::default(), 0, &map).unwrap(),
        format!(r#"461-0[{{"k":{p0}}}]"#),
        &[""],
    );
    let many = vec![bytes("x"); 12];
    assert!(text(&ack(&NamespaceName::default(), 1, &many).unwrap()).starts_with("4612-1[[{"));
}

#[test]
fn every_kind_of_packet_has_its_wire_form() {
    let root = NamespaceName::default();
    let data = RawJson::from_value(&json!({"code": 1})).unwrap();
    for (encoded, wire) in [
        (connect(&root, "wZX3"), r#"40{"sid":"wZX3"}"#),
        (connect(&admin(), "wZX3"), r#"40/admin,{"sid":"wZX3"}"#),
        (connect_error(&root, INVALID_NAMESPACE, None), r#"44{"message":"Invalid namespace"}"#),
        (
            connect_error(&admin(), "a \"b\"", Some(&data)),
            r#"44/admin,{"message":"a \"b\"","data":{"code":1}}"#,
        ),
        (disconnect(&root), "41"),
        (disconnect(&admin()), "41/admin,"),
        (event(&root, None, "hi", &1).unwrap(), r#"42["hi",1]"#),
        (event(&admin(), Some(456), "hi", &()).unwrap(), r#"42/admin,456["hi"]"#),
        (ack(&root, 12, "ok").unwrap(), r#"4312["ok"]"#),
        (ack(&admin(), 456, &()).unwrap(), "43/admin,456[]"),
        (event_raw(&root, None, "hi", &[]).unwrap(), r#"42["hi"]"#),
        (
            event_raw(&admin(), Some(1), "h\"i", &[b"1.50", br#"{"a": "\u00e9"}"#]).unwrap(),
            r#"42/admin,1["h\"i",1.50,{"a": "\u00e9"}]"#,
        ),
    ] {
        assert_eq!(text(&encoded), wire);
        assert_eq!(encoded.messages().count(), 1);
        assert_eq!(encoded.size(), wire.len() - 1);
    }
}

#[test]
fn text_comes_first_and_its_attachments_in_order() {
    let encoded = event(&admin(), None, "e", &(Bytes::from("ab"), Bytes::from("c"))).unwrap();
    let messages: Vec<Message> = encoded.messages().collect();
    assert_eq!(messages[0], Message::Text(encoded.text().clone()));
    assert_eq!(messages[1..], [Message::Binary("ab".into()), Message::Binary("c".into())]);
    assert_eq!(encoded.size(), encoded.text().len() + 3);
    let again = encoded.clone();
    assert_eq!(again.text().wire().as_ptr(), encoded.text().wire().as_ptr());
}

#[test]
fn reserved_names_are_not_sent() {
    let root = NamespaceName::default();
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let error = Misuse::ReservedName { name };
        assert_eq!(event_raw(&root, None, name, &[]), Err(error.clone()));
        assert!(matches!(event(&root, None, name, &()), Err(EncodeError::Misuse(e)) if e == error));
    }
    assert!(event(&root, None, "connected", &()).is_ok());
}

#[test]
fn data_that_cannot_be_json_is_an_error() {
    let root = NamespaceName::default();
    let keys = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert!(matches!(event(&root, None, "e", &keys), Err(EncodeError::Json(_))));
    assert!(matches!(event(&root, None, "e", &(1, &keys)), Err(EncodeError::Json(_))));
    assert_eq!(event_raw(&root, None, "e", &[b"\"\xff\""]), Err(Misuse::Utf8));
    assert!(matches!(RawJson::new("{"), Err(Misuse::Json(_))));
    assert_eq!(RawJson::new(&b"\"\xff\""[..]), Err(Misuse::Utf8));
}

#[test]
fn a_raw_event_is_written_without_growing_its_buffer() {
    let args = format!("\"{}\"", "a".repeat(10_000)).into_bytes();
    let size = args.len() + 1 + "name".len() + 3;
    let room = open(EVENT, 0, &admin(), Some(u64::MAX), size).capacity();
    let encoded = event_raw(&admin(), Some(u64::MAX), "name", &[&args]).unwrap();
    assert!(encoded.text().wire().len() <= room, "{} {room}", encoded.text().wire().len());
    let value: Value = serde_json::from_slice(&encoded.text().wire()[29..]).unwrap();
    assert_eq!(value[0], "name");
}

#[test]
fn a_packet_whose_size_is_known_fills_its_buffer() {
    let args = |text: &str| match crate::proto::parse(&Text::new(text), &Default::default()) {
        Ok(crate::proto::Announced {
            packet: Packet { body: Body::Event { args, .. }, .. },
            ..
        }) => args,
        other => panic!("{other:?}"),
    };
    let (some, none) = (args(r#"2["a", {"b":[1]} ,"c"]"#), args(r#"2["a"]"#));
    let root = NamespaceName::default();
    let mut packets: Vec<Encoded> = Vec::new();
    for namespace in [&root, &admin()] {
        for args in [&some, &none] {
            packets.extend([0, 9, 10, u64::MAX].map(|id| ack_args(namespace, id, args)));
            packets.push(event_args(namespace, Some(100), "name", args).unwrap());
        }
        packets.push(event_raw(namespace, None, "name", &[b"1", b"{}"]).unwrap());
        packets.push(event_raw(namespace, Some(7), "name", &[]).unwrap());
        packets.extend([None, Some("p1")].map(|pid| connect_with_pid(namespace, "wZX3", pid)));
        packets.extend([connect_v4(namespace), disconnect(namespace)]);
    }
    for packet in packets {
        let text = text(&packet);
        let (Message::Text(wire), _) = packet.into_messages() else { panic!("{text}") };
        let wire = wire.into_bytes().try_into_mut().unwrap();
        assert_eq!(wire.capacity(), wire.len(), "{text}");
    }
}
