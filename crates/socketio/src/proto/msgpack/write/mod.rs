//! Writes packets as MessagePack: types as they are asked, and what is encoded already in one pass
//! over its text.

mod data;
mod strings;
#[cfg(test)]
mod tests;
mod typed;

use bytes::Bytes;
use engineio::proto::Text;
use rmp::encode as put;
use serde::Serialize;
use serde::de::Error as _;
use serde_json::Value;

use self::data::{DEPTH, Writer};
use self::typed::Packer;
use crate::proto::encode::{self as json_encode, TYPICAL_SIZE, check_name};
use crate::proto::msgpack::Packed;
use crate::proto::parser::{Kind, Opening, opening};
use crate::proto::{
    Args, Body, ConnectionConfig, EncodeError, Encoded, Misuse, NamespaceName, PeerError, json,
    parse,
};

/// Encodes an event as one binary message. Arguments are as in
/// [`encode::event`](crate::proto::encode::event), and whoever reads them gets what their JSON would
/// have given. Bytes stay inside.
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

/// Encodes an ack as one binary message: the answer to the event that carried `id`. Arguments are as
/// in [`event`].
///
/// # Errors
/// As [`event`].
pub fn ack<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    id: u64,
    args: &T,
) -> Result<Bytes, EncodeError> {
    typed(namespace, ACK, Some(id), None, args)
}

/// Encodes an event with arguments that were received: byte for byte if they came as MessagePack and
/// hold plain data, else by way of their JSON.
///
/// # Errors
/// As [`event`].
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

/// Encodes an ack with arguments that were received, as [`event_args`] does.
///
/// # Errors
/// As [`ack`].
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
    let mut packer = Packer::new(open(kind, true, ack_id, args.size() + name.map_or(0, str::len)));
    packer.relay(name, args).map_err(EncodeError::Json)?;
    Ok(close(packer.end(), ack_id, namespace.as_str()).into())
}

fn typed<T: Serialize + ?Sized>(
    namespace: &NamespaceName,
    kind: u8,
    ack_id: Option<u64>,
    name: Option<&str>,
    args: &T,
) -> Result<Bytes, EncodeError> {
    let mut packer = Packer::new(open(kind, true, ack_id, TYPICAL_SIZE));
    packer.array(name, args).map_err(EncodeError::Json)?;
    Ok(close(packer.end(), ack_id, namespace.as_str()).into())
}

/// Rewrites an encoded packet as one binary message.
///
/// # Errors
/// [`EncodeError::Json`] for data nested deeper than 127, or a number or text that cannot be, such
/// as `1e999`; [`EncodeError::Misuse`] for a packet that was put together by hand and is none.
pub fn encode(packet: &Encoded) -> Result<Bytes, EncodeError> {
    let (text, attachments) = (packet.text(), packet.attachments());
    match pass(text, attachments) {
        Some(wire) => Ok(wire.into()),
        None => Err(fault(text)),
    }
}

/// One pass: checks and writes. None for what is no packet, or cannot be one.
fn pass(text: &Text, attachments: &[Bytes]) -> Option<Vec<u8>> {
    let head = opening(text.as_bytes(), &unlimited()).ok()?;
    let Opening { kind, namespace, ack_id, json, .. } = head;
    let first = json.iter().find(|byte| !json::space(**byte)).copied();
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
        let mut writer = Writer::new(json, wire, attachments, DEPTH);
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

/// Ends a packet behind its data.
fn close(mut wire: Vec<u8>, ack_id: Option<u64>, namespace: &str) -> Vec<u8> {
    wire.extend_from_slice(b"\xa7options\x81\xa8compress\xc3");
    let id = ack_id.map(|id| {
        wire.extend_from_slice(b"\xa2id");
        put::write_uint(&mut wire, id)
    });
    wire.extend_from_slice(b"\xa3nsp");
    let name = put::write_str(&mut wire, namespace);
    // A vector takes all.
    debug_assert!(name.is_ok() && id.is_none_or(|id| id.is_ok()));
    wire
}

/// Why a packet could not be written.
#[cold]
fn fault(text: &Text) -> EncodeError {
    let packet = match parse(text, &unlimited()) {
        Ok(announced) => announced.packet,
        Err(PeerError::Json { error, .. }) => return Misuse::Json(error).into(),
        Err(_) => return Misuse::NoPacket.into(),
    };
    let array = |args: &Args| json::read::from_checked::<Value>(args.json()).map(drop);
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

/// Limits are for peers; this is our own.
fn unlimited() -> ConnectionConfig {
    ConnectionConfig {
        max_attachments: usize::MAX,
        max_namespace_len: usize::MAX,
        ..ConnectionConfig::default()
    }
}

const EVENT: u8 = 2;
const ACK: u8 = 3;
const FIX_MAP: u8 = 0x80;
/// For what is written around the data, and beyond it for a moment, in bytes.
const ROOM: usize = 112;
