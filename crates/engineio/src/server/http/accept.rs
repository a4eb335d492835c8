//! The websocket's handshake: what a request must bring, and what the 101 answers. [RFC 6455, 4.2]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Parts;
use crate::server::{Inner, WebsocketRefusal};

/// What a 101 says.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The answer to the client's key.
    pub(super) key: HeaderValue,
    /// The subprotocol that was chosen.
    pub(super) subprotocol: Option<HeaderValue>,
}

/// Checks a request that asks for a websocket.
pub(super) fn accept(server: &Inner, head: &Parts) -> Result<Accepted, WebsocketRefusal> {
    let headers = &head.headers;
    if head.method != Method::GET {
        return Err(WebsocketRefusal::Method);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(WebsocketRefusal::Version);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(WebsocketRefusal::Key)?;
    let bytes = STANDARD.decode(key).map_err(|_| WebsocketRefusal::Key)?;
    if bytes.len() != KEY_BYTES {
        return Err(WebsocketRefusal::Key);
    }
    let key = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    let key = key.map_err(|_| WebsocketRefusal::Key)?;
    let offered = offered(headers)?;
    let chosen = match &server.config.subprotocol {
        Some(hook) if !offered.is_empty() => hook.choose(&offered, head),
        _ => offered.first().map(|name| (*name).to_owned()),
    };
    // A browser fails a websocket whose 101 names what it did not offer.
    let chosen = chosen.filter(|name| offered.contains(&name.as_str()));
    let subprotocol = chosen.and_then(|name| HeaderValue::try_from(name).ok());
    Ok(Accepted { key, subprotocol })
}

/// The subprotocols that a client offers, in its order.
fn offered(headers: &HeaderMap) -> Result<Vec<&str>, WebsocketRefusal> {
    let mut names: Vec<&str> = Vec::new();
    for line in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let line = line.to_str().map_err(|_| WebsocketRefusal::Subprotocols)?;
        for name in line.split(',').map(|name| name.trim_matches([' ', '\t'])) {
            if name.is_empty() || !name.bytes().all(is_token) || names.contains(&name) {
                return Err(WebsocketRefusal::Subprotocols);
            }
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether a byte may stand in a token. [RFC 9110, section 5.6.2]
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Bytes of a websocket's key.
const KEY_BYTES: usize = 16;
