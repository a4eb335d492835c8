//! Checked JSON, as types: what `serde_json` reads from it and nothing else, and the errors in its words.
//! Read without `serde_json` behind it, the same values and refusals. What was read is written again as
//! `serde_json` writes it.

#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use checked_json::{AsJson, DEEPEST, Reader};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|json: &str| {
    if checked_json::check(json.as_bytes(), DEEPEST).is_err() {
        return;
    }
    if let Ok(value) = checked_json::from_checked::<Value>(json.as_bytes()) {
        let written = checked_json::to_vec(&value).expect("a value");
        assert_eq!(written, serde_json::to_vec(&value).expect("a value"));
    }
    let text = Checked(json.as_bytes());

    text.reads::<Value>();
    text.reads::<IgnoredAny>();
    text.reads::<&RawValue>();
    text.reads::<Vec<Box<RawValue>>>();
    text.reads::<Cow<'_, str>>();
    text.reads::<Vec<Option<f32>>>();
    text.reads::<(i8, u64, f64)>();
    text.reads::<BTreeMap<i64, Value>>();
    text.reads::<BTreeMap<u128, i128>>();
    text.reads::<BTreeMap<bool, char>>();
    text.reads::<BTreeMap<External, IgnoredAny>>();
    text.reads::<Struct<'_>>();
    text.reads::<Vec<Struct<'_>>>();
    text.reads::<Lenient>();
    text.reads::<Vec<External>>();
    text.reads::<Internal>();
    text.reads::<Adjacent>();
    text.reads::<Untagged<'_>>();
});

struct Checked<'a>(&'a [u8]);

impl<'de> Checked<'de> {
    fn reads<T: Deserialize<'de> + Debug>(&self) {
        let of = std::any::type_name::<T>();
        let theirs = serde_json::from_slice::<T>(self.0);
        let theirs = theirs.map(|value| format!("{value:?}")).map_err(|error| error.to_string());
        let ours = checked_json::from_checked::<T>(self.0);
        let ours = ours.map(|value| format!("{value:?}")).map_err(|error| error.to_string());
        assert_eq!(ours, theirs, "{of}");
        let mut reader = Reader::new(self.0, AsJson).expect("UTF-8");
        let alone = T::deserialize(&mut reader).map(|value| format!("{value:?}"));
        match (&alone, &theirs) {
            (Ok(alone), Ok(theirs)) => assert_eq!(alone, theirs, "{of}"),
            // What is left after the value is for the caller to see.
            (Err(_) | Ok(_), Err(_)) => {}
            (Err(_), Ok(_)) => panic!("{of}: {alone:?}, {theirs:?}"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
struct Struct<'a> {
    a: i32,
    #[serde(alias = "é\n")]
    b: Option<&'a str>,
    #[serde(borrow)]
    c: Option<&'a RawValue>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Takes a refusal for nothing, and reads on.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
struct Lenient {
    #[serde(default, deserialize_with = "or_default")]
    a: u16,
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

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum External {
    A,
    B(u8),
    C(u8, String),
    D { a: Vec<External>, b: () },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "a", rename_all = "lowercase")]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
enum Internal {
    A,
    B { b: f64 },
    C(BTreeMap<String, Value>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "a", content = "b", rename_all = "lowercase")]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
enum Adjacent {
    A,
    B(u8, Value),
    C { a: String },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
enum Untagged<'a> {
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Owned(String),
    Struct { a: [u8; 2] },
    Map(BTreeMap<String, Untagged<'a>>),
    Null(()),
    List(Vec<Untagged<'a>>),
}
