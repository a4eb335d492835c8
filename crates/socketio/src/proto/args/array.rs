//! Arguments as JSON.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Buf, Bytes};
use checked_json::{ArrayHead, trim};
use serde::Deserialize;

use super::spread::{Json, Spread};
use crate::proto::{ArgsError, PeerError, placeholder};

/// The array of an event or ack, from bracket to bracket, with its attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proto) struct Array {
    pub(super) json: Bytes,
    /// The event's name in it; empty for an ack.
    name: Range<usize>,
    /// The name differs from the text between the quotes: it has escapes, or is a number.
    is_escaped: bool,
    /// Where the first argument begins.
    start: usize,
    pub(super) len: usize,
    pub(super) attachments: Vec<Bytes>,
}

impl Array {
    /// `None` when the first element is neither a string nor a number.
    pub(in crate::proto) fn of_event(json: Bytes, head: ArrayHead) -> Option<Self> {
        match json[head.first.clone()].first() {
            Some(b'"' | b'-' | b'0'..=b'9') => {}
            _ => return None,
        }
        let ArrayHead { first, rest_at, end, len } = head;
        Some(Self::between(json, first, rest_at, end, len - 1))
    }

    pub(in crate::proto) fn of_ack(json: Bytes, head: ArrayHead) -> Self {
        let start = head.first.start;
        Self::between(json, start..start, start, head.end, head.len)
    }

    /// No arguments.
    #[cfg(feature = "msgpack")]
    pub(in crate::proto) fn nothing() -> Self {
        let json = Bytes::from_static(b"[]");
        Self { json, name: 1..1, is_escaped: true, start: 1, len: 0, attachments: Vec::new() }
    }

    /// Cuts away the white space around the array.
    fn between(mut json: Bytes, name: Range<usize>, start: usize, end: usize, len: usize) -> Self {
        let open = json.iter().position(|byte| *byte == b'[').unwrap_or_default();
        let is_escaped =
            json[name.clone()].first() != Some(&b'"') || json[name.clone()].contains(&b'\\');
        json.truncate(end + 1);
        json.advance(open);
        Self {
            json,
            is_escaped,
            name: name.start - open..name.end - open,
            start: start - open,
            len,
            attachments: Vec::new(),
        }
    }

    /// Completes the arguments. Every placeholder must name one of `attachments`.
    pub(in crate::proto) fn attach(&mut self, attachments: Vec<Bytes>) -> Result<(), PeerError> {
        placeholder::check(&self.json, attachments.len())?;
        self.attachments = attachments;
        Ok(())
    }

    pub(super) fn name_text(&self) -> Cow<'_, [u8]> {
        match self.is_escaped {
            true => placeholder::unescape(&self.json[self.name.clone()]),
            false => self.json[self.name.start + 1..self.name.end - 1].into(),
        }
    }

    pub(super) fn raw(&self) -> &[u8] {
        trim(&self.json[self.start..self.json.len() - 1])
    }

    pub(super) fn size(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    pub(super) fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgsError> {
        let (raw, len) = (self.raw(), self.len);
        match T::deserialize(Spread::of(Json::new(raw, &self.attachments), len)) {
            // `serde_json` says what is wrong, and where.
            Err(ArgsError::Type { .. }) if self.attachments.is_empty() => {
                T::deserialize(Spread::of(Json::SerdeJson(raw), len))
            }
            read => read,
        }
    }
}
