//! Packets as MessagePack, as `socket.io-msgpack-parser` writes them: one binary message each, a
//! map of `type`, `nsp`, `data`, `id` and `options`, with binary data inside.
//!
//! Pure. What lives here, what comes in and what goes out:
//!
//! - A packet comes in ([`parse`]). An event or ack of plain data is checked and stays MessagePack, until
//!   a handler asks for a type, which `rmp-serde` reads, or for JSON. Every other packet is rewritten
//!   ([`decode`]) as the text and attachments that the default parser would have had, and is read as
//!   those, so that the same rules and limits hold.
//! - A packet goes out ([`event`], [`ack`]): types are written by `rmp-serde`. A packet that is encoded
//!   already is rewritten from its text in one pass ([`encode`]).
//!
//! What MessagePack can say and JSON cannot: `undefined` and numbers that are not finite come as
//! `null`, a `Date` as the text that JSON gives it, an `ArrayBuffer` as an attachment.
//!
//! Nothing here may trust a length before the bytes are there, nor follow nesting beyond
//! `max_json_depth`. `rmp-serde` is only given bytes that were checked to be whole; its own limit of
//! nesting is 1,024, and it allocates for no more than is there.
//!
//! Start reading in `wire.rs`, the walk over MessagePack; then `read.rs` and `write.rs`, which end in
//! JSON and begin from types; `from_json.rs` is the one pass.

mod date;
mod from_json;
pub(super) mod read;
#[cfg(test)]
mod tests;
pub(super) mod wire;
mod write;

use bytes::Bytes;
use engineio::proto::{Text, Time};

use self::wire::{Cursor, Value};
pub use self::write::{ack, ack_args, encode, event, event_args};
use super::args::Packed;
use super::packet::reserved;
use super::{Args, Body, ConnectionConfig, NamespaceName, Packet, PeerError, Reassembly};

/// Reads a packet, its binary data included.
///
/// The arguments of events and acks of plain data stay as they came until their JSON is asked for; types are read without it.
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

/// Reads a packet that is an event or ack of plain data. `None` for every other packet, and for
/// one that is unusual or wrong: those are left to [`decode`], which says what is wrong. `name` gives a namespace
/// other than `/`.
pub(super) fn plain(
    packet: &Bytes,
    config: &ConnectionConfig,
    name: impl FnOnce(&str) -> NamespaceName,
) -> Option<Packet> {
    let mut at = Cursor::new(packet);
    let max_depth = config.max_json_depth.min(checked_json::DEEPEST);
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, None);
    let Value::Map(len) = at.value()? else { return None };
    for _ in 0..len {
        // A field that comes twice is unusual enough.
        let is_new = match at.text()? {
            "type" => kind.replace(at.value()?).is_none(),
            "nsp" => namespace.replace(at.text()?).is_none(),
            "id" => match at.value()? {
                Value::Unsigned(number) => id.replace(number).is_none(),
                _ => return None,
            },
            "data" => {
                let start = at.at;
                at.pass_plain(max_depth)?;
                data.replace(start..at.at).is_none()
            }
            _ => at.pass_plain(max_depth).is_some(),
        };
        if !is_new {
            return None;
        }
    }
    let (namespace, data) = (namespace?, data?);
    let digits = |id: u64| id.checked_ilog10().map_or(1, |log| log as usize + 1);
    let is_fine = namespace.starts_with('/')
        && !namespace.contains(',')
        && namespace.len() <= config.max_namespace_len
        && id.is_none_or(|id| digits(id) <= config.max_ack_digits)
        && at.at == packet.len();
    if !is_fine {
        return None;
    }
    let Value::Unsigned(kind) = kind? else { return None };
    let is_event = kind == u64::from(EVENT);
    let args = Packed::new(packet.slice(data), is_event)?;
    let body = match id {
        ack_id if is_event && reserved(args.name()).is_none() => {
            Body::Event { args: Args::packed(args), ack_id }
        }
        Some(id) if kind == u64::from(ACK) => Body::Ack { id, args: Args::packed(args) },
        _ => return None,
    };
    let namespace = if namespace == "/" { NamespaceName::ROOT } else { name(namespace) };
    Some(Packet { namespace, body })
}

/// Rewrites a packet as its text and attachments.
///
/// # Errors
/// [`PeerError::MessagePack`] for what is not a packet; [`PeerError::TooManyAttachments`] and
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
    text.push_str(std::str::from_utf8(&fields.data).map_err(|_| fault("a string is not UTF-8"))?);
    Ok((Text::new(&text), attachments))
}

const EVENT: u8 = 2;
const ACK: u8 = 3;
/// The type of a binary event in the default parser.
const BINARY: u8 = 5;
