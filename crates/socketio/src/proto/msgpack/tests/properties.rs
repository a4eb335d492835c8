//! Properties of the single pass: any packet is written as by way of a tree.

use std::fmt;

use bytes::Bytes;
use engineio::proto::Text;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::from_json::{PLACEHOLDERS, same, same_text};

/// Short and long ones, with and without escapes.
const TEXT: &str = "([a-y]{0,70}|[\\x00-\\x7fé\u{1f600}]){0,4}";

/// Any value, with strings and keys that match `text`.
fn value(text: &'static str) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec((text, inner), 0..6)
                .prop_map(|m| m.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// JSON as some peer may write it.
fn args() -> impl Strategy<Value = String> {
    let args = proptest::collection::vec(value(TEXT), 0..20);
    (args, any::<bool>()).prop_map(|(args, is_pretty)| {
        let args = if is_pretty {
            serde_json::to_string_pretty(&args)
        } else {
            serde_json::to_string(&args)
        };
        args.unwrap()
    })
}

proptest! {
    #[test]
    fn any_packet(args in args(), id in any::<Option<u64>>(), name in TEXT, namespace in "(/[a-zé]{0,40},)?") {
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let name = serde_json::to_string(&name).unwrap();
        for packet in [
            format!("2{namespace}{id}[{name},{args}]"),
            format!("3{namespace}7{args}"),
            format!("4{namespace}{{{name}:{args}}}"),
        ] {
            let (is_written, _) = same_text(&packet);
            prop_assert!(is_written);
        }
    }

    #[test]
    fn any_change_is_judged_as_before(
        args in args(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 0..4),
    ) {
        let mut bytes = format!("2[\"e\",{args}]").into_bytes();
        for (at, byte, edit) in edits {
            let byte = *b"[]{},:\"\\ \n0-.eEtfnud1".get(usize::from(byte)).unwrap_or(&(byte & 0x7f));
            let at = at.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let (is_written, before) = same_text(&text);
        prop_assert_eq!(is_written, before.is_ok());
    }

    #[test]
    fn any_placeholders(parts in proptest::collection::vec(prop::sample::select(PLACEHOLDERS), 0..6), args in args()) {
        let attachments: [Bytes; 2] = [vec![1; 3].into(), vec![2; 300].into()];
        let text = Text::new(&format!("52-[\"e\",[{}],{args}]", parts.join(",")));
        let (is_written, _) = same(&text, &attachments);
        prop_assert!(is_written);
    }

    #[test]
    fn soup(wire in r#"[0-6](/[a-z],)?[0-9]{0,2}\["e",[\[\]{},:"\\ u0-9eE.truefalsn-]{0,24}\]?"#) {
        let (is_written, before) = same_text(&wire);
        prop_assert_eq!(is_written, before.is_ok());
    }
}

pub(super) fn members(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(members).sum(),
        Value::Object(fields) => fields.values().map(|value| 1 + members(value)).sum(),
        _ => 0,
    }
}

/// How many members all objects have, as they were written.
pub(super) struct Members(pub(super) usize);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Count).map(Self)
    }
}

struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some(Members(inner)) = seq.next_element()? {
            count += inner;
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some((_, Members(inner))) = map.next_entry::<IgnoredAny, _>()? {
            count += 1 + inner;
        }
        Ok(count)
    }

    fn visit_bool<E>(self, _: bool) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_str<E>(self, _: &str) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }
}
