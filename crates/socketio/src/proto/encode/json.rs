//! Writes JSON as `serde_json` does, and takes the bytes out of it: each becomes an attachment, in
//! order of appearance, and a placeholder in its place.
//!
//! Structure and strings are written here; numbers, keys of maps and all that is rare by
//! `serde_json` itself.

use std::fmt;

use bytes::Bytes;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use super::strings::write_string;
use crate::proto::args::{MARK, NUM};

/// Appends values to `wire`.
pub(super) struct Json<'a> {
    pub(super) wire: &'a mut Vec<u8>,
    /// Those so far.
    pub(super) attachments: &'a mut Vec<Bytes>,
}

/// An array or object that is open.
pub(super) struct Open<'a> {
    json: Json<'a>,
    is_empty: bool,
    /// What ends it.
    end: &'static str,
    /// Its name, of a struct by which `serde_json` tells itself what to write.
    private: Option<&'static str>,
}

impl<'a> Json<'a> {
    pub(super) fn again(&mut self) -> Json<'_> {
        Json { wire: self.wire, attachments: self.attachments }
    }

    fn open(self, start: u8, end: &'static str) -> Open<'a> {
        self.wire.push(start);
        Open { json: self, is_empty: true, end, private: None }
    }

    /// `{"name":`
    fn variant(self, name: &str) -> Self {
        self.wire.push(b'{');
        write_string(self.wire, name);
        self.wire.push(b':');
        self
    }
}

/// What `serde_json` writes itself.
macro_rules! scalar {
    ($($method:ident($($value:ident: $type:ty)?);)*) => {$(
        fn $method(self, $($value: $type)?) -> Result<(), Error> {
            serde_json::Serializer::new(self.wire).$method($($value)?)
        }
    )*};
}

impl<'a> Serializer for Json<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

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
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        write_string(self.wire, text);
        Ok(())
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<(), Error> {
        let num = self.attachments.len();
        self.attachments.push(Bytes::copy_from_slice(bytes));
        let mut placeholder = self.again().open(b'{', "}");
        SerializeStruct::serialize_field(&mut placeholder, MARK, &true)?;
        SerializeStruct::serialize_field(&mut placeholder, NUM, &num)?;
        SerializeStruct::end(placeholder)
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
        let mut json = self.variant(variant);
        value.serialize(json.again())?;
        json.wire.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(b'[', "]"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(b'[', "]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(b'[', "]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'a>, Error> {
        Ok(self.variant(variant).open(b'[', "]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(b'{', "}"))
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Open<'a>, Error> {
        if name.starts_with(PRIVATE) {
            return Ok(Open { json: self, is_empty: true, end: "", private: Some(name) });
        }
        Ok(self.open(b'{', "}"))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'a>, Error> {
        Ok(self.variant(variant).open(b'{', "}}"))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        serde_json::Serializer::new(self.wire).collect_str(value)
    }
}

impl Open<'_> {
    #[inline]
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.json.wire.push(b',');
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(self.json.again())
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if let Some(name) = self.private {
            let mut json = serde_json::Serializer::new(&mut *self.json.wire);
            let mut open = json.serialize_struct(name, 1)?;
            SerializeStruct::serialize_field(&mut open, key, value)?;
            return SerializeStruct::end(open);
        }
        self.separate();
        write_string(self.json.wire, key);
        self.json.wire.push(b':');
        value.serialize(self.json.again())
    }

    fn close(self) -> Result<(), Error> {
        self.json.wire.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident($($key:ident: $type:ty)?) by $by:ident;)*) => {$(
        impl $part for Open<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $type,)?
                value: &T,
            ) -> Result<(), Error> {
                self.$by($($key,)? value)
            }

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

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;

    // A key is never an attachment: `serde_json` refuses bytes as keys.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        if is_first {
            self.json.wire.pop();
        }
        let start = self.json.wire.len();
        // A map of its own, which is not ended: its bracket is ours, or makes room for a comma.
        let mut json = serde_json::Serializer::new(&mut *self.json.wire);
        json.serialize_map(None)?.serialize_key(key)?;
        if !is_first {
            self.json.wire[start] = b',';
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.json.wire.push(b':');
        value.serialize(self.json.again())
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// How the names begin of structs that `serde_json` makes of raw values, and of numbers of any
/// length: it writes them as what they hold.
const PRIVATE: &str = "$serde_json::private::";
