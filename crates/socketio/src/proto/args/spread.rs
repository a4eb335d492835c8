//! Reads arguments as a type: tuples spread over them, other types take the first.

use bytes::Bytes;
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::proto::json::read::Reader;
use crate::proto::{ArgsError, json};

/// Arguments that are still to be read.
pub(super) struct Spread<'de> {
    rest: Rest<'de>,
    index: usize,
    len: usize,
}

/// Who reads them.
enum Rest<'de> {
    Ours(Reader<'de>),
    /// Without attachments, for the errors.
    SerdeJson(&'de [u8]),
}

impl<'de> Spread<'de> {
    pub(super) fn new(raw: &'de [u8], len: usize, attachments: &'de [Bytes]) -> Self {
        let ours = Reader::new(raw, attachments).map(Rest::Ours);
        Self { rest: ours.unwrap_or(Rest::SerdeJson(raw)), index: 0, len }
    }

    /// As [`Spread::new`], read by `serde_json`, which knows nothing of attachments.
    pub(super) fn by_serde_json(raw: &'de [u8], len: usize) -> Self {
        Self { rest: Rest::SerdeJson(raw), index: 0, len }
    }

    fn next<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ArgsError> {
        let index = self.index;
        self.index += 1;
        if index >= self.len {
            return seed.deserialize(Missing { index, len: self.len });
        }
        let value = match &mut self.rest {
            Rest::Ours(reader) => {
                let start = reader.offset();
                let value = seed.deserialize(&mut *reader);
                // A type that looks at nothing, or not at all of it, still takes its argument.
                if reader.offset() == start || value.is_err() {
                    reader.skip_from(start);
                }
                reader.next_element();
                value
            }
            Rest::SerdeJson(rest) => {
                let mut json = serde_json::Deserializer::from_slice(rest);
                let value = seed.deserialize(&mut json);
                let read = match json.into_iter::<IgnoredAny>().byte_offset() {
                    read if read > 0 && value.is_ok() => read,
                    _ => json::value_len(rest),
                };
                *rest = json::next_element(&rest[read..]);
                value
            }
        };
        value.map_err(|source| ArgsError::Type { index, source })
    }
}

/// Methods of types that take the first argument.
macro_rules! first {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, ArgsError> {
            if self.len == 0 {
                return Missing { index: 0, len: 0 }.$method($($arg,)* visitor);
            }
            match self.rest {
                Rest::Ours(mut reader) => reader.$method($($arg,)* visitor),
                Rest::SerdeJson(rest) => {
                    serde_json::Deserializer::from_slice(rest).$method($($arg,)* visitor)
                }
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
pub(in crate::proto) struct Missing {
    pub(in crate::proto) index: usize,
    pub(in crate::proto) len: usize,
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
