//! Parts of MessagePack: elements, members and their keys, variants, and the arguments.

use std::marker::PhantomData;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::plain::Cursor;
use super::typed::{Other, Values};
use crate::proto::ArgsError;
use crate::proto::args::{Source, Spread};
use crate::proto::json::read::RAW_VALUE;

/// Reads arguments as a `T`: a tuple takes one per field, any other type the first. None as soon as
/// anything is refused.
pub(super) fn arguments<'de, T: Deserialize<'de>>(at: Cursor<'de>, len: usize) -> Option<T> {
    let mut values = Values::new(at);
    let read = T::deserialize(Spread::of(&mut values, len));
    read.ok().filter(|_| !values.has_failed())
}

impl<'de> Source<'de> for &mut Values<'de> {
    type Error = Other;

    fn next<T>(&mut self, _index: usize, seed: T) -> Result<T::Value, Other>
    where
        T: DeserializeSeed<'de>,
    {
        let start = self.at.at;
        let value = seed.deserialize(&mut **self)?;
        // A type that looks at nothing still takes its argument.
        if self.at.at == start && self.at.check(usize::MAX).is_none() {
            return self.refuse();
        }
        Ok(value)
    }

    fn first<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Other> {
        seed.deserialize(self)
    }

    fn missing<T>(&mut self, _error: ArgsError) -> Result<T, Other> {
        self.refuse()
    }
}

/// What is left of an array or map.
pub(super) struct Parts<'a, 'de> {
    values: &'a mut Values<'de>,
    left: u32,
    /// A key was read, and its value was not.
    owes: bool,
}

impl<'a, 'de> Parts<'a, 'de> {
    pub(super) fn new(values: &'a mut Values<'de>, left: u32) -> Self {
        Self { values, left, owes: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && !self.owes
    }

    /// Reads a value. A type that looks at nothing leaves it unread, which JSON refuses.
    #[inline]
    fn value<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Other> {
        self.owes = false;
        let start = self.values.at.at;
        let value = seed.deserialize(&mut *self.values)?;
        if self.values.at.at == start { self.values.refuse() } else { Ok(value) }
    }
}

impl<'de> SeqAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Other;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Other> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.value(seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Other;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Other> {
        if self.owes {
            return self.values.refuse();
        }
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        (self.left, self.owes) = (left, true);
        let key = self.values.at.key().ok_or(Other).and_then(|key| seed.deserialize(Key(key)));
        self.values.seen(key).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Other> {
        self.value(seed)
    }
}

/// `{"variant": value}`
impl<'de> EnumAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Other;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Result<(V::Value, Self), Other> {
        let name = self.next_key_seed(seed)?.ok_or(Other)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Other;

    fn unit_variant(self) -> Result<(), Other> {
        self.value(PhantomData)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Other> {
        self.value(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Other> {
        self.owes = false;
        self.values.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Other> {
        self.owes = false;
        self.values.deserialize_struct("", fields, visitor)
    }
}

/// A key. One that is asked for as a number or a bool is read from JSON.
struct Key<'de>(&'de str);

macro_rules! refused {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Other> {
            Err(Other)
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Other;

    refused! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_borrowed_bytes(self.0.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Other> {
        if name == RAW_VALUE { Err(Other) } else { visitor.visit_newtype_struct(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Other> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
