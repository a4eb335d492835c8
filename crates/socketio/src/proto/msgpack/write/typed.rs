//! Writes types as MessagePack, without JSON between.
//!
//! Data is what the same type is as JSON: what is not finite is nil, keys of maps are strings.

use std::fmt;

use rmp::encode as put;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde::ser::Error as _;
use serde_json::Error;

use super::FIX_MAP;
use super::data::{DEPTH, FALSE, FIX_ARRAY, NIL, TRUE, Writer};
use super::strings::{FIX_STR, WriteHead, put_head};
use crate::proto::encode::{SPARE, write_private};
use crate::proto::msgpack::Packed;
use crate::proto::ser::{Format, Shape, spread};

/// Appends values to a packet.
pub(super) struct Packer {
    wire: Vec<u8>,
    /// Brackets that may still be opened, one more than that.
    room: u8,
}

/// Where the head of an array or map is, and the length that it says.
#[derive(Default)]
pub(super) struct Place {
    at: usize,
    len: usize,
}

impl Packer {
    /// Writes behind what `wire` holds.
    pub(super) fn new(wire: Vec<u8>) -> Self {
        Self { wire, room: DEPTH }
    }

    pub(super) fn end(self) -> Vec<u8> {
        self.wire
    }

    /// An array of a name, if there is one, and these arguments.
    pub(super) fn array<T>(&mut self, name: Option<&str>, args: &T) -> Result<(), Error>
    where
        T: Serialize + ?Sized,
    {
        let place = self.open(Shape::Array, None)?;
        if let Some(name) = name {
            self.string(name)?;
        }
        let len = spread(args, self, usize::from(name.is_some()))?;
        self.close(Shape::Array, place, len)
    }

    /// As [`Packer::array`], of arguments that were received.
    pub(super) fn relay(&mut self, name: Option<&str>, args: &Packed) -> Result<(), Error> {
        self.head(Shape::Array, args.len() + usize::from(name.is_some()))?;
        if let Some(name) = name {
            self.string(name)?;
        }
        self.wire.extend_from_slice(args.elements());
        Ok(())
    }

    #[inline]
    fn enter(&mut self) -> Result<(), Error> {
        if self.room <= 1 {
            return Err(too_deep());
        }
        self.room -= 1;
        Ok(())
    }

    /// Of an array or map; a length that is short goes into the byte that says which.
    #[inline]
    fn head(&mut self, shape: Shape, len: usize) -> Result<(), Error> {
        let (fix, write) = head_of(shape);
        match len {
            0..16 => self.wire.push(fix | len as u8),
            len => {
                let at = self.wire.len();
                put_head(&mut self.wire, at..at, len, write).ok_or_else(too_long)?;
            }
        }
        Ok(())
    }
}

impl Format for Packer {
    type Place = Place;

    #[inline]
    fn null(&mut self) {
        self.wire.push(NIL);
    }

    #[inline]
    fn bool(&mut self, flag: bool) {
        self.wire.push(if flag { TRUE } else { FALSE });
    }

    #[inline]
    fn unsigned(&mut self, number: u64) {
        match number {
            0..128 => self.wire.push(number as u8),
            _ => written(put::write_uint(&mut self.wire, number)),
        }
    }

    #[inline]
    fn signed(&mut self, number: i64) {
        match u64::try_from(number) {
            Ok(number) => self.unsigned(number),
            Err(_) => written(put::write_sint(&mut self.wire, number)),
        }
    }

