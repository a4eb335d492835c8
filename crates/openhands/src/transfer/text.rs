//! JSON text between two hands: ours, without white space, and Python's, in ASCII.

use serde_json::value::RawValue;

use crate::domain::end_of_string;
use crate::domain::python::push_ascii;
use crate::domain::surrogates::mend;

/// JSON as serde_json would have written it, with numbers as they came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compact {
    pub(super) json: String,
    /// Whether something was replaced that Python writes and nobody else reads: halves of characters,
    /// and the numbers `NaN` and `Infinity`.
    pub(super) mended: bool,
}

/// Brings any JSON into that form.
///
/// # Errors
/// When it is none.
pub(super) fn compact(bytes: &[u8]) -> Result<Compact, serde_json::Error> {
    // Checks the syntax and UTF-8; what follows relies on both.
    let text = match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(text) => text.get(),
        Err(error) => {
            let mended = std::str::from_utf8(bytes).ok().and_then(without_odd_numbers);
            let compacted = compact(mended.ok_or(error)?.as_bytes())?;
            return Ok(Compact { mended: true, ..compacted });
        }
    };
    let mut out = Compact { json: String::with_capacity(text.len()), mended: false };
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let (before, from) = rest.split_at(at);
        out.json.extend(before.chars().filter(|c| !c.is_ascii_whitespace()));
        let (quoted, behind) = from.split_at(end_of_string(from));
        if quoted.contains('\\') {
            rewrite(quoted, &mut out)?;
        } else {
            out.json.push_str(quoted);
        }
        rest = behind;
    }
    out.json.extend(rest.chars().filter(|c| !c.is_ascii_whitespace()));
    Ok(out)
}

/// A text in which the numbers that JSON does not have are `null`; `None` when there are none. The
/// text need not be JSON.
fn without_odd_numbers(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let number = ODD_NUMBERS.iter().find_map(|number| rest.strip_prefix(number));
        rest = match number {
            Some(behind) => {
                found = true;
                out.push_str("null");
                behind
            }
            None => {
                let len = if rest.starts_with('"') { string_len(rest) } else { 1 };
                out.push_str(&rest[..len]);
                &rest[len..]
            }
        };
    }
    out.push_str(rest);
    found.then_some(out)
}

/// Bytes of the string at the start of a text, to its end when it is not closed.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    let mut bytes = text.bytes().enumerate().skip(1);
    let end = bytes.find(|(_, byte)| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// What Python's `json` writes for numbers that JSON does not have.
const ODD_NUMBERS: &[&str] = &["NaN", "Infinity", "-Infinity"];

/// Adds a string with the fewest escapes.
fn rewrite(quoted: &str, out: &mut Compact) -> Result<(), serde_json::Error> {
    let text: String = match serde_json::from_str(quoted) {
        Ok(text) => text,
        Err(_) => {
            out.mended = true;
            serde_json::from_str(&mend(quoted))?
        }
    };
    out.json.push_str(&serde_json::to_string(&text)?);
    Ok(())
}

/// Compact JSON as Python's `json.dumps` writes it: a blank after each comma and colon, and nothing
/// beyond ASCII.
pub(super) fn pythonic(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let mut rest = json;
    while let Some(at) = rest.find('"') {
        let (before, from) = rest.split_at(at);
        spaced(&mut out, before);
        let (quoted, behind) = from.split_at(end_of_string(from));
        push_ascii(&mut out, quoted);
        rest = behind;
    }
    spaced(&mut out, rest);
    out
}

fn spaced(out: &mut String, between: &str) {
    for c in between.chars() {
        out.push(c);
        if matches!(c, ',' | ':') {
            out.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn pythons_text_and_ours_lead_to_one_another() {
        for (python, ours) in [
            (r#"{"a": [1, 2.50, -0.0, 1e400], "b": {}}"#, r#"{"a":[1,2.50,-0.0,1e400],"b":{}}"#),
            (r#""caf\u00e9 \ud83d\ude00, x: y""#, r#""café 😀, x: y""#),
            (
                r#""\u007f \b\f\n\r\t \u001b \" \\u0041""#,
                "\"\u{7f} \\b\\f\\n\\r\\t \\u001b \\\" \\\\u0041\"",
            ),
        ] {
            let compacted = compact(python.as_bytes()).unwrap();
            assert_eq!(compacted, Compact { json: ours.to_owned(), mended: false });
            assert_eq!(pythonic(ours), python);
        }
        assert_eq!(compact(b" [ \"\\/\" ] ").unwrap().json, r#"["/"]"#);
    }

    #[test]
    fn halves_of_characters_are_mended_and_what_is_no_json_is_refused() {
        for (text, ours) in [
            (r#""a\udc80b""#, "\"a\u{fffd}b\""),
            (r#""\ud83d\ud83d\ude00""#, "\"\u{fffd}😀\""),
            (r#""\\ud800 \ud800""#, "\"\\\\ud800 \u{fffd}\""),
        ] {
            let compacted = compact(text.as_bytes()).unwrap();
            assert_eq!(compacted, Compact { json: ours.to_owned(), mended: true });
        }
        for (text, ours) in [
            ("{\"a\": NaN}", "{\"a\":null}"),
            ("[NaN, Infinity, -Infinity, -1]", "[null,null,null,-1]"),
            (
                r#"{"NaN": "Infinity \" -Infinity \\", "b": NaN}"#,
                r#"{"NaN":"Infinity \" -Infinity \\","b":null}"#,
            ),
            (r#"[NaN, "\ud800"]"#, "[null,\"\u{fffd}\"]"),
        ] {
            let compacted = compact(text.as_bytes()).unwrap();
            assert_eq!(compacted, Compact { json: ours.to_owned(), mended: true });
        }
        for text in [
            "",
            "{",
            "[1] x",
            "{\"a\": NaNa}",
            "[NaN",
            "[Infinit]",
            "\"NaN",
            "\"\\x\"",
            "{\"a\": \"b",
        ] {
            assert!(compact(text.as_bytes()).is_err(), "{text}");
        }
        assert!(compact(b"\"\xff\"").is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}|[\u{0}-\u{7f}]{0,8}|😀é".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("\\PC{0,4}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_comes_back_as_it_was(value in values()) {
            let ours = value.to_string();
            let python = pythonic(&ours);
            prop_assert!(python.is_ascii());
            prop_assert_eq!(compact(python.as_bytes()).unwrap(), Compact { json: ours, mended: false });
        }

        #[test]
        fn no_bytes_panic(bytes in "([\"\\\\ud8c0a{}:, 9-]|NaN|Infinity|é){0,40}") {
            if let Ok(compacted) = compact(bytes.as_bytes()) {
                prop_assert!(serde_json::from_str::<Value>(&compacted.json).is_ok());
            }
        }
    }
}
