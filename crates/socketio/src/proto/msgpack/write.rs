//! Writes packets in MessagePack: types by `rmp-serde`, packets that are encoded already in one pass over
//! their text.
//!
//! The default parser's JSON decides what a type means, so that a client sees the same data whichever
//! parser it has. What `rmp-serde` wrote is checked: where JSON says something else, the packet is
//! written from its JSON instead.

use bytes::Bytes;
use engineio::proto::Text;
use rmp::encode as put;
use rmp_serde::config::{DefaultConfig, HumanReadableConfig, StructMapConfig};
use serde::Serialize;
use serde::de::Error as _;
use serde_json::Value;

use super::from_json::Writer;
use super::wire::{self, Cursor, FIX_ARRAY, FIX_MAP, put_array_len};
use super::{ACK, EVENT};
use crate::proto::args::Packed;
use crate::proto::encode::{self as json_encode, Elements, TYPICAL_SIZE, check_name, spread};
use crate::proto::packet::{Kind, Opening, opening};
use crate::proto::{
    Args, Body, ConnectionConfig, EncodeError, Encoded, Misuse, NamespaceName, PeerError, parse,
};

/// Encodes an event as one binary message. Arguments are as in
/// [`encode::event`](crate::proto::encode::event), and the receiver gets the data that their JSON
/// would have given it. Bytes stay inside.
///
/// A unit struct is an empty array here, and null in JSON.
///
/// # Errors
/// [`Misuse::ReservedName`]; [`EncodeError::Json`] for data that does not become JSON, or is nested
/// deeper than 127.
///
/// ```
/// use socketio::proto::{NamespaceName, msgpack};
/// let packet = msgpack::event(&NamespaceName::default(), Some(12), "move", &(3, "left"))?;
/// let data = b"\xa4data\x93\xa4move\x03\xa4left";
/// assert!(packet.windows(data.len()).any(|part| part == data));
/// # Ok::<(), socketio::proto::EncodeError>(())
/// ```
pub fn event<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    ack_id: Option<u64>,
    name: &str,
    args: &T,
) -> Result<Bytes, EncodeError> {
    check_name(name)?;
    typed(namespace, EVENT, ack_id, Some(name), args)
}

/// Encodes an ack as one binary message: the answer to the event that carried `id`. Arguments are those
/// of [`event`].
///
/// # Errors
/// Those of [`event`].
pub fn ack<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    id: u64,
    args: &T,
) -> Result<Bytes, EncodeError> {
    typed(namespace, ACK, Some(id), None, args)
}

/// Encodes an event with arguments that were received: byte for byte if they came as MessagePack and
/// are plain data, else by way of their JSON.
///
/// # Errors
/// Those of [`event`].
pub fn event_args(
    namespace: &NamespaceName,
    ack_id: Option<u64>,
    name: &str,
    args: &Args,
) -> Result<Bytes, EncodeError> {
    check_name(name)?;
    match args.as_packed() {
        Some(args) => relayed(namespace, EVENT, ack_id, Some(name), args),
        None => encode(&json_encode::event_args(namespace, ack_id, name, args)?),
    }
}

/// Encodes an ack with arguments that were received, like [`event_args`].
///
/// # Errors
/// Those of [`ack`].
pub fn ack_args(namespace: &NamespaceName, id: u64, args: &Args) -> Result<Bytes, EncodeError> {
    match args.as_packed() {
        Some(args) => relayed(namespace, ACK, Some(id), None, args),
        None => encode(&json_encode::ack_args(namespace, id, args)),
    }
}

fn relayed(
    namespace: &NamespaceName,
    kind: u8,
    ack_id: Option<u64>,
    name: Option<&str>,
    args: &Packed,
) -> Result<Bytes, EncodeError> {
    let mut wire = open(kind, true, ack_id, args.size() + name.map_or(0, str::len));
    let len = args.len() + usize::from(name.is_some());
    // Writing to a vector does not fail, and the arguments were counted as a `u32` when they came.
    let head = u32::try_from(len).ok().and_then(|len| put::write_array_len(&mut wire, len).ok());
    let name = name.map(|name| put::write_str(&mut wire, name));
    debug_assert!(head.is_some() && name.is_none_or(|name| name.is_ok()));
    wire.extend_from_slice(args.elements());
    Ok(close(wire, ack_id, namespace.as_str()).into())
}

