//! Arguments of an event or ack: as they came until a handler asks for a type. [spec: EVENT, ACK]
//!
//! A packet's array comes in, JSON that was checked ([`Array`]) or plain MessagePack (`packed.rs`),
//! and then its attachments. Types go out: `spread.rs` gives a tuple one argument per field. Nothing is
//! parsed before it is asked for, and what is sent on leaves byte for byte.

#[cfg(feature = "msgpack")]
mod packed;
#[cfg(not(feature = "msgpack"))]
#[path = "unpacked.rs"]
mod packed;
mod spread;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use checked_json::{ArrayHead, elements, trim};
use serde::Deserialize;

pub(super) use self::packed::Packed;
use self::spread::{Json, Spread};
use super::{ArgsError, PeerError, placeholder};

/// The arguments of one event or ack, as they came, with their attachments.
///
/// Key order, number text and white space inside stay what the peer wrote. Cloning copies no bytes.
/// Arguments that came as MessagePack become JSON when JSON is asked for; types are read without it.
#[derive(Clone)]
pub struct Args(Form);

#[derive(Clone)]
enum Form {
    Json(Array),
    #[cfg_attr(
        not(feature = "msgpack"),
        expect(dead_code, reason = "nothing comes as MessagePack")
    )]
    Packed(Arc<Packed>),
}

impl Args {
    /// `None` when the first element is neither a string nor a number.
    pub(crate) fn of_event(json: Bytes, head: ArrayHead) -> Option<Self> {
        Array::of_event(json, head).map(Form::Json).map(Self)
    }

    pub(crate) fn of_ack(json: Bytes, head: ArrayHead) -> Self {
        Self(Form::Json(Array::of_ack(json, head)))
    }

    /// Arguments that came as MessagePack.
    #[cfg(feature = "msgpack")]
    pub(super) fn packed(packed: Packed) -> Self {
        Self(Form::Packed(Arc::new(packed)))
    }

    /// The arguments as MessagePack, if they came so.
    #[cfg(feature = "msgpack")]
    pub(super) fn as_packed(&self) -> Option<&Packed> {
        match &self.0 {
            Form::Json(_) => None,
            Form::Packed(packed) => Some(packed),
        }
    }

    fn array(&self) -> &Array {
        match &self.0 {
            Form::Json(array) => array,
            Form::Packed(packed) => packed.array(),
        }
    }

    /// Completes the arguments. Every placeholder must name one of `attachments`.
    pub(crate) fn attach(&mut self, attachments: Vec<Bytes>) -> Result<(), PeerError> {
        match &mut self.0 {
            Form::Json(array) => array.attach(attachments),
            // MessagePack has its binary data inside.
            Form::Packed(_) => Ok(()),
        }
    }

    /// The event's name; empty for an ack.
    ///
    /// A number as name gives its text. Half a surrogate pair, which JSON can write and a string
    /// cannot hold, becomes U+FFFD.
    pub fn name(&self) -> Cow<'_, str> {
        match self.name_text() {
            // Cut from checked text, so the second arm never runs.
            Cow::Borrowed(name) => match std::str::from_utf8(name) {
                Ok(name) => name.into(),
                Err(_) => String::from_utf8_lossy(name),
            },
            Cow::Owned(name) => String::from_utf8_lossy(&name).into_owned().into(),
        }
    }

    /// The bytes of [`Args::name`], for comparing, which need not verify UTF-8.
    #[cfg(feature = "server")]
    pub(crate) fn name_bytes(&self) -> Cow<'_, [u8]> {
        match self.name_text() {
            Cow::Borrowed(name) => name.into(),
            Cow::Owned(name) => String::from_utf8_lossy(&name).into_owned().into_bytes().into(),
        }
    }

    /// The bytes of [`Args::name`], with halves of surrogate pairs as they came.
    pub(super) fn name_text(&self) -> Cow<'_, [u8]> {
        match &self.0 {
            Form::Json(array) => array.name_text(),
            Form::Packed(packed) => packed.name().into(),
        }
    }

    /// The arguments exactly as they came: JSON values with commas between, no brackets.
    pub fn raw(&self) -> &[u8] {
        self.array().raw()
    }

    /// The bytes of [`Args::raw`], sharing the frame that they came in.
    pub fn to_raw(&self) -> Bytes {
        self.array().json.slice_ref(self.raw())
    }

    /// Number of arguments.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Json(array) => array.len,
            Form::Packed(packed) => packed.len(),
        }
    }

    /// Bytes of the whole array as it came, plus those of the attachments.
    pub fn size(&self) -> usize {
        match &self.0 {
            Form::Json(array) => array.size(),
            Form::Packed(packed) => packed.size(),
        }
    }

    /// Whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each argument as raw JSON.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        elements(self.raw())
    }

    /// The attachments, in the order of the numbers in placeholders.
    pub fn attachments(&self) -> &[Bytes] {
        match &self.0 {
            Form::Json(array) => &array.attachments,
            Form::Packed(_) => &[],
        }
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
    /// # use socketio::proto::{ArgsError, Body, ConnectionConfig, parse};
    /// # let text = Text::new(r#"2["move",3,{"y":4}]"#);
    /// # let Body::Event { args, .. } = parse(&text, &ConnectionConfig::default()).unwrap().packet.body else { panic!() };
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
        match &self.0 {
            Form::Json(array) => array.parse(),
            // What is not read from MessagePack, and every error, comes from its JSON.
            Form::Packed(packed) => packed.parse().map_or_else(|| packed.array().parse(), Ok),
        }
    }

    /// The whole array.
    pub(crate) fn json(&self) -> &[u8] {
        &self.array().json
    }
}

impl PartialEq for Args {
    /// Whether both are the same bytes of JSON, with the same attachments.
    fn eq(&self, other: &Self) -> bool {
        self.array() == other.array()
    }
}

impl Eq for Args {}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Args").field(self.array()).finish()
    }
}

/// The array of an event or ack, from bracket to bracket, with its attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Array {
    json: Bytes,
    /// The event's name in it; empty for an ack.
    name: Range<usize>,
    /// The name differs from the text between the quotes: it has escapes, or is a number.
    is_escaped: bool,
    /// Where the first argument begins.
    start: usize,
    len: usize,
    attachments: Vec<Bytes>,
}

impl Array {
    /// `None` when the first element is neither a string nor a number.
    fn of_event(json: Bytes, head: ArrayHead) -> Option<Self> {
        match json[head.first.clone()].first() {
            Some(b'"' | b'-' | b'0'..=b'9') => {}
            _ => return None,
        }
        let ArrayHead { first, rest_at, end, len } = head;
        Some(Self::between(json, first, rest_at, end, len - 1))
    }

    fn of_ack(json: Bytes, head: ArrayHead) -> Self {
        let start = head.first.start;
        Self::between(json, start..start, start, head.end, head.len)
    }

    /// No arguments.
    #[cfg(feature = "msgpack")]
    pub(super) fn nothing() -> Self {
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
    fn attach(&mut self, attachments: Vec<Bytes>) -> Result<(), PeerError> {
        placeholder::check(&self.json, attachments.len())?;
        self.attachments = attachments;
        Ok(())
    }

    fn name_text(&self) -> Cow<'_, [u8]> {
        match self.is_escaped {
            true => placeholder::unescape(&self.json[self.name.clone()]),
            false => self.json[self.name.start + 1..self.name.end - 1].into(),
        }
    }

    fn raw(&self) -> &[u8] {
        trim(&self.json[self.start..self.json.len() - 1])
    }

    fn size(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, ArgsError> {
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
