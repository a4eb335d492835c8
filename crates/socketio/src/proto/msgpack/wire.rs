//! Walks over MessagePack, value by value, and knows nothing of packets.
//!
//! A length that is announced is believed only as far as the bytes are there: nothing is allocated for
//! it, and a walk ends at the end of the bytes.

use rmp::Marker;
use rmp::encode::{self as put, ValueWriteError};

/// A place in bytes that should be MessagePack.
#[derive(Clone, Copy, Debug)]
pub(in crate::proto) struct Cursor<'a> {
    pub(in crate::proto) wire: &'a [u8],
    /// Never beyond the end.
    pub(in crate::proto) at: usize,
}

/// One value, or the head of an array or map, whose parts follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::proto) enum Value<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below 0.
    Negative(i64),
    Float32(f32),
    Float(f64),
    /// A string that was not checked to be UTF-8.
    Text(&'a [u8]),
    Binary(&'a [u8]),
    /// Its number of elements.
    Array(u32),
    /// Its number of members.
    Map(u32),
    /// Its type, and its data.
    Extension(u8, &'a [u8]),
}

impl<'a> Cursor<'a> {
    pub(in crate::proto) fn new(wire: &'a [u8]) -> Self {
        Self { wire, at: 0 }
    }

    /// Reads a value. `None` at the end, for a value that ends too early, and for a byte that begins no value.
    #[inline]
    pub(in crate::proto) fn value(&mut self) -> Option<Value<'a>> {
        let marker = Marker::from_u8(self.number::<1>()?[0]);
        Some(match marker {
            Marker::FixStr(len) => Value::Text(self.take(len.into())?),
            Marker::FixPos(number) => Value::Unsigned(number.into()),
            Marker::FixMap(len) => Value::Map(len.into()),
            Marker::FixArray(len) => Value::Array(len.into()),
            Marker::Null => Value::Null,
            Marker::True => Value::Bool(true),
            Marker::False => Value::Bool(false),
            Marker::F64 => Value::Float(f64::from_be_bytes(self.number()?)),
            marker => self.longer(marker)?,
        })
    }

    /// Like [`value`](Self::value), for the rarer markers.
    fn longer(&mut self, marker: Marker) -> Option<Value<'a>> {
        let signed =
            |number: i64| u64::try_from(number).map_or(Value::Negative(number), Value::Unsigned);
        Some(match marker {
            Marker::FixNeg(number) => Value::Negative(number.into()),
            Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => {
                Value::Unsigned(self.unsigned(marker)?)
            }
            Marker::I8 => signed(i8::from_be_bytes(self.number()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.number()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.number()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.number()?)),
            Marker::F32 => Value::Float32(f32::from_be_bytes(self.number()?)),
            Marker::Str8 | Marker::Str16 | Marker::Str32 => Value::Text(self.sized(marker)?),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => Value::Binary(self.sized(marker)?),
            Marker::Array16 | Marker::Array32 => Value::Array(self.unsigned(marker)? as u32),
            Marker::Map16 | Marker::Map32 => Value::Map(self.unsigned(marker)? as u32),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 | Marker::Ext16 | Marker::Ext32 => {
                let len = self.unsigned(marker)?;
                self.extension(usize::try_from(len).ok()?)?
            }
            _ => return None,
        })
    }

    /// A number from 0 on, as wide as `marker` says; a length is at most a `u32`.
    fn unsigned(&mut self, marker: Marker) -> Option<u64> {
        Some(match marker {
            Marker::U8 | Marker::Str8 | Marker::Bin8 | Marker::Ext8 => {
                self.number::<1>()?[0].into()
            }
            Marker::U64 => u64::from_be_bytes(self.number()?),
            Marker::U32 | Marker::Str32 | Marker::Bin32 | Marker::Ext32 => {
                u32::from_be_bytes(self.number()?).into()
            }
            Marker::Array32 | Marker::Map32 => u32::from_be_bytes(self.number()?).into(),
            _ => u16::from_be_bytes(self.number()?).into(),
        })
    }

    fn sized(&mut self, marker: Marker) -> Option<&'a [u8]> {
        let len = self.unsigned(marker)?;
        self.take(usize::try_from(len).ok()?)
    }

    fn extension(&mut self, len: usize) -> Option<Value<'a>> {
        let kind = self.number::<1>()?[0];
        Some(Value::Extension(kind, self.take(len)?))
    }

    /// Reads a string that is UTF-8.
    #[inline]
    pub(in crate::proto) fn text(&mut self) -> Option<&'a str> {
        match self.value()? {
            Value::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// Passes a value that was checked, with all that is in it. `None` where it ends too early.
    pub(in crate::proto) fn skip(&mut self) -> Option<()> {
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            match self.value()? {
                Value::Array(len) => left += u64::from(len),
                Value::Map(len) => left += 2 * u64::from(len),
                _ => {}
            }
        }
        Some(())
    }

    /// Passes a value with at most `depth` arrays and maps within each other, if all in it is
    /// *plain*: it means the same in JSON and needs no attachment. That is null, bools, integers,
    /// finite floats of 64 bits, strings, and arrays and maps of these, with strings as keys.
    pub(in crate::proto) fn pass_plain(&mut self, depth: usize) -> Option<()> {
        match self.value()? {
            Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Negative(_) => {}
            Value::Text(text) => is_text(text).then_some(())?,
            Value::Float(float) => float.is_finite().then_some(())?,
            Value::Array(len) => {
                let depth = depth.checked_sub(1)?;
                (0..len).try_for_each(|_| self.pass_plain(depth))?;
            }
            Value::Map(len) => {
                let depth = depth.checked_sub(1)?;
                for _ in 0..len {
                    let Value::Text(key) = self.value()? else { return None };
                    is_text(key).then_some(())?;
                    self.pass_plain(depth)?;
                }
            }
            Value::Float32(_) | Value::Binary(_) | Value::Extension(..) => return None,
        }
        Some(())
    }

    #[inline]
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.wire.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(bytes)
    }

    #[inline]
    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