fn typed<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    kind: u8,
    ack_id: Option<u64>,
    name: Option<&str>,
    args: &T,
) -> Result<Bytes, EncodeError> {
    let wire = open(kind, true, ack_id, TYPICAL_SIZE);
    if let Some(wire) = array(wire, name, args) {
        return Ok(close(wire, ack_id, namespace.as_str()).into());
    }
    let json = match (name, ack_id) {
        (None, Some(id)) => json_encode::ack(namespace, id, args)?,
        (name, id) => json_encode::event(namespace, id, name.unwrap_or_default(), args)?,
    };
    encode(&json).map_err(|error| match error {
        // The packet was written from a type, so this is not a misuse: the type is nested too deeply.
        EncodeError::Misuse(Misuse::Json(error)) => {
            EncodeError::Json(serde_json::Error::custom(error))
        }
        error => error,
    })
}

/// Appends an array of a name, if there is one, and these arguments. `None` if their JSON says something
/// else, or there is none.
fn array<T: Serialize + ?Sized>(
    mut wire: Vec<u8>,
    name: Option<&str>,
    args: &T,
) -> Option<Vec<u8>> {
    let head = wire.len();
    wire.push(FIX_ARRAY);
    if let Some(name) = name {
        put::write_str(&mut wire, name).ok()?;
    }
    let len = usize::from(name.is_some());
    let writer = rmp_serde::Serializer::new(wire).with_struct_map().with_human_readable();
    let mut elements = Packer { writer, len };
    spread(args, &mut elements).ok()?;
    let Packer { writer, len } = elements;
    let mut wire = writer.into_inner();
    put_array_len(&mut wire, head, len)?;
    let mut written = Cursor { wire: &wire, at: head };
    let is_same = is_as_json(&mut written, DEPTH) && written.at == wire.len();
    is_same.then_some(wire)
}

/// An open array in MessagePack, and its elements so far.
struct Packer {
    writer: rmp_serde::Serializer<Vec<u8>, HumanReadableConfig<StructMapConfig<DefaultConfig>>>,
    len: usize,
}

impl Elements for Packer {
    type One<'a> =
        &'a mut rmp_serde::Serializer<Vec<u8>, HumanReadableConfig<StructMapConfig<DefaultConfig>>>;
    type Error = rmp_serde::encode::Error;

    fn next(&mut self) -> Self::One<'_> {
        self.len += 1;
        &mut self.writer
    }
}

/// Passes a value that `rmp-serde` wrote, if it says what the JSON of the same type says.
///
/// It does not for floats of 32 bits (JSON gives their shortest digits), floats that are not finite,
/// keys that are not strings, integers of 128 bits (sixteen bytes; sixteen bytes of binary data go by
/// way of JSON too, and come out the same), what `serde_json` keeps as text, and nesting beyond what
/// JSON may have. A type that announced a wrong length leaves something that is not one value.
fn is_as_json(at: &mut Cursor<'_>, depth: usize) -> bool {
    use wire::Value;

    let Some(value) = at.value() else { return false };
    match value {
        Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Negative(_) => true,
        Value::Text(_) => true,
        Value::Float(float) => float.is_finite(),
        Value::Binary(data) => data.len() != 16,
        Value::Array(len) => depth > 0 && (0..len).all(|_| is_as_json(at, depth - 1)),
        Value::Map(len) => {
            let is_key = |key| matches!(key, Some(Value::Text(key)) if !key.starts_with(PRIVATE));
            depth > 0 && (0..len).all(|_| is_key(at.value()) && is_as_json(at, depth - 1))
        }
        Value::Float32(_) | Value::Extension(..) => false,
    }
}

/// Rewrites an encoded packet as one binary message.
///
/// # Errors
/// [`EncodeError::Json`] for data nested deeper than 127, or a number or text that cannot be, such
/// as `1e999`; [`EncodeError::Misuse`] for a packet that was put together by hand and is not one.
pub fn encode(packet: &Encoded) -> Result<Bytes, EncodeError> {
    let (text, attachments) = (packet.text(), packet.attachments());
    match pass(text, attachments) {
        Some(wire) => Ok(wire.into()),
        None => Err(fault(text)),
    }
}

