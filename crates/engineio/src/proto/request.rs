//! Requests: method and query in, a route or an error out. [spec: HTTP long-polling, WebSocket]

use std::borrow::Cow;

use super::{RequestError, Sid, Transport};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A new session.
    Handshake(Transport),
    /// The next payload of a session: `GET`.
    Poll(Sid),
    /// A payload for a session: `POST`.
    Post(Sid),
    /// A websocket for a session that polls.
    Upgrade(Sid),
    /// Another method on a session.
    OtherMethod(Sid),
}

/// Finds the route of a request, in the reference's order of checks.
///
/// `query` is the URL's query without `?`; of a repeated key the first value counts. `websocket`
/// says whether the request asks to become a websocket.
///
/// # Errors
/// The [`RequestError`] of the first check that fails. A `sid` that cannot be one of ours is as
/// unknown as one that was never given out.
///
/// ```
/// use engineio::proto::{RequestError, Transport, request::{Route, route}};
/// let query = "EIO=4&transport=polling";
/// assert_eq!(route("GET", query, false), Ok(Route::Handshake(Transport::Polling)));
/// assert_eq!(route("POST", query, false), Err(RequestError::BadHandshakeMethod));
/// ```
pub fn route(method: &str, query: &str, websocket: bool) -> Result<Route, RequestError> {
    let query = Query::parse(query);
    let transport = match query.transport.as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::Websocket,
        _ => return Err(RequestError::TransportUnknown),
    };
    let sid = match query.sid {
        Some(sid) => Some(sid.parse().map_err(|_| RequestError::SidUnknown)?),
        None => None,
    };
    match (sid, transport) {
        (Some(_), Transport::Polling) if websocket => Err(RequestError::BadRequest),
        (Some(sid), Transport::Polling) => Ok(match method {
            "GET" => Route::Poll(sid),
            "POST" => Route::Post(sid),
            _ => Route::OtherMethod(sid),
        }),
        (Some(sid), Transport::Websocket) if websocket => Ok(Route::Upgrade(sid)),
        (Some(_), Transport::Websocket) => Err(RequestError::BadRequest),
        (None, _) if method != "GET" => Err(RequestError::BadHandshakeMethod),
        (None, _) if websocket != (transport == Transport::Websocket) => {
            Err(RequestError::BadRequest)
        }
        (None, _) if query.eio.as_deref() != Some("4") => Err(RequestError::UnsupportedProtocol),
        (None, transport) => Ok(Route::Handshake(transport)),
    }
}

/// The keys of the query that are the protocol's own.
#[derive(Default)]
struct Query<'a> {
    transport: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    eio: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    fn parse(query: &'a str) -> Self {
        let mut found = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match key.as_ref() {
                "transport" => &mut found.transport,
                "sid" => &mut found.sid,
                "EIO" => &mut found.eio,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "lv_VI97HAXpY6yYWAAAB";

    #[test]
    fn every_request_finds_its_route() {
        let sid: Sid = SID.parse().unwrap();
        let with_sid = format!("EIO=4&transport=polling&t=abc&sid={SID}");
        let upgrade = format!("EIO=4&transport=websocket&sid={SID}");
        for (method, query, websocket, expected) in [
            ("GET", "EIO=4&transport=polling", false, Ok(Route::Handshake(Transport::Polling))),
            ("GET", "EIO=4&transport=websocket", true, Ok(Route::Handshake(Transport::Websocket))),
            (
                "GET",
                "transport=polling&EIO=4&x=1&EIO=3",
                false,
                Ok(Route::Handshake(Transport::Polling)),
            ),
            ("GET", with_sid.as_str(), false, Ok(Route::Poll(sid))),
            ("POST", with_sid.as_str(), false, Ok(Route::Post(sid))),
            ("DELETE", with_sid.as_str(), false, Ok(Route::OtherMethod(sid))),
            ("GET", upgrade.as_str(), true, Ok(Route::Upgrade(sid))),
            ("GET", upgrade.as_str(), false, Err(RequestError::BadRequest)),
            ("GET", with_sid.as_str(), true, Err(RequestError::BadRequest)),
            ("GET", "", false, Err(RequestError::TransportUnknown)),
            ("GET", "EIO=4", false, Err(RequestError::TransportUnknown)),
            ("GET", "EIO=4&transport=__proto__", false, Err(RequestError::TransportUnknown)),
            ("GET", "EIO=4&transport=webtransport", false, Err(RequestError::TransportUnknown)),
            ("GET", "EIO=4&transport=polling&sid=nope", false, Err(RequestError::SidUnknown)),
            ("GET", "EIO=4&transport=polling&sid=", false, Err(RequestError::SidUnknown)),
            ("POST", "EIO=4&transport=polling", false, Err(RequestError::BadHandshakeMethod)),
            ("OPTIONS", "EIO=4&transport=polling", false, Err(RequestError::BadHandshakeMethod)),
            ("GET", "EIO=4&transport=websocket", false, Err(RequestError::BadRequest)),
            ("GET", "EIO=4&transport=polling", true, Err(RequestError::BadRequest)),
            ("GET", "EIO=3&transport=polling", false, Err(RequestError::UnsupportedProtocol)),
            ("GET", "transport=polling", false, Err(RequestError::UnsupportedProtocol)),
            ("GET", "EIO=abc&transport=websocket", true, Err(RequestError::UnsupportedProtocol)),
        ] {
            assert_eq!(route(method, query, websocket), expected, "{method} {query} {websocket}");
        }
    }
}
