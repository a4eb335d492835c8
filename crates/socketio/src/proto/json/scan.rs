//! The one pass over JSON text.

use std::hint::cold_path;

use super::marks::{BLOCK, find};
use super::{ArrayHead, DEEPEST, JsonError, space};

/// Walks over bytes that should be JSON.
#[derive(Clone)]
pub(in crate::proto) struct Scanner<'a> {
    pub(in crate::proto) bytes: &'a [u8],
    /// Never beyond the end.
    pub(in crate::proto) at: usize,
    /// Where the block begins that was looked at last.
    block: usize,
    /// Its bytes that end or interrupt a string, one bit each, the first lowest.
    marks: u64,
}

impl<'a> Scanner<'a> {
    pub(in crate::proto) fn new(bytes: &'a [u8]) -> Self {
        // Far from any position: no block was looked at.
        Self { bytes, at: 0, block: usize::MAX / 2, marks: 0 }
    }

    /// One whole text.
    pub(in crate::proto) fn text(self, max_depth: usize) -> Result<(), JsonError> {
        self.value(0, max_depth.min(DEEPEST))?.end()
    }

    /// One whole text that is an array.
    pub(in crate::proto) fn array(mut self, max_depth: usize) -> Result<ArrayHead, JsonError> {
        let max = max_depth.min(DEEPEST);
        self.byte(b'[').ok_or_else(|| self.fault())?;
        if max == 0 {
            return Err(JsonError::TooDeep { depth: 1, max });
        }
        self.space();
        let start = self.at;
        let mut head = ArrayHead { first: start..start, rest_at: start, ..ArrayHead::default() };
        let mut has_more = self.peek() != Some(b']');
        while has_more {
            // As the names of events are.
            if self.next(b'"').is_some() {
                self.string().ok_or_else(|| self.fault())?;
            } else {
                self = self.value(1, max)?;
            }
            head.len += 1;
            let end = self.at;
            self.space();
            has_more = self.next(b',').is_some();
            if has_more {
                self.space();
            }
            if head.len == 1 {
                (head.first.end, head.rest_at) = (end, self.at);
            }
        }
        head.end = self.at;
        self.byte(b']').ok_or_else(|| self.fault())?;
        self.end()?;
        Ok(head)
    }