#[inline]
fn is_text(bytes: &[u8]) -> bool {
    // Most text is ASCII, and to see that costs less than to see that it is UTF-8.
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// How `rmp` writes a length.
pub(super) type WriteHead =
    fn(&mut std::io::Cursor<[u8; 5]>, u32) -> Result<Marker, ValueWriteError<std::io::Error>>;

/// Writes the length of an array in `head`, the one byte that was kept free for it: what follows moves
/// when more is needed. `None` beyond a `u32`.
pub(super) fn put_array_len(wire: &mut Vec<u8>, head: usize, len: usize) -> Option<()> {
    put_len(wire, head, FIX_ARRAY, len, put::write_array_len)
}

/// Like [`put_array_len`], for a map.
pub(super) fn put_map_len(wire: &mut Vec<u8>, head: usize, len: usize) -> Option<()> {
    put_len(wire, head, FIX_MAP, len, put::write_map_len)
}

#[inline(always)]
fn put_len(wire: &mut Vec<u8>, head: usize, fix: u8, len: usize, write: WriteHead) -> Option<()> {
    if len < 16 {
        wire[head] = fix | len as u8;
        return Some(());
    }
    put_head(wire, head..head + 1, len, write)
}

/// Writes a head that says `len`, by `write`, in `place`: what follows moves if it does not fit.
#[inline(never)]
pub(super) fn put_head(
    wire: &mut Vec<u8>,
    place: std::ops::Range<usize>,
    len: usize,
    write: WriteHead,
) -> Option<()> {
    let mut head = std::io::Cursor::new([0; 5]);
    write(&mut head, u32::try_from(len).ok()?).ok()?;
    let written = head.position() as usize;
    wire.splice(place, head.into_inner().into_iter().take(written));
    Some(())
}

pub(super) const FIX_MAP: u8 = 0x80;
pub(super) const FIX_ARRAY: u8 = 0x90;
pub(super) const FIX_STR: u8 = 0xa0;
pub(super) const NIL: u8 = 0xc0;
pub(super) const FALSE: u8 = 0xc2;
pub(super) const TRUE: u8 = 0xc3;
