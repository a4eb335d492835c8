//! Writes packets: one buffer that begins with the engine's `4`. [spec: Packet format]
//!
//! Pure. Data is written once, as `serde_json` would write it; bytes anywhere in it leave as
//! attachments, with a placeholder in their place. Types come in, or arguments that were received, and an
//! [`Encoded`] goes out, whose bytes all receivers share. `spread` makes arguments of a type, for JSON
//! and for MessagePack: the fields of a tuple are one argument each, a unit is none, anything else is one.

mod amend;
mod control;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use checked_json::{Writer, write_string};
use engineio::proto::{Message, Text};
use serde::ser::{Serialize, SerializeTuple, SerializeTupleStruct, Serializer};

use self::control::control;
pub use self::control::{
    connect, connect_error, connect_error_v4, connect_v4, connect_with_pid, disconnect,
};
use super::packet::reserved;
use super::placeholder::Sent;
use super::{Args, Body, EncodeError, Misuse, NamespaceName, Packet, RawJson};

/// A packet as messages of the engine: its text, then its attachments. Cloning copies no bytes, so one
/// encoding serves all receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    text: Text,
    attachments: Option<Arc<[Bytes]>>,
}

impl Encoded {
    /// A packet without attachments that was encoded earlier and kept as its text.
    pub fn from_text(text: Text) -> Self {
        Self { text, attachments: None }
    }

    /// The packet's text.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Its attachments, in order.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().unwrap_or_default()
    }

    /// Text and attachments as messages. They must be sent in this order, with nothing between them.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        let attachments = self.attachments().iter().cloned().map(Message::Binary);
        std::iter::once(Message::Text(self.text.clone())).chain(attachments)
    }

    /// Gives the packet away: its text as a message, and its attachments.
    #[cfg(any(feature = "server", test))]
    pub(crate) fn into_messages(self) -> (Message, Option<Arc<[Bytes]>>) {
        (Message::Text(self.text), self.attachments)
    }

    /// Bytes of all messages, without the engine's framing.
    pub fn size(&self) -> usize {
        self.text.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }
}

/// Encodes an event.
///
/// A tuple, tuple struct or array is spread over several arguments. `()`, and every type that `serde`
/// writes as a unit, add no argument. Any other type is one argument. Write `None::<()>` for a literal `null`.
///
/// # Errors
/// [`Misuse::ReservedName`], or [`EncodeError::Json`] for data that does not become JSON.
///
/// ```
/// use socketio::proto::{NamespaceName, encode};
/// let encoded = encode::event(&NamespaceName::default(), Some(12), "move", &(3, "left"))?;
/// assert_eq!(&encoded.text().wire()[..], br#"4212["move",3,"left"]"#);
/// # Ok::<(), socketio::proto::EncodeError>(())
/// ```
pub fn event<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    ack_id: Option<u64>,
    name: &str,
    args: &T,
) -> Result<Encoded, EncodeError> {
    check_name(name)?;
    let mut wire = open(EVENT, 0, namespace, ack_id, TYPICAL_SIZE);
    write_string(&mut wire, name);
    finish_with(wire, args, 1)
}

/// Encodes an ack: the answer to the event that carried `id`. Arguments are as in [`event`].
///
/// # Errors
/// [`EncodeError::Json`] for data that does not become JSON.
pub fn ack<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    id: u64,
    args: &T,
) -> Result<Encoded, EncodeError> {
    finish_with(open(ACK, 0, namespace, Some(id), TYPICAL_SIZE), args, 0)
}

/// Encodes an event whose arguments are JSON already, such as stored events. They are framed without
/// being parsed, into a buffer of the right size. The caller vouches that each of them is JSON.
///
/// # Errors
/// [`Misuse::ReservedName`]; [`Misuse::Utf8`] when the arguments are not UTF-8.
pub fn event_raw(
    namespace: &NamespaceName,
    ack_id: Option<u64>,
    name: &str,
    args: &[&[u8]],
) -> Result<Encoded, Misuse> {
    check_name(name)?;
    let size = args.iter().map(|arg| arg.len() + 1).sum::<usize>() + name.len() + 3;
    let mut wire = open(EVENT, 0, namespace, ack_id, size);
    write_string(&mut wire, name);
    for arg in args {
        wire.push(b',');
        wire.extend_from_slice(arg);
    }
    wire.push(b']');
    let text = Text::from_wire(wire.into()).map_err(|_| Misuse::Utf8)?;
    Ok(Encoded { text, attachments: None })
}

