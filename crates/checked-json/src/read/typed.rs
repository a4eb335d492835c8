//! What a type may ask a [`Reader`] for, and the parts of arrays, objects and variants.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error;

use super::{Kind, RAW_VALUE, Reader, fault};
use crate::ReadBytes;
use crate::bytes::Hooked;

impl<'de, B: ReadBytes<'de>> Reader<'de, B> {
    /// Passes an opening bracket, lets `read` read what is in it, and passes `close`.
    #[inline]
    fn within<T>(
        &mut self,
        close: u8,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.room <= 1 {
            return Err(fault());
        }
        self.room -= 1;
        self.scan.at += 1;
        let value = read(self);
        self.room += 1;
        let end = self.scan.take_spaced(close);
        let value = value?;
        end.map(|()| value).ok_or_else(fault)
    }

    #[inline]
    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.within(b']', |reader| visitor.visit_seq(Elements::new(reader)))
    }

    #[inline]
    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.within(b'}', |reader| visitor.visit_map(Members::new(reader)))
    }
}

/// Types of numbers that are plain integers most of the time.
macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.number(visitor, Kind::Other, |json, visitor| json.$method(visitor))
        }
    )*};
}

/// Types that are rare: left to `serde_json`.
macro_rules! by_serde_json {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.by_serde_json(|json| json.$method(visitor))
        }
    )*};
}

impl<'de, B: ReadBytes<'de>> Deserializer<'de> for &mut Reader<'de, B> {
    type Error = Error;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32
    }

    by_serde_json! { deserialize_i128 deserialize_u128 }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.first() {
            b'"' => self.string(visitor),
            b'{' => self.object(visitor),
            b'[' => self.array(visitor),
            b'n' => {
                self.literal("null")?;
                visitor.visit_unit()
            }
            b't' | b'f' => self.deserialize_bool(visitor),
            _ => self.number(visitor, Kind::Any, |json, visitor| json.deserialize_any(visitor)),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor, Kind::Float, |json, visitor| json.deserialize_f64(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.first() {
            b't' => {
                self.literal("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.literal("false")?;
                visitor.visit_bool(false)
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.first() {
            b'"' => self.string(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.bytes.is_used() {
            let hook = self.bytes;
            return self.deserialize_any(Hooked { visitor, hook });
        }
        match self.first() {
            b'"' => self.string_as_bytes(visitor),
            b'[' => self.array(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.first() != b'n' {
            return visitor.visit_some(self);
        }
        self.literal("null")?;
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.first() != b'n' {
            return Err(self.mismatch(&visitor));
        }
        self.literal("null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            RAW_VALUE => self.raw(name, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.first() {
            b'[' => self.array(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.first() {
            b'{' => self.object(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.first() {
            b'{' => self.object(visitor),
            b'[' => self.array(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.first() {
            b'{' => self.within(b'}', |reader| visitor.visit_enum(Variant(reader))),
            b'"' => visitor.visit_enum(UnitVariant(self)),
            _ => Err(fault()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.scan.space();
        self.scan.skip();
        visitor.visit_unit()
    }
}

/// The elements of an array.
struct Elements<'a, 'de, B> {
    reader: &'a mut Reader<'de, B>,
    is_first: bool,
}

impl<'a, 'de, B: ReadBytes<'de>> Elements<'a, 'de, B> {
    fn new(reader: &'a mut Reader<'de, B>) -> Self {
        Self { reader, is_first: true }
    }
}

impl<'de, B: ReadBytes<'de>> SeqAccess<'de> for Elements<'_, 'de, B> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.reader.has_next(b']', &mut self.is_first)? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of an object.
struct Members<'a, 'de, B> {
    reader: &'a mut Reader<'de, B>,
    is_first: bool,
}

impl<'a, 'de, B: ReadBytes<'de>> Members<'a, 'de, B> {
    fn new(reader: &'a mut Reader<'de, B>) -> Self {
        Self { reader, is_first: true }
    }
}

impl<'de, B: ReadBytes<'de>> MapAccess<'de> for Members<'_, 'de, B> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !self.reader.has_next(b'}', &mut self.is_first)? {
            return Ok(None);
        }
        self.reader.key(seed).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.scan.take_spaced(b':').ok_or_else(fault)?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de, B: ReadBytes<'de>> Reader<'de, B> {
    /// Whether one more element or member comes before `end`; if so, passes the comma before it.
    #[inline]
    fn has_next(&mut self, end: u8, is_first: &mut bool) -> Result<bool, Error> {
        if self.first() == end {
            return Ok(false);
        }
        if std::mem::replace(is_first, false) {
            return Ok(true);
        }
        self.scan.take(b',').ok_or_else(fault)?;
        self.scan.space();
        Ok(true)
    }

    /// Reads a key.
    #[inline]
    fn key<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<K::Value, Error> {
        if self.scan.peek() != Some(b'"') {
            return Err(fault());
        }
        seed.deserialize(Key(self))
    }
}

/// A key, whose opening quote is next: a string, which a type may want as a number or a bool.
struct Key<'a, 'de, B>(&'a mut Reader<'de, B>);

impl<'de, B: ReadBytes<'de>> Key<'_, 'de, B> {
    /// Lets `read` read what is between the quotes.
    fn between<T>(
        self,
        read: impl FnOnce(&mut Reader<'de, B>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let reader = self.0;
        reader.scan.at += 1;
        let Some(b'-' | b'0'..=b'9' | b't' | b'f') = reader.scan.peek() else {
            return Err(fault());
        };
        let value = read(reader)?;
        reader.scan.take(b'"').ok_or_else(fault)?;
        Ok(value)
    }
}

macro_rules! between {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.between(|reader| reader.$method(visitor))
        }
    )*};
}

impl<'de, B: ReadBytes<'de>> Deserializer<'de> for Key<'_, 'de, B> {
    type Error = Error;

    between! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.string(visitor)
    }

    // The hook for bytes is for values: a key is always a string.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.string_as_bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.string_as_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            RAW_VALUE => self.0.raw(name, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// `{"variant":value}`, after its bracket.
struct Variant<'a, 'de, B>(&'a mut Reader<'de, B>);

impl<'de, B: ReadBytes<'de>> EnumAccess<'de> for Variant<'_, 'de, B> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        self.0.scan.space();
        let name = self.0.key(seed)?;
        self.0.scan.take_spaced(b':').ok_or_else(fault)?;
        Ok((name, self))
    }
}

impl<'de, B: ReadBytes<'de>> VariantAccess<'de> for Variant<'_, 'de, B> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

/// `"variant"`
struct UnitVariant<'a, 'de, B>(&'a mut Reader<'de, B>);

impl<'de, B: ReadBytes<'de>> EnumAccess<'de> for UnitVariant<'_, 'de, B> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = seed.deserialize(&mut *self.0)?;
        Ok((name, self))
    }
}

impl<'de, B: ReadBytes<'de>> VariantAccess<'de> for UnitVariant<'_, 'de, B> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &"newtype variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &"tuple variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &"struct variant"))
    }
}
