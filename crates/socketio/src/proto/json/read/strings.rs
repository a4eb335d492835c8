//! Strings: borrowed where nothing is escaped, else put together.

use serde::de::{Deserializer, IgnoredAny, Visitor};
use serde_json::Error;

use super::{Reader, fault};

impl<'de> Reader<'de> {
    /// The string whose opening quote is next.
    #[inline]
    pub(super) fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_string(self.unescape()?),
        }
    }

    /// As [`Reader::string`], for a type that asks for bytes: half a surrogate pair is allowed in them.
    pub(super) fn string_as_bytes<V: Visitor<'de>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            None => self.by_serde_json(|json| json.deserialize_bytes(visitor)),
        }
    }

    /// None, and nothing is read, if it is not the same without its quotes.
    #[inline]
    fn plain_string(&mut self) -> Option<&'de str> {
        let quote = self.scan.at;
        self.scan.at += 1;
        self.scan.plain();
        let text = self.text.get(quote + 1..self.scan.at);
        let text = text.filter(|_| self.scan.next(b'"').is_some());
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
        // To the end of the string, or to the first quote in it.
        let mut text = String::with_capacity(memchr::memchr(b'"', rest).unwrap_or_default());
        loop {
            let start = self.scan.at;
            self.scan.plain();
            text.push_str(self.text.get(start..self.scan.at).ok_or_else(fault)?);
            if self.scan.next(b'"').is_some() {
                return Ok(text);
            }
            let rest = self.scan.bytes.get(self.scan.at..).unwrap_or_default();
            match rest {
                [b'\\', letter, ..] if LETTERS[usize::from(*letter)] != 0 => {
                    // All of them are ASCII, which makes a byte of them without a look at it.
                    text.push(char::from(LETTERS[usize::from(*letter)] & 0x7f));
                    self.scan.at += 2;
                }
                _ => match unicode(rest) {
                    Some((character, len)) => {
                        text.push(character);
                        self.scan.at += len;
                    }
                    // Half a surrogate pair: `serde_json` says so, and how far it reads.
                    None => {
                        self.scan.at = quote;
                        self.by_serde_json(|json| json.deserialize_str(IgnoredAny))?;
                        return Err(fault());
                    }
                },
            }
        }
    }
}

/// The character of `\uXXXX`, or of a pair of them.
#[inline(never)]
pub(in crate::proto) fn unicode(rest: &[u8]) -> Option<(char, usize)> {
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

/// What a letter behind a backslash stands for, but for `u`.
pub(in crate::proto) const LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut pairs: &[[u8; 2]] =
        &[*b"\"\"", *b"\\\\", *b"//", *b"b\x08", *b"f\x0c", *b"n\n", *b"r\r", *b"t\t"];
    while let [[letter, byte], behind @ ..] = pairs {
        letters[*letter as usize] = *byte;
        pairs = behind;
    }
    letters
};
