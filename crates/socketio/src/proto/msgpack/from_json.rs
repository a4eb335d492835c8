//! Writes JSON as MessagePack in one pass, which also checks it.
//!
//! MessagePack says the length of an array, map or string before its content, and the pass knows it
//! only afterwards: one byte is kept free for each, which is enough for most, and the content moves
//! where it is not.

use bytes::Bytes;
use checked_json::{Number, Scanner, is_space};
use rmp::encode as put;

use super::wire::{
    FALSE, FIX_ARRAY, FIX_MAP, FIX_STR, NIL, TRUE, put_array_len, put_head, put_map_len,
};
use crate::proto::packet::reserved;
use crate::proto::placeholder::{MARK, NUM};

/// Reads values one after the other, and writes each. `None` where it cannot: what comes is not JSON,
/// is nested too deeply, or MessagePack cannot say a number or a text in it.
pub(super) struct Writer<'a> {
    scan: Scanner<'a>,
    wire: Vec<u8>,
    attachments: &'a [Bytes],
    /// One more than the brackets that may still be opened.
    room: u8,
}

impl<'a> Writer<'a> {
    /// Writes after what `wire` holds.
    pub(super) fn new(json: &'a [u8], wire: Vec<u8>, attachments: &'a [Bytes]) -> Self {
        Self { scan: Scanner::new(json), wire, attachments, room: DEPTH }
    }

    /// What was written, if nothing is left to read.
    pub(super) fn end(mut self) -> Option<Vec<u8>> {
        self.scan.space();
        (self.scan.offset() == self.scan.bytes().len()).then_some(self.wire)
    }

    /// An array that begins with an event's name.
    pub(super) fn event(&mut self) -> Option<()> {
        self.scan.space();
        let at = self.open(FIX_ARRAY)?;
        match self.scan.peek()? {
            b'"' => {
                self.scan.take(b'"')?;
                string(&mut self.scan, &mut self.wire)?;
                // Reserved names are short: they have a head of one byte.
                if reserved(&self.wire[at + 2..]).is_some() {
                    return None;
                }
            }
            _ => self.number()?,
        }
        self.elements(at)
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Option<()> {
        match self.scan.peek()? {
            b'"' => {
                self.scan.take(b'"')?;
                string(&mut self.scan, &mut self.wire)
            }
            b'{' => self.object(),
            b'[' => self.array(),
            b't' => self.literal(b"true", TRUE),
            b'f' => self.literal(b"false", FALSE),
            b'n' => self.literal(b"null", NIL),
            byte if is_space(byte) => {
                self.scan.skip_space();
                self.value()
            }
            _ => self.number(),
        }
    }

    fn array(&mut self) -> Option<()> {
        let at = self.open(FIX_ARRAY)?;
        if self.scan.take(b']').is_some() {
            self.room += 1;
            return Some(());
        }
        self.value()?;
        self.elements(at)
    }

    /// Writes what follows the first element of the array that was opened at `at`.
    fn elements(&mut self, at: usize) -> Option<()> {
        let mut len = 1;
        loop {
            self.scan.space();
            if self.scan.take(b',').is_none() {
                break;
            }
            self.value()?;
            len += 1;
        }
        self.scan.take(b']')?;
        self.room += 1;
        put_array_len(&mut self.wire, at, len)
    }

    fn object(&mut self) -> Option<()> {
        let at = self.open(FIX_MAP)?;
        if self.scan.take(b'}').is_some() {
            self.room += 1;
            return Some(());
        }
        let mut len = 0;
        let mut placeholder = Placeholder::default();
        loop {
            self.scan.take_spaced(b'"')?;
            let key = self.wire.len();
            string(&mut self.scan, &mut self.wire)?;
            len += 1;
            self.scan.take_spaced(b':')?;
            if self.attachments.is_empty() {
                self.value()?;
            } else {
                self.part(key, &mut placeholder)?;
            }
            self.scan.space();
            if self.scan.take(b',').is_none() {
                break;
            }
        }
        self.scan.take(b'}')?;
        self.room += 1;
        if let Some(data) = placeholder.of(self.attachments) {
            self.wire.truncate(at);
            return put::write_bin(&mut self.wire, data).ok();
        }
        put_map_len(&mut self.wire, at, len)
    }

    /// Writes a value that may belong to a placeholder; its key was written at `key`.
    #[inline(never)]
    fn part(&mut self, key: usize, placeholder: &mut Placeholder) -> Option<()> {
        // Both keys of a placeholder are short: they have a head of one byte.
        let name = self.wire.get(key + 1..).unwrap_or_default();
        let (is_mark, is_num) = (name == MARK.as_bytes(), name == NUM.as_bytes());
        let (value, start) = (self.wire.len(), self.scan.offset());
        self.value()?;
        if is_mark {
            placeholder.is_marked = self.wire[value..] == [TRUE];
        } else if is_num {
            let text = str::from_utf8(&self.scan.bytes()[start..self.scan.offset()]).ok()?;
            placeholder.num = text.trim_ascii().parse().ok();
        }
        Some(())
    }

    /// Passes the bracket that is next. Gives where one byte waits for the length.
    #[inline(always)]
    fn open(&mut self, fix: u8) -> Option<usize> {
        if self.room <= 1 {
            return None;
        }
        self.room -= 1;
        let at = self.wire.len();
        self.wire.push(fix);
        self.scan.take(if fix == FIX_ARRAY { b'[' } else { b'{' })?;
        self.scan.space();
        Some(at)
    }

    #[inline(always)]
    fn literal(&mut self, text: &[u8], written: u8) -> Option<()> {
        self.scan.literal(text)?;
        self.wire.push(written);
        Some(())
    }

    #[inline(never)]
    fn number(&mut self) -> Option<()> {
        match self.scan.number()? {
            Number::Unsigned(number @ 0..128) => self.wire.push(number as u8),
            Number::Unsigned(number) => drop(put::write_uint(&mut self.wire, number).ok()?),
            Number::Signed(number) => drop(put::write_sint(&mut self.wire, number).ok()?),
            Number::Float(number) => put::write_f64(&mut self.wire, number).ok()?,
        }
        Some(())
    }
}

/// What is known of an object that may be a placeholder.
#[derive(Default)]
struct Placeholder {
    is_marked: bool,
    num: Option<u64>,
}

impl Placeholder {
    fn of<'a>(&self, attachments: &'a [Bytes]) -> Option<&'a Bytes> {
        let num = self.num.filter(|_| self.is_marked)?;
        attachments.get(usize::try_from(num).ok()?)
    }
}

