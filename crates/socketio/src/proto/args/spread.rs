//! Reads arguments as a type: tuples spread over them, other types take the first.

use bytes::Bytes;
use checked_json::{Reader, next_element, value_len};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::proto::ArgsError;
use crate::proto::placeholder::Received;

/// Arguments in the format in which they came.
pub(in crate::proto) trait Source<'de> {
    type Error: Error;

    /// Reads the next argument, whose index this is.
    fn next<T>(&mut self, index: usize, seed: T) -> Result<T::Value, Self::Error>
    where
        T: DeserializeSeed<'de>;

    /// Reads the first argument and no other.
    fn first<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Self::Error>;

    /// Refuses, because an argument did not come.
    fn missing<T>(&mut self, error: ArgsError) -> Result<T, Self::Error>;
}

/// Arguments that are still to be read.
pub(in crate::proto) struct Spread<S> {
    source: S,
    index: usize,
    len: usize,
}

impl<S> Spread<S> {
    pub(in crate::proto) fn of(source: S, len: usize) -> Self {
        Self { source, index: 0, len }
    }
}

/// JSON, and which of the two readers reads it.
pub(super) enum Json<'de> {
    Ours(Reader<'de, Received<'de>>),
    /// Reads again with `serde_json`, for its error message. Only without attachments.
    SerdeJson(&'de [u8]),
}

impl<'de> Json<'de> {
    pub(super) fn new(raw: &'de [u8], attachments: &'de [Bytes]) -> Self {
        Reader::new(raw, Received(attachments)).map_or(Self::SerdeJson(raw), Self::Ours)
    }
}

impl<'de> Source<'de> for Json<'de> {
    type Error = ArgsError;

    fn next<T>(&mut self, index: usize, seed: T) -> Result<T::Value, ArgsError>
    where
        T: DeserializeSeed<'de>,
    {
        let value = match self {
            Self::Ours(reader) => {
                let start = reader.offset();
                let value = seed.deserialize(&mut *reader);
                // A type that looks at nothing, or stops early, still takes its argument.
                if reader.offset() == start || value.is_err() {
                    reader.skip_from(start);
                }
                reader.next_element();
                value
            }
            Self::SerdeJson(rest) => {
                let mut json = serde_json::Deserializer::from_slice(rest);
                let value = seed.deserialize(&mut json);
                let read = match json.into_iter::<IgnoredAny>().byte_offset() {
                    read if read > 0 && value.is_ok() => read,
                    _ => value_len(rest),
                };
                *rest = next_element(&rest[read..]);
                value
            }
        };
        value.map_err(|source| ArgsError::Type { index, source })
    }

    fn first<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ArgsError> {
        match self {
            Self::Ours(mut reader) => seed.deserialize(&mut reader),
            Self::SerdeJson(rest) => {
                seed.deserialize(&mut serde_json::Deserializer::from_slice(rest))
            }
        }
        .map_err(|source| ArgsError::Type { index: 0, source })
    }

    fn missing<T>(&mut self, error: ArgsError) -> Result<T, ArgsError> {
        Err(error)
    }
}

/// Methods of types that take the first argument.
macro_rules! first {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(mut self, $($arg: $type,)* visitor: V) -> Result<V::Value, S::Error> {
            struct First<V>(V, $($type),*);
            impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for First<V> {
                type Value = V::Value;

                fn deserialize<D: Deserializer<'de>>(self, of: D) -> Result<V::Value, D::Error> {
                    let Self(visitor, $($arg),*) = self;
                    of.$method($($arg,)* visitor)
                }
            }

            let seed = First(visitor, $($arg),*);
            match self.len {
                0 => {
                    let missing = seed.deserialize(Missing { index: 0, len: 0 });
                    missing.or_else(|error| self.source.missing(error))
                }
                _ => self.source.first(seed),
            }
        }
    )*};
}

impl<'de, S: Source<'de>> Deserializer<'de> for Spread<S> {
    type Error = S::Error;

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
    ) -> Result<V::Value, S::Error> {
        visitor.visit_seq(Fields { arguments: self, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, S::Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, S::Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, S::Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, S::Error> {
        visitor.visit_unit()
    }
}

/// The fields of a tuple, one argument each.
struct Fields<S> {
    arguments: Spread<S>,
    left: usize,
}

impl<'de, S: Source<'de>> SeqAccess<'de> for Fields<S> {
    type Error = S::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, S::Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let Spread { source, index: next, len } = &mut self.arguments;
        let (index, len) = (*next, *len);
        *next += 1;
        if index < len {
            return source.next(index, seed).map(Some);
        }
        let missing = seed.deserialize(Missing { index, len });
        missing.or_else(|error| source.missing(error)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// An argument that did not come: `None` for an option, an error for every other type.
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
