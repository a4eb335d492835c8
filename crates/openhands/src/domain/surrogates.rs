//! JSON in which a string holds half of a surrogate pair.
//!
//! JavaScript makes such strings by cutting text between two halves, and Python reads and writes them.
//! Nobody else can: in a `String` each half becomes U+FFFD, as in the reference's own encoder.

use serde::de::DeserializeOwned;

/// Reads JSON again that `serde_json` refused with `error`, with U+FFFD in the place of halves that
/// stand alone. Callers read the text as it came first: nearly all are fine.
///
/// # Errors
/// `error`, when there was no such half or something else is wrong too.
pub(crate) fn again<T: DeserializeOwned>(
    json: &[u8],
    error: serde_json::Error,
) -> Result<T, serde_json::Error> {
    let mended = std::str::from_utf8(json).ok().map(mend).filter(|text| text.as_bytes() != json);
    mended.and_then(|text| serde_json::from_str(&text).ok()).ok_or(error)
}

/// A text with U+FFFD, escaped, in the place of each half that stands alone. The text may be anything.
pub(crate) fn mend(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                out.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // A backslash and the character that it escapes.
            (None, _) => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out + rest
}

/// The number in `\uXXXX` at the start of a text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // A sign is no digit of an escape.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<String, serde_json::Error> {
        serde_json::from_str(json).or_else(|error| again(json.as_bytes(), error))
    }

    #[test]
    fn a_half_that_stands_alone_is_replaced() {
        for (json, text) in [
            (r#""cut \ud83d""#, "cut \u{fffd}"),
            (r#""\ude00 cut""#, "\u{fffd} cut"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\\ud83d \ud83d\\""#, "\\ud83d \u{fffd}\\"),
        ] {
            assert_eq!(read(json).unwrap(), text, "{json}");
        }
        for json in ["\"\\ud83d", "\\", "\"\\+123\\ud83d\"", "\"\\é\"", "{"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_mended_without_a_panic(text in "([\\\\\"ud8c0é+]|\\\\ud83d|\\\\ude00){0,20}") {
            let mended = mend(&text);
            prop_assert_eq!(mend(&mended), mended);
        }
    }
}
