//! Reads types from checked text, with the values and errors of `serde_json`.
//!
//! Strings, structure and plain numbers are read here, by the scanner that checked them; the rest is
//! handed to `serde_json` where it stands: numbers with an exponent or too many digits, escaped bytes,
//! halves of surrogate pairs, scalars of another type than asked for. The text is believed: where a
//! bracket or a comma must be it is passed, and what else stands there ends in an error. So text that
//! was not checked gives an error or some value, never a panic.
//!
//! This file has the reader itself, its strings and its numbers; `typed.rs` has what a type may ask
//! for.

#[cfg(test)]
mod tests;
mod typed;

use std::convert::Infallible;
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error as _, Expected, IgnoredAny, Unexpected, Visitor};
use serde_json::Error;
use serde_json::de::SliceRead;

use crate::{AsJson, ReadBytes, Scanner};

/// Reads a `T` from one text that was checked. Strings without escapes can be borrowed from it.
///
/// # Errors
/// Those of `serde_json`, with line and column: it reads the text once more to say them.
pub fn from_checked<'de, T: Deserialize<'de>>(checked: &'de [u8]) -> Result<T, Error> {
    read_alone(checked).or_else(|_| by_serde_json(checked))
}

/// Reads without falling back on `serde_json`. The errors name no line and column.
#[inline]
fn read_alone<'de, T: Deserialize<'de>>(checked: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader::new(checked, AsJson)?;
    let value = T::deserialize(&mut reader)?;
    reader.scan.space();
    if reader.scan.at == checked.len() { Ok(value) } else { Err(fault()) }
}

#[cold]
fn by_serde_json<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Error> {
    serde_json::from_slice(text)
}

/// Reads checked values one after the other: a [`Deserializer`](serde::Deserializer) by `&mut`.
///
/// Its errors name no line and column. For those, read again with `serde_json`, as [`from_checked`]
/// does. `B` says what a type gets that asks for bytes; see [`bytes`](crate::bytes).
///
/// ```
/// use checked_json::{AsJson, Reader};
/// use serde::Deserialize;
/// let mut reader = Reader::new(br#"1, "two""#, AsJson)?;
/// assert_eq!(u8::deserialize(&mut reader)?, 1);
/// reader.next_element();
/// assert_eq!(<&str>::deserialize(&mut reader)?, "two");
/// assert_eq!(reader.offset(), 8);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<'de, B = AsJson> {
    text: &'de str,
    /// Over the same text.
    scan: Scanner<'de>,
    /// Brackets that may still be opened. The limit is `serde_json`'s and not the check's, so that what
    /// can be read does not depend on which of the two reads it.
    room: u8,
    bytes: B,
}

