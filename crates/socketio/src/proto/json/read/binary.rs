//! Fields that ask for bytes, where there are attachments: a placeholder's is what they get.

use std::fmt;

use bytes::Bytes;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::proto::args::{MARK, NUM};

/// The visitor of such a field. What is no placeholder reaches it unchanged.
pub(super) struct Binary<'de, V> {
    pub(super) visitor: V,
    pub(super) attachments: &'de [Bytes],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Binary<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let (mut marked, mut num) = (false, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                MARK => marked = map.next_value()?,
                NUM => num = map.next_value::<Option<usize>>()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let attachment = num.and_then(|num| self.attachments.get(num));
        match attachment {
            Some(bytes) if marked => self.visitor.visit_borrowed_bytes(bytes),
            _ => Err(Error::invalid_type(Unexpected::Map, &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(seq)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.visitor.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.visitor.visit_borrowed_str(value)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }
}
