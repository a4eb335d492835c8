//! Values as Python's `repr` writes them: OpenHands 0.62 puts one into a message.

use std::fmt::Write as _;

use serde_json::Value;

/// `value` as Python prints it.
pub(super) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

// The recursion is as deep as the JSON, and serde_json reads at most 128 levels.
fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write_text(out, key);
                out.push_str(": ");
                write_value(out, item);
            }
            out.push('}');
        }
    }
}

/// Adds `text` with every character beyond ASCII as `\\uXXXX`, as Python's JSON has them. Escapes that
/// are there already stay.
pub(crate) fn push_ascii(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\u{7f}'.. => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_like_python() {
        for (value, text) in [
            (json!({"url": "x"}), "{'url': 'x'}"),
            (json!([null, true, false, 1, 1.5]), "[None, True, False, 1, 1.5]"),
            (json!("it's"), r#""it's""#),
            (json!("'\"\n\u{1}"), r#"'\'"\n\x01'"#),
            (json!({}), "{}"),
        ] {
            assert_eq!(repr(&value), text);
        }
    }
}
