//! Hooks for programs that carry byte strings next to their JSON, since JSON has no byte strings.
//!
//! ```
//! use std::borrow::Cow;
//!
//! use checked_json::{ReadBytes, Reader, WriteBytes, Writer};
//! use serde::de::{Deserialize, MapAccess};
//! use serde_bytes::Bytes;
//!
//! /// Byte strings that travel apart. In the JSON `{"at":0}` stands for the first of them.
//! #[derive(Default)]
//! struct Apart(Vec<Vec<u8>>);
//!
//! impl WriteBytes for Apart {
//!     fn write_bytes(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), serde_json::Error> {
//!         text.extend_from_slice(format!(r#"{{"at":{}}}"#, self.0.len()).as_bytes());
//!         self.0.push(bytes.to_vec());
//!         Ok(())
//!     }
//! }
//!
//! impl<'de> ReadBytes<'de> for &'de Apart {
//!     fn is_used(self) -> bool {
//!         true
//!     }
//!
//!     fn read_object<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<&'de [u8]>, A::Error> {
//!         let entry: Option<(Cow<'_, str>, usize)> = members.next_entry()?;
//!         Ok(entry.filter(|(key, _)| key == "at").and_then(|(_, at)| self.0.get(at)).map(|b| &b[..]))
//!     }
//! }
//!
//! let mut writer = Writer::new(Vec::new(), Apart::default());
//! writer.value(&("picture", Bytes::new(b"\x89PNG")))?;
//! let Writer { text, bytes } = writer;
//! assert_eq!(text, br#"["picture",{"at":0}]"#);
//!
//! let read: (&str, &Bytes) = Deserialize::deserialize(&mut Reader::new(&text, &bytes)?)?;
//! assert_eq!(read, ("picture", Bytes::new(b"\x89PNG")));
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt;

use serde::Serializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::Error;

/// What a type gets that asks for bytes where the JSON has an object.
pub trait ReadBytes<'de>: Copy {
    /// Whether objects may stand for bytes in this text. If not, a [`Reader`](crate::Reader) never
    /// asks [`read_object`](Self::read_object), and reads bytes as `serde_json` does.
    fn is_used(self) -> bool;

    /// Reads the members of an object, and gives the bytes that it stands for. `None` if it stands
    /// for none: then the type is told that it got an object.
    ///
    /// # Errors
    /// Those of `members`.
    fn read_object<A: MapAccess<'de>>(self, members: A) -> Result<Option<&'de [u8]>, A::Error>;
}

/// What is written where a type writes bytes.
pub trait WriteBytes {
    /// Takes `bytes` and appends one JSON value to `text`.
    ///
    /// # Errors
    /// Any, which ends the writing.
    fn write_bytes(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Error>;
}

/// No hook: bytes are read from strings and arrays of numbers, and written as arrays of numbers, as
/// `serde_json` does.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsJson;

impl<'de> ReadBytes<'de> for AsJson {
    #[inline(always)]
    fn is_used(self) -> bool {
        false
    }

    fn read_object<A: MapAccess<'de>>(self, _members: A) -> Result<Option<&'de [u8]>, A::Error> {
        Ok(None)
    }
}

impl WriteBytes for AsJson {
    fn write_bytes(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Error> {
        serde_json::Serializer::new(text).serialize_bytes(bytes)
    }
}

/// The visitor of a field that asks for bytes, while a hook is used. All that is not an object
/// reaches the field's own visitor unchanged.
pub(crate) struct Hooked<V, B> {
    pub(crate) visitor: V,
    pub(crate) hook: B,
}

impl<'de, V: Visitor<'de>, B: ReadBytes<'de>> Visitor<'de> for Hooked<V, B> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        match self.hook.read_object(members)? {
            Some(bytes) => self.visitor.visit_borrowed_bytes(bytes),
            None => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(seq)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<V::Value, E> {
        self.visitor.visit_str(value)
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.visitor.visit_borrowed_str(value)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }
}
