//! Writes packets as MessagePack, in one pass over their text.

mod data;
mod strings;
#[cfg(test)]
mod tests;
mod tree;

use bytes::Bytes;
use engineio::proto::Text;
use rmp::encode as put;

use self::data::Writer;
use crate::proto::parser::{Kind, Opening, opening};
use crate::proto::{Config, EncodeError, Encoded, json};

/// Rewrites an encoded packet as one binary message.
///
/// # Errors
/// [`EncodeError::Json`] for data nested deeper than 127, or a number or text that cannot be, such
/// as `1e999`; [`EncodeError::Misuse`] for a packet that was put together by hand and is none.
pub fn encode(packet: &Encoded) -> Result<Bytes, EncodeError> {
    let (text, attachments) = (packet.text(), packet.attachments());
    match pass(text, attachments) {
        Some(wire) => Ok(wire.into()),
        None => tree::encode(text, attachments),
    }
}

/// One pass: checks and writes. None for what is no packet, and for data with equal keys in one
/// object, of which the last value stays in the place of the first.
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
    let fields = 3 + u8::from(first.is_some()) + u8::from(ack_id.is_some());
    let binary: usize = attachments.iter().map(Bytes::len).sum();
    let mut wire = Vec::with_capacity(text.len() + binary + ROOM);
    wire.extend_from_slice(&[FIX_MAP | fields]);
    wire.extend_from_slice(b"\xa4type");
    wire.push(kind);
    if first.is_some() {
        wire.extend_from_slice(b"\xa4data");
        let mut writer = Writer::new(json, wire, attachments);
        if kind == EVENT { writer.event() } else { writer.value() }?;
        wire = writer.end()?;
    }
    wire.extend_from_slice(b"\xa7options\x81\xa8compress\xc3");
    if let Some(id) = ack_id {
        wire.extend_from_slice(b"\xa2id");
        put::write_uint(&mut wire, id).ok()?;
    }
    wire.extend_from_slice(b"\xa3nsp");
    put::write_str_len(&mut wire, u32::try_from(namespace.len()).ok()?).ok()?;
    wire.extend_from_slice(namespace);
    Some(wire)
}

/// Limits are for peers; this is our own.
fn unlimited() -> Config {
    Config { max_attachments: usize::MAX, max_namespace_len: usize::MAX, ..Config::default() }
}

const EVENT: u8 = 2;
const FIX_MAP: u8 = 0x80;
/// For what is written around the data, and beyond it for a moment, in bytes.
const ROOM: usize = 112;