impl<'de, B: ReadBytes<'de>> Reader<'de, B> {
    /// Begins at the first byte of `checked`.
    ///
    /// # Errors
    /// Text that is not UTF-8.
    pub fn new(checked: &'de [u8], bytes: B) -> Result<Self, Error> {
        // Once for all strings in the text costs less than once for each string.
        let text = std::str::from_utf8(checked).map_err(Error::custom)?;
        let scan = Scanner::new(checked);
        Ok(Self { text, scan, room: DEPTH, bytes })
    }

    /// Bytes that were read.
    pub fn offset(&self) -> usize {
        self.scan.at
    }

    /// Goes back to the value that begins at `start`, and passes it. A `start` that was not reached
    /// yet means the present place.
    pub fn skip_from(&mut self, start: usize) {
        self.scan.at = start.min(self.scan.at);
        self.scan.skip();
    }

    /// Goes on to the next element, if a comma is next.
    pub fn next_element(&mut self) {
        self.scan.space();
        if self.scan.take(b',').is_some() {
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

    /// Lets `serde_json` read the next value or a part of it, and goes on where it stopped.
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

    /// Refuses the value that is next. A scalar is passed and a bracket is not, as with `serde_json`: a
    /// type may ignore the error and read on, and must then find the same.
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

    /// The string whose opening quote is next.
    #[inline]
    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_string(self.unescape()?),
        }
    }

    /// Like [`string`](Self::string), for a type that asks for bytes: these may hold half a surrogate
    /// pair, as with `serde_json`.
    fn string_as_bytes<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            None => self.by_serde_json(|json| json.deserialize_bytes(visitor)),
        }
    }

    /// The text between the quotes, if it has no escapes. If it has, `None`, and nothing is passed.
    #[inline]
    fn plain_string(&mut self) -> Option<&'de str> {
        let quote = self.scan.at;
        self.scan.at += 1;
        self.scan.to_mark();
        let text = self.text.get(quote + 1..self.scan.at);
        let text = text.filter(|_| self.scan.take(b'"').is_some());
        if text.is_none() {
            self.scan.at = quote;
        }
        text
    }

    #[inline(never)]
    fn unescape(&mut self) -> Result<String, Error> {
        let quote = self.scan.at;
        self.scan.at += 1;
        let rest = self.scan.bytes.get(self.scan.at..).unwrap_or_default();
        // Room up to the end of the string, or up to the first escaped quote in it.
        let mut text = String::with_capacity(memchr::memchr(b'"', rest).unwrap_or_default());
        loop {
            let start = self.scan.at;
            self.scan.to_mark();
            text.push_str(self.text.get(start..self.scan.at).ok_or_else(fault)?);
            if self.scan.take(b'"').is_some() {
                return Ok(text);
            }
            let Some(character) = self.scan.unescape() else {
                // Half a surrogate pair: `serde_json` words the error, and says how far it reads.
                self.scan.at = quote;
                self.by_serde_json(|json| json.deserialize_str(IgnoredAny))?;
                return Err(fault());
            };
            text.push(character);
        }
    }

    /// A number, in the integer or float type that suits it. One that is not plain is read by `other`.
    #[inline]
    fn number<V: Visitor<'de>>(
        &mut self,
        visitor: V,
        kind: Kind,
        other: impl FnOnce(&mut Json<'de>, V) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        self.scan.space();
        match self.scan.plain_number(kind) {
            Some(Number::Unsigned(value)) => visitor.visit_u64(value),
            Some(Number::Signed(value)) => visitor.visit_i64(value),
            Some(Number::Float(value)) => visitor.visit_f64(value),
            None => self.by_serde_json(|json| other(json, visitor)),
        }
    }
}

type Json<'de> = serde_json::Deserializer<SliceRead<'de>>;

/// A visitor that refuses every value.
struct Refused<'a>(&'a dyn Expected);

impl Visitor<'_> for Refused<'_> {
    type Value = Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error for text that is not JSON, and for a type that leaves a part of its value unread.
#[cold]
fn fault() -> Error {
    Error::custom("another value, or an end, was expected")
}

/// As `serde_json` counts: the 128th bracket is refused.
const DEPTH: u8 = 128;

/// The name by which `RawValue` asks `serde_json` for a value's text.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Which kind of number a type asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An integer, or an `f32`, which `serde_json` rounds in a way of its own.
    Other,
    /// An `f64`.
    Float,
    /// Whatever `serde_json` makes of it, which is its text in some builds.
    Any,
}

/// A number in the smallest of the three types that `serde_json` has for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer from 0 to `u64::MAX`.
    Unsigned(u64),
    /// An integer from `i64::MIN` to -1.
    Signed(i64),
    /// Any other number; finite.
    Float(f64),
}