/// Writes the string whose opening quote was passed. `None` if it does not end, or has an invalid
/// escape.
#[inline]
fn string(scan: &mut Scanner<'_>, wire: &mut Vec<u8>) -> Option<()> {
    let start = scan.offset();
    scan.to_mark();
    let len = scan.offset() - start;
    if scan.peek()? != b'"' {
        return escaped(scan, wire, start);
    }
    match len {
        0..32 => wire.push(FIX_STR | len as u8),
        _ => drop(put::write_str_len(wire, u32::try_from(len).ok()?).ok()?),
    }
    copy(wire, &scan.bytes()[start..], len);
    scan.take(b'"')
}

/// Writes a string that begins at `start`, of which the part before its first escape was passed. If it
/// cannot, `wire` is left empty.
#[inline(never)]
fn escaped(scanner: &mut Scanner<'_>, wire: &mut Vec<u8>, mut start: usize) -> Option<()> {
    // Local copies, so that the compiler keeps the fields of both in registers.
    let (mut scan, mut text) = (scanner.clone(), std::mem::take(wire));
    let head = text.len();
    text.push(FIX_STR);
    let mut body = text.len();
    loop {
        copy(&mut text, &scan.bytes()[start..], scan.offset() - start);
        match scan.peek()? {
            b'\\' => match scan.unescape()? {
                byte if byte.is_ascii() => text.push(byte as u8),
                other => text.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            },
            _ => {
                scan.take(b'"')?;
                break;
            }
        }
        // A string that turns out long makes room for a longer head now, while little has to move.
        if text.len() > body + usize::from(u8::MAX) && body == head + 1 {
            body = head + 3;
            text.splice(head..head, [0; 2]);
        }
        start = scan.offset();
        scan.to_mark();
    }
    let len = text.len() - body;
    if len < 32 {
        text[head] |= len as u8;
    } else {
        put_head(&mut text, head..body, len, put::write_str_len)?;
    }
    (*scanner, *wire) = (scan, text);
    Some(())
}

/// Copies the first `len` of `bytes`.
#[inline(always)]
fn copy(wire: &mut Vec<u8>, bytes: &[u8], len: usize) {
    let end = wire.len() + len;
    // A copy of a fixed size needs no call, and what is too much of it goes again.
    if len <= 32
        && let Some(block) = bytes.first_chunk::<32>()
    {
        wire.extend_from_slice(block);
        wire.truncate(end);
    } else if len <= 64
        && let Some(block) = bytes.first_chunk::<64>()
    {
        wire.extend_from_slice(block);
        wire.truncate(end);
    } else {
        wire.extend_from_slice(&bytes[..len]);
    }
}

/// The limit of `serde_json`, which refuses the 128th bracket.
const DEPTH: u8 = 128;
