//! The one pass over JSON text.

use super::{ArrayHead, DEEPEST, JsonError, space};

/// Walks over bytes that should be JSON.
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    /// Never beyond the end.
    pub(super) at: usize,
}

impl Scanner<'_> {
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

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn fault(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    pub(super) fn space(&mut self) {
        while self.peek().is_some_and(space) {
            self.at += 1;
        }
    }

    fn key(&mut self) -> Result<(), JsonError> {
        self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.fault());
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, text: &[u8]) -> Result<(), JsonError> {
        if !self.bytes[self.at..].starts_with(text) {
            return Err(self.fault());
        }
        self.at += text.len();
        Ok(())
    }

    pub(super) fn string(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.fault());
        }
        self.at += 1;
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
    let borrow = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n));
    let (words, tail) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = borrow(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = borrow(word ^ (ONES * u64::from(b'\\')), 1);
        // Both are ASCII, so that one look at the top bits serves all three. A borrow can mark a
        // byte wrongly only above one that is marked rightly.
        let marks = (borrow(word, 0x20) | quote | backslash) & !word & HIGH;
        if marks != 0 {
            return i * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let plain = |b: &u8| *b >= 0x20 && *b != b'"' && *b != b'\\';
    bytes.len() - tail.len() + tail.iter().take_while(|b| plain(b)).count()
}