    /// One value and all that is in it, behind white space; `around` brackets are open around it.
    #[inline(never)]
    fn value(self, around: usize, max: usize) -> Result<Self, JsonError> {
        // Taken apart, so that all of it is in registers while it walks.
        let Self { bytes, at, block, marks } = self;
        let mut scan = Self { bytes, at, block, marks };
        let mut depth = around;
        // Of the innermost open bracket, and of those around it.
        let (mut is_object, mut outer) = (false, [false; DEEPEST]);
        'value: loop {
            let is_due = !is_object || scan.members().ok_or_else(|| scan.fault())?;
            if is_due {
                let read = loop {
                    break match scan.peek() {
                        Some(b'"') => {
                            scan.at += 1;
                            scan.string()
                        }
                        Some(open @ (b'[' | b'{')) => {
                            if depth == max {
                                return Err(JsonError::TooDeep { depth: depth + 1, max });
                            }
                            scan.at += 1;
                            outer[depth] = is_object;
                            depth += 1;
                            is_object = open == b'{';
                            scan.space();
                            if scan.next(open + 2).is_none() {
                                continue 'value;
                            }
                            depth -= 1;
                            is_object = outer[depth];
                            Some(())
                        }
                        Some(b'-' | b'0'..=b'9') => scan.number(),
                        Some(b't') => scan.literal(b"true"),
                        Some(b'f') => scan.literal(b"false"),
                        Some(b'n') => scan.literal(b"null"),
                        Some(byte) if space(byte) => {
                            scan.skip_space();
                            continue;
                        }
                        _ => None,
                    };
                };
                read.ok_or_else(|| scan.fault())?;
            }
            // A value has ended; what stands behind it closes brackets or asks for the next.
            while depth > around {
                if scan.next(b',').is_some() {
                    continue 'value;
                }
                if scan.next(if is_object { b'}' } else { b']' }).is_some() {
                    depth -= 1;
                    is_object = outer[depth];
                } else if scan.peek().is_some_and(space) {
                    scan.skip_space();
                } else {
                    return Err(scan.fault());
                }
            }
            return Ok(scan);
        }
    }

    /// Members of an object that are strings, and the key of the first that is not. Whether its
    /// value is due: else there is none, and no comma.
    #[inline(always)]
    fn members(&mut self) -> Option<bool> {
        loop {
            self.byte(b'"')?;
            self.string()?;
            self.byte(b':')?;
            if self.next(b'"').is_none() {
                return Some(true);
            }
            self.string()?;
            if self.next(b',').is_none() {
                return Some(false);
            }
        }
    }

    fn end(mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault()) }
    }

    #[inline(always)]
    pub(in crate::proto) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    #[inline(always)]
    pub(in crate::proto) fn space(&mut self) {
        // Most texts have none.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_space();
        }
    }

    /// Apart, and asked last: what is compared beforehand stays a comparison each.
    #[inline(always)]
    pub(in crate::proto) fn skip_space(&mut self) {
        cold_path();
        self.at = behind_space(self.bytes, self.at);
    }

    /// `None`: something else stands here, the fault is at `at`. So in all that follow.
    #[inline(always)]
    pub(in crate::proto) fn next(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// As [`Scanner::next`], behind white space.
    #[inline(always)]
    pub(in crate::proto) fn byte(&mut self, byte: u8) -> Option<()> {
        if self.next(byte).is_some() {
            return Some(());
        }
        self.skip_space();
        self.next(byte)
    }

    #[inline(always)]
    pub(in crate::proto) fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(text).then(|| self.at += text.len())
    }

    /// From behind the opening quote to behind the closing one.
    #[inline(always)]
    pub(in crate::proto) fn string(&mut self) -> Option<()> {
        loop {
            self.plain();
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// To the next quote, backslash or control character, or to the end.
    ///
    /// A block is looked at once, however many strings and escapes it holds. The end is a mark.
    #[inline(always)]
    pub(in crate::proto) fn plain(&mut self) {
        let within = self.at.wrapping_sub(self.block);
        if within < BLOCK {
            let ahead = self.marks >> within;
            if ahead != 0 {
                self.at += ahead.trailing_zeros() as usize;
                return;
            }
            self.at = self.block + BLOCK;
        }
        (self.block, self.marks) = find(self.bytes, self.at);
        self.at = self.block + self.marks.trailing_zeros() as usize;
    }

    #[inline(always)]
    fn escape(&mut self) -> Option<()> {
        let escaped = *self.bytes.get(self.at + 1)?;
        self.at += if ESCAPES[usize::from(escaped)] {
            2
        } else {
            let digits = self.bytes.get(self.at + 2..self.at + 6)?;
            (escaped == b'u' && digits.iter().all(u8::is_ascii_hexdigit)).then_some(6)?
        };
        Some(())
    }

    #[inline(always)]
    pub(in crate::proto) fn number(&mut self) -> Option<()> {
        let end = number_end(self.bytes, self.at);
        self.at = end.unwrap_or_else(|fault| fault);
        end.is_ok().then_some(())
    }
}

#[inline(never)]
fn behind_space(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    at + rest.iter().position(|byte| !space(*byte)).unwrap_or(rest.len())
}

/// Where the number ends that begins at `start`, or the fault in it is.
#[inline(never)]
fn number_end(bytes: &[u8], start: usize) -> Result<usize, usize> {
    // At least one digit from `first` on.
    let digits = |first: usize| {
        let mut at = first;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at > first { Ok(at) } else { Err(at) }
    };
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let mut end = digits(first)?;
    if end > first + 1 && bytes.get(first) == Some(&b'0') {
        return Err(first + 1);
    }
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        end = digits(end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-'))))?;
    }
    Ok(end)
}

/// What may stand behind a backslash, but for `u` and its digits.
const ESCAPES: [bool; 256] = {
    let mut escapes = [false; 256];
    let mut rest: &[u8] = b"\"\\/bfnrt";
    while let [byte, behind @ ..] = rest {
        escapes[*byte as usize] = true;
        rest = behind;
    }
    escapes
};
