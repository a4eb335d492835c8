//! JSON, checked once and left as bytes. [RFC 8259]
//!
//! One pass over the text, no allocation, no recursion: the open brackets are the bits of one
//! `u128`. Accepts exactly what `serde_json` accepts when it ignores a value, depth aside.

pub(super) mod marks;
pub(super) mod read;
pub(super) mod scan;
mod skip;
#[cfg(test)]
pub(super) mod tests;

use std::ops::Range;

use self::scan::Scanner;

/// Deepest nesting that [`check`] can follow, whatever limit it is given. Typed reading by
/// `serde_json` stops at the same depth.
pub const DEEPEST: usize = 128;

/// Text that is no JSON, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON.
    #[error("no JSON at byte {at}")]
    Syntax {
        /// Bytes before the fault.
        at: usize,
    },
    /// More open brackets than the limit.
    #[error("JSON nested {depth} deep, the limit is {max}")]
    TooDeep {
        /// Brackets open where reading stopped.
        depth: usize,
        /// The limit.
        max: usize,
    },
}

/// Where the parts of a top-level array are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrayHead {
    /// The first element; empty for an empty array.
    pub first: Range<usize>,
    /// Where the second element begins; `end` when there is none.
    pub rest_at: usize,
    /// The closing bracket.
    pub end: usize,
    /// Number of elements.
    pub len: usize,
}

/// Checks that `bytes` are exactly one JSON text, white space around it allowed.
///
/// `bytes` are UTF-8 already; strings are not checked for it again.
///
/// # Errors
/// [`JsonError::Syntax`], or [`JsonError::TooDeep`] beyond `max_depth` (at most [`DEEPEST`]).
///
/// ```
/// use socketio::proto::json::{self, JsonError};
/// assert_eq!(json::check(br#" {"a":[1,2.5e3,null]} "#, 2), Ok(()));
/// assert_eq!(json::check(br#"{"a":[1,]}"#, 2), Err(JsonError::Syntax { at: 8 }));
/// assert_eq!(json::check(b"[[[]]]", 2), Err(JsonError::TooDeep { depth: 3, max: 2 }));
/// ```
pub fn check(bytes: &[u8], max_depth: usize) -> Result<(), JsonError> {
    Scanner::new(bytes).text(max_depth)
}

/// As [`check`], for a text that must be an array, and tells where its parts are.
///
/// # Errors
/// As [`check`]; a text that is not an array is [`JsonError::Syntax`] at its first byte.
pub fn check_array(bytes: &[u8], max_depth: usize) -> Result<ArrayHead, JsonError> {
    Scanner::new(bytes).array(max_depth)
}

/// Cuts the elements of an array that was checked: the text between its brackets.
pub(crate) fn elements(checked: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = trim(checked);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (element, behind) = rest.split_at(value_len(rest));
        rest = next_element(behind);
        Some(element)
    })
}

/// What follows the comma at the start of `checked`, if there is one.
pub(crate) fn next_element(checked: &[u8]) -> &[u8] {
    let behind = trim(checked);
    trim(behind.strip_prefix(b",").unwrap_or(behind))
}

/// Bytes of the value at the start of `checked`.
pub(crate) fn value_len(checked: &[u8]) -> usize {
    let mut scanner = Scanner::new(checked);
    scanner.skip();
    scanner.at
}

/// Without the white space at both ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !space(*b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !space(*b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

pub(super) fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
