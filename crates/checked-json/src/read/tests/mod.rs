//! Types from JSON, with `serde_json` as the judge.

mod texts;
mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;

use self::texts::{COMPOUNDS, SCALARS};
use self::types::{
    Adjacent, Borrowed, External, Flat, Float, Internal, Lenient, Newtype, Nothing, Pair, Raw,
    Strict, Two, Unit, Untagged,
};
use super::*;
use crate::tests::value;
use crate::{DEEPEST, check};

/// Both read the same, or both refuse it in the same words.
#[track_caller]
fn same<'de, T: Deserialize<'de> + Debug>(text: &'de str) {
    let of = std::any::type_name::<T>();
    let theirs = serde_json::from_slice::<T>(text.as_bytes());
    let alone = read_alone::<T>(text.as_bytes());
    let words = |read: Result<T, Error>| format!("{:?}", read.map_err(|error| error.to_string()));
    assert_eq!(alone.is_ok(), theirs.is_ok(), "{of} from {text}: {alone:?}, {theirs:?}");
    if let (Ok(alone), Ok(theirs)) = (alone, &theirs) {
        assert_eq!(format!("{alone:?}"), format!("{theirs:?}"), "{of} from {text}");
    }
    assert_eq!(words(from_checked(text.as_bytes())), words(theirs), "{of} from {text}");
}

macro_rules! same_types {
    ($text:expr; $($type:ty),* $(,)?) => {
        $(same::<$type>($text);)*
    };
}

/// All the types there are.
fn all(text: &str) {
    same_types!(text;
        (), bool, char, String, &str, Cow<'_, str>, Bytes, &[u8], Value, IgnoredAny, Box<RawValue>, &RawValue,
        i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64,
        Option<i32>, Option<Option<&str>>, Option<()>, Option<Value>, Option<&RawValue>,
        Unit, Newtype<Unit>, Newtype<Value>, Newtype<Newtype<u8>>, Pair, Nothing, Two, Vec<Two>, (Nothing,),
    );
    same_types!(text;
        Vec<u8>, Vec<i64>, Vec<f32>, Vec<String>, Vec<&str>, Vec<Value>, Vec<&RawValue>, Vec<Bytes>,
        Vec<Vec<Value>>, [u8; 2], [Value; 1], (u8, u8), (Value, Value, Value), (IgnoredAny,), [(); 0],
        BTreeMap<String, Value>, BTreeMap<&str, i32>, BTreeMap<Cow<'_, str>, IgnoredAny>,
        BTreeMap<bool, Value>, BTreeMap<char, Value>, BTreeMap<i8, Value>, BTreeMap<u64, Value>,
        BTreeMap<i128, Value>, BTreeMap<u128, Value>, BTreeMap<Option<i16>, Value>, BTreeMap<Bytes, Value>,
        BTreeMap<Newtype<i32>, Value>, BTreeMap<External, Value>, BTreeMap<Unit, Value>, BTreeMap<Float, f64>, BTreeMap<(), Value>,
        BTreeMap<String, BTreeMap<String, i64>>,
    );
    same_types!(text;
        Strict, Vec<Strict>, Borrowed<'_>, Flat<Value>, Flat<f64>, Lenient, Vec<Lenient>, Raw,
        External, Vec<External>, Option<External>, Internal, Adjacent, Untagged<'_>, Vec<Untagged<'_>>,
        serde_json::Number, serde_json::Map<String, Value>, Newtype<External>, Vec<Newtype<External>>,
    );
}

