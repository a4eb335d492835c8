//! Over values that nobody reads.

use super::scan::Scanner;
use super::space;

impl Scanner<'_> {
    /// Over the value that begins here, of text that was checked.
    pub(super) fn skip(&mut self) {
        if !matches!(self.peek(), Some(b'"' | b'[' | b'{' | b']' | b'}')) {
            let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}') || space(*byte);
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
}
