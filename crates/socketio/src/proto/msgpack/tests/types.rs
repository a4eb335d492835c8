//! Types written and read, with their JSON as the judge.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;

use bytes::Bytes;
use engineio::proto::Text;
use serde::de::IgnoredAny;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::proto::msgpack::{self, ack, ack_args, encode, event, event_args, plain};
use crate::proto::{
    Args, ArgsError, Body, ConnectionConfig, EncodeError, Encoded, Misuse, NamespaceName, RawJson,
    encode as text, parse,
};

#[track_caller]
fn same<T: Serialize + ?Sized>(args: &T) -> Bytes {
    let mut wire = Bytes::new();
    for (namespace, id) in [("/", None), ("/admin", Some(0)), ("/é", Some(u64::MAX))] {
        let namespace: NamespaceName = namespace.parse().unwrap();
        let json = text::event(&namespace, id, "a \"name\"", args).unwrap();
        wire = event(&namespace, id, "a \"name\"", args).unwrap();
        assert_eq!(wire, encode(&json).unwrap());
        let json = text::ack(&namespace, id.unwrap_or(7), args).unwrap();
        assert_eq!(ack(&namespace, id.unwrap_or(7), args).unwrap(), encode(&json).unwrap());
    }
    wire
}

#[test]
fn arguments_are_spread() {
    same(&());
    same(&((),));
    same(&(1, "a", None::<i32>, [1, 2]));
    same(&[1.5; 3]);
    same(&[0; 14]);
    same(&[0; 15]);
    same(&[0; 16]);
    same("one");
    same(&vec![1, 2]);
    same(&json!({"b": 1, "a": [2, {}]}));
}

#[test]
fn bytes_stay_where_they_are() {
    for len in [0, 1, 255, 256, 65_535, 65_536] {
        let data = Bytes::from(vec![7; len]);
        same(&data);
        same(&(&data, 1, BTreeMap::from([("k", vec![data.clone(), data.clone()])])));
    }
}

#[test]
fn lengths_have_their_shortest_form_for_any_announced_length() {
    /// Says another length than it has, or none.
    struct Hinted(Option<usize>, usize, bool);

    impl Serialize for Hinted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let &Self(hint, len, is_map) = self;
            if is_map {
                let mut map = serializer.serialize_map(hint)?;
                (0..len).try_for_each(|n| map.serialize_entry(&n, &n))?;
                return map.end();
            }
            let mut seq = serializer.serialize_seq(hint)?;
            (0..len).try_for_each(|n| seq.serialize_element(&n))?;
            seq.end()
        }
    }

    let lens = [0, 1, 15, 16, 65_535, 65_536];
    for hint in lens.map(Some).into_iter().chain([None, Some(usize::MAX)]) {
        for len in lens {
            for is_map in [false, true] {
                let args = [Hinted(hint, len, is_map), Hinted(None, 1, is_map)];
                let json = text::event(&NamespaceName::ROOT, None, "e", &args).unwrap();
                let typed = event(&NamespaceName::ROOT, None, "e", &args).unwrap();
                assert_eq!(typed, encode(&json).unwrap());
            }
        }
    }
    for len in [0, 31, 32, 255, 256, 65_535, 65_536] {
        let text = "x".repeat(len);
        same(&BTreeMap::from([(&text, &text)]));
    }
}

#[test]
fn numbers_are_the_shortest_that_hold_them() {
    for bits in 0..=64 {
        let power = 1_i128 << bits;
        for number in [power - 1, power, power + 1, 1 - power, -power, -power - 1] {
            same(&number);
            if let Ok(number) = i64::try_from(number) {
                same(&(number, number as u64, number as i32, number as u16, number as i8));
            }
        }
    }
    for number in [0.0, -0.0, 0.1, 1e10, 1e-10, f64::MAX, f64::NAN, f64::INFINITY] {
        same(&(number, number as f32));
    }
    let tenth = event(&NamespaceName::ROOT, None, "e", &0.1_f32).unwrap();
    assert_eq!(tenth, event(&NamespaceName::ROOT, None, "e", &0.1_f64).unwrap());
}