/// Encodes an event with arguments that were received, byte for byte, with their attachments.
///
/// # Errors
/// [`Misuse::ReservedName`].
pub fn event_args(
    namespace: &NamespaceName,
    ack_id: Option<u64>,
    name: &str,
    args: &Args,
) -> Result<Encoded, Misuse> {
    check_name(name)?;
    let (attachments, raw) = (args.attachments().len(), args.raw());
    let size = name.len() + raw.len() + 4 - usize::from(args.is_empty());
    let mut wire = open(EVENT, attachments, namespace, ack_id, size);
    write_string(&mut wire, name);
    if !args.is_empty() {
        wire.push(b',');
    }
    Ok(finish(wire, raw, args))
}

/// Encodes an ack with arguments that were received, byte for byte, with their attachments.
pub fn ack_args(namespace: &NamespaceName, id: u64, args: &Args) -> Encoded {
    let (attachments, raw) = (args.attachments().len(), args.raw());
    finish(open(ACK, attachments, namespace, Some(id), raw.len() + 1), raw, args)
}

/// Appends arguments to an array that has `len` elements, and ends the packet.
fn finish_with<T: Serialize + ?Sized>(
    wire: Vec<u8>,
    args: &T,
    len: usize,
) -> Result<Encoded, EncodeError> {
    let writer = Writer::new(wire, Sent(Vec::new()));
    let mut array = JsonArray { writer, is_empty: len == 0 };
    spread(args, &mut array).map_err(EncodeError::Json)?;
    let Writer { text: mut wire, bytes: Sent(attachments) } = array.writer;
    wire.push(b']');
    Ok(close(wire, attachments))
}

/// An open array in JSON.
struct JsonArray {
    writer: Writer<Sent>,
    is_empty: bool,
}

impl Elements for JsonArray {
    type One<'a> = &'a mut Writer<Sent>;
    type Error = serde_json::Error;

    #[inline]
    fn next(&mut self) -> &mut Writer<Sent> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.writer.text.push(b',');
        }
        &mut self.writer
    }
}

fn finish(mut wire: Vec<u8>, raw: &[u8], args: &Args) -> Encoded {
    wire.extend_from_slice(raw);
    wire.push(b']');
    whole(wire, args.attachments())
}

/// Encodes a packet with the data it holds, byte for byte.
pub fn packet(packet: &Packet) -> Encoded {
    let namespace = &packet.namespace;
    let control_with = |kind, data: &RawJson| {
        let mut wire = control(kind, namespace, data.as_bytes().len());
        wire.extend_from_slice(data.as_bytes());
        plain(wire)
    };
    let (args, kind, id) = match &packet.body {
        Body::Connect { auth: None } => return plain(control(CONNECT, namespace, 0)),
        Body::Connect { auth: Some(auth) } => return control_with(CONNECT, auth),
        Body::Disconnect => return disconnect(namespace),
        Body::ConnectError { data } => return control_with(CONNECT_ERROR, data),
        Body::Event { args, ack_id } => (args, EVENT, *ack_id),
        Body::Ack { id, args } => (args, ACK, Some(*id)),
    };
    let mut wire = open(kind, args.attachments().len(), namespace, id, args.json().len() - 1);
    wire.extend_from_slice(&args.json()[1..]);
    whole(wire, args.attachments())
}

