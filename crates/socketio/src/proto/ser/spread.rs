//! Writes arguments: tuples spread over several, a unit is none, anything else is one.

use std::fmt;

use serde::ser::{Serialize, SerializeTuple, SerializeTupleStruct, Serializer};
use serde_json::Error;

use super::Format;
use super::value::{Open, Value};

/// Writes `args` as elements of an array that is open and has `len` of them. How many it has then.
/// Whatever they are, they are asked once.
pub(in crate::proto) fn spread<T: Serialize + ?Sized, F: Format>(
    args: &T,
    format: &mut F,
    mut len: usize,
) -> Result<usize, Error> {
    args.serialize(Spread { format, len: &mut len })?;
    Ok(len)
}

/// Takes a type by its shape: the fields of a tuple are an argument each, and every other type but
/// a unit is one as a whole.
struct Spread<'a, F> {
    format: &'a mut F,
    len: &'a mut usize,
}

impl<'a, F: Format> Spread<'a, F> {
    fn one(mut self) -> Value<'a, F> {
        self.separate();
        Value::new(self.format)
    }

    fn field<T: Serialize + ?Sized>(&mut self, field: &T) -> Result<(), Error> {
        self.separate();
        self.format.value(field)
    }

    fn separate(&mut self) {
        self.format.separate(*self.len == 0);
        *self.len += 1;
    }
}

macro_rules! one {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$ok, Error> {
            self.one().$method($($arg),*)
        }
    )*};
}

impl<'a, F: Format> Serializer for Spread<'a, F> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a, F>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Open<'a, F>;
    type SerializeMap = Open<'a, F>;
    type SerializeStruct = Open<'a, F>;
    type SerializeStructVariant = Open<'a, F>;

    one! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_str(value: &str) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Self::SerializeSeq;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> Self::SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> Self::SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeStructVariant;
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.one().serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.one().serialize_newtype_struct(name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.one().serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.one().collect_str(value)
    }
}

impl<F: Format> SerializeTuple for Spread<'_, F> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.field(value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<F: Format> SerializeTupleStruct for Spread<'_, F> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.field(value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}
