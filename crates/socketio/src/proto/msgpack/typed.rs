//! Reads types from MessagePack that was checked, to what the same data as JSON would give.
//!
//! What JSON would refuse is refused without a reason: who gets nothing reads the JSON, and has the
//! error from there. So is what would need JSON, such as its raw text.

use std::fmt;

use rmp::Marker;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserializer, Visitor};

use super::parts::Parts;
use super::plain::{Cursor, Integer};
use crate::proto::json::read::{DEPTH, RAW_VALUE};

/// It is not to be read here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other;

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read as MessagePack")
    }
}

impl std::error::Error for Other {}

impl de::Error for Other {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}

/// Reads values one after the other.
pub(super) struct Values<'de> {
    pub(super) at: Cursor<'de>,
    /// Arrays and maps that may still be opened, as many as in JSON.
    room: u8,
    /// Something was refused. A type may go on behind that, and would not be what JSON makes of it.
    failed: bool,
}

impl<'de> Values<'de> {
    pub(super) fn new(at: Cursor<'de>) -> Self {
        Self { at, room: DEPTH, failed: false }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn refuse<T>(&mut self) -> Result<T, Other> {
        self.failed = true;
        Err(Other)
    }

    #[inline]
    pub(super) fn seen<T>(&mut self, read: Result<T, Other>) -> Result<T, Other> {
        self.failed |= read.is_err();
        read
    }

    #[inline]
    fn peek(&self) -> Marker {
        self.at.peek().unwrap_or(Marker::Reserved)
    }

    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Other> {
        match self.at.key() {
            Some(text) => {
                let read = visitor.visit_borrowed_str(text);
                self.seen(read)
            }
            None => self.refuse(),
        }
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Other> {
        let Some(marker) = self.at.marker() else { return self.refuse() };
        if marker == Marker::F64 {
            let Some(float) = self.at.float() else { return self.refuse() };
            let read = visitor.visit_f64(float);
            return self.seen(read);
        }
        let read = match self.at.integer(marker) {
            Some(Integer::Unsigned(number)) => visitor.visit_u64(number),
            Some(Integer::Negative(number)) => visitor.visit_i64(number),
            None => Err(Other),
        };
        self.seen(read)
    }

    /// What `read` takes of the `left` parts of an array or map, which must be all.
    fn within<T>(
        &mut self,
        left: Option<u32>,
        read: impl FnOnce(&mut Parts<'_, 'de>) -> Result<T, Other>,
    ) -> Result<T, Other> {
        let Some(left) = left.filter(|_| self.room > 1) else { return self.refuse() };
        self.room -= 1;
        let mut parts = Parts::new(self, left);
        let value = read(&mut parts);
        let is_all = parts.is_done();
        self.room += 1;
        self.seen(value.and_then(|value| if is_all { Ok(value) } else { Err(Other) }))
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Other> {
        let len = self.at.marker().and_then(|marker| self.at.array_len(marker));
        self.within(len, |parts| visitor.visit_seq(parts))
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Other> {
        let len = self.at.marker().and_then(|marker| self.at.map_len(marker));
        self.within(len, |parts| visitor.visit_map(parts))
    }

    fn nil(&mut self) -> bool {
        let is_nil = self.peek() == Marker::Null;
        self.at.at += usize::from(is_nil);
        is_nil
    }
}

/// What begins a value.
enum Kind {
    Text,
    Number,
    Array,
    Map,
    Bool(bool),
    Null,
    Other,
}

impl Kind {
    #[inline]
    fn of(marker: Marker) -> Self {
        match marker {
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => Self::Text,
            Marker::FixPos(_) | Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => {
                Self::Number
            }
            Marker::FixNeg(_) | Marker::I8 | Marker::I16 | Marker::I32 | Marker::I64 => {
                Self::Number
            }
            Marker::F64 => Self::Number,
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => Self::Array,
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Self::Map,
            Marker::True => Self::Bool(true),
            Marker::False => Self::Bool(false),
            Marker::Null => Self::Null,
            _ => Self::Other,
        }
    }
}

/// Methods of types that take one kind of value.
macro_rules! only {
    ($($kind:ident $read:ident: $($method:ident)*;)*) => {$($(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
            match Kind::of(self.peek()) {
                Kind::$kind => self.$read(visitor),
                _ => self.refuse(),
            }
        }
    )*)*};
}

impl<'de> Deserializer<'de> for &mut Values<'de> {
    type Error = Other;

    only! {
        Text string: deserialize_str deserialize_string deserialize_char deserialize_identifier;
        Number number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
            deserialize_f64;
        Array array: deserialize_seq;
        Map map: deserialize_map;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        match Kind::of(self.peek()) {
            Kind::Text => self.string(visitor),
            Kind::Number => self.number(visitor),
            Kind::Array => self.array(visitor),
            Kind::Map => self.map(visitor),
            Kind::Bool(_) => self.deserialize_bool(visitor),
            Kind::Null => self.deserialize_unit(visitor),
            Kind::Other => self.refuse(),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        let Kind::Bool(flag) = Kind::of(self.peek()) else { return self.refuse() };
        self.at.at += 1;
        let read = visitor.visit_bool(flag);
        self.seen(read)
    }

    // How a fraction is rounded to 32 bits depends on how `serde_json` was built.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        match (Kind::of(self.peek()), self.peek()) {
            (Kind::Number, marker) if marker != Marker::F64 => self.number(visitor),
            _ => self.refuse(),
        }
    }

    // Numbers beyond 64 bits are read from text.
    fn deserialize_i128<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Other> {
        self.refuse()
    }

    fn deserialize_u128<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Other> {
        self.refuse()
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        match Kind::of(self.peek()) {
            Kind::Text => match self.at.key() {
                Some(text) => {
                    let read = visitor.visit_borrowed_bytes(text.as_bytes());
                    self.seen(read)
                }
                None => self.refuse(),
            },
            Kind::Array => self.array(visitor),
            _ => self.refuse(),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        let read = if self.nil() { visitor.visit_none() } else { visitor.visit_some(&mut *self) };
        self.seen(read)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        if !self.nil() {
            return self.refuse();
        }
        let read = visitor.visit_unit();
        self.seen(read)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Other> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Other> {
        if name == RAW_VALUE {
            return self.refuse();
        }
        let read = visitor.visit_newtype_struct(&mut *self);
        self.seen(read)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Other> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Other> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Other> {
        match Kind::of(self.peek()) {
            Kind::Map => self.map(visitor),
            Kind::Array => self.array(visitor),
            _ => self.refuse(),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Other> {
        match Kind::of(self.peek()) {
            Kind::Map => {
                let len = self.at.marker().and_then(|marker| self.at.map_len(marker));
                self.within(len.filter(|len| *len == 1), |parts| visitor.visit_enum(parts))
            }
            // A variant's name alone: another kind of variant than the unit kind refuses it.
            Kind::Text => match self.at.key() {
                Some(name) => {
                    let read = visitor.visit_enum(BorrowedStrDeserializer::new(name));
                    self.seen(read)
                }
                None => self.refuse(),
            },
            _ => self.refuse(),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Other> {
        if self.at.check(usize::MAX).is_none() {
            return self.refuse();
        }
        let read = visitor.visit_unit();
        self.seen(read)
    }
}