impl Scanner<'_> {
    /// Reads a number. `None` if none begins here, or if it is beyond the range of an `f64`.
    #[inline]
    pub fn number(&mut self) -> Option<Number> {
        match self.plain_number(Kind::Float) {
            Some(number) => Some(number),
            None => self.rare_number(),
        }
    }

    #[inline(never)]
    fn rare_number(&mut self) -> Option<Number> {
        let start = self.at;
        self.pass_number()?;
        let number: serde_json::Number =
            serde_json::from_slice(self.bytes.get(start..self.at)?).ok()?;
        Some(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::Unsigned(number),
            (_, Some(number)) => Number::Signed(number),
            _ => Number::Float(number.as_f64().filter(|number| number.is_finite())?),
        })
    }

    /// Reads the escape that is next: the character it stands for. `None` if none is next, or only
    /// half of a surrogate pair.
    #[inline(always)]
    pub fn unescape(&mut self) -> Option<char> {
        let rest = &self.bytes[self.at..];
        match rest {
            [b'\\', letter, ..] if LETTERS[usize::from(*letter)] != 0 => {
                self.at += 2;
                // The mask changes nothing; it tells the compiler that the character is one byte.
                Some(char::from(LETTERS[usize::from(*letter)] & 0x7f))
            }
            _ => {
                let (character, len) = unicode(rest)?;
                self.at += len;
                Some(character)
            }
        }
    }

    /// Reads a number of plain digits. `None`, and nothing is passed, if none begins here or
    /// `serde_json` has to look at it.
    #[inline]
    fn plain_number(&mut self, kind: Kind) -> Option<Number> {
        if kind == Kind::Any && *KEEPS_TEXT {
            return None;
        }
        let bytes = self.bytes;
        let is_negative = self.peek()? == b'-';
        let start = self.at + usize::from(is_negative);
        let (value, end) = digits(bytes, start, 0);
        // Not only checked numbers come here, but also keys that a type wants as numbers.
        let is_whole = end == start + 1 || end > start && bytes[start] != b'0';
        if !is_whole {
            return None;
        }
        let (end, number) = match bytes.get(end) {
            Some(b'.') if kind != Kind::Other => {
                let (end, value) = decimal(bytes, start, end, value)?;
                (end, Number::Float(if is_negative { -value } else { value }))
            }
            Some(b'.' | b'e' | b'E') => return None,
            // Nineteen digits always fit into 64 bits.
            _ if end - start > 19 => return None,
            _ if !is_negative => (end, Number::Unsigned(value)),
            // `serde_json` makes a float of -0, and of what is below `i64::MIN`.
            _ => {
                let value = 0_i64.checked_sub_unsigned(value).filter(|value| *value < 0)?;
                (end, Number::Signed(value))
            }
        };
        self.at = end;
        Some(number)
    }
}

/// The end and the value of a decimal whose digits begin at `start`; `whole` is its part before the
/// `point`.
///
/// Up to fifteen digits are exact as an `f64`, and so is the power of ten that divides them. One
/// division of exact numbers rounds to the nearest, which is what `serde_json` gives in every build
/// (`float_roundtrip` or not).
#[inline(never)]
fn decimal(bytes: &[u8], start: usize, point: usize, whole: u64) -> Option<(usize, f64)> {
    // Decimals with more than sixteen digits, such as measured times, are common: eight digits in
    // these places show one before it is read in vain.
    let last = bytes.get(start + 9..).and_then(|rest| rest.first_chunk::<8>());
    if last.is_some_and(|last| last.iter().fold(true, |all, byte| all & byte.is_ascii_digit())) {
        return None;
    }
    let (value, end) = digits(bytes, point + 1, whole);
    let (len, fraction) = (end - start - 1, end - point - 1);
    if len > 15 || fraction == 0 || matches!(bytes.get(end), Some(b'e' | b'E')) {
        return None;
    }
    Some((end, value as f64 / *POWERS.get(fraction)?))
}

/// Appends the digits from `at` on to `value`; gives the value and where they end. Wraps on overflow.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// Whether `serde_json` was built to keep the text of numbers (`arbitrary_precision`), which any crate
/// of a program can switch on.
static KEEPS_TEXT: LazyLock<bool> = LazyLock::new(|| {
    "1.50".parse::<serde_json::Number>().is_ok_and(|number| number.to_string() == "1.50")
});

const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The character of `\uXXXX` or of a surrogate pair of them, and the bytes it takes.
#[inline(never)]
fn unicode(rest: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digit =
            |value: u16, digit: &u8| Some(value << 4 | char::from(*digit).to_digit(16)? as u16);
        digits.iter().try_fold(0, digit)
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 6));
    }
    let pair = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((pair, 12))
}

/// The byte that a letter after a backslash stands for, apart from `u`; 0 for no escape.
const LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut pairs: &[[u8; 2]] =
        &[*b"\"\"", *b"\\\\", *b"//", *b"b\x08", *b"f\x0c", *b"n\n", *b"r\r", *b"t\t"];
    while let [[letter, byte], others @ ..] = pairs {
        letters[*letter as usize] = *byte;
        pairs = others;
    }
    letters
};
