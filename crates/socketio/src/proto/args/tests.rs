//! Arguments as types.

use std::collections::BTreeMap;

use bytes::Bytes;
use checked_json::check_array;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

fn event(args: &str) -> Args {
    let comma = if args.is_empty() { "" } else { "," };
    let json = Bytes::from(format!(r#"["name"{comma}{args}]"#));
    let head = check_array(&json, 128).unwrap();
    Args::of_event(json, head).unwrap()
}

fn ack(args: &str) -> Args {
    let json = Bytes::from(format!("[{args}]"));
    let head = check_array(&json, 128).unwrap();
    Args::of_ack(json, head)
}

fn binary(args: &str, attachments: &[&'static [u8]]) -> Args {
    let mut event = event(args);
    event.attach(attachments.iter().copied().map(Bytes::from_static).collect()).unwrap();
    event
}

#[derive(Debug, PartialEq, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Pair(i32, String);

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped((i32, String));

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Empty,
    Disc { radius: i32, image: Option<Bytes> },
    Line(Point, Point),
    Raw(Bytes),
}

#[test]
fn tuples_take_the_arguments_in_order() {
    for args in [event(r#"1,"a""#), ack(r#"1,"a""#), event(r#" 1 , "a" , {"more":[]} "#)] {
        assert_eq!(args.parse::<(i32, String)>().unwrap(), (1, "a".to_owned()));
        assert_eq!(args.parse::<(i32, &str)>().unwrap(), (1, "a"));
        assert_eq!(args.parse::<Pair>().unwrap(), Pair(1, "a".to_owned()));
        assert_eq!(args.parse::<(i32,)>().unwrap(), (1,));
        args.parse::<()>().unwrap();
        args.parse::<IgnoredAny>().unwrap();
    }
    assert_eq!(event("1,2,3").parse::<[u8; 3]>().unwrap(), [1, 2, 3]);
    event("").parse::<()>().unwrap();
}

#[test]
fn other_types_take_the_first_argument() {
    assert_eq!(event("7,8").parse::<i32>().unwrap(), 7);
    assert_eq!(event(r#"{"x":1,"y":2},3"#).parse::<Point>().unwrap(), Point { x: 1, y: 2 });
    assert_eq!(event("[1,2],3").parse::<Vec<i32>>().unwrap(), [1, 2]);
    assert_eq!(event(r#"[1,"a"]"#).parse::<Wrapped>().unwrap(), Wrapped((1, "a".to_owned())));
    assert_eq!(event("null").parse::<Option<i32>>().unwrap(), None);
    assert_eq!(event(r#""Empty""#).parse::<Shape>().unwrap(), Shape::Empty);
    assert_eq!(event("{\"a\":1.0},2").parse::<Value>().unwrap(), json!({"a": 1.0}));
    let map = event(r#"{"k":1}"#).parse::<BTreeMap<String, i32>>().unwrap();
    assert_eq!(map["k"], 1);
    assert_eq!(
        event(r#"{"b":1, "a":2.50},0"#).parse::<&RawValue>().unwrap().get(),
        r#"{"b":1, "a":2.50}"#
    );
}

#[test]
fn a_missing_argument_is_an_error_with_its_index_unless_it_is_optional() {
    let none = event("");
    assert_eq!(none.parse::<Option<i32>>().unwrap(), None);
    assert!(matches!(none.parse::<i32>(), Err(ArgsError::Missing { index: 0, len: 0 })));
    assert!(matches!(none.parse::<Value>(), Err(ArgsError::Missing { index: 0, len: 0 })));
    assert!(matches!(none.parse::<Vec<i32>>(), Err(ArgsError::Missing { index: 0, len: 0 })));
    let one = event("1");
    assert_eq!(one.parse::<(i32, Option<i32>)>().unwrap(), (1, None));
    let error = one.parse::<(i32, Option<i32>, String)>();
    assert!(matches!(error, Err(ArgsError::Missing { index: 2, len: 1 })));
}

#[test]
fn an_argument_of_another_type_is_an_error_with_its_index() {
    let args = event(r#"1,"a",[]"#);
    assert!(matches!(args.parse::<(i32, i32)>(), Err(ArgsError::Type { index: 1, .. })));
    assert!(matches!(args.parse::<String>(), Err(ArgsError::Type { index: 0, .. })));
    // JSON that a string cannot hold is an error only for the type that reads it.
    let half = event(r#"1,"\ud800""#);
    assert_eq!(half.parse::<i32>().unwrap(), 1);
    assert!(matches!(half.parse::<(i32, String)>(), Err(ArgsError::Type { index: 1, .. })));
}

#[test]
fn the_error_of_an_argument_is_that_of_serde_json() {
    let args = event("1, {\"x\":1,\n\"y\":true},[1,2,3]");
    let source = |error| match error {
        ArgsError::Type { index, source } => (index, source.to_string()),
        other => panic!("{other}"),
    };
    let point = "invalid type: boolean `true`, expected i32 at line 2 column 8";
    let error = args.parse::<(i32, Point)>().unwrap_err();
    assert_eq!(source(error), (1, point.to_owned()));
    let error = args.parse::<(i32, Value, (u8, u8))>().unwrap_err();
    assert_eq!(source(error), (2, "trailing characters at line 1 column 6".to_owned()));
    let error = args.parse::<String>().unwrap_err();
    let string = "invalid type: integer `1`, expected a string at line 1 column 1";
    assert_eq!(source(error), (0, string.to_owned()));
    // With attachments, the error is that of our own reader.
    let args = binary("1,[\"a\",2]", &[b"one"]);
    let error = args.parse::<(i32, (&str, Bytes))>().unwrap_err();
    let bytes = "invalid type: integer `2`, expected byte array";
    assert_eq!(source(error), (1, bytes.to_owned()));
}

#[test]
fn an_argument_that_a_type_refused_is_skipped() {
    struct Second(Option<i32>);
    impl<'de> Deserialize<'de> for Second {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_tuple(2, Self(None))
        }
    }
    impl<'de> Visitor<'de> for Second {
        type Value = Self;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("two arguments")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
            assert!(seq.next_element::<Point>().is_err());
            seq.next_element().map(Self)
        }
    }
    for first in [r#"{"x":1,"y":[{"y":2}]}"#, "3", "[1,2,3]"] {
        let args = event(&format!("{first} , 7"));
        assert_eq!(args.parse::<Second>().unwrap().0, Some(7), "{first}");
        let error = event(&format!("{first},true")).parse::<Second>().err();
        assert!(matches!(error, Some(ArgsError::Type { index: 1, .. })), "{error:?}");
    }
}

#[test]
fn a_type_that_looks_at_nothing_takes_its_argument() {
    #[derive(Debug)]
    struct Nothing;
    impl<'de> Deserialize<'de> for Nothing {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    let args = event(r#"{"a":[1,"],"]} , 2"#);
    assert_eq!(args.parse::<(Nothing, i32)>().unwrap().1, 2);
}

#[test]
fn bytes_receive_the_attachment_of_their_placeholder() {
    let first = r#"{"_placeholder":true,"num":0}"#;
    let second = r#"{"num":1,"_placeholder":true}"#;
    let both: &[&'static [u8]] = &[b"one", b"two"];

    let args = binary(&format!("{second},3,{first}"), both);
    let (two, three, one): (Bytes, i32, Option<Bytes>) = args.parse().unwrap();
    assert_eq!((&two[..], three, one.as_deref()), (&b"two"[..], 3, Some(&b"one"[..])));
    assert_eq!(args.attachments(), both);

    assert_eq!(binary(second, both).parse::<Bytes>().unwrap(), "two");
    let list = binary(&format!("[{first},{second},{first}]"), both).parse::<Vec<Bytes>>().unwrap();
    assert_eq!(list, ["one", "two", "one"]);
    let map = binary(&format!(r#"{{"a":{{"b":{first}}}}}"#), both);
    assert_eq!(map.parse::<BTreeMap<String, BTreeMap<String, Bytes>>>().unwrap()["a"]["b"], "one");
    let shape = binary(&format!(r#"{{"Disc":{{"radius":2,"image":{second}}}}}"#), both);
    let image = Some(Bytes::from("two"));
    assert_eq!(shape.parse::<Shape>().unwrap(), Shape::Disc { radius: 2, image });
    let shape = binary(&format!(r#"{{"Raw":{first}}}"#), both);
    assert_eq!(shape.parse::<Shape>().unwrap(), Shape::Raw("one".into()));
    let shape = binary(r#"{"Line":[{"x":1,"y":2},{"x":3,"y":4}]}"#, both);
    assert_eq!(
        shape.parse::<Shape>().unwrap(),
        Shape::Line(Point { x: 1, y: 2 }, Point { x: 3, y: 4 })
    );
}

#[test]
fn only_placeholders_are_read_as_attachments() {
    let args = binary(r#"{"_placeholder":false,"num":0},"text",[1,2],null,{"a":1}"#, &[b"one"]);
    assert!(matches!(args.parse::<(Bytes,)>(), Err(ArgsError::Type { index: 0, .. })));
    let (_, text, list, none): (IgnoredAny, Bytes, Bytes, Option<Bytes>) = args.parse().unwrap();
    assert_eq!((&text[..], &list[..], none), (&b"text"[..], &[1, 2][..], None));
    // Without attachments a placeholder is an ordinary object.
    let plain = event(r#"{"_placeholder":true,"num":0}"#);
    assert!(plain.parse::<Bytes>().is_err());
    assert_eq!(plain.parse::<Value>().unwrap(), json!({"_placeholder": true, "num": 0}));
}

#[test]
fn other_types_read_the_same_with_attachments() {
    let text = r#"-1,18446744073709551615,1.5,"a\n","b",true,null,{"b":1, "a":[]}"#;
    type All<'a> = (i8, u64, f64, String, char, bool, Option<()>, &'a RawValue);
    for args in [event(text), binary(text, &[b"unused"])] {
        let (a, b, c, d, e, f, g, raw): All<'_> = args.parse().unwrap();
        assert_eq!((a, b, c, &*d, e, f, g), (-1, u64::MAX, 1.5, "a\n", 'b', true, None));
        assert_eq!(raw.get(), r#"{"b":1, "a":[]}"#);
    }
}

#[test]
fn arguments_nested_to_the_limit_can_be_read() {
    // The array of the arguments is one level, which leaves 127.
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let args = event(&deep);
    assert!(args.parse::<Value>().is_ok());
    assert!(args.parse::<(Value,)>().is_ok());
    assert!(binary(&deep, &[b"x"]).parse::<(Value,)>().is_ok());
}

#[test]
fn raw_arguments_are_cut_as_they_came() {
    let args = event(r#" {"b":1, "a":2.50} ,[ ] "#);
    assert_eq!(args.raw(), br#"{"b":1, "a":2.50} ,[ ]"#);
    assert_eq!(args.to_raw(), args.raw());
    assert_eq!(args.iter().collect::<Vec<_>>(), [&br#"{"b":1, "a":2.50}"#[..], b"[ ]"]);
    assert_eq!((event("").raw(), event("").iter().count(), event("").len()), (&b""[..], 0, 0));
    assert_eq!((ack("").raw(), ack(" ").iter().count(), ack(" ").len()), (&b""[..], 0, 0));
}
