//! Placeholders: `{"_placeholder":true,"num":0}` where an attachment belongs. [spec: Binary event]

use std::borrow::Cow;
use std::fmt;
use std::str;

use bytes::Bytes;
use checked_json::{ReadBytes, WriteBytes, value_len};
use serde::Deserializer as _;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};

use super::PeerError;

/// Key that marks a placeholder.
pub(crate) const MARK: &str = "_placeholder";
/// Key of its number.
pub(crate) const NUM: &str = "num";

/// The attachments that arguments came with: a type that asks for bytes where a placeholder is gets
/// the attachment that it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'de>(pub(super) &'de [Bytes]);

impl<'de> ReadBytes<'de> for Received<'de> {
    #[inline]
    fn is_used(self) -> bool {
        !self.0.is_empty()
    }

    fn read_object<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<&'de [u8]>, A::Error> {
        let (mut marked, mut num) = (false, None);
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                MARK => marked = members.next_value()?,
                NUM => num = members.next_value::<Option<usize>>()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let attachment = num.filter(|_| marked).and_then(|num| self.0.get(num));
        Ok(attachment.map(|bytes| &bytes[..]))
    }
}

/// The attachments of a packet that is being written: bytes become the next of them, and a placeholder
/// is written in their place.
#[derive(Debug)]
pub(super) struct Sent(pub(super) Vec<Bytes>);

impl WriteBytes for Sent {
    fn write_bytes(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        for part in ["{\"", MARK, "\":true,\"", NUM, "\":"] {
            text.extend_from_slice(part.as_bytes());
        }
        serde_json::to_writer(&mut *text, &self.0.len())?;
        text.push(b'}');
        self.0.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }
}

/// Checks that every placeholder in `checked` JSON names one of `attachments`, before anything is
/// read from it. Iterative, as deep as the JSON was allowed to be. (CVE-2022-2421)
pub(super) fn check(checked: &[u8], attachments: usize) -> Result<(), PeerError> {
    if are_usual(checked, attachments) { Ok(()) } else { read(checked, attachments) }
}

/// Whether all placeholders are right and written as every known client writes them: then they need
/// not be read token by token. A backslash anywhere answers no, since an escape could hide a key, or
/// put a quote inside a string.
fn are_usual(checked: &[u8], attachments: usize) -> bool {
    let is_usual = |at: usize| {
        let end = at + MARK.len();
        let rest = checked[end..].strip_prefix(b"\":true,\"num\":");
        let digits = rest.and_then(|rest| rest.split(|byte| *byte == b'}').next());
        let num = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse::<usize>().ok());
        checked[..at].ends_with(b"{\"") && num.is_some_and(|num| num < attachments)
    };
    memchr::memchr2_iter(b'\\', b'_', checked).all(|at| {
        checked[at] == b'_' && (!checked[at..].starts_with(MARK.as_bytes()) || is_usual(at))
    })
}

/// Like [`check`], for placeholders in any spelling.
fn read(checked: &[u8], attachments: usize) -> Result<(), PeerError> {
    let mut open: Vec<Frame> = Vec::new();
    let mut rest = checked;
    while let Some(byte) = rest.first() {
        // A bracket is a token of one byte; any other value is one token.
        let len = match byte {
            b'"' => value_len(rest),
            b'-' | b'0'..=b'9' | b'a'..=b'z' => value_len(rest),
            _ => 1,
        };
        let (token, after) = rest.split_at(len.max(1));
        rest = after;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' | b':' => {}
            b',' => {
                if let Some(Frame::Object { key, .. }) = open.last_mut() {
                    *key = None;
                }
            }
            b']' => drop(open.pop()),
            b'}' => {
                if let Some(Frame::Object { marked: true, num, .. }) = open.pop()
                    && num.is_none_or(|n| usize::try_from(n).is_ok_and(|n| n >= attachments))
                {
                    return Err(PeerError::Placeholder { num, attachments });
                }
            }
            _ => {
                if let Some(frame) = open.last_mut() {
                    frame.take(token);
                }
                match byte {
                    b'[' => open.push(Frame::Array),
                    b'{' => open.push(Frame::Object { key: None, marked: false, num: None }),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// What is known about an open bracket.
enum Frame {
    Array,
    /// The last of several equal keys counts, as in JavaScript.
    Object {
        key: Option<Key>,
        marked: bool,
        num: Option<u64>,
    },
}

#[derive(Clone, Copy)]
enum Key {
    Mark,
    Num,
    Other,
}

impl Frame {
    /// Takes a key, or the first token of a value.
    fn take(&mut self, token: &[u8]) {
        let Self::Object { key, marked, num } = self else { return };
        match key {
            None => {
                let name = unescape(token);
                *key = Some(match &*name {
                    name if name == MARK.as_bytes() => Key::Mark,
                    name if name == NUM.as_bytes() => Key::Num,
                    _ => Key::Other,
                });
            }
            Some(Key::Mark) => *marked = token == b"true",
            Some(Key::Num) => *num = str::from_utf8(token).ok().and_then(|n| n.parse().ok()),
            Some(Key::Other) => {}
        }
    }
}

/// The bytes that a JSON string in quotes stands for; any other value as it is.
pub(super) fn unescape(checked: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = checked.strip_prefix(b"\"").and_then(|s| s.strip_suffix(b"\"")) else {
        return checked.into();
    };
    if !inner.contains(&b'\\') {
        return inner.into();
    }
    // Bytes may hold half a surrogate pair. Nothing else can fail in a checked string.
    let mut json = serde_json::Deserializer::from_slice(checked);
    json.deserialize_bytes(Unescaped).unwrap_or_default().into()
}

struct Unescaped;

impl Visitor<'_> for Unescaped {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, and whether it is usual with two attachments.
    const WRITTEN: &[(&str, bool)] = &[
        (r#"["a",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":1}]}]"#, true),
        (r#"["a",1,"no attachment's place"]"#, true),
        (r#"["a",{"_placeholder":true,"num":2}]"#, false),
        (r#"["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":9}]"#, false),
        (r#"["a",{"_placeholder":true,"num":-1}]"#, false),
        (r#"["a",{"_placeholder":true,"num":1.0}]"#, false),
        (r#"["a",{"_placeholder":true,"num":0,"num":7}]"#, false),
        (r#"["a",{"num":7,"_placeholder":true,"num":0}]"#, false),
        (r#"["a",{"num":7,"_placeholder":true}]"#, false),
        (r#"["a",{"_placeholder":true}]"#, false),
        (r#"["a",{"_placeholder": true,"num":7}]"#, false),
        (r#"["a",{"\u005fplaceholder":true,"num":7}]"#, false),
        (r#"["a",{"_placeholder":false,"num":7},"_placeholder"]"#, false),
        (r#"["a",{"x_placeholder":true,"num":7}]"#, false),
        (r#"["a","\"{",{"_placeholder":true,"num":0}]"#, false),
    ];

    #[test]
    fn what_is_usual_is_right_token_by_token() {
        for (json, usual) in WRITTEN {
            let json = json.as_bytes();
            assert_eq!(are_usual(json, 2), *usual, "{}", String::from_utf8_lossy(json));
            assert_eq!(check(json, 2).is_ok(), read(json, 2).is_ok());
            assert!(!usual || read(json, 2).is_ok());
        }
    }
}
