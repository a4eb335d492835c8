//! Strings as MessagePack: copied where nothing is escaped, else put together.

use std::io::{self, Cursor};
use std::ops::Range;

use rmp::Marker;
use rmp::encode::{self as put, ValueWriteError};

use crate::proto::json::read::strings::{LETTERS, unicode};
use crate::proto::json::scan::Scanner;

/// How `rmp` writes a length.
pub(super) type WriteHead =
    fn(&mut Cursor<[u8; 5]>, u32) -> Result<Marker, ValueWriteError<io::Error>>;

/// Writes the string whose opening quote was read. None if it is none.
#[inline]
pub(super) fn string(scan: &mut Scanner<'_>, wire: &mut Vec<u8>) -> Option<()> {
    let start = scan.at;
    scan.plain();
    if scan.peek()? != b'"' {
        return escaped(scan, wire, start);
    }
    match scan.at - start {
        len @ 0..32 => wire.push(FIX_STR | len as u8),
        len => drop(put::write_str_len(wire, u32::try_from(len).ok()?).ok()?),
    }
    copy(wire, &scan.bytes[start..], scan.at - start);
    scan.at += 1;
    Some(())
}

/// A string that begins at `start`, read as far as it is plain. If it is none, `wire` is empty.
#[inline(never)]
fn escaped(scanner: &mut Scanner<'_>, wire: &mut Vec<u8>, mut start: usize) -> Option<()> {
    // Taken, so that both are in registers.
    let (mut scan, mut text) = (scanner.clone(), std::mem::take(wire));
    let head = text.len();
    text.push(FIX_STR);
    let mut body = text.len();
    loop {
        copy(&mut text, &scan.bytes[start..], scan.at - start);
        match &scan.bytes[scan.at..] {
            [b'\\', letter, ..] if LETTERS[usize::from(*letter)] != 0 => {
                text.push(LETTERS[usize::from(*letter)]);
                scan.at += 2;
            }
            [b'"', ..] => break,
            rest => {
                let (character, len) = unicode(rest)?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                scan.at += len;
            }
        }
        // What is long moves here, while it is short.
        if text.len() > body + usize::from(u8::MAX) && body == head + 1 {
            body = head + 3;
            text.splice(head..head, [0; 2]);
        }
        start = scan.at;
        scan.plain();
    }
    scan.at += 1;
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

/// Writes a head that says `len`, by `write`, in `place`: what is behind moves if it does not fit.
#[inline(never)]
pub(super) fn put_head(
    wire: &mut Vec<u8>,
    place: Range<usize>,
    len: usize,
    write: WriteHead,
) -> Option<()> {
    let mut head = Cursor::new([0; 5]);
    write(&mut head, u32::try_from(len).ok()?).ok()?;
    let written = head.position() as usize;
    wire.splice(place, head.into_inner().into_iter().take(written));
    Some(())
}

pub(super) const FIX_STR: u8 = 0xa0;
