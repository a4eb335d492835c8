//! One value.

use std::fmt;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use super::key::Key;
use super::{Format, Shape};

/// Writes a value wherever its format is.
pub(super) struct Value<'a, F> {
    format: &'a mut F,
}

/// An array or object that is open.
pub(super) struct Open<'a, F: Format> {
    format: &'a mut F,
    place: F::Place,
    shape: Shape,
    /// Elements or members so far.
    len: usize,
    is_variant: bool,
    /// Its name, of a struct by which `serde_json` tells itself what to write.
    private: Option<&'static str>,
}

impl<'a, F: Format> Value<'a, F> {
    pub(super) fn new(format: &'a mut F) -> Self {
        Self { format }
    }

    #[inline]
    fn open(self, shape: Shape, len: Option<usize>) -> Result<Open<'a, F>, Error> {
        let place = self.format.open(shape, len)?;
        Ok(Open { format: self.format, place, shape, len: 0, is_variant: false, private: None })
    }

    fn variant(
        self,
        variant: &'static str,
        shape: Shape,
        len: usize,
    ) -> Result<Open<'a, F>, Error> {
        self.format.open_variant(variant)?;
        Ok(Open { is_variant: true, ..self.open(shape, Some(len))? })
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty) by $by:ident;)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            self.format.$by(value.into());
            Ok(())
        }
    )*};
}

impl<'a, F: Format> Serializer for Value<'a, F> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a, F>;
    type SerializeTuple = Open<'a, F>;
    type SerializeTupleStruct = Open<'a, F>;
    type SerializeTupleVariant = Open<'a, F>;
    type SerializeMap = Open<'a, F>;
    type SerializeStruct = Open<'a, F>;
    type SerializeStructVariant = Open<'a, F>;

    scalars! {
        serialize_bool(bool) by bool;
        serialize_i8(i8) by signed;
        serialize_i16(i16) by signed;
        serialize_i32(i32) by signed;
        serialize_i64(i64) by signed;
        serialize_i128(i128) by wide_signed;
        serialize_u8(u8) by unsigned;
        serialize_u16(u16) by unsigned;
        serialize_u32(u32) by unsigned;
        serialize_u64(u64) by unsigned;
        serialize_u128(u128) by wide_unsigned;
        serialize_f32(f32) by float32;
        serialize_f64(f64) by float64;
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.format.string(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.format.string(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.format.bytes(bytes)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.format.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
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
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.format.open_variant(variant)?;
        self.format.value(value)?;
        self.format.close_variant();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Open<'a, F>, Error> {
        self.open(Shape::Array, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Open<'a, F>, Error> {
        self.open(Shape::Array, Some(len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Open<'a, F>, Error> {
        self.open(Shape::Array, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Open<'a, F>, Error> {
        self.variant(variant, Shape::Array, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Open<'a, F>, Error> {
        self.open(Shape::Object, len)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Open<'a, F>, Error> {
        if name.starts_with(PRIVATE) {
            let (place, shape, private) = (F::Place::default(), Shape::Object, Some(name));
            let format = self.format;
            return Ok(Open { format, place, shape, len: 0, is_variant: false, private });
        }
        self.open(Shape::Object, Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Open<'a, F>, Error> {
        self.variant(variant, Shape::Object, len)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.format.display(value)
    }
}

impl<F: Format> Open<'_, F> {
    #[inline]
    fn separate(&mut self) {
        self.format.separate(self.len == 0);
        self.len += 1;
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        self.format.value(value)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if let Some(name) = self.private {
            return self.format.private(name, value);
        }
        self.separate();
        self.format.string(key)?;
        self.format.colon();
        self.format.value(value)
    }

    #[inline]
    fn close(self) -> Result<(), Error> {
        if self.private.is_none() {
            self.format.close(self.shape, self.place, self.len)?;
        }
        if self.is_variant {
            self.format.close_variant();
        }
        Ok(())
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident($($key:ident: $type:ty)?) by $by:ident;)*) => {$(
        impl<F: Format> $part for Open<'_, F> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $type,)?
                value: &T,
            ) -> Result<(), Error> {
                self.$by($($key,)? value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element() by element;
    SerializeTuple: serialize_element() by element;
    SerializeTupleStruct: serialize_field() by element;
    SerializeTupleVariant: serialize_field() by element;
    SerializeStruct: serialize_field(key: &'static str) by field;
    SerializeStructVariant: serialize_field(key: &'static str) by field;
}

impl<F: Format> SerializeMap for Open<'_, F> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        key.serialize(Key { format: &mut *self.format })?;
        self.format.colon();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.format.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// How the names begin of structs that `serde_json` makes of raw values, and of numbers of any
/// length: it writes them as what they hold.
const PRIVATE: &str = "$serde_json::private::";