#[test]
fn all_types_from_all_kinds_of_text() {
    for text in SCALARS.iter().chain(COMPOUNDS) {
        assert_eq!(check(text.as_bytes(), DEEPEST), Ok(()), "{text}");
        all(text);
        all(&format!(" {text}\n"));
        all(&format!("[{text}]"));
        all(&format!("[{text},{text}]"));
        all(&format!(r#"{{"a":{text},"b":{text},"c":{text}}}"#));
        all(&format!(r#"{{"a":1,"b":"x","c" : {text} , "d":{text}}}"#));
    }
}

#[test]
fn nesting_is_read_as_deep_as_serde_json_does() {
    for depth in [1, 2, 126, 127, 128] {
        let nested = |open: &str, close: &str| open.repeat(depth) + "1" + &close.repeat(depth);
        for text in [nested("[", "]"), nested(r#"{"a":"#, "}"), nested(r#"[{"b":"#, "}]")] {
            same::<Value>(&text);
            same::<IgnoredAny>(&text);
            same::<Box<RawValue>>(&text);
            same::<Flat<IgnoredAny>>(&text);
        }
    }
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let read: (&str, &[u8], &RawValue) = read_alone(br#"["a","b", [1] ]"#).unwrap();
    assert_eq!((read.0, read.1, read.2.get()), ("a", &b"b"[..], "[1]"));
    let read: Borrowed<'_> = read_alone(br#"{"a":"x","c":{ }}"#).unwrap();
    assert!(matches!(read.a, Cow::Borrowed("x")));
    assert_eq!(read.c.map(RawValue::get), Some("{ }"));
    let read: Borrowed<'_> = read_alone(br#"{"a":"\n"}"#).unwrap();
    assert!(matches!(read.a, Cow::Owned(text) if text == "\n"));
}

/// Never by way of `serde_json`, and never a panic.
fn read_any<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    read_alone(bytes).ok()
}

/// Short and long ones, with and without what must be escaped.
const TEXT: &str = "([a-y]{0,70}|[\\x00-\\x7fé\u{1f600}]){0,4}";

/// As by writers that leave nothing beyond ASCII as it is.
fn to_ascii(text: &str) -> String {
    let mut ascii = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => ascii.push(byte.into()),
            _ => ascii.push_str(&format!("\\u{unit:04x}")),
        }
    }
    ascii
}

proptest! {
    #[test]
    fn any_value(value in value(TEXT)) {
        for text in [value.to_string(), format!("{value:#}"), to_ascii(&value.to_string())] {
            same::<Value>(&text);
            same::<IgnoredAny>(&text);
            same::<Untagged<'_>>(&text);
            same::<&RawValue>(&text);
        }
    }

    #[test]
    fn any_member(value in value(TEXT), name in "[abc1]|true|.{0,9}") {
        let text = format!("{:#}", serde_json::json!({ name: value }));
        all(&text);
    }

    #[test]
    fn any_number(text in "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        same_types!(&text; Value, i8, u8, i32, u32, i64, u64, i128, u128, f32, f64, serde_json::Number, &RawValue);
        let key = format!("{{\"{text}\":{text}}}");
        same_types!(&key; BTreeMap<i64, f64>, BTreeMap<u8, f32>, BTreeMap<u128, Value>, BTreeMap<i128, Value>);
    }

    #[test]
    fn any_decimal(whole in 0..10_000_000_u64, fraction in "[0-9]{1,12}", sign in "-?") {
        let text = format!("{sign}{whole}.{fraction}");
        same_types!(&text; f64, f32, Value, Option<f64>, Untagged<'_>);
        same_types!(&format!("[{text},{text}]"); Vec<f64>, (f32, f64));
    }

    #[test]
    fn any_escapes(text in r#"([a-c"é]|\\[bfnrt/\\"]|\\u(d[89c]|00|e[0-9])[0-9a-fA-F]{2}){0,80}"#) {
        let text = format!("\"{}\"", text.replace("\\\"", "'").replace('"', "\\\""));
        prop_assume!(check(text.as_bytes(), 1).is_ok());
        same_types!(&text; String, &str, Cow<'_, str>, Bytes, &[u8], char, Value, External);
    }

    #[test]
    fn text_that_is_no_json_does_no_harm(
        value in value(TEXT),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4), 0..4),
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        for (at, byte, edit) in edits {
            let byte = *b"[]{},:\"\\ \n0-.eEtfnu1".get(usize::from(byte)).unwrap_or(&byte);
            let at = at.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        let read = read_any::<Value>(&bytes);
        if let Ok(value) = serde_json::from_slice(&bytes) {
            prop_assert_eq!(read, Some(value));
        }
        let _ = read_any::<IgnoredAny>(&bytes);
        let _ = read_any::<Lenient>(&bytes);
        let _ = read_any::<Vec<External>>(&bytes);
        let _ = read_any::<BTreeMap<i64, Bytes>>(&bytes);
        let _ = read_any::<BTreeMap<bool, Strict>>(&bytes);
        let _ = read_any::<Flat<Box<RawValue>>>(&bytes);
    }
}
