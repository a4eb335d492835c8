//! Arguments of an event or ack: raw JSON until a handler asks for a type. [spec: EVENT, ACK]

mod placeholder;
mod spread;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Buf, Bytes};
use serde::Deserialize;

use self::spread::Spread;
use super::json::{self, ArrayHead};
use super::packet::reserved;
use super::{ArgsError, PeerError};

pub(super) use self::placeholder::{MARK, NUM};

/// The arguments of one event or ack, as they came, with their attachments.
///
/// Key order, number text and white space inside stay what the peer wrote. Cloning copies no
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// The array, from bracket to bracket.
    json: Bytes,
    /// The event's name in it; empty for an ack.
    name: Range<usize>,
    /// The name is not what stands in `name` without its quotes.
    is_escaped: bool,
    /// Where the first argument begins.
    start: usize,
    len: usize,
    attachments: Vec<Bytes>,
}

impl Args {
    /// None when the first element is neither string nor number.
    pub(crate) fn of_event(json: Bytes, head: ArrayHead) -> Option<Self> {
        match json[head.first.clone()].first() {
            Some(b'"' | b'-' | b'0'..=b'9') => {}
            _ => return None,
        }
        let ArrayHead { first, rest_at, end, len } = head;
        Some(Self::between(json, first, rest_at, end, len - 1))
    }

    pub(crate) fn of_ack(json: Bytes, head: ArrayHead) -> Self {
        let start = head.first.start;
        Self::between(json, start..start, start, head.end, head.len)
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
    pub(crate) fn attach(&mut self, attachments: Vec<Bytes>) -> Result<(), PeerError> {
        placeholder::check(&self.json, attachments.len())?;
        self.attachments = attachments;
        Ok(())
    }

    /// The event's name; empty for an ack.
    ///
    /// A number as name gives its text. Half a surrogate pair, which JSON can write and a string
    /// cannot hold, becomes U+FFFD.
    pub fn name(&self) -> Cow<'_, str> {
        match self.name_text() {
            // Cut from text that was checked; the other arm is for those who break that promise.
            Cow::Borrowed(name) => match std::str::from_utf8(name) {
                Ok(name) => name.into(),
                Err(_) => String::from_utf8_lossy(name),
            },
            Cow::Owned(name) => String::from_utf8_lossy(&name).into_owned().into(),
        }
    }

    /// As [`Args::name`], the text's bytes: who only compares need not know that they are UTF-8.
    #[cfg(feature = "server")]
    pub(crate) fn name_bytes(&self) -> Cow<'_, [u8]> {
        match self.name_text() {
            Cow::Borrowed(name) => name.into(),
            Cow::Owned(name) => String::from_utf8_lossy(&name).into_owned().into_bytes().into(),
        }
    }

    /// The reserved name that the event has, if it has one.
    pub(crate) fn reserved_name(&self) -> Option<&'static str> {
        reserved(&self.name_text())
    }

    fn name_text(&self) -> Cow<'_, [u8]> {
        match self.is_escaped {
            true => placeholder::unescape(&self.json[self.name.clone()]),
            false => self.json[self.name.start + 1..self.name.end - 1].into(),
        }
    }

    /// The arguments exactly as they came: JSON values with commas between, no brackets.
    pub fn raw(&self) -> &[u8] {
        json::trim(&self.json[self.start..self.json.len() - 1])
    }

    /// As [`Args::raw`], sharing the frame it came in.
    pub fn to_raw(&self) -> Bytes {
        self.json.slice_ref(self.raw())
    }

    /// Number of arguments.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the whole array, as it came, and of the attachments.
    pub fn size(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Each argument as raw JSON.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        json::elements(self.raw())
    }

    /// The attachments, by the number that placeholders give.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Reads the arguments as a `T`.
    ///
    /// A tuple, tuple struct or array takes one argument per field: more are ignored, a missing
    /// one is an error unless the field is an `Option`. `()` takes none. Any other type, a `Vec`
    /// or a newtype too, takes the first argument.
    ///
    /// A field that is read as bytes (`bytes::Bytes`, `&[u8]` by way of `serde_bytes`) receives
    /// the attachment of the placeholder in its place. Inside `#[serde(flatten)]` and untagged
    /// enums, which buffer before they know the field, a placeholder stays an object.
    ///
    /// # Errors
    /// [`ArgsError`], which names the argument.
    ///
    /// ```
    /// # use engineio::proto::Text;
    /// # use socketio::proto::{ArgsError, Body, Config, parse};
    /// # let text = Text::new(r#"2["move",3,{"y":4}]"#);
    /// # let Body::Event { args, .. } = parse(&text, &Config::default()).unwrap().packet.body else { panic!() };
    /// #[derive(serde::Deserialize)]
    /// struct To { y: i32 }
    /// // 42["move",3,{"y":4}]
    /// let (x, to): (i32, To) = args.parse()?;
    /// let (x, to, speed): (i32, To, Option<f64>) = args.parse()?;
    /// let x: i32 = args.parse()?;
    /// # assert_eq!((x, to.y, speed), (3, 4, None));
    /// # Ok::<(), ArgsError>(())
    /// ```
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgsError> {
        let (raw, len) = (self.raw(), self.len);
        match T::deserialize(Spread::new(raw, len, &self.attachments)) {
            // What is wrong with it, and where, is said by `serde_json`.
            Err(ArgsError::Type { .. }) if self.attachments.is_empty() => {
                T::deserialize(Spread::by_serde_json(raw, len))
            }
            read => read,
        }
    }

    /// The whole array.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }
}
