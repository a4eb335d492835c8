//! Arguments that stay MessagePack until somebody asks for JSON.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Deserialize;

use super::parts::arguments;
use super::plain::Cursor;
use super::read;
use crate::proto::args::Array;
use crate::proto::json;

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
    /// None when this is no array, or that of an event which does not begin with a name.
    pub(super) fn new(wire: Bytes, is_event: bool) -> Option<Self> {
        let mut at = Cursor::new(&wire);
        let marker = at.marker()?;
        let mut len = usize::try_from(at.array_len(marker)?).ok()?;
        let mut name = (0, 0);
        if is_event {
            len = len.checked_sub(1)?;
            let text = at.key()?;
            name = (at.at - text.len(), at.at);
        }
        Some(Self { name, start: at.at, len, json: OnceLock::new(), wire })
    }

    pub(in crate::proto) fn name(&self) -> &[u8] {
        &self.wire[self.name.0..self.name.1]
    }

    /// The arguments, one behind the other.
    pub(super) fn elements(&self) -> &[u8] {
        &self.wire[self.start..]
    }

    pub(in crate::proto) fn len(&self) -> usize {
        self.len
    }

    pub(in crate::proto) fn size(&self) -> usize {
        self.wire.len()
    }

    /// None for a type that wants something else, and for one that refuses.
    pub(in crate::proto) fn parse<'de, T: Deserialize<'de>>(&'de self) -> Option<T> {
        let mut cursor = Cursor::new(&self.wire);
        cursor.at = self.start;
        arguments(cursor, self.len)
    }

    /// The same as JSON, written when it is first asked for.
    pub(in crate::proto) fn array(&self) -> &Array {
        self.json.get_or_init(|| {
            let json = read::to_json(&self.wire);
            let head = json::check_array(&json, json::DEEPEST);
            let array = head.ok().and_then(|head| match self.name.1 {
                0 => Some(Array::of_ack(json.clone(), head)),
                _ => Array::of_event(json.clone(), head),
            });
            // What was checked becomes JSON; this is for those who break that promise.
            array.unwrap_or_else(Array::nothing)
        })
    }
}
