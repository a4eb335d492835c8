//! Types, with their JSON rewritten as the oracle; `encode::oracle` has more of them.

use std::collections::BTreeMap;

use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::json;

use super::*;
use crate::proto::{RawJson, encode};

#[track_caller]
fn same<T: Serialize + ?Sized>(args: &T) -> Bytes {
    let mut wire = Bytes::new();
    for (namespace, id) in [("/", None), ("/admin", Some(0)), ("/é", Some(u64::MAX))] {
        let namespace: NamespaceName = namespace.parse().unwrap();
        let json = encode::event(&namespace, id, "a \"name\"", args).unwrap();
        wire = event(&namespace, id, "a \"name\"", args).unwrap();
        assert_eq!(wire, encode(&json).unwrap());
        let json = encode::ack(&namespace, id.unwrap_or(7), args).unwrap();
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
fn lengths_have_their_shortest_form_whatever_the_type_says() {
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
                let json = encode::event(&NamespaceName::ROOT, None, "e", &args).unwrap();
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
        same(&(RawJson::new(json).unwrap(), "behind"));
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
                &encode::event_raw(
                    &admin,
                    None,
                    "from",
                    &vec![data[0].to_string().as_bytes(); len],
                )
                .unwrap(),
            ),
        };
        let sent = sent.unwrap();
        let (packed, json) = (args(&sent), args(&sent));
        assert!(packed.as_packed().is_some());
        let relayed = event_args(&admin, Some(7), "to", &packed).unwrap();
        let expected = encode::event_args(&admin, Some(7), "to", &json).unwrap();
        assert_eq!(relayed, encode(&expected).unwrap());
        let acked = ack_args(&admin, 7, &packed).unwrap();
        assert_eq!(acked, encode(&encode::ack_args(&admin, 7, &json)).unwrap());
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
