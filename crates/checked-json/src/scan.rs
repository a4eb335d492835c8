//! The one pass over JSON text, and what the reader and translators walk with.
//!
//! Strings are most of a text. Their ends are found 64 bytes at a time: each byte of a block is
//! compared at once, and the answer is a `u64` with one bit per byte (a *mark*) for a quote, a
//! backslash or a control character. The scanner keeps the marks of the block it looked at last, so
//! that short strings that share a block cost one look together.

use std::hint::cold_path;

use wide::u8x16;

use crate::{ArrayHead, DEEPEST, JsonError, is_space};

/// Walks over JSON text token by token, for code that translates JSON into another form.
///
/// A token that is not there gives `None`, and [`offset`](Self::offset) is then the place of the
/// fault. Whoever walks keeps track of the structure (brackets, commas, colons and their nesting);
/// the scanner knows what strings, numbers, literals and white space look like.
///
/// ```
/// use checked_json::{Number, Scanner};
/// let mut scanner = Scanner::new(br#"["a\n", 7]"#);
/// scanner.take(b'[').unwrap();
/// scanner.take(b'"').unwrap();
/// assert_eq!(scanner.plain(), b"a");
/// assert_eq!(scanner.unescape(), Some('\n'));
/// assert!(scanner.plain().is_empty());
/// scanner.take(b'"').unwrap();
/// scanner.take(b',').unwrap();
/// scanner.space();
/// assert_eq!(scanner.number(), Some(Number::Unsigned(7)));
/// ```
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    pub(crate) bytes: &'a [u8],
    /// Never beyond the end.
    pub(crate) at: usize,
    /// Where the block begins that was looked at last.
    block: usize,
    /// Its bytes that end or interrupt a string, one bit each, the first byte's lowest.
    marks: u64,
}

