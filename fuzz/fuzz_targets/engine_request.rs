//! Requests against a naive reader of the query that follows the reference's order of checks.
//!
//! Input: `<method> <query>`, with `+` after the method for a request that asks for a websocket.

#![no_main]

use engineio::proto::request::{Route, route};
use engineio::proto::{RequestError, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some((method, query)) = input.split_once(' ') else { return };
    let (method, websocket) = match method.strip_suffix('+') {
        Some(method) => (method, true),
        None => (method, false),
    };
    assert_eq!(route(method, query, websocket), naive(method, query, websocket));
});

fn naive(method: &str, query: &str, websocket: bool) -> Result<Route, RequestError> {
    let transport = match value(query, "transport").as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::Websocket,
        _ => return Err(RequestError::TransportUnknown),
    };
    if let Some(sid) = value(query, "sid") {
        let is_sid = sid.len() == 20
            && sid.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !is_sid {
            return Err(RequestError::SidUnknown);
        }
        let sid = sid.parse().expect("a sid by its definition");
        if websocket != (transport == Transport::Websocket) {
            return Err(RequestError::BadRequest);
        }
        return Ok(match (websocket, method) {
            (true, _) => Route::Upgrade(sid),
            (false, "GET") => Route::Poll(sid),
            (false, "POST") => Route::Post(sid),
            (false, _) => Route::OtherMethod(sid),
        });
    }
    if method != "GET" {
        return Err(RequestError::BadHandshakeMethod);
    }
    if websocket != (transport == Transport::Websocket) {
        return Err(RequestError::BadRequest);
    }
    if value(query, "EIO").as_deref() != Some("4") {
        return Err(RequestError::UnsupportedProtocol);
    }
    Ok(Route::Handshake(transport))
}

/// The first value of `key`.
fn value(query: &str, key: &str) -> Option<String> {
    query.split('&').filter(|pair| !pair.is_empty()).find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescaped(name) == key).then(|| unescaped(value))
    })
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (first, behind) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, behind @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let hex = [*high, *low].map(char::from);
                let hex = hex.map(|digit| digit.to_digit(16).expect("a hex digit") as u8);
                bytes.push(hex[0] << 4 | hex[1]);
                rest = behind;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
