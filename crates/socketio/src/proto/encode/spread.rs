//! Writes arguments: the fields of a tuple are one argument each, a unit is none, anything else is one.

use std::fmt;

use serde::ser::{Serialize, SerializeTuple, SerializeTupleStruct, Serializer};

/// An open array, which takes arguments one after the other in the format that it has.
pub(in crate::proto) trait Elements {
    /// Writes one argument.
    type One<'a>: Serializer<Ok = (), Error = Self::Error>
    where
        Self: 'a;
    /// What an argument may be refused with.
    type Error: serde::ser::Error;

    /// Begins the next argument.
    fn next(&mut self) -> Self::One<'_>;
}

/// Writes `args` as elements of an array. The type is asked once, whatever it is.
pub(in crate::proto) fn spread<T, E>(args: &T, elements: &mut E) -> Result<(), E::Error>
where
    T: Serialize + ?Sized,
    E: Elements,
{
    args.serialize(Spread(elements))
}

/// Takes a type by its shape.
struct Spread<'a, E>(&'a mut E);

macro_rules! one {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$ok, Self::Error> {
            self.0.next().$method($($arg),*)
        }
    )*};
}

impl<'a, E: Elements> Serializer for Spread<'a, E> {
    type Ok = ();
    type Error = E::Error;
    type SerializeSeq = <E::One<'a> as Serializer>::SerializeSeq;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = <E::One<'a> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <E::One<'a> as Serializer>::SerializeMap;
    type SerializeStruct = <E::One<'a> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <E::One<'a> as Serializer>::SerializeStructVariant;

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

    fn serialize_unit(self) -> Result<(), E::Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), E::Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), E::Error> {
        self.0.next().serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), E::Error> {
        self.0.next().serialize_newtype_struct(name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), E::Error> {
        self.0.next().serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, E::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, E::Error> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), E::Error> {
        self.0.next().collect_str(value)
    }
}

impl<E: Elements> SerializeTuple for Spread<'_, E> {
    type Ok = ();
    type Error = E::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), E::Error> {
        value.serialize(self.0.next())
    }

    fn end(self) -> Result<(), E::Error> {
        Ok(())
    }
}

impl<E: Elements> SerializeTupleStruct for Spread<'_, E> {
    type Ok = ();
    type Error = E::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), E::Error> {
        value.serialize(self.0.next())
    }

    fn end(self) -> Result<(), E::Error> {
        Ok(())
    }
}
