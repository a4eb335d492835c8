//! Types that ask in all the ways there are.
#![expect(dead_code, reason = "they are compared by what `Debug` shows")]

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Unit;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Newtype<T>(T);

#[derive(Debug, Deserialize)]
pub(super) struct Pair(i8, #[serde(default)] Option<u8>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Strict {
    a: i32,
    #[serde(alias = "é\n")]
    b: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Borrowed<'a> {
    #[serde(borrow, default)]
    pub(super) a: Cow<'a, str>,
    b: Option<&'a str>,
    #[serde(borrow, default)]
    pub(super) c: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Flat<T> {
    a: Option<Value>,
    #[serde(flatten)]
    rest: BTreeMap<String, T>,
}

/// Takes a refusal for nothing, and reads on.
#[derive(Debug, Deserialize)]
pub(super) struct Lenient {
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

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum External {
    A,
    B(u8),
    C(u8, char),
    D {
        a: u8,
        b: (),
    },
    #[serde(rename = "\\")]
    Renamed,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "a", rename_all = "lowercase")]
pub(super) enum Internal {
    A,
    X { b: f32 },
    Y(BTreeMap<String, Value>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "a", content = "b", rename_all = "lowercase")]
pub(super) enum Adjacent {
    A,
    X(u8, u8),
    Y { a: String },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Untagged<'a> {
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Owned(String),
    Struct { a: [u8; 2] },
    Map(BTreeMap<String, Self>),
    Null(()),
    List(Vec<Self>),
}

/// Asks for its text and for more, as what `serde_json` keeps as text does.
#[derive(Debug, Deserialize)]
pub(super) struct Raw {
    a: Box<RawValue>,
    b: Option<Box<RawValue>>,
}

/// Looks at nothing.
#[derive(Debug)]
pub(super) struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// Takes two elements and ignores what follows.
#[derive(Debug)]
pub(super) struct Two;

impl<'de> Deserialize<'de> for Two {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(IgnoredAny, IgnoredAny)>::deserialize(deserializer).map(|_| Self)
    }
}

/// A key that is a float.
#[derive(Debug)]
pub(super) struct Float(f64);

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
