//! Reads types from JSON that was checked before, as `serde_json` does.
//!
//! Strings, structure and plain numbers are read here, by the scanner that the check has; what is
//! rare is handed to `serde_json` in its place. Text that was not checked gives an error or some value,
//! never a panic.

mod binary;
pub(in crate::proto) mod numbers;
#[cfg(test)]
mod oracle;
mod parts;
pub(in crate::proto) mod strings;
mod typed;

use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error as _, Expected, IgnoredAny, Unexpected, Visitor};
use serde_json::Error;
use serde_json::de::SliceRead;

use super::scan::Scanner;

/// Reads a `T` from one text that was checked.
///
/// # Errors
/// Those of `serde_json`, which reads the text once more to say them.
pub(in crate::proto) fn from_checked<'de, T: Deserialize<'de>>(
    checked: &'de [u8],
) -> Result<T, Error> {
    read_alone(checked).or_else(|_| by_serde_json(checked))
}

/// As [`from_checked`], with errors that name no line and column.
#[inline]
fn read_alone<'de, T: Deserialize<'de>>(checked: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader::new(checked, &[])?;
    let value = T::deserialize(&mut reader)?;
    reader.scan.space();
    if reader.scan.at == checked.len() { Ok(value) } else { Err(fault()) }
}

#[cold]
fn by_serde_json<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Error> {
    serde_json::from_slice(text)
}

/// Reads values one after the other. Its errors name no line and column.
pub(in crate::proto) struct Reader<'de> {
    text: &'de str,
    /// Over the same text.
    scan: Scanner<'de>,
    /// Brackets that may still be opened: not the check's limit but that of `serde_json`, so that what
    /// can be read does not depend on who reads it.
    room: u8,
    /// Bytes are read from those that placeholders name, if there are any.
    attachments: &'de [Bytes],
}

impl<'de> Reader<'de> {
    pub(in crate::proto) fn new(
        checked: &'de [u8],
        attachments: &'de [Bytes],
    ) -> Result<Self, Error> {
        // Once for all strings in it, which costs less than once for each.
        let text = std::str::from_utf8(checked).map_err(Error::custom)?;
        let scan = Scanner::new(checked);
        Ok(Self { text, scan, room: DEPTH, attachments })
    }

    /// Bytes that were read.
    pub(in crate::proto) fn offset(&self) -> usize {
        self.scan.at
    }

    /// Over the value that begins at `start`, which is not ahead.
    pub(in crate::proto) fn skip_from(&mut self, start: usize) {
        self.scan.at = start.min(self.scan.at);
        self.scan.skip();
    }

    /// To the next element, if a comma stands here.
    pub(in crate::proto) fn next_element(&mut self) {
        self.scan.space();
        if self.scan.next(b',').is_some() {
            self.scan.space();
        }
    }

    /// The first byte of the next value; 0 at the end.
    #[inline]
    fn first(&mut self) -> u8 {
        self.scan.space();
        self.scan.peek().unwrap_or_default()
    }

    fn literal(&mut self, text: &str) -> Result<(), Error> {
        self.scan.literal(text.as_bytes()).ok_or_else(fault)
    }

    /// The next value, or the part of one, read by `serde_json`.
    fn by_serde_json<T>(
        &mut self,
        read: impl FnOnce(&mut Json<'de>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut json = Json::from_slice(self.scan.bytes.get(self.scan.at..).ok_or_else(fault)?);
        let value = read(&mut json);
        self.scan.at += json.into_iter::<IgnoredAny>().byte_offset();
        value
    }

    /// The next value's text, for a type that asks for it by `name`.
    fn raw<V: Visitor<'de>>(&mut self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.scan.space();
        let start = self.scan.at;
        self.scan.skip();
        let raw = self.text.get(start..self.scan.at).ok_or_else(fault)?;
        let raw = BorrowedStrDeserializer::<Error>::new(raw);
        visitor.visit_map(MapDeserializer::new(std::iter::once((name, raw))))
    }

    /// The refusal of the value that is next. As with `serde_json`, only a bracket stays unread: a type
    /// may take the error for none and read on.
    #[cold]
    #[inline(never)]
    fn mismatch(&mut self, expected: &dyn Expected) -> Error {
        match self.first() {
            b'[' => Error::invalid_type(Unexpected::Seq, expected),
            b'{' => Error::invalid_type(Unexpected::Map, expected),
            _ => match self.by_serde_json(|json| json.deserialize_any(Refused(expected))) {
                Ok(never) => match never {},
                Err(error) => error,
            },
        }
    }
}

type Json<'de> = serde_json::Deserializer<SliceRead<'de>>;

/// Takes no value at all.
struct Refused<'a>(&'a dyn Expected);

impl Visitor<'_> for Refused<'_> {
    type Value = Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Of text that is no JSON, or a type that leaves some of it.
#[cold]
fn fault() -> Error {
    Error::custom("another value, or an end, was expected")
}

/// As `serde_json` counts: the last bracket is refused.
pub(in crate::proto) const DEPTH: u8 = 128;

/// How `serde_json` asks itself for a value's text.
pub(in crate::proto) const RAW_VALUE: &str = "$serde_json::private::RawValue";
