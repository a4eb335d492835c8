//! JSON, checked once and left as bytes. [RFC 8259]
//!
//! One pass over the text, no allocation, no recursion: the open brackets are the bits of one
//! `u128`. Accepts exactly what `serde_json` accepts when it ignores a value, depth aside.

#[cfg(test)]
mod tests;

use std::ops::Range;

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
    Scanner { bytes, at: 0 }.text(max_depth, &mut ArrayHead::default())
}

/// As [`check`], for a text that must be an array, and tells where its parts are.
///
/// # Errors
/// As [`check`]; a text that is not an array is [`JsonError::Syntax`] at its first byte.
pub fn check_array(bytes: &[u8], max_depth: usize) -> Result<ArrayHead, JsonError> {
    let mut scanner = Scanner { bytes, at: 0 };
    scanner.space();
    if scanner.peek() != Some(b'[') {
        return Err(scanner.fault());
    }
    let mut head = ArrayHead::default();
    scanner.text(max_depth, &mut head)?;
    Ok(head)
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
    let mut scanner = Scanner { bytes: checked, at: 0 };
    let mut open = 0_usize;
    while let Some(byte) = scanner.peek() {
        match byte {
            b'"' if scanner.string().is_err() => return checked.len(),
            b'"' => {}
            b'[' | b'{' => (scanner.at, open) = (scanner.at + 1, open + 1),
            b']' | b'}' => (scanner.at, open) = (scanner.at + 1, open.saturating_sub(1)),
            _ if open > 0 => {
                scanner.at += 1;
                continue;
            }
            _ => {
                let rest = &checked[scanner.at..];
                let scalar = rest.iter().position(|b| matches!(b, b',' | b']' | b'}') || space(*b));
                return scanner.at + scalar.unwrap_or(rest.len());
            }
        }
        if open == 0 {
            break;
        }
    }
    scanner.at
}

/// Without the white space at both ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !space(*b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !space(*b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn text(mut self, max_depth: usize, head: &mut ArrayHead) -> Result<(), JsonError> {
        let max = max_depth.min(DEEPEST);
        // One bit per open bracket, the innermost lowest; set for an object.
        let mut objects = 0_u128;
        let mut depth = 0;
        'value: loop {
            self.space();
            if depth == 1 && head.len == 0 {
                head.first.start = self.at;
            }
            match self.peek() {
                Some(open @ (b'[' | b'{')) => {
                    if depth == max {
                        return Err(JsonError::TooDeep { depth: depth + 1, max });
                    }
                    self.at += 1;
                    depth += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    self.space();
                    if self.peek() != Some(open + 2) {
                        if open == b'{' {
                            self.key()?;
                        }
                        continue 'value;
                    }
                    if depth == 1 {
                        (head.first, head.rest_at, head.end) = (self.at..self.at, self.at, self.at);
                    }
                    self.at += 1;
                    depth -= 1;
                    objects >>= 1;
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(self.fault()),
            }
            // A value has ended; what stands behind it closes brackets or asks for the next.
            while depth > 0 {
                if depth == 1 {
                    head.len += 1;
                    if head.len == 1 {
                        head.first.end = self.at;
                    }
                }
                self.space();
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if depth == 1 && head.len == 1 {
                            head.rest_at = self.at;
                        }
                        if object {
                            self.key()?;
                        }
                        continue 'value;
                    }
                    Some(b']') if !object => {}
                    Some(b'}') if object => {}
                    _ => return Err(self.fault()),
                }
                if depth == 1 {
                    head.end = self.at;
                    if head.len == 1 {
                        head.rest_at = self.at;
                    }
                }
                self.at += 1;
                depth -= 1;
                objects >>= 1;
            }
            self.space();
            return if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault()) };
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    fn space(&mut self) {
        while self.peek().is_some_and(space) {
            self.at += 1;
        }
    }

    fn key(&mut self) -> Result<(), JsonError> {
        self.string()?;
        self.space();
        self.literal(b":")
    }

    fn literal(&mut self, text: &[u8]) -> Result<(), JsonError> {
        if !self.bytes[self.at..].starts_with(text) {
            return Err(self.fault());
        }
        self.at += text.len();
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.literal(b"\"")?;
        loop {
            self.at += plain_len(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(self.fault()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let len = match &self.bytes[self.at + 1..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|h| h.is_ascii_hexdigit()) => 6,
            _ => return Err(self.fault()),
        };
        self.at += len;
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return Err(self.fault());
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let len = self.bytes[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += len;
        if len == 0 { Err(self.fault()) } else { Ok(()) }
    }
}

/// Bytes before the first quote, backslash or control character: eight at a time.
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        // A borrow can mark a byte wrongly only above one that is marked rightly.
        let marks = below(word, 0x20) | quote | backslash;
        if marks != 0 {
            return i * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let plain = |b: &u8| *b >= 0x20 && *b != b'"' && *b != b'\\';
    bytes.len() - tail.len() + tail.iter().take_while(|b| plain(b)).count()
}
