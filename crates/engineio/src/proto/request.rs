//! Requests: method and query in, a route or an error out. [spec: HTTP long-polling, WebSocket]

use std::borrow::Cow;

use super::{Protocol, RequestError, Sid, Transport};

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

/// What a server offers, as far as requests are concerned. Default: both transports, protocol 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Long-polling is on.
    pub polling: bool,
    /// Websockets are on.
    pub websocket: bool,
    /// Protocol 3 is spoken too.
    pub eio3: bool,
    /// Then no `EIO`, or another than `4`, means protocol 3, as in the reference.
    pub assume_eio3: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self { polling: true, websocket: true, eio3: false, assume_eio3: false }
    }
}

/// What the protocol reads from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The route.
    pub route: Route,
    /// The protocol that the request names; always there for a handshake. A session keeps the one
    /// it began with, so its later requests must name the same.
    pub protocol: Option<Protocol>,
    /// `b64`: a client of protocol 3 that reads no binary data on this transport.
    pub base64: bool,
    /// `j`: the number of the callback to which a client of protocol 3 wants answers as scripts.
    pub jsonp: Option<u32>,
}

/// Finds the route of a request to a server with the default [`Offer`]. See [`read`].
///
/// # Errors
/// Those of [`read`].
///
/// ```
/// use engineio::proto::{RequestError, Transport, request::{Route, route}};
/// let query = "EIO=4&transport=polling";
/// assert_eq!(route("GET", query, false), Ok(Route::Handshake(Transport::Polling)));
/// assert_eq!(route("POST", query, false), Err(RequestError::BadHandshakeMethod));
/// ```
pub fn route(method: &str, query: &str, websocket: bool) -> Result<Route, RequestError> {
    Ok(read(method, query, websocket, Offer::default())?.route)
}

/// Reads a request, in the reference's order of checks.
///
/// `query` is the URL's query without `?`; of a repeated key the first value counts. `websocket`
/// says whether the request asks to become a websocket.
///
/// # Errors
/// The [`RequestError`] of the first check that fails. A `sid` that cannot be one of ours is as
/// unknown as one that was never given out.
pub fn read(method: &str, query: &str, websocket: bool, offer: Offer) -> Result<Ask, RequestError> {
    let query = Query::parse(query);
    let transport = match query.transport.as_deref() {
        Some("polling") if offer.polling => Transport::Polling,
        Some("websocket") if offer.websocket => Transport::Websocket,
        _ => return Err(RequestError::TransportUnknown),
    };
    let protocol = match query.eio.as_deref() {
        Some("4") => Some(Protocol::V4),
        Some("3") if offer.eio3 => Some(Protocol::V3),
        _ if offer.eio3 && offer.assume_eio3 => Some(Protocol::V3),
        _ => None,
    };
    let sid = match query.sid {
        Some(sid) => Some(sid.parse().map_err(|_| RequestError::SidUnknown)?),
        None => None,
    };
    let route = match (sid, transport) {
        (Some(_), Transport::Polling) if websocket => return Err(RequestError::BadRequest),
        (Some(sid), Transport::Polling) => match method {
            "GET" => Route::Poll(sid),
            "POST" => Route::Post(sid),
            _ => Route::OtherMethod(sid),
        },
        (Some(sid), Transport::Websocket) if websocket => Route::Upgrade(sid),
        (Some(_), Transport::Websocket) => return Err(RequestError::BadRequest),
        (None, _) if method != "GET" => return Err(RequestError::BadHandshakeMethod),
        (None, _) if websocket != (transport == Transport::Websocket) => {
            return Err(RequestError::BadRequest);
        }
        (None, _) if protocol.is_none() => return Err(RequestError::UnsupportedProtocol),
        (None, transport) => Route::Handshake(transport),
    };
    Ok(Ask {
        route,
        protocol,
        base64: query.b64.is_some_and(|value| !value.is_empty()),
        jsonp: query.j.and_then(|number| number.parse().ok()),
    })
}

