//! The same data as MessagePack.

use std::fmt::Debug;

use bytes::Bytes;
use engineio::proto::Text;
use serde::Deserialize;

use crate::proto::{
    Args, ArgsError, Body, ConnectionConfig, Encoded, NamespaceName, msgpack, parse,
};

/// Arguments that are read as MessagePack, and those that became JSON before.
pub(super) struct Both {
    packed: Args,
    json: Args,
}

impl Both {
    /// None for what MessagePack cannot say: half a surrogate pair, a number that is too large. And
    /// for fractions that `serde_json` does not read to the nearest number.
    pub(super) fn of(json: &str) -> Option<Self> {
        let text = Text::new(&format!(r#"2["e",{json}]"#));
        let wire = msgpack::encode(&Encoded::from_text(text)).ok()?;
        let (json, attachments) = msgpack::decode(&wire, &ConnectionConfig::default()).unwrap();
        assert!(attachments.is_empty());
        let mut tokens = json.as_str().split(|c: char| !c.is_ascii_digit() && !"+-.e".contains(c));
        let is_rounded = |token: &str| {
            let is_number = token.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
            is_number && (token.contains('e') || token.contains('.') && token.len() > 15)
        };
        if tokens.any(is_rounded) {
            return None;
        }
        let json = parse(&json, &ConnectionConfig::default()).unwrap().packet;
        let packed =
            msgpack::plain(&wire, &ConnectionConfig::default(), NamespaceName::from_checked)
                .unwrap();
        let args = |body| match body {
            Body::Event { args, ack_id: None } => args,
            other => panic!("{other:?}"),
        };
        Some(Self { packed: args(packed.body), json: args(json.body) })
    }

    #[track_caller]
    pub(super) fn same<'de, T: Deserialize<'de> + Debug>(&'de self) {
        // An untagged type that says which of its strings are borrowed.
        let words = |read: Result<T, ArgsError>| format!("{read:?}").replace("Owned(", "Text(");
        let (packed, json) = (words(self.packed.parse()), words(self.json.parse()));
        // A string with an escape can be borrowed here, for there is no escape.
        let is_borrowed = json.contains("borrowed") && self.json.raw().contains(&b'\\');
        let of = std::any::type_name::<T>();
        let text = Bytes::copy_from_slice(self.json.raw());
        assert!(packed == json || is_borrowed, "{of} from {text:?}: {packed}, {json}");
    }
}
