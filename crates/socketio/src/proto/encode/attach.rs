//! Writes JSON and takes the bytes out of it: each becomes an attachment, in order of appearance,
//! and a placeholder in its place.

use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::strings::Next;
use crate::proto::args::{MARK, NUM};

/// What goes around the serializer.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// The attachments so far.
    pub(super) attachments: RefCell<Vec<Bytes>>,
    pub(super) next: Next,
}

/// A serializer, part of one, or value, and what goes around it.
pub(super) struct Attach<'a, T> {
    inner: T,
    aside: &'a Aside,
}

impl<'a, T> Attach<'a, T> {
    pub(super) fn new(inner: T, aside: &'a Aside) -> Self {
        Self { inner, aside }
    }
}

impl<T: Serialize> Serialize for Attach<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Attach::new(serializer, self.aside))
    }
}

macro_rules! scalar {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($arg),*)
        }
    )*};
}

macro_rules! compound {
    ($($method:ident($($arg:ident: $type:ty),*) -> $part:ident;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<Self::$part, S::Error> {
            Ok(Attach::new(self.inner.$method($($arg),*)?, self.aside))
        }
    )*};
}

impl<'a, S: Serializer> Serializer for Attach<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Attach<'a, S::SerializeSeq>;
    type SerializeTuple = Attach<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Attach<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Attach<'a, S::SerializeTupleVariant>;
    type SerializeMap = Attach<'a, S::SerializeMap>;
    type SerializeStruct = Attach<'a, S::SerializeStruct>;
    type SerializeStructVariant = Attach<'a, S::SerializeStructVariant>;

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, S::Error> {
        let num = {
            let mut attachments = self.aside.attachments.borrow_mut();
            attachments.push(Bytes::copy_from_slice(bytes));
            attachments.len() - 1
        };
        let mut placeholder = self.inner.serialize_struct("Placeholder", 2)?;
        placeholder.serialize_field(MARK, &true)?;
        placeholder.serialize_field(NUM, &num)?;
        placeholder.end()
    }

    fn serialize_str(self, text: &str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_str(if self.aside.next.takes(text) { "" } else { text })
    }

    scalar! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    compound! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Attach::new(value, self.aside))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Attach::new(value, self.aside))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = Attach::new(value, self.aside);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident($($key:ident: $type:ty)?);)*) => {$(
        impl<S: $part> $part for Attach<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $type,)?
                value: &T,
            ) -> Result<(), S::Error> {
                self.inner.$method($($key,)? &Attach::new(value, self.aside))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(key: &'static str);
    SerializeStructVariant: serialize_field(key: &'static str);
}

impl<S: SerializeMap> SerializeMap for Attach<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    // A key is never an attachment: the inner serializer refuses bytes as keys.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&Attach::new(value, self.aside))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