impl<'a> Scanner<'a> {
    /// Begins at the first byte of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        // This block is far from any position: none was looked at.
        Self { bytes, at: 0, block: usize::MAX / 2, marks: 0 }
    }

    /// All the text, from its first byte.
    #[inline(always)]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes passed so far; at most the length of the text.
    #[inline(always)]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// One whole text.
    pub(crate) fn text(self, max_depth: usize) -> Result<(), JsonError> {
        self.value(0, max_depth.min(DEEPEST))?.end()
    }

    /// One whole text that is an array.
    pub(crate) fn array(mut self, max_depth: usize) -> Result<ArrayHead, JsonError> {
        let max = max_depth.min(DEEPEST);
        self.take_spaced(b'[').ok_or_else(|| self.fault())?;
        if max == 0 {
            return Err(JsonError::TooDeep { depth: 1, max });
        }
        self.space();
        let start = self.at;
        let mut head = ArrayHead { first: start..start, rest_at: start, ..ArrayHead::default() };
        let mut has_more = self.peek() != Some(b']');
        while has_more {
            // Strings need no walk over brackets. The first element of many arrays is one.
            if self.take(b'"').is_some() {
                self.string().ok_or_else(|| self.fault())?;
            } else {
                self = self.value(1, max)?;
            }
            head.len += 1;
            let end = self.at;
            self.space();
            has_more = self.take(b',').is_some();
            if has_more {
                self.space();
            }
            if head.len == 1 {
                (head.first.end, head.rest_at) = (end, self.at);
            }
        }
        head.end = self.at;
        self.take_spaced(b']').ok_or_else(|| self.fault())?;
        self.end()?;
        Ok(head)
    }

    /// Passes one value and all that is in it, after white space; `around` brackets are open around
    /// it.
    ///
    /// No recursion: of each open bracket one `bool` is kept, in an array of fixed size.
    #[inline(never)]
    fn value(self, around: usize, max: usize) -> Result<Self, JsonError> {
        // A local copy whose address is not taken: the compiler keeps its fields in registers.
        let Self { bytes, at, block, marks } = self;
        let mut scan = Self { bytes, at, block, marks };
        let mut depth = around;
        // Whether the innermost open bracket is an object's, and each of those around it.
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
                            if scan.take(open + 2).is_none() {
                                continue 'value;
                            }
                            depth -= 1;
                            is_object = outer[depth];
                            Some(())
                        }
                        Some(b'-' | b'0'..=b'9') => scan.pass_number(),
                        Some(b't') => scan.literal(b"true"),
                        Some(b'f') => scan.literal(b"false"),
                        Some(b'n') => scan.literal(b"null"),
                        Some(byte) if is_space(byte) => {
                            scan.skip_space();
                            continue;
                        }
                        _ => None,
                    };
                };
                read.ok_or_else(|| scan.fault())?;
            }
            // A value has ended. What follows closes brackets or announces the next value.
            while depth > around {
                if scan.take(b',').is_some() {
                    continue 'value;
                }
                if scan.take(if is_object { b'}' } else { b']' }).is_some() {
                    depth -= 1;
                    is_object = outer[depth];
                } else if scan.peek().is_some_and(is_space) {
                    scan.skip_space();
                } else {
                    return Err(scan.fault());
                }
            }
            return Ok(scan);
        }
    }

    /// Passes members of an object while their values are strings, then the key of the first whose
    /// value is not. Gives whether a value is due now; if not, the last value has no comma after it.
    #[inline(always)]
    fn members(&mut self) -> Option<bool> {
        loop {
            self.take_spaced(b'"')?;
            self.string()?;
            self.take_spaced(b':')?;
            if self.take(b'"').is_none() {
                return Some(true);
            }
            self.string()?;
            if self.take(b',').is_none() {
                return Some(false);
            }
        }
    }

    fn end(mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault()) }
    }

    /// The next byte.
    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes over the value that begins here, in text that was checked.
    ///
    /// Does not recurse. In text that was not checked it stops somewhere within it.
    pub(crate) fn skip(&mut self) {
        if !matches!(self.peek(), Some(b'"' | b'[' | b'{' | b']' | b'}')) {
            let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}') || is_space(*byte);
            let rest = &self.bytes[self.at..];
            self.at += rest.iter().position(ends).unwrap_or(rest.len());
            return;
        }
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' if self.string().is_none() => self.at = self.bytes.len(),
                b'"' => {}
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => continue,
            }
            if open == 0 {
                return;
            }
        }
    }

    fn fault(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    /// Passes white space, if there is some.
    #[inline(always)]
    pub fn space(&mut self) {
        // Most texts have none: one comparison answers for them.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_space();
        }
    }

    /// Like [`space`](Self::space), for a caller that expects some.
    // Marked cold and called last: otherwise the compiler turns the comparisons before it into a
    // table of jumps.
    #[inline(always)]
    pub fn skip_space(&mut self) {
        cold_path();
        self.at = after_space(self.bytes, self.at);
    }

    /// Passes `byte`, if it is next.
    #[inline(always)]
    pub fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes `byte`, after white space.
    #[inline(always)]
    pub fn take_spaced(&mut self, byte: u8) -> Option<()> {
        if self.take(byte).is_some() {
            return Some(());
        }
        self.skip_space();
        self.take(byte)
    }

    /// Passes `text`, if it is next: `true`, `false` or `null`.
    #[inline(always)]
    pub fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(text).then(|| self.at += text.len())
    }

    /// Passes the rest of a string whose opening quote was taken, with its closing quote.
    #[inline(always)]
    pub fn string(&mut self) -> Option<()> {
        loop {
            self.to_mark();
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

    /// Passes the bytes up to the next quote, backslash or control character, or to the end.
    #[inline(always)]
    pub fn plain(&mut self) -> &'a [u8] {
        let start = self.at;
        self.to_mark();
        &self.bytes[start..self.at]
    }

    /// Like [`plain`](Self::plain), without giving the bytes.
    // A block is looked at once, however many strings and escapes it holds. The end of the text counts
    // as a mark, so that nothing here passes it.
    #[inline(always)]
    pub fn to_mark(&mut self) {
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

    /// Passes a number.
    #[inline(always)]
    pub fn pass_number(&mut self) -> Option<()> {
        let end = number_end(self.bytes, self.at);
        self.at = end.unwrap_or_else(|fault| fault);
        end.is_ok().then_some(())
    }
}

#[inline(never)]
fn after_space(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    at + rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len())
}

