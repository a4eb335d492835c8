//! Checked JSON read as types must give what `serde_json` gives, including its error texts. Next to an
//! attachment only our reader runs, so no second reading can hide what it refuses.

#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use engineio::proto::{Text, Time};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use socketio::proto::json::{self, DEEPEST};
use socketio::proto::{Args, Body, Config, RawJson, Reassembly, parse};

fuzz_target!(|json: &str| {
    if json::check(json.as_bytes(), DEEPEST).is_err() {
        return;
    }
    let raw = RawJson::new(json.to_owned()).expect("checked");
    let args = beside_an_attachment(json);
    let text = Checked { raw: &raw, args: args.as_ref() };

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

struct Checked<'a> {
    raw: &'a RawJson,
    /// `None` if the text cannot be an argument: together with the brackets around it, it is nested too
    /// deeply, or a placeholder in it names another attachment.
    args: Option<&'a Args>,
}

impl<'de> Checked<'de> {
    fn reads<T: Deserialize<'de> + Debug>(&self) {
        let of = std::any::type_name::<T>();
        let theirs = serde_json::from_slice::<T>(self.raw.as_bytes());
        let theirs = theirs.map(|value| format!("{value:?}")).map_err(|error| error.to_string());
        let ours = self.raw.parse::<T>();
        let ours = ours.map(|value| format!("{value:?}")).map_err(|error| error.to_string());
        assert_eq!(ours, theirs, "{of}");
        let Some(args) = self.args else { return };
        let alone = args.parse::<(T, IgnoredAny)>().map(|(value, _)| format!("{value:?}"));
        match (&alone, &theirs) {
            (Ok(alone), Ok(theirs)) => assert_eq!(alone, theirs, "{of}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{of}: {alone:?}, {theirs:?}"),
        }
    }
}

/// Reads it as the first of two arguments; the second is an attachment.
fn beside_an_attachment(json: &str) -> Option<Args> {
    let text = format!(r#"51-["name",{json},{{"_placeholder":true,"num":0}}]"#);
    let config = Config::default();
    let announced = parse(&Text::new(&text), &config).ok()?;
    let mut reassembly = Reassembly::default();
    let waits = reassembly.handle_text(Time::ZERO, announced, &config).expect("not waiting");
    assert_eq!(waits, None);
    let packet = reassembly.handle_binary("bytes".into(), &config).ok()?;
    match packet?.body {
        Body::Event { args, .. } => Some(args),
        other => panic!("{} is no event", other.name()),
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

/// Treats a refusal as no value, and reads on.
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
