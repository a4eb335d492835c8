//! Writes arguments: tuples spread over several, a unit is none, anything else is one.

use std::fmt;

use serde::ser::{Serialize, SerializeTuple, SerializeTupleStruct, Serializer};

use super::json::{Json, Open};
use super::{Encoded, close};
use crate::proto::EncodeError;

/// Appends `args` and the closing bracket to a packet that is open; `behind` says whether an
/// element stands before them. Whatever they are, they are asked once.
pub(super) fn write<T: Serialize + ?Sized>(
    args: &T,
    mut wire: Vec<u8>,
    behind: bool,
) -> Result<Encoded, EncodeError> {
    let mut attachments = Vec::new();
    let json = Json { wire: &mut wire, attachments: &mut attachments };
    args.serialize(Spread { json, behind }).map_err(EncodeError::Json)?;
    wire.push(b']');
    Ok(close(wire, attachments))
}

/// Takes a type by its shape: the fields of a tuple are an argument each, and every other type but
/// a unit is one as a whole.
struct Spread<'a> {
    json: Json<'a>,
    behind: bool,
}

impl<'a> Spread<'a> {
    fn one(mut self) -> Json<'a> {
        self.separate();
        self.json
    }

    fn field<T: Serialize + ?Sized>(&mut self, field: &T) -> Result<(), serde_json::Error> {
        self.separate();
        field.serialize(self.json.again())
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.behind, true) {
            self.json.wire.push(b',');
        }
    }
}

macro_rules! one {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$ok, serde_json::Error> {
            self.one().$method($($arg),*)
        }
    )*};
}

impl<'a> Serializer for Spread<'a> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

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

    fn serialize_unit(self) -> Result<(), serde_json::Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), serde_json::Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), serde_json::Error> {
        self.one().serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.one().serialize_newtype_struct(name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.one().serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, serde_json::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self, serde_json::Error> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), serde_json::Error> {
        self.one().collect_str(value)
    }
}

impl SerializeTuple for Spread<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.field(value)
    }

    fn end(self) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl SerializeTupleStruct for Spread<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.field(value)
    }

    fn end(self) -> Result<(), serde_json::Error> {
        Ok(())
    }
}
