//! Writes JSON as MessagePack, as it reads it.
//!
//! A length stands before what it counts, and is known behind it: one byte is kept free, and what
//! follows moves when that does not suffice.

use bytes::Bytes;
use rmp::encode as put;
use serde_json::Number;

use super::FIX_MAP;
use super::strings::{self, WriteHead, put_head};
use crate::proto::args::{MARK, NUM};
use crate::proto::json::read::numbers::{Kind, Plain};
use crate::proto::json::scan::Scanner;
use crate::proto::json::space;
use crate::proto::packet::reserved;

/// Reads values one after the other, and writes each. `None` where it cannot: this is no JSON, it is
/// nested too deeply, or a number or a text in it cannot be.
pub(super) struct Writer<'a> {
    scan: Scanner<'a>,
    wire: Vec<u8>,
    attachments: &'a [Bytes],
    /// Brackets that may still be opened, one more than that.
    room: u8,
}

impl<'a> Writer<'a> {
    /// Writes behind what `wire` holds; fewer than `room` brackets may be open at a time.
    pub(super) fn new(json: &'a [u8], wire: Vec<u8>, attachments: &'a [Bytes], room: u8) -> Self {
        Self { scan: Scanner::new(json), wire, attachments, room }
    }

    /// What was written, if nothing is left to read.
    pub(super) fn end(mut self) -> Option<Vec<u8>> {
        self.scan.space();
        (self.scan.at == self.scan.bytes.len()).then_some(self.wire)
    }

    /// An array that begins with an event's name.
    pub(super) fn event(&mut self) -> Option<()> {
        self.scan.space();
        let at = self.open(FIX_ARRAY)?;
        match self.scan.peek()? {
            b'"' => {
                self.scan.at += 1;
                strings::string(&mut self.scan, &mut self.wire)?;
                // Those that are reserved are short, with one byte before them.
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
                self.scan.at += 1;
                strings::string(&mut self.scan, &mut self.wire)
            }
            b'{' => self.object(),
            b'[' => self.array(),
            b't' => self.literal(b"true", TRUE),
            b'f' => self.literal(b"false", FALSE),
            b'n' => self.literal(b"null", NIL),
            byte if space(byte) => {
                self.scan.skip_space();
                self.value()
            }
            _ => self.number(),
        }
    }

    fn array(&mut self) -> Option<()> {
        let at = self.open(FIX_ARRAY)?;
        if self.scan.next(b']').is_some() {
            self.room += 1;
            return Some(());
        }
        self.value()?;
        self.elements(at)
    }

    /// What stands behind the first element of the array that was opened `at`.
    fn elements(&mut self, at: usize) -> Option<()> {
        let mut len = 1;
        loop {
            self.scan.space();
            if self.scan.next(b',').is_none() {
                break;
            }
            self.value()?;
            len += 1;
        }
        self.scan.next(b']')?;
        self.room += 1;
        self.count(at, len, put::write_array_len)
    }

    fn object(&mut self) -> Option<()> {
        let at = self.open(FIX_MAP)?;
        if self.scan.next(b'}').is_some() {
            self.room += 1;
            return Some(());
        }
        let mut len = 0;
        let mut placeholder = Placeholder::default();
        loop {
            self.scan.byte(b'"')?;
            let key = self.wire.len();
            strings::string(&mut self.scan, &mut self.wire)?;
            len += 1;
            self.scan.byte(b':')?;
            if self.attachments.is_empty() {
                self.value()?;
            } else {
                self.part(key, &mut placeholder)?;
            }
            self.scan.space();
            if self.scan.next(b',').is_none() {
                break;
            }
        }
        self.scan.next(b'}')?;
        self.room += 1;
        if let Some(data) = placeholder.of(self.attachments) {
            self.wire.truncate(at);
            return put::write_bin(&mut self.wire, data).ok();
        }
        self.count(at, len, put::write_map_len)
    }

    /// A value, which may be of a placeholder; its key was written at `key`.
    #[inline(never)]
    fn part(&mut self, key: usize, placeholder: &mut Placeholder) -> Option<()> {
        // Both keys are short, with one byte before them.
        let name = self.wire.get(key + 1..).unwrap_or_default();
        let (is_mark, is_num) = (name == MARK.as_bytes(), name == NUM.as_bytes());
        let (value, start) = (self.wire.len(), self.scan.at);
        self.value()?;
        if is_mark {
            placeholder.is_marked = self.wire[value..] == [TRUE];
        } else if is_num {
            let text = str::from_utf8(&self.scan.bytes[start..self.scan.at]).ok()?;
            placeholder.num = text.trim_ascii().parse().ok();
        }
        Some(())
    }

    /// Opens the bracket that is next.
    #[inline(always)]
    fn open(&mut self, fix: u8) -> Option<usize> {
        if self.room <= 1 {
            return None;
        }
        self.room -= 1;
        let at = self.wire.len();
        self.wire.push(fix);
        self.scan.at += 1;
        self.scan.space();
        Some(at)
    }

    /// Says at the byte that [`Writer::open`] wrote how much is open.
    #[inline(always)]
    fn count(&mut self, at: usize, len: usize, write: WriteHead) -> Option<()> {
        if len < 16 {
            self.wire[at] |= len as u8;
            return Some(());
        }
        put_head(&mut self.wire, at..at + 1, len, write)
    }

    #[inline(always)]
    fn literal(&mut self, text: &[u8], written: u8) -> Option<()> {
        self.scan.literal(text)?;
        self.wire.push(written);
        Some(())
    }

    #[inline(never)]
    fn number(&mut self) -> Option<()> {
        match self.scan.plain_number(Kind::Float) {
            Some(Plain::Unsigned(number @ 0..128)) => {
                self.wire.push(number as u8);
                Some(())
            }
            Some(Plain::Unsigned(number)) => put::write_uint(&mut self.wire, number).ok().map(drop),
            Some(Plain::Signed(number)) => put::write_sint(&mut self.wire, number).ok().map(drop),
            Some(Plain::Float(number)) => put::write_f64(&mut self.wire, number).ok(),
            None => {
                let start = self.scan.at;
                self.scan.number()?;
                let text = self.scan.bytes.get(start..self.scan.at)?;
                let number: Number = serde_json::from_slice(text).ok()?;
                match (number.as_u64(), number.as_i64()) {
                    (Some(number), _) => put::write_uint(&mut self.wire, number).ok().map(drop),
                    (_, Some(number)) => put::write_sint(&mut self.wire, number).ok().map(drop),
                    _ => put::write_f64(&mut self.wire, number.as_f64()?).ok(),
                }
            }
        }
    }
}

/// What is known of an object that may be one.
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

/// As `serde_json` counts: the last bracket is refused.
pub(super) const DEPTH: u8 = 128;
pub(super) const FIX_ARRAY: u8 = 0x90;
pub(super) const NIL: u8 = 0xc0;
pub(super) const FALSE: u8 = 0xc2;
pub(super) const TRUE: u8 = 0xc3;
