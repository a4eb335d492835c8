//! JSON text: checked once, kept as the bytes it is, read to types and written from types.
//!
//! For programs that receive JSON, must know at once whether it is valid, and often pass it on or
//! read only part of it. What `serde_json` accepts, reads and writes is the rule for all of it: the
//! tests and fuzz targets hold this crate against `serde_json`, which also does the rare parts (128-bit
//! integers, exponents, errors with line and column).
//!
//! # What is here
//!
//! | part | entry | it does |
//! |---|---|---|
//! | check | [`check`], [`check_array`] | one pass over the text: is it JSON, nested no deeper than a limit |
//! | cut | [`elements`], [`value_len`] | finds the parts of an array without reading them |
//! | read | [`from_checked`], [`Reader`] | a [`Deserializer`](serde::Deserializer) that believes the check |
//! | write | [`to_vec`], [`Writer`], [`write_string`] | a [`Serializer`](serde::Serializer) into a buffer that may hold text already |
//! | translate | [`Scanner`] | the tokens, for code that turns JSON into another format |
//!
//! # What comes in and goes out
//!
//! Bytes come in that are UTF-8 already: the crate does not look for it in [`check`], and
//! [`Reader::new`] verifies it once per text. They go out unchanged, so number text, key order, equal
//! keys and white space survive. What was checked stays a plain `&[u8]`; there is no type for it.
//!
//! ```
//! let text = br#"{"price":1.50,"tags":["a","b"]}"#;
//! checked_json::check(text, 16)?;
//!
//! #[derive(serde::Deserialize)]
//! struct Item<'a> {
//!     price: f64,
//!     #[serde(borrow)]
//!     tags: Vec<&'a str>,
//! }
//! let item: Item<'_> = checked_json::from_checked(text)?;
//! assert_eq!((item.price, item.tags), (1.5, vec!["a", "b"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The hooks for bytes
//!
//! JSON has no byte strings. A program that carries them next to its JSON tells a [`Reader`] and a
//! [`Writer`] how, by the two traits of [`bytes`]:
//!
//! - [`ReadBytes`]: a type asks for bytes, and the JSON has an object there. The hook is given the
//!   object's members and answers with the bytes that they stand for.
//! - [`WriteBytes`]: a type writes bytes. The hook takes them and writes some JSON in their place.
//!
//! Both are type parameters, compiled for each hook. [`AsJson`], the default, adds nothing: bytes are
//! strings and arrays of numbers, as with `serde_json`, and nothing is spent on the question.
//!
//! # What must never happen
//!
//! - A panic, an endless loop or an allocation beyond the size of the text, for any bytes.
//!   Text that was not checked gives an error or some value.
//! - Recursion over text that is not read as a type: checking and skipping walk with a counter.
//! - A value that differs from `serde_json`'s. Where a type refuses, `serde_json` reads the text once
//!   more and has the last word.
//!
//! Start reading in `scan.rs` (the pass that checks), then `read/mod.rs` and `write/mod.rs`.

pub mod bytes;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;

pub use self::bytes::{AsJson, ReadBytes, WriteBytes};
pub use self::read::{Number, Reader, from_checked};
pub use self::scan::Scanner;
pub use self::write::{Open, Writer, to_vec, write_string};

/// Deepest nesting that [`check`] can follow; higher limits mean this one. `serde_json` reads types to
/// about the same depth.
pub const DEEPEST: usize = 128;

/// Text that is not JSON, or is nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON.
    #[error("not JSON at byte {at}")]
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

/// Checks that `bytes` are exactly one JSON text; white space around it is allowed.
///
/// `bytes` must be UTF-8 already: bytes above ASCII in strings are not looked at. Accepts what
/// `serde_json` accepts when it ignores a value, apart from the depth. Allocates nothing.
///
/// # Errors
/// [`JsonError::Syntax`], or [`JsonError::TooDeep`] beyond `max_depth` (at most [`DEEPEST`]).
///
/// ```
/// use checked_json::{JsonError, check};
/// assert_eq!(check(br#" {"a":[1,2.5e3,null]} "#, 2), Ok(()));
/// assert_eq!(check(br#"{"a":[1,]}"#, 2), Err(JsonError::Syntax { at: 8 }));
/// assert_eq!(check(b"[[[]]]", 2), Err(JsonError::TooDeep { depth: 3, max: 2 }));
/// ```
pub fn check(bytes: &[u8], max_depth: usize) -> Result<(), JsonError> {
    Scanner::new(bytes).text(max_depth)
}

/// Checks a text that must be an array, and tells where its parts are.
///
/// # Errors
/// Those of [`check`]; a text that is not an array is [`JsonError::Syntax`] at its first byte.
///
/// ```
/// let text = br#"["move", 3, {"y":4}]"#;
/// let head = checked_json::check_array(text, 8)?;
/// assert_eq!(&text[head.first], br#""move""#);
/// assert_eq!(&text[head.rest_at..head.end], br#"3, {"y":4}"#);
/// assert_eq!(head.len, 3);
/// # Ok::<(), checked_json::JsonError>(())
/// ```
pub fn check_array(bytes: &[u8], max_depth: usize) -> Result<ArrayHead, JsonError> {
    Scanner::new(bytes).array(max_depth)
}

/// Cuts the elements of a checked array, given the text between its brackets.
///
/// ```
/// let elements: Vec<&[u8]> = checked_json::elements(br#"1, [2,3] ,"x""#).collect();
/// assert_eq!(elements, [&b"1"[..], b"[2,3]", br#""x""#]);
/// ```
pub fn elements(checked: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = trim(checked);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (element, others) = rest.split_at(value_len(rest));
        rest = next_element(others);
        Some(element)
    })
}

/// The text after the comma at the start of `checked`; all of it if there is no comma.
pub fn next_element(checked: &[u8]) -> &[u8] {
    let rest = trim(checked);
    trim(rest.strip_prefix(b",").unwrap_or(rest))
}

/// Bytes of the value at the start of `checked`.
pub fn value_len(checked: &[u8]) -> usize {
    let mut scanner = Scanner::new(checked);
    scanner.skip();
    scanner.at
}

/// The text without the white space at both ends.
pub fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_space(*b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_space(*b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// Whether JSON takes `byte` for white space.
#[inline]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