#[test]
fn raw_json_is_rewritten() {
    for json in
        [" 1.50 ", r#"{"a":[1,{"b":"\u00e9"}],"a":2}"#, r#"[{"_placeholder":true,"num":0}]"#]
    {
        same(&(RawJson::new(json).unwrap(), "after"));
    }
}

#[derive(Serialize)]
enum Nested {
    Tuple(Box<Self>, ()),
    New(Box<Self>),
    Struct { a: Box<Self> },
    Map(BTreeMap<u8, Box<Self>>),
    Seq([Vec<Self>; 1]),
    End,
}

#[test]
fn what_cannot_be_is_refused() {
    // Brackets of each; the array of the arguments is one more.
    for (nest, brackets) in [
        ((|inner| Nested::Tuple(inner, ())) as fn(Box<Nested>) -> Nested, 2),
        (Nested::New, 1),
        (|a| Nested::Struct { a }, 2),
        (|inner| Nested::Map([(1, inner)].into()), 2),
        (|inner| Nested::Seq([vec![*inner]]), 3),
    ] {
        let nested = |depth| (0..depth).fold(Nested::End, |inner, _| nest(Box::new(inner)));
        let deepest = 126 / brackets;
        same(&nested(deepest));
        same(&(nested(deepest), nested(deepest)));
        let deeper = event(&NamespaceName::ROOT, None, "e", &nested(deepest + 1));
        assert!(matches!(deeper, Err(EncodeError::Json(_))));
    }
    let raw = |depth: usize| {
        let json = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        event(&NamespaceName::ROOT, None, "e", &RawJson::new(json).unwrap())
    };
    assert!(raw(126).is_ok());
    for refused in
        [raw(127), event(&NamespaceName::ROOT, None, "e", &RawJson::new("1e999").unwrap())]
    {
        assert!(matches!(refused, Err(EncodeError::Json(_))), "{refused:?}");
    }
    assert!(matches!(
        event(&NamespaceName::ROOT, None, "disconnect", &()),
        Err(EncodeError::Misuse(Misuse::ReservedName { name: "disconnect" }))
    ));
    assert!(ack(&NamespaceName::ROOT, 1, &BTreeMap::from([(vec![1], 1)])).is_err());
}

#[test]
fn keys_of_maps_are_strings() {
    same(&BTreeMap::from([(1.5_f64.to_bits(), ())]));
    same(&BTreeMap::from([(true, 'a'), (false, '"')]));
    same(&BTreeMap::from([(Some('é'), ())]));
}

#[test]
fn arguments_that_were_received_leave_as_they_came() {
    let config = ConnectionConfig::default();
    let args = |packet: &Bytes| match msgpack::parse(packet, &config).unwrap().body {
        Body::Event { args, .. } | Body::Ack { args, .. } => args,
        other => panic!("{other:?}"),
    };
    let admin: NamespaceName = "/admin".parse().unwrap();
    for len in [0, 1, 14, 15, 16, 70_000] {
        let data = vec![json!({"a": [1, "b", null, 0.5]}); len];
        let sent = match data.as_slice() {
            [] => event(&admin, None, "from", &()),
            // Arguments of their own.
            _ => encode(
                &text::event_raw(&admin, None, "from", &vec![data[0].to_string().as_bytes(); len])
                    .unwrap(),
            ),
        };
        let sent = sent.unwrap();
        let (packed, json) = (args(&sent), args(&sent));
        assert!(packed.as_packed().is_some());
        let relayed = event_args(&admin, Some(7), "to", &packed).unwrap();
        let expected = text::event_args(&admin, Some(7), "to", &json).unwrap();
        assert_eq!(relayed, encode(&expected).unwrap());
        let acked = ack_args(&admin, 7, &packed).unwrap();
        assert_eq!(acked, encode(&text::ack_args(&admin, 7, &json)).unwrap());
        assert_eq!(args(&acked).len(), len);
        assert!(event_args(&admin, None, "connect", &packed).is_err());
    }
    // With binary data they have become JSON and attachments.
    let sent = event(&admin, None, "from", &(1, Bytes::from("x"))).unwrap();
    let received = args(&sent);
    assert!(received.as_packed().is_none());
    assert_eq!(event_args(&admin, None, "from", &received).unwrap(), sent);
    let acked = ack(&admin, 7, &(1, Bytes::from("x"))).unwrap();
    assert_eq!(ack_args(&admin, 7, &received).unwrap(), acked);
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype<T>(T);

#[derive(Debug, Serialize, Deserialize)]
struct Pair(i8, #[serde(default)] Option<u8>);

#[derive(Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<i32>,
    #[serde(skip)]
    _never: (),
    #[serde(flatten)]
    flat: BTreeMap<String, Value>,
    last: (),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum External {
    A,
    B(u8),
    C(u8, char),
    D { a: u8, b: () },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "a", rename_all = "lowercase")]
enum Internal {
    A,
    X { b: f32 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "a", content = "b", rename_all = "lowercase")]
enum Adjacent {
    A,
    X(u8, u8),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
enum Untagged {
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Null(()),
}

#[test]
fn every_kind_of_type_is_written_as_its_json_says() {
    same(&(true, None::<u8>, Some(Some("x")), (), Newtype(Newtype('é')), Pair(1, None)));
    let flat = BTreeMap::from([("z".to_owned(), json!([1, {"a": null}]))]);
    same(&Fields { skipped: None, _never: (), flat: flat.clone(), last: () });
    same(&[Fields { skipped: Some(1), _never: (), flat, last: () }]);
    same(&[External::A, External::B(1), External::C(1, '"'), External::D { a: 1, b: () }]);
    same(&(Internal::A, Internal::X { b: 0.1 }, Adjacent::A, Adjacent::X(1, 2)));
    same(&BTreeMap::from([(External::A, ())]));
    let ip: IpAddr = "::1".parse().unwrap();
    same(&(ip, BTreeMap::from([(ip, 1)])));
}

#[test]
fn what_messagepack_would_say_otherwise_goes_by_way_of_json() {
    same(&(0.1_f32, [0.1_f32; 2], f64::NAN, f64::INFINITY));
    same(&(i128::MIN, u128::MAX, -1_i128, 1_u128));
    same(&BTreeMap::from([(1_u64, 1), (u64::MAX, 2)]));
    let raw: &RawValue = serde_json::from_str("{ \"a\" : [1.0,\"\\u00e9\"] }").unwrap();
    same(&(raw, Newtype(raw), BTreeMap::from([("raw", raw)])));
    // Sixteen bytes may be an integer of 128 bits.
    for len in [15, 16, 17] {
        same(&(Bytes::from(vec![7; len]), 1));
    }
    assert!(event(&NamespaceName::ROOT, None, "e", &(BTreeMap::from([((), 1)]),)).is_err());
}

#[test]
fn a_unit_struct_is_an_empty_array() {
    let unit = event(&NamespaceName::ROOT, None, "e", &(Unit, 1)).unwrap();
    let empty = event(&NamespaceName::ROOT, None, "e", &([(); 0], 1)).unwrap();
    assert_eq!(unit, empty);
    let none = event(&NamespaceName::ROOT, None, "e", &Unit).unwrap();
    assert_eq!(none, event(&NamespaceName::ROOT, None, "e", &()).unwrap());
}

/// Takes a refusal for nothing, and reads on.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Lenient {
    #[serde(default, deserialize_with = "or_default")]
    a: i32,
    #[serde(default, deserialize_with = "or_default")]
    b: String,
    #[serde(default, deserialize_with = "or_default")]
    c: (bool, ()),
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(T::deserialize(deserializer).unwrap_or_default())
}

/// Looks at nothing.
#[derive(Debug)]
struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// Arguments that are read as MessagePack, and those that became JSON before.
struct Both {
    packed: Args,
    json: Args,
}

impl Both {
    fn of(arg: &str) -> Self {
        let args = |body| match body {
            Body::Event { args, ack_id: None } => args,
            other => panic!("{other:?}"),
        };
        let packet = Text::new(&format!(r#"2["e",{arg},"last"]"#));
        let wire = encode(&Encoded::from_text(packet)).unwrap();
        let packed =
            plain(&wire, &ConnectionConfig::default(), NamespaceName::from_checked).unwrap();
        let (json, attachments) = msgpack::decode(&wire, &ConnectionConfig::default()).unwrap();
        assert!(attachments.is_empty());
        let json = parse(&json, &ConnectionConfig::default()).unwrap().packet;
        Self { packed: args(packed.body), json: args(json.body) }
    }

    #[track_caller]
    fn same<'de, T: Deserialize<'de> + Debug>(&'de self) {
        let words = |read: Result<T, ArgsError>| format!("{read:?}");
        assert_eq!(words(self.packed.parse()), words(self.json.parse()), "{:?}", self.json);
        let words = |read: Result<(T, &str), ArgsError>| format!("{read:?}");
        assert_eq!(words(self.packed.parse()), words(self.json.parse()), "{:?}", self.json);
    }
}

#[test]
fn every_kind_of_type_is_read_as_from_its_json() {
    for arg in [
        "null",
        "true",
        "0",
        "-1",
        "127",
        "128",
        "-129",
        "65536",
        "18446744073709551615",
        "0.5",
        "1.0",
        r#""""#,
        r#""a""#,
        r#""b""#,
        r#""1""#,
        r#""::1""#,
        "[]",
        "[1]",
        "[1,2]",
        "[true,null]",
        "[[1],[2]]",
        r#"["a","b"]"#,
        "{}",
        r#"{"a":1}"#,
        r#"{"a":"a"}"#,
        r#"{"b":2}"#,
        r#"{"c":[1,"x"]}"#,
        r#"{"c":[1]}"#,
        r#"{"d":{"a":1,"b":null}}"#,
        r#"{"d":[1,null]}"#,
        r#"{"a":null}"#,
        r#"{"1":1,"-1":2}"#,
        r#"{"true":1}"#,
        r#"{"a":"x","b":[1,2]}"#,
        r#"{"a":"x","b":1}"#,
        r#"{"a":1,"b":"x","c":[true,null]}"#,
        r#"{"a":{"b":"x"},"c":[true,null]}"#,
        r#"{"a":[1],"b":"x"}"#,
        r#"{"b":{"a":1,"b":"y"},"a":7}"#,
        r#"{"a":"wrong","b":2,"c":[true,null]}"#,
        r#"{"::1":1}"#,
    ] {
        let both = Both::of(arg);
        both.same::<()>();
        both.same::<bool>();
        both.same::<(i8, u64)>();
        both.same::<i64>();
        both.same::<u16>();
        both.same::<f64>();
        both.same::<char>();
        both.same::<&str>();
        both.same::<Option<String>>();
        both.same::<Value>();
        both.same::<IgnoredAny>();
        both.same::<Box<RawValue>>();
        both.same::<Vec<Option<i32>>>();
        both.same::<Vec<&str>>();
        both.same::<[Value; 1]>();
        both.same::<(Value, Value)>();
        both.same::<Pair>();
        both.same::<BTreeMap<String, Value>>();
        both.same::<BTreeMap<i64, Value>>();
        both.same::<BTreeMap<bool, Value>>();
        both.same::<HashMap<IpAddr, u8>>();
        both.same::<IpAddr>();
        both.same::<Untagged>();
        both.same::<Lenient>();
        both.same::<Vec<Lenient>>();
        both.same::<Nothing>();
        both.same::<Vec<Nothing>>();
        both.same::<(Nothing, u8)>();
        both.same::<BTreeMap<String, Nothing>>();
        // `rmp-serde` takes a variant's number for its name.
        if !["0", "1", "65536", "[1", r#"{"a":1"#].iter().any(|start| arg.starts_with(start)) {
            both.same::<Internal>();
            both.same::<Adjacent>();
            both.same::<External>();
            both.same::<Option<External>>();
            both.same::<Vec<External>>();
        }
    }
}
