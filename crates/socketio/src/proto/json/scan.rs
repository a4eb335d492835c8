//! The one pass over JSON text.

use super::marks::{BLOCK, look};
use super::{ArrayHead, DEEPEST, JsonError, space};

/// Walks over bytes that should be JSON.
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    /// Never beyond the end.
    pub(super) at: usize,
    /// Where the block begins that was looked at last.
    block: usize,
    /// Its bytes that end or interrupt a string, one bit each, the first lowest.
    marks: u64,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        // Far from any position: no block was looked at.
        Self { bytes, at: 0, block: usize::MAX / 2, marks: 0 }
    }

    /// One whole text. `head` is filled in if it is an array.
    pub(super) fn text(mut self, max_depth: usize, head: &mut ArrayHead) -> Result<(), JsonError> {
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
                            self.key().ok_or_else(|| self.fault())?;
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
                first => self.scalar(first).ok_or_else(|| self.fault())?,
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
                            self.key().ok_or_else(|| self.fault())?;
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

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn fault(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    pub(super) fn space(&mut self) {
        // Most texts have none: one comparison rather than four.
        while self.peek().is_some_and(|b| b <= b' ' && space(b)) {
            self.at += 1;
        }
    }

    fn scalar(&mut self, first: Option<u8>) -> Option<()> {
        match first? {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => None,
        }
    }

    #[inline(always)]
    fn key(&mut self) -> Option<()> {
        self.string()?;
        self.space();
        self.byte(b':')
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(text).then(|| self.at += text.len())
    }

    /// `None`: no string, the fault is at `at`. So in all that follow.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Option<()> {
        self.byte(b'"')?;
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
    fn plain(&mut self) {
        loop {
            let within = self.at.wrapping_sub(self.block);
            if within < BLOCK {
                let ahead = self.marks >> within;
                if ahead != 0 {
                    self.at += ahead.trailing_zeros() as usize;
                    return;
                }
                self.at = self.block + BLOCK;
            }
            self.block = self.at;
            self.marks = look(&self.bytes[self.at..]);
        }
    }

    #[inline(always)]
    fn escape(&mut self) -> Option<()> {
        self.at += match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
            }
            _ => return None,
        };
        Some(())
    }

    #[inline(always)]
    fn number(&mut self) -> Option<()> {
        let (len, is_whole) = number_len(&self.bytes[self.at..]);
        self.at += len;
        is_whole.then_some(())
    }
}

/// Bytes of the number that `bytes` begin with; false when it is none beyond them.
#[inline(never)]
fn number_len(bytes: &[u8]) -> (usize, bool) {
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if bytes.get(at) == Some(&b'0') && whole > 1 {
        return (at + 1, false);
    }
    at += whole;
    if whole == 0 {
        return (at, false);
    }
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return (at, false);
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        return (at, exponent > 0);
    }
    (at, true)
}
