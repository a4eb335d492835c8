//! Writes JSON as `serde_json` does, and takes the bytes out of it: each becomes an attachment, in
//! order of appearance, and a placeholder in its place.
//!
//! Structure and strings are written here; numbers and all that is rare by `serde_json` itself.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::Error;

use super::strings::write_string;
use crate::proto::args::{MARK, NUM};
use crate::proto::ser::{Format, Shape};

/// Appends values to a packet.
pub(super) struct Json {
    pub(super) wire: Vec<u8>,
    /// Those so far.
    pub(super) attachments: Vec<Bytes>,
}

/// What `serde_json` writes itself; it does not fail for these, and a vector takes all.
macro_rules! scalars {
    ($($method:ident($($value:ident: $type:ty)?) by $by:ident;)*) => {$(
        #[inline]
        fn $method(&mut self, $($value: $type)?) {
            let written = serde_json::Serializer::new(&mut self.wire).$by($($value)?);
            debug_assert!(written.is_ok());
        }
    )*};
}

impl Format for Json {
    type Place = ();

    scalars! {
        null() by serialize_unit;
        bool(flag: bool) by serialize_bool;
        unsigned(number: u64) by serialize_u64;
        signed(number: i64) by serialize_i64;
        wide_unsigned(number: u128) by serialize_u128;
        wide_signed(number: i128) by serialize_i128;
        float32(number: f32) by serialize_f32;
        float64(number: f64) by serialize_f64;
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        write_string(&mut self.wire, text);
        Ok(())
    }

    fn display<T: fmt::Display + ?Sized>(&mut self, text: &T) -> Result<(), Error> {
        serde_json::Serializer::new(&mut self.wire).collect_str(text)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.open(Shape::Object, None)?;
        write_string(&mut self.wire, MARK);
        self.colon();
        self.bool(true);
        self.separate(false);
        write_string(&mut self.wire, NUM);
        self.colon();
        self.unsigned(self.attachments.len() as u64);
        self.attachments.push(Bytes::copy_from_slice(bytes));
        self.close(Shape::Object, (), 2)
    }

    fn private<T>(&mut self, name: &'static str, value: &T) -> Result<(), Error>
    where
        T: Serialize + ?Sized,
    {
        write_private(&mut self.wire, name, value)
    }

    #[inline]
    fn open(&mut self, shape: Shape, _len: Option<usize>) -> Result<(), Error> {
        self.wire.push(if shape == Shape::Array { b'[' } else { b'{' });
        Ok(())
    }

    #[inline]
    fn separate(&mut self, is_first: bool) {
        if !is_first {
            self.wire.push(b',');
        }
    }

    #[inline]
    fn colon(&mut self) {
        self.wire.push(b':');
    }

    #[inline]
    fn close(&mut self, shape: Shape, _place: (), _len: usize) -> Result<(), Error> {
        self.wire.push(if shape == Shape::Array { b']' } else { b'}' });
        Ok(())
    }

    fn open_variant(&mut self, variant: &'static str) -> Result<(), Error> {
        self.wire.push(b'{');
        write_string(&mut self.wire, variant);
        self.wire.push(b':');
        Ok(())
    }

    fn close_variant(&mut self) {
        self.wire.push(b'}');
    }
}

/// Appends what `serde_json` writes of a struct of its own, which has one field of the same name.
pub(in crate::proto) fn write_private<T: Serialize + ?Sized>(
    wire: &mut Vec<u8>,
    name: &'static str,
    value: &T,
) -> Result<(), Error> {
    let mut json = serde_json::Serializer::new(wire);
    let mut open = json.serialize_struct(name, 1)?;
    open.serialize_field(name, value)?;
    open.end()
}