/// One pass: checks and writes. `None` for what is not a packet, or cannot be one here.
pub(super) fn pass(text: &Text, attachments: &[Bytes]) -> Option<Vec<u8>> {
    let head = opening(text.as_bytes(), &unlimited()).ok()?;
    let Opening { kind, namespace, ack_id, json, .. } = head;
    let first = json.iter().find(|byte| !checked_json::is_space(**byte)).copied();
    let (kind, is_right) = match kind {
        Kind::Connect => (0, matches!(first, None | Some(b'{'))),
        Kind::Disconnect => (1, first.is_none()),
        Kind::Event | Kind::BinaryEvent => (2, first == Some(b'[')),
        Kind::Ack | Kind::BinaryAck => (3, first == Some(b'[') && ack_id.is_some()),
        Kind::ConnectError => (4, matches!(first, Some(b'{' | b'"'))),
    };
    if !is_right {
        return None;
    }
    let binary: usize = attachments.iter().map(Bytes::len).sum();
    let mut wire = open(kind, first.is_some(), ack_id, text.len() + binary);
    if first.is_some() {
        let mut writer = Writer::new(json, wire, attachments);
        if kind == EVENT { writer.event() } else { writer.value() }?;
        wire = writer.end()?;
    }
    Some(close(wire, ack_id, std::str::from_utf8(namespace).ok()?))
}

/// Begins a packet, with room for `size` bytes of data.
fn open(kind: u8, has_data: bool, ack_id: Option<u64>, size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(size + ROOM);
    wire.push(FIX_MAP | (3 + u8::from(has_data) + u8::from(ack_id.is_some())));
    wire.extend_from_slice(b"\xa4type");
    wire.push(kind);
    if has_data {
        wire.extend_from_slice(b"\xa4data");
    }
    wire
}

/// Ends a packet after its data.
fn close(mut wire: Vec<u8>, ack_id: Option<u64>, namespace: &str) -> Vec<u8> {
    wire.extend_from_slice(b"\xa7options\x81\xa8compress\xc3");
    let id = ack_id.map(|id| {
        wire.extend_from_slice(b"\xa2id");
        put::write_uint(&mut wire, id)
    });
    wire.extend_from_slice(b"\xa3nsp");
    let name = put::write_str(&mut wire, namespace);
    // Writing to a vector does not fail.
    debug_assert!(name.is_ok() && id.is_none_or(|id| id.is_ok()));
    wire
}

/// Why a packet could not be written.
#[cold]
pub(super) fn fault(text: &Text) -> EncodeError {
    let packet = match parse(text, &unlimited()) {
        Ok(announced) => announced.packet,
        Err(PeerError::Json { error, .. }) => return Misuse::Json(error).into(),
        Err(_) => return Misuse::NoPacket.into(),
    };
    let array = |args: &Args| checked_json::from_checked::<Value>(args.json()).map(drop);
    let data = match &packet.body {
        Body::Connect { auth: None } | Body::Disconnect => return Misuse::NoPacket.into(),
        Body::Connect { auth: Some(data) } | Body::ConnectError { data } => {
            data.parse::<Value>().map(drop)
        }
        Body::Event { args, .. } | Body::Ack { args, .. } => array(args),
    };
    let beyond = || serde_json::Error::custom("a number out of range");
    EncodeError::Json(data.err().unwrap_or_else(beyond))
}

/// Limits are for peers; this packet is our own.
pub(super) fn unlimited() -> ConnectionConfig {
    ConnectionConfig {
        max_attachments: usize::MAX,
        max_namespace_len: usize::MAX,
        ..ConnectionConfig::default()
    }
}

/// Most brackets within each other, that of the arguments included: as many as `serde_json` reads.
const DEPTH: usize = 127;
/// How the keys begin by which `serde_json` marks raw values and numbers that it keeps as text.
const PRIVATE: &[u8] = b"$serde_json::private::";
/// Room for what is written around the data, and beyond it for a moment, in bytes.
const ROOM: usize = 112;