/// Writes `4`, type, attachment count, namespace, ack id and the opening bracket, with room for exactly
/// `size` more bytes: a buffer that is full to its end is shared without another allocation. A caller
/// that does not know the count yet says 0, and ends the packet by [`close`].
fn open(
    kind: u8,
    attachments: usize,
    namespace: &NamespaceName,
    ack_id: Option<u64>,
    size: usize,
) -> Vec<u8> {
    let count = if attachments == 0 { 0 } else { digits(attachments as u64) + 1 };
    let head = 3 + count + namespace.wire_len() + ack_id.map_or(0, digits);
    let mut wire = Vec::with_capacity(head + size);
    match attachments {
        0 => wire.extend_from_slice(&[MESSAGE, kind]),
        count => {
            wire.extend_from_slice(&[MESSAGE, kind + (BINARY - EVENT)]);
            write_number(&mut wire, count as u64);
            wire.push(b'-');
        }
    }
    namespace.write(&mut wire);
    if let Some(id) = ack_id {
        write_number(&mut wire, id);
    }
    wire.push(b'[');
    wire
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Appends a number, without the standard library's formatting, which takes longer.
fn write_number(wire: &mut Vec<u8>, number: u64) {
    // Neither a number nor writing to a vector can fail.
    let written = serde_json::to_writer(wire, &number);
    debug_assert!(written.is_ok());
}

fn whole(wire: Vec<u8>, attachments: &[Bytes]) -> Encoded {
    let attachments = (!attachments.is_empty()).then(|| attachments.into());
    Encoded { text: share(wire), attachments }
}

/// Makes a binary packet of a plain one if there are attachments, and shares the buffer.
fn close(mut wire: Vec<u8>, attachments: Vec<Bytes>) -> Encoded {
    if attachments.is_empty() {
        return plain(wire);
    }
    // The count is known only now: a packet with attachments pays for one move of its text.
    wire[1] += BINARY - EVENT;
    wire.splice(2..2, format!("{}-", attachments.len()).into_bytes());
    Encoded { text: share(wire), attachments: Some(attachments.into()) }
}

/// Shares text that is known to be UTF-8: written as JSON, or copied from what was checked.
fn share(wire: Vec<u8>) -> Text {
    debug_assert!(std::str::from_utf8(&wire).is_ok());
    Text::from_checked(wire.into())
}

fn plain(wire: Vec<u8>) -> Encoded {
    Encoded { text: share(wire), attachments: None }
}

pub(super) fn check_name(name: &str) -> Result<(), Misuse> {
    reserved(name.as_bytes()).map_or(Ok(()), |name| Err(Misuse::ReservedName { name }))
}

/// An open array, which takes arguments one after the other in the format that it has.
pub(super) trait Elements {
    /// Writes one argument.
    type One<'a>: Serializer<Ok = (), Error = Self::Error>
    where
        Self: 'a;
    /// What an argument may be refused with.
    type Error: serde::ser::Error;

    /// Begins the next argument.
    fn next(&mut self) -> Self::One<'_>;
}

/// Writes `args` as elements of an array. The type is serialized once.
pub(super) fn spread<T, E>(args: &T, elements: &mut E) -> Result<(), E::Error>
where
    T: Serialize + ?Sized,
    E: Elements,
{
    args.serialize(Spread(elements))
}

/// Takes a type by its shape.
struct Spread<'a, E>(&'a mut E);

macro_rules! one {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$ok, Self::Error> {
            self.0.next().$method($($arg),*)
        }
    )*};
}

impl<'a, E: Elements> Serializer for Spread<'a, E> {
    type Ok = ();
    type Error = E::Error;
    type SerializeSeq = <E::One<'a> as Serializer>::SerializeSeq;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = <E::One<'a> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <E::One<'a> as Serializer>::SerializeMap;
    type SerializeStruct = <E::One<'a> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <E::One<'a> as Serializer>::SerializeStructVariant;

    one! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_str(value: &str) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Self::SerializeSeq;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> Self::SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> Self::SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeStructVariant;
    }

    fn serialize_unit(self) -> Result<(), E::Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), E::Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), E::Error> {
        self.0.next().serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), E::Error> {
        self.0.next().serialize_newtype_struct(name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), E::Error> {
        self.0.next().serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, E::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Self, E::Error> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), E::Error> {
        self.0.next().collect_str(value)
    }
}

impl<E: Elements> SerializeTuple for Spread<'_, E> {
    type Ok = ();
    type Error = E::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), E::Error> {
        value.serialize(self.0.next())
    }

    fn end(self) -> Result<(), E::Error> {
        Ok(())
    }
}

impl<E: Elements> SerializeTupleStruct for Spread<'_, E> {
    type Ok = ();
    type Error = E::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), E::Error> {
        value.serialize(self.0.next())
    }

    fn end(self) -> Result<(), E::Error> {
        Ok(())
    }
}

/// The refusal of a namespace that does not exist, in the reference's words.
pub const INVALID_NAMESPACE: &str = "Invalid namespace";

/// The engine's type of a message.
const MESSAGE: u8 = b'4';
const CONNECT: u8 = b'0';
const DISCONNECT: u8 = b'1';
const EVENT: u8 = b'2';
const ACK: u8 = b'3';
const CONNECT_ERROR: u8 = b'4';
/// Type of a binary event. A binary ack is as far from an ack as this is from an event.
const BINARY: u8 = b'5';
/// First room for arguments of unknown size, in bytes. Most events of a chat or an agent fit.
pub(super) const TYPICAL_SIZE: usize = 224;
