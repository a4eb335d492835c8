//! The key of a map: becomes a string or is refused, as with `serde_json`.

use std::fmt;

use serde::ser::{Error as _, Impossible, Serialize, Serializer};
use serde_json::Error;

use super::Writer;
use crate::WriteBytes;

pub(super) struct Key<'a, B> {
    pub(super) writer: &'a mut Writer<B>,
}

impl<B: WriteBytes> Key<'_, B> {
    /// Writes a float as the number is written, in quotes.
    fn finite(self, is_finite: bool, number: &impl Serialize) -> Result<(), Error> {
        match is_finite {
            true => self.writer.serialize_str(&serde_json::to_string(number)?),
            false => Err(Error::custom("a float must be finite to be a key")),
        }
    }
}

macro_rules! displayed {
    ($($method:ident($type:ty);)*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.writer.display(&value)
        }
    )*};
}

macro_rules! refused {
    ($($method:ident($($arg:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $arg),*) -> Result<$ok, Error> {
            Err(Error::custom(NO_STRING))
        }
    )*};
}

impl<B: WriteBytes> Serializer for Key<'_, B> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.writer.serialize_str(text)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.writer.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.writer.serialize_str(variant)
    }

    displayed! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.finite(value.is_finite(), &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.finite(value.is_finite(), &value)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Error> {
        Err(Error::custom(NO_STRING))
    }

    refused! {
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
            -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize)
            -> Self::SerializeStructVariant;
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.writer.display(value)
    }
}

const NO_STRING: &str = "a key of a map must become a string";
