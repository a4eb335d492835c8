//! Writes JSON strings, by the rules of `serde_json` and many bytes at a time.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};

use serde_json::ser::Formatter;

use crate::proto::json::marks::{BLOCK, look};

/// Below it, in bytes, `serde_json`'s own way, byte by byte, costs no more.
const SHORT: usize = 64;

/// The string that the next empty string stands for.
///
/// `serde_json` says whether and where a string stands, but hands its text to nobody whole.
#[derive(Debug, Default)]
pub(super) struct Next {
    waits: Cell<bool>,
    text: RefCell<String>,
}

impl Next {
    /// Whether `text` was taken: then an empty string has to be written in its place.
    pub(super) fn takes(&self, text: &str) -> bool {
        let takes = text.len() >= SHORT;
        if takes {
            self.text.borrow_mut().push_str(text);
            self.waits.set(true);
        }
        takes
    }

    #[inline(never)]
    fn write<W: Write + ?Sized>(
        &self,
        write: impl FnOnce(&mut W, &str) -> io::Result<()>,
        writer: &mut W,
    ) -> io::Result<()> {
        self.waits.set(false);
        let mut text = self.text.borrow_mut();
        let written = write(writer, &text);
        text.clear();
        written
    }
}

/// Compact JSON, in which an empty string is what is [`Next`].
pub(super) struct Strings<'a>(pub(super) &'a Next);

impl Formatter for Strings<'_> {
    #[inline]
    fn end_string<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.0.waits.get() {
            self.0.write(write_contents, writer)?;
        }
        writer.write_all(b"\"")
    }

    // Raw JSON and numbers of any length come as strings to whoever wraps the one that writes them.
    #[inline]
    fn write_raw_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> io::Result<()> {
        self.write_as_it_is(writer, text)
    }

    #[inline]
    fn write_number_str<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> io::Result<()> {
        self.write_as_it_is(writer, text)
    }
}

impl Strings<'_> {
    fn write_as_it_is<W: Write + ?Sized>(&self, writer: &mut W, text: &str) -> io::Result<()> {
        if self.0.waits.get() {
            self.0.write(|writer, text| writer.write_all(text.as_bytes()), writer)?;
        }
        writer.write_all(text.as_bytes())
    }
}

/// Appends `text` as a JSON string.
pub(super) fn write_string(wire: &mut Vec<u8>, text: &str) {
    wire.push(b'"');
    // Writing to a vector cannot fail.
    let _ = write_contents(wire, text);
    wire.push(b'"');
}

fn write_contents<W: Write + ?Sized>(writer: &mut W, text: &str) -> io::Result<()> {
    let bytes = text.as_bytes();
    let mut written = 0;
    for block in (0..bytes.len()).step_by(BLOCK) {
        let mut marks = look(bytes, block);
        while marks != 0 {
            let at = block + marks.trailing_zeros() as usize;
            let Some(byte) = bytes.get(at) else { break };
            writer.write_all(&bytes[written..at])?;
            write_escape(writer, *byte)?;
            written = at + 1;
            marks &= marks - 1;
        }
    }
    writer.write_all(&bytes[written..])
}

fn write_escape<W: Write + ?Sized>(writer: &mut W, byte: u8) -> io::Result<()> {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => return write!(writer, "\\u{byte:04x}"),
    };
    writer.write_all(&[b'\\', letter])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_is_escaped_as_serde_json_does() {
        for text in (0..0x2000).filter_map(char::from_u32).map(|c| format!("a{c}b")) {
            let mut wire = Vec::new();
            write_string(&mut wire, &text);
            assert_eq!(wire, serde_json::to_vec(&text).unwrap());
        }
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_does(text in "([a-y]{0,70}|[\\x00-\\x7fé\u{1f600}]){0,6}") {
            let mut wire = Vec::new();
            write_string(&mut wire, &text);
            prop_assert_eq!(wire, serde_json::to_vec(&text).unwrap());
        }
    }
}
