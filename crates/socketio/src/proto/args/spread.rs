//! Reads arguments as a type: tuples spread over them, other types take the first.

use bytes::Bytes;
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::attached::Attached;
use crate::proto::{ArgsError, json};

/// Arguments that are still to be read.
pub(super) struct Spread<'de> {
    rest: &'de [u8],
    index: usize,
    len: usize,
    attachments: &'de [Bytes],
}

impl<'de> Spread<'de> {
    pub(super) fn new(raw: &'de [u8], len: usize, attachments: &'de [Bytes]) -> Self {
        Self { rest: raw, index: 0, len, attachments }
    }

    fn next<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ArgsError> {
        let index = self.index;
        self.index += 1;
        if index >= self.len {
            return seed.deserialize(Missing { index, len: self.len });
        }
        let mut json = serde_json::Deserializer::from_slice(self.rest);
        let value = match self.attachments {
            [] => seed.deserialize(&mut json),
            attachments => seed.deserialize(Attached::new(&mut json, attachments)),
        };
        let value = value.map_err(|source| ArgsError::Type { index, source })?;
        let read = match json.into_iter::<IgnoredAny>().byte_offset() {
            // A type that looks at nothing still takes its argument.
            0 => json::value_len(self.rest),
            read => read,
        };
        self.rest = json::next_element(&self.rest[read..]);
        Ok(value)
    }
}

/// Methods of types that take the first argument.
macro_rules! first {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, ArgsError> {
            if self.len == 0 {
                return Missing { index: 0, len: 0 }.$method($($arg,)* visitor);
            }
            let mut json = serde_json::Deserializer::from_slice(self.rest);
            match self.attachments {
                [] => (&mut json).$method($($arg,)* visitor),
                attachments => Attached::new(&mut json, attachments).$method($($arg,)* visitor),
            }
            .map_err(|source| ArgsError::Type { index: 0, source })
        }
    )*};
}

impl<'de> Deserializer<'de> for Spread<'de> {
    type Error = ArgsError;

    first! {
        deserialize_any()
        deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64()
        deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_seq() deserialize_map() deserialize_identifier()
        deserialize_newtype_struct(name: &'static str)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        visitor.visit_seq(Fields { arguments: self, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_unit()
    }
}

/// The fields of a tuple, one argument each.
struct Fields<'de> {
    arguments: Spread<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Fields<'de> {
    type Error = ArgsError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ArgsError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.arguments.next(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// An argument that did not come: None for an option, an error for the rest.
struct Missing {
    index: usize,
    len: usize,
}

impl<'de> Deserializer<'de> for Missing {
    type Error = ArgsError;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, ArgsError> {
        Err(ArgsError::Missing { index: self.index, len: self.len })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        UnitDeserializer::new().deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl Error for ArgsError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}
