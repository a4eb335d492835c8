//! Writes arguments: tuples spread over several, a unit is none, anything else is one.

use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use serde::ser::{Error, Impossible, Serialize, SerializeTuple, SerializeTupleStruct, Serializer};

use super::attach::Attach;
use super::{Encoded, close};
use crate::proto::EncodeError;

/// Appends `args` and the closing bracket to a packet that is open; `behind` says whether an
/// element stands before them.
pub(super) fn write<T: Serialize + ?Sized>(
    args: &T,
    wire: Vec<u8>,
    behind: bool,
) -> Result<Encoded, EncodeError> {
    let mut writer = Writer { wire, behind, attachments: RefCell::new(Vec::new()) };
    match args.serialize(Spread(&mut writer)) {
        Ok(()) => {}
        Err(Stop::Single) => writer.one(args).map_err(EncodeError::Json)?,
        Err(Stop::Json(error)) => return Err(EncodeError::Json(error)),
    }
    writer.wire.push(b']');
    Ok(close(writer.wire, writer.attachments.into_inner()))
}

struct Writer {
    wire: Vec<u8>,
    behind: bool,
    attachments: RefCell<Vec<Bytes>>,
}

impl Writer {
    fn one<T: Serialize + ?Sized>(&mut self, arg: &T) -> Result<(), serde_json::Error> {
        if self.behind {
            self.wire.push(b',');
        }
        self.behind = true;
        let mut json = serde_json::Serializer::new(&mut self.wire);
        arg.serialize(Attach::new(&mut json, &self.attachments))
    }
}

/// Asks a type for its shape, and writes the fields of a tuple. Every other type but a unit stops
/// at its first call, before anything is written.
struct Spread<'a>(&'a mut Writer);

#[derive(Debug)]
enum Stop {
    /// One argument.
    Single,
    Json(serde_json::Error),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single => f.write_str("one argument"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Json(Error::custom(message))
    }
}

macro_rules! single {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, Stop> {
            Err(Stop::Single)
        }
    )*};
}

impl Serializer for Spread<'_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Impossible<(), Stop>;
    type SerializeStructVariant = Impossible<(), Stop>;

    single! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_i128(i128) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_u128(u128) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<(), Stop> {
        Err(Stop::Single)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _value: &T,
    ) -> Result<(), Stop> {
        Err(Stop::Single)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Stop> {
        Err(Stop::Single)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _value: &T) -> Result<(), Stop> {
        Err(Stop::Single)
    }
}

impl SerializeTuple for Spread<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.0.one(value).map_err(Stop::Json)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

impl SerializeTupleStruct for Spread<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        SerializeTuple::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}
