//! Packets as MessagePack, as `socket.io-msgpack-parser` writes them: one binary message each, a
//! map of `type`, `nsp`, `data`, `id` and `options`, with binary data inside.
//!
//! Pure. An event or ack of plain data is read as it is. Any other packet that comes is rewritten as
//! the text and the attachments it would have been in the default parser, and read as those: the same
//! rules and limits hold, and handlers do not know the difference. One that leaves is written from its
//! type, or rewritten the other way if it is encoded already.
//!
//! What MessagePack can say and JSON cannot: `undefined` and numbers that are not finite come as
//! `null`, a `Date` as the text that JSON gives it, an `ArrayBuffer` as an attachment.

mod date;
mod packed;
mod parts;
mod plain;
mod read;
#[cfg(test)]
mod tests;
mod typed;
mod write;

use bytes::Bytes;
use engineio::proto::{Text, Time};

pub(super) use self::packed::Packed;
pub(super) use self::plain::packet as plain;
pub use self::write::{ack, ack_args, encode, event, event_args};
use super::{ConnectionConfig, NamespaceName, Packet, PeerError, Reassembly};

/// Reads a packet, its binary data included.
///
/// The arguments of events and acks with plain data stay as they are until somebody asks for their
/// JSON; types are read from them without.
///
/// # Errors
/// Those of [`decode`] and [`parse`](super::parse).
pub fn parse(packet: &Bytes, config: &ConnectionConfig) -> Result<Packet, PeerError> {
    if let Some(packet) = plain(packet, config, NamespaceName::from_checked) {
        return Ok(packet);
    }
    let (text, attachments) = decode(packet, config)?;
    let mut parts = Reassembly::default();
    let mut whole = parts.handle_text(Time::ZERO, super::parse(&text, config)?, config)?;
    for attachment in attachments {
        whole = parts.handle_binary(attachment, config)?;
    }
    whole.ok_or(PeerError::MessagePack { what: "it ends too early", at: packet.len() })
}

/// Rewrites a packet as its text and attachments.
///
/// # Errors
/// [`PeerError::MessagePack`] for what is no packet; [`PeerError::TooManyAttachments`] and
/// [`PeerError::NamespaceTooLong`] by the limits in `config`.
///
/// ```
/// use socketio::proto::{ConnectionConfig, msgpack};
/// // {"type":2,"nsp":"/","data":["hi",1]}
/// let packet = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa2hi\x01";
/// let (text, attachments) = msgpack::decode(&packet[..].into(), &ConnectionConfig::default())?;
/// assert_eq!((text.as_str(), attachments.len()), (r#"2["hi",1]"#, 0));
/// # Ok::<(), socketio::proto::PeerError>(())
/// ```
pub fn decode(packet: &Bytes, config: &ConnectionConfig) -> Result<(Text, Vec<Bytes>), PeerError> {
    let fields = read::fields(packet, config)?;
    let fault = |what| PeerError::MessagePack { what, at: 0 };
    let namespace = fields.namespace.ok_or_else(|| fault("a packet needs nsp, a string"))?;
    let kind = fields.kind.ok_or_else(|| fault("a packet needs type, 0 to 4"))?;
    if !namespace.starts_with('/') || namespace.contains(',') {
        return Err(fault("nsp begins with '/' and holds no comma"));
    }
    if namespace.len() > config.max_namespace_len {
        let (len, max) = (namespace.len(), config.max_namespace_len);
        return Err(PeerError::NamespaceTooLong { len, max });
    }
    let attachments = fields.attachments;
    let mut text = String::with_capacity(fields.data.len() + namespace.len() + 24);
    if attachments.is_empty() {
        text.push(char::from(b'0' + kind));
    } else if kind == EVENT || kind == ACK {
        text.push(char::from(b'0' + kind + BINARY - EVENT));
        text.push_str(&format!("{}-", attachments.len()));
    } else {
        return Err(fault("only events and acks carry binary data"));
    }
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    if let Some(id) = fields.id {
        if kind != EVENT && kind != ACK {
            return Err(fault("only events and acks carry an id"));
        }
        text.push_str(&id.to_string());
    }
    // Written from checked strings and by a JSON writer: UTF-8.
    text.push_str(std::str::from_utf8(&fields.data).map_err(|_| fault("a string is no UTF-8"))?);
    Ok((Text::new(&text), attachments))
}

const EVENT: u8 = 2;
const ACK: u8 = 3;
/// The type of a binary event in the default parser.
const BINARY: u8 = 5;
