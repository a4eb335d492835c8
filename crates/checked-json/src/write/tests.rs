//! Types as JSON, with `serde_json` as the judge.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::value::RawValue;

use super::{to_vec, write_string};
use crate::tests::value;

/// Both write the same, or neither can.
#[track_caller]
fn same<T: Serialize + ?Sized>(value: &T) {
    let text = |json| String::from_utf8(json).unwrap();
    assert_eq!(to_vec(value).ok().map(text), serde_json::to_string(value).ok());
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype<T>(T);

#[derive(Serialize)]
struct Pair(i8, Option<u8>);

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Fields<T> {
    #[serde(
        rename = "a \"name\"\n, and a long one: it does not fit into a block of sixty-four bytes"
    )]
    renamed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<i32>,
    #[serde(skip)]
    _never: (),
    #[serde(flatten)]
    flat: BTreeMap<String, T>,
    last: T,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum External {
    Unit,
    New(u8),
    Tuple(u8, char),
    Struct {
        a: u8,
        b: (),
    },
    #[serde(rename = "\\")]
    Renamed,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Internal {
    Unit,
    Struct { a: f32 },
}

#[derive(Serialize)]
#[serde(tag = "type", content = "content")]
enum Adjacent {
    Unit,
    Tuple(u8, u8),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged {
    Text(&'static str),
    Struct { a: [u8; 2] },
}

/// As numbers of any length come where `serde_json` keeps them.
struct Number(&'static str);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut number = serializer.serialize_struct("$serde_json::private::Number", 1)?;
        number.serialize_field("$serde_json::private::Number", self.0)?;
        number.end()
    }
}

#[test]
fn scalars() {
    for value in [i128::MIN, i64::MIN.into(), -1, 0, u64::MAX.into(), i128::MAX] {
        same(&value);
    }
    same(&(u128::MAX, u8::MAX, i8::MIN, u16::MAX, i16::MIN, u32::MAX, i32::MIN));
    for value in [0.0, -0.0, 1.0, 1e21, 1e-7, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, f64::MAX]
    {
        same(&value);
        same(&(value as f32));
    }
    same(&(true, false, (), None::<u8>, Some(1), Some(Some("x")), Unit, Newtype(Unit)));
    for value in ['a', '"', '\\', '\n', '\u{1f}', '\u{7f}', 'é', '\u{1f600}'] {
        same(&value);
        same(&format_args!("{value}-{value}{}", "\"x".repeat(40)));
    }
}

#[test]
fn compounds() {
    same(&(Pair(1, None), [1; 3], vec![vec![(); 2]; 2], Vec::<u8>::new(), [(); 0], Empty {}));
    let flat = |key: &str| BTreeMap::from([(key.to_owned(), 1), ("z".to_owned(), 2)]);
    same(&Fields { renamed: true, skipped: None, _never: (), flat: flat("\t"), last: 7 });
    same(&Fields { renamed: true, skipped: Some(1), _never: (), flat: BTreeMap::new(), last: 7 });
    same(&[External::Unit, External::New(1), External::Tuple(1, '"'), External::Renamed]);
    same(&Newtype(External::Struct { a: 1, b: () }));
    same(&(Internal::Unit, Internal::Struct { a: 0.1 }, Adjacent::Unit, Adjacent::Tuple(1, 2)));
    same(&(Untagged::Text("\""), Untagged::Struct { a: [1, 2] }));
    let raw: &RawValue = serde_json::from_str("{ \"a\" : [1.0e5,\"\\u00e9\"] }").unwrap();
    same(&(raw, [raw, raw], Newtype(raw), BTreeMap::from([("raw", raw)])));
    same(&(Number("1"), [Number("2")]));
}

#[test]
fn keys_of_maps() {
    same(&BTreeMap::from([("", 1), ("\"", 2), ("b", 3)]));
    same(&BTreeMap::from([(1_u64, 1), (u64::MAX, 2)]));
    same(&BTreeMap::from([(i128::MIN, 1), (0, 2)]));
    same(&BTreeMap::from([(true, 'a'), (false, '"')]));
    same(&BTreeMap::from([('a', BTreeMap::from([('"', ())])), ('b', BTreeMap::new())]));
    same(&BTreeMap::from([(External::Unit, ()), (External::Renamed, ())]));
    // These are refused.
    same(&BTreeMap::from([(External::New(1), ())]));
    same(&BTreeMap::from([(External::Struct { a: 1, b: () }, ())]));
    same(&BTreeMap::from([((), 1)]));
    same(&BTreeMap::from([((1, 2), 1)]));
    same(&BTreeMap::from([(vec![1], 1)]));
    same(&BTreeMap::from([(None::<u8>, 1)]));
    same(&BTreeMap::from([(Some(1), 1)]));
}

/// A map with one key of any type.
struct Under<K>(K);

impl<K: Serialize> Serialize for Under<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, 1)])
    }
}

#[test]
fn keys_that_few_types_have() {
    for float in [0.5, -0.0, 1e300, f64::NAN, f64::NEG_INFINITY] {
        same(&Under(float));
        same(&Under(float as f32));
    }
    same(&Under(Newtype("\"")));
    same(&Under(Some(Newtype('é'))));
    same(&Under(format_args!("{}\n", 1)));
    same(&(Under(i8::MIN), Under(u8::MAX), Under(i16::MIN), Under(u16::MAX)));
    same(&(Under(i32::MIN), Under(u32::MAX), Under(i64::MIN), Under(u128::MAX)));
    // Without a hook bytes are numbers.
    same(&Bytes::from("x"));
    // These are refused.
    same(&Under(Unit));
    same(&Under(Bytes::from("x")));
    same(&Under(Pair(1, None)));
    same(&Under(External::Tuple(1, 'a')));
    same(&Under(Fields {
        renamed: true,
        skipped: None,
        _never: (),
        flat: BTreeMap::new(),
        last: 7,
    }));
    same(&Under(BTreeMap::from([(1, 1)])));
}

/// Short and long ones, with and without what must be escaped.
const TEXT: &str = "([a-y]{0,70}|[\\x00-\\x7fé\u{1f600}]){0,4}";

proptest! {
    #[test]
    fn any_value(value in value(TEXT)) {
        same(&value);
    }

    #[test]
    fn any_struct(keys in proptest::collection::btree_map(".{0,20}", value(TEXT), 0..5), last in value(TEXT)) {
        same(&Fields { renamed: false, skipped: None, _never: (), flat: keys, last });
    }
}

#[test]
fn every_character_is_escaped_as_serde_json_does() {
    for text in (0..0x2000).filter_map(char::from_u32).map(|c| format!("a{c}b")) {
        let mut wire = Vec::new();
        write_string(&mut wire, &text);
        assert_eq!(wire, serde_json::to_vec(&text).unwrap());
    }
}

proptest! {
    #[test]
    fn strings_are_written_as_serde_json_does(text in "([a-y]{0,70}|[\\x00-\\x7fé\u{1f600}]){0,6}") {
        let mut wire = Vec::new();
        write_string(&mut wire, &text);
        prop_assert_eq!(wire, serde_json::to_vec(&text).unwrap());
    }
}
