//! Arguments that stay MessagePack until JSON is asked for.

use std::sync::OnceLock;

use bytes::Bytes;
use checked_json::{DEEPEST, check_array};
use rmp_serde::decode::Error;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny};

use super::Array;
use super::spread::{Source, Spread};
use crate::proto::ArgsError;
use crate::proto::msgpack::read::to_json;
use crate::proto::msgpack::wire::{Cursor, Value};

/// An array of plain data that was checked.
pub(in crate::proto) struct Packed {
    wire: Bytes,
    /// Where the event's name begins and ends; nothing for an ack.
    name: (usize, usize),
    /// Where the first argument begins.
    start: usize,
    len: usize,
    json: OnceLock<Array>,
}

impl Packed {
    /// `None` when this is not an array, or an event's that does not begin with a name.
    pub(in crate::proto) fn new(wire: Bytes, is_event: bool) -> Option<Self> {
        let mut at = Cursor::new(&wire);
        let Value::Array(len) = at.value()? else { return None };
        let mut len = usize::try_from(len).ok()?;
        let mut name = (0, 0);
        if is_event {
            len = len.checked_sub(1)?;
            let text = at.text()?;
            name = (at.at - text.len(), at.at);
        }
        Some(Self { name, start: at.at, len, json: OnceLock::new(), wire })
    }

    pub(in crate::proto) fn name(&self) -> &[u8] {
        &self.wire[self.name.0..self.name.1]
    }

    /// The arguments, one after the other.
    pub(in crate::proto) fn elements(&self) -> &[u8] {
        &self.wire[self.start..]
    }

    pub(in crate::proto) fn len(&self) -> usize {
        self.len
    }

    pub(in crate::proto) fn size(&self) -> usize {
        self.wire.len()
    }

    /// Reads a type by `rmp-serde`. `None` for a type that wants something else, refuses, or may have
    /// been read wrong: then its JSON decides.
    pub(in crate::proto) fn parse<'de, T: Deserialize<'de>>(&'de self) -> Option<T> {
        let mut source = Cursor::new(&self.wire);
        source.at = self.start;
        T::deserialize(Spread::of(source, self.len)).ok()
    }

    /// The same as JSON, written when it is first asked for.
    pub(in crate::proto) fn array(&self) -> &Array {
        self.json.get_or_init(|| {
            let json = to_json(&self.wire);
            let head = check_array(&json, DEEPEST);
            let array = head.ok().and_then(|head| match self.name.1 {
                0 => Some(Array::of_ack(json.clone(), head)),
                _ => Array::of_event(json.clone(), head),
            });
            // Checked data always becomes JSON. If it ever did not, there are no arguments.
            array.unwrap_or_else(Array::nothing)
        })
    }
}

impl<'de> Source<'de> for Cursor<'de> {
    type Error = Error;

    fn next<T>(&mut self, _index: usize, seed: T) -> Result<T::Value, Error>
    where
        T: DeserializeSeed<'de>,
    {
        let start = self.at;
        let end = self.skip().map(|()| self.at);
        let one = end.and_then(|end| self.wire.get(start..end)).unwrap_or_default();
        // As text formats say it, such as addresses and ids: so does JSON.
        let mut reader = rmp_serde::Deserializer::from_read_ref(one).with_human_readable();
        let value = seed.deserialize(&mut reader)?;
        // A type may ignore a refusal and read on, and `rmp-serde` is then at another place than it
        // thinks. All of the argument must have been read, and no more.
        match IgnoredAny::deserialize(&mut reader) {
            Err(Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err(Error::custom("a part of the argument was not read")),
        }
    }

    fn first<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, Error> {
        self.next(0, seed)
    }

    fn missing<T>(&mut self, error: ArgsError) -> Result<T, Error> {
        Err(Error::custom(error))
    }
}