/// Where the number that begins at `start` ends, or where the fault in it is.
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

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;

/// The first block from `at` on that has a mark: where it begins, and its marks as [`look`] gives
/// them.
// Never inlined: the caller's loop would save registers on its short path too.
#[inline(never)]
pub(crate) fn find(bytes: &[u8], mut at: usize) -> (usize, u64) {
    while let Some(rest) = bytes.get(at..)
        && let Some(block) = rest.first_chunk()
    {
        let marks = marks(block);
        if marks != 0 {
            return (at, marks);
        }
        at += BLOCK;
    }
    look_at_end(bytes, at)
}

/// One bit for each of the [`BLOCK`] bytes from `at` on, the first byte's lowest: set for a quote, a
/// backslash and a control character, and for every place beyond the end of `bytes`.
pub(crate) fn look(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(block) => marks(block),
        None => look_at_end(bytes, at).1,
    }
}

/// Like [`find`], for the last block, which is shorter than [`BLOCK`].
#[inline(never)]
fn look_at_end(bytes: &[u8], at: usize) -> (usize, u64) {
    let left = bytes.len().saturating_sub(at);
    let marks = match bytes.last_chunk() {
        // The last whole block of the text holds it at its end: shift the bits before it away.
        Some(block) => marks(block).unbounded_shr((BLOCK - left) as u32),
        None => {
            let mut block = [0; BLOCK];
            block[..left].copy_from_slice(&bytes[bytes.len() - left..]);
            marks(&block)
        }
    };
    (at, marks | u64::MAX << left)
}

fn marks(block: &[u8; BLOCK]) -> u64 {
    let (lanes, _) = block.as_chunks();
    let marks = |marks, (i, lane)| marks | u64::from(lane_marks(lane)) << (16 * i);
    lanes.iter().enumerate().fold(0, marks)
}

/// Like [`look`], for 16 bytes.
#[inline]
pub(crate) fn lane_marks(lane: &[u8; 16]) -> u32 {
    let lane = u8x16::new(*lane);
    // Each byte that must be marked becomes zero in one of two ways, and `min` joins them. A
    // backslash is zero after the exclusive or with itself. Quote (0x22) and space (0x20) differ in
    // bit 1 only: flipping it turns the quote into 0x20, and keeps control characters (below 0x20)
    // below 0x20; subtracting 0x20 with saturation makes zeros of all these, and of nothing else.
    let turned = (lane ^ u8x16::splat(2)).saturating_sub(u8x16::splat(b' '));
    (lane ^ u8x16::splat(b'\\')).min(turned).simd_eq(u8x16::ZERO).to_bitmask()
}

/// Which bytes may follow a backslash, apart from `u` and its digits.
const ESCAPES: [bool; 256] = {
    let mut escapes = [false; 256];
    let mut rest: &[u8] = b"\"\\/bfnrt";
    while let [byte, others @ ..] = rest {
        escapes[*byte as usize] = true;
        rest = others;
    }
    escapes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_in_each_place_is_marked_as_it_is() {
        for byte in 0..=u8::MAX {
            let is = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[at] = byte;
                assert_eq!(marks(&block), u64::from(is) << at, "byte {byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn what_is_beyond_the_end_is_marked() {
        for len in 0..3 * BLOCK {
            let mut bytes = vec![b'x'; len];
            for at in 0..=len {
                let left = (len - at).min(BLOCK);
                let beyond = u64::MAX.unbounded_shl(left as u32);
                assert_eq!(look(&bytes, at), beyond, "{at} of {len}");
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = b'"';
                    assert_eq!(look(&bytes, at), beyond | 1, "{at} of {len}");
                    bytes[at] = b'x';
                }
            }
        }
    }
}