    fn wide_unsigned(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(number) => self.unsigned(number),
            Err(_) => self.float64(number as f64),
        }
    }

    fn wide_signed(&mut self, number: i128) {
        match (u64::try_from(number), i64::try_from(number)) {
            (Ok(number), _) => self.unsigned(number),
            (_, Ok(number)) => self.signed(number),
            _ => self.float64(number as f64),
        }
    }

    fn float32(&mut self, number: f32) {
        match number.is_finite() {
            true => self.float64(nearest(number)),
            false => self.null(),
        }
    }

    fn float64(&mut self, number: f64) {
        match number.is_finite() {
            true => written(put::write_f64(&mut self.wire, number)),
            false => self.null(),
        }
    }

    #[inline]
    fn string(&mut self, text: &str) -> Result<(), Error> {
        match text.len() {
            len @ 0..32 => self.wire.push(FIX_STR | len as u8),
            len => {
                let at = self.wire.len();
                // With some for what stands behind: a large buffer that is full is copied whole.
                self.wire.reserve(len + len / SPARE);
                put_head(&mut self.wire, at..at, len, put::write_str_len).ok_or_else(too_long)?;
            }
        }
        self.wire.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn display<T: fmt::Display + ?Sized>(&mut self, text: &T) -> Result<(), Error> {
        self.string(&text.to_string())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let at = self.wire.len();
        put_head(&mut self.wire, at..at, bytes.len(), put::write_bin_len).ok_or_else(too_long)?;
        self.wire.extend_from_slice(bytes);
        Ok(())
    }

    fn private<T>(&mut self, name: &'static str, value: &T) -> Result<(), Error>
    where
        T: Serialize + ?Sized,
    {
        let mut json = Vec::new();
        write_private(&mut json, name, value)?;
        let mut writer = Writer::new(&json, std::mem::take(&mut self.wire), &[], self.room);
        let wire = writer.value().and_then(|()| writer.end());
        self.wire = wire.ok_or_else(|| match serde_json::from_slice::<IgnoredAny>(&json) {
            Ok(_) => too_deep(),
            Err(error) => error,
        })?;
        Ok(())
    }

    #[inline]
    fn open(&mut self, shape: Shape, len: Option<usize>) -> Result<Place, Error> {
        self.enter()?;
        // A hint may say anything.
        let len = len.filter(|len| u32::try_from(*len).is_ok()).unwrap_or_default();
        let at = self.wire.len();
        self.head(shape, len)?;
        Ok(Place { at, len })
    }

    #[inline]
    fn separate(&mut self, _is_first: bool) {}

    #[inline]
    fn colon(&mut self) {}

    #[inline]
    fn close(&mut self, shape: Shape, place: Place, len: usize) -> Result<(), Error> {
        self.room += 1;
        if len == place.len {
            return Ok(());
        }
        let (fix, write) = head_of(shape);
        if len < 16 && place.len < 16 {
            self.wire[place.at] = fix | len as u8;
            return Ok(());
        }
        let head = match place.len {
            0..16 => 1,
            16..=0xffff => 3,
            _ => 5,
        };
        put_head(&mut self.wire, place.at..place.at + head, len, write).ok_or_else(too_long)
    }

    fn open_variant(&mut self, variant: &'static str) -> Result<(), Error> {
        self.enter()?;
        self.wire.push(FIX_MAP | 1);
        self.string(variant)
    }

    fn close_variant(&mut self) {
        self.room += 1;
    }
}

fn head_of(shape: Shape) -> (u8, WriteHead) {
    match shape {
        Shape::Array => (FIX_ARRAY, put::write_array_len),
        Shape::Object => (FIX_MAP, put::write_map_len),
    }
}

/// The number that a reader of JSON makes of its digits: 0.1 is not what the `f32` is to the last
/// bit.
fn nearest(number: f32) -> f64 {
    let text = serde_json::to_string(&number).unwrap_or_default();
    text.parse().unwrap_or_else(|_| number.into())
}

/// Of what goes into a vector, which takes all.
fn written<T, E>(written: Result<T, E>) {
    debug_assert!(written.is_ok());
}

#[cold]
fn too_deep() -> Error {
    Error::custom("nested deeper than 127")
}

#[cold]
fn too_long() -> Error {
    Error::custom("longer than 4294967295")
}