/// The keys of the query that are the protocol's own.
#[derive(Default)]
struct Query<'a> {
    transport: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    eio: Option<Cow<'a, str>>,
    b64: Option<Cow<'a, str>>,
    j: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    fn parse(query: &'a str) -> Self {
        let mut found = Self::default();
        for (key, value) in pairs(query) {
            let slot = match key.as_ref() {
                "transport" => &mut found.transport,
                "sid" => &mut found.sid,
                "EIO" => &mut found.eio,
                "b64" => &mut found.b64,
                "j" => &mut found.j,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        found
    }
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Keys and values, as of a form. Nearly none is written in a way that must be decoded, and texts as
/// short as these are walked sooner than searched.
fn pairs(mut query: &str) -> impl Iterator<Item = Pair<'_>> {
    std::iter::from_fn(move || {
        while !query.is_empty() {
            let (mut end, mut equals, mut is_coded) = (query.len(), None, false);
            for (at, byte) in query.bytes().enumerate() {
                match byte {
                    b'&' => {
                        end = at;
                        break;
                    }
                    b'=' if equals.is_none() => equals = Some(at),
                    b'%' | b'+' => is_coded = true,
                    _ => {}
                }
            }
            let part = &query[..end];
            query = query.get(end + 1..).unwrap_or_default();
            match equals {
                _ if part.is_empty() => {}
                _ if is_coded => return form_urlencoded::parse(part.as_bytes()).next(),
                Some(at) => return Some((part[..at].into(), part[at + 1..].into())),
                None => return Some((part.into(), "".into())),
            }
        }
        None
    })
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

    #[test]
    fn a_server_that_assumes_protocol_3_takes_any_eio_but_4_for_it() {
        let offer = Offer { eio3: true, assume_eio3: true, ..Offer::default() };
        for (query, protocol, base64, jsonp) in [
            ("transport=polling", Protocol::V3, false, None),
            ("transport=polling&EIO=3&b64=1", Protocol::V3, true, None),
            ("transport=polling&EIO=3&b64=", Protocol::V3, false, None),
            ("transport=polling&EIO=3&j=7", Protocol::V3, false, Some(7)),
            ("transport=polling&EIO=3&j=alert(1)", Protocol::V3, false, None),
            ("transport=polling&EIO=4", Protocol::V4, false, None),
            ("transport=polling&EIO=5", Protocol::V3, false, None),
        ] {
            let route = Route::Handshake(Transport::Polling);
            let ask = Ask { route, protocol: Some(protocol), base64, jsonp };
            assert_eq!(read("GET", query, false, offer), Ok(ask), "{query}");
        }
    }

    #[test]
    fn a_server_that_assumes_nothing_takes_eio_3_alone() {
        let offer = Offer { eio3: true, ..Offer::default() };
        let protocol = |query| read("GET", query, false, offer).map(|ask| ask.protocol);
        assert_eq!(protocol("transport=polling&EIO=3"), Ok(Some(Protocol::V3)));
        assert_eq!(protocol("transport=polling&EIO=4"), Ok(Some(Protocol::V4)));
        for query in ["transport=polling", "transport=polling&EIO=abc"] {
            assert_eq!(protocol(query), Err(RequestError::UnsupportedProtocol), "{query}");
        }
    }

    #[test]
    fn a_transport_that_is_off_is_unknown_before_anything_else() {
        let offer = Offer { polling: false, ..Offer::default() };
        let unknown = Err(RequestError::TransportUnknown);
        assert_eq!(read("POST", "transport=polling", false, offer), unknown);
        assert_eq!(read("GET", "transport=polling&sid=x", false, offer), unknown);
        let offer = Offer { websocket: false, ..Offer::default() };
        assert_eq!(read("GET", "transport=websocket&EIO=4", true, offer), unknown);
    }

    #[test]
    fn a_query_reads_as_a_form_does() {
        for query in [
            "",
            "&",
            "=",
            "&&a&b=&=c&d=e=f",
            "EIO=4&transport=polling&t=abc",
            "EIO=%34&trans%70ort=polling&a+b=c+d&x=%zz&y=%ff",
            "sid=\u{e9}&%C3%A9=1",
        ] {
            let ours: Vec<_> = pairs(query).collect();
            let form: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            assert_eq!(ours, form, "{query}");
        }
    }
}
