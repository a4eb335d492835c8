//! What a client came with, by the names of the reference's `handshake`, and what other nodes know of
//! its socket.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use engineio::proto::Sid;
use engineio::server::Parts;
use http::header;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::local::room::Room;
use crate::proto::RawJson;

/// The other end of a connection. Only the host knows it: the host puts this into the extensions of
/// its requests, and [`Handshake::address`] and [`Handshake::secure`] show it.
///
/// ```
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::{Next, from_fn};
/// use socketio::server::{Peer, Server};
/// use std::net::SocketAddr;
///
/// let peer = |ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request, next: Next| async move {
///     request.extensions_mut().insert(Peer { address, secure: false });
///     next.run(request).await
/// };
/// let app: axum::Router = axum::Router::new()
///     .nest_service("/socket.io", Server::default().service())
///     .layer(from_fn(peer));
/// let make = app.into_make_service_with_connect_info::<SocketAddr>(); // for axum::serve
/// # let _ = make;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address of the client, or of the proxy in front of it.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

/// What a client came with: the request of its connection, and the data of its CONNECT.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Handshake {
    /// Headers of the request, as Node gives them: several of one name are joined by `, `, cookies by
    /// `; `, and of a header that may come once only the first counts.
    pub headers: BTreeMap<String, String>,
    /// When the client joined, as an HTTP date.
    pub time: String,
    /// The IP address of the client. Empty if the host does not provide a [`Peer`].
    pub address: String,
    /// Whether the request has an `Origin` header.
    pub xdomain: bool,
    /// Whether the connection is encrypted, by [`Peer`]; without one, by the scheme of the
    /// request's URI.
    pub secure: bool,
    /// When the client joined, in milliseconds since 1970.
    pub issued: u64,
    /// Path and query of the request, as the service got them.
    pub url: String,
    /// Values of the query, decoded. Of several with one key, the last.
    pub query: BTreeMap<String, String>,
    /// The data of the CONNECT. None is `{}` in JSON.
    #[serde(serialize_with = "write_auth", deserialize_with = "read_auth")]
    pub auth: Option<RawJson>,
}

/// What is known of a socket on every node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SocketInfo {
    /// Its id.
    pub id: Sid,
    /// What its client came with.
    pub handshake: Handshake,
    /// Its rooms. The room of its own id comes first.
    pub rooms: Vec<Room>,
    /// The data set by [`Socket::set_data`](super::Socket::set_data).
    pub data: Option<RawJson>,
}

impl SocketInfo {
    /// A socket as another node described it.
    pub fn new(id: Sid, handshake: Handshake, rooms: Vec<Room>, data: Option<RawJson>) -> Self {
        Self { id, handshake, rooms, data }
    }
}

impl Handshake {
    pub(crate) fn new(request: &Parts, auth: Option<RawJson>, issued: SystemTime) -> Self {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &request.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            match headers.entry(name.as_str().to_owned()) {
                Entry::Vacant(entry) => _ = entry.insert(value.into_owned()),
                Entry::Occupied(_) if ONCE.contains(&name.as_str()) => {}
                Entry::Occupied(mut entry) => {
                    // HTTP/2 lets a client split its cookies over several lines. [RFC 9113, 8.2.3]
                    let between = if *name == header::COOKIE { "; " } else { ", " };
                    entry.get_mut().push_str(between);
                    entry.get_mut().push_str(&value);
                }
            }
        }
        let query = request.uri.query().unwrap_or_default();
        let peer = request.extensions.get::<Peer>();
        let is_secure = || matches!(request.uri.scheme_str(), Some("https" | "wss"));
        let since = issued.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            xdomain: headers.contains_key("origin"),
            headers,
            time: httpdate::fmt_http_date(UNIX_EPOCH + since),
            address: peer.map(|peer| peer.address.ip().to_string()).unwrap_or_default(),
            secure: peer.map_or_else(is_secure, |peer| peer.secure),
            issued: since.as_millis().try_into().unwrap_or(u64::MAX),
            url: request.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            auth,
        }
    }
}

/// Headers of which Node drops all but the first.
const ONCE: &[&str] = &[
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "user-agent",
];

fn write_auth<S: Serializer>(auth: &Option<RawJson>, serializer: S) -> Result<S::Ok, S::Error> {
    match auth {
        Some(auth) => auth.serialize(serializer),
        None => BTreeMap::<(), ()>::new().serialize(serializer),
    }
}

fn read_auth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawJson>, D::Error> {
    let auth = serde_json::Value::deserialize(deserializer)?;
    RawJson::from_value(&auth).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_one_name_are_joined_as_node_joins_them() {
        let mut request = http::Request::get("/");
        for (name, value) in [
            ("cookie", "a=1"),
            ("cookie", "b=2; c=3"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", "192.0.2.2"),
            ("user-agent", "first"),
            ("user-agent", "second"),
            ("x-empty", ""),
            ("x-empty", "x"),
        ] {
            request = request.header(name, value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let headers = Handshake::new(&head, None, UNIX_EPOCH).headers;
        let expected = [
            ("cookie", "a=1; b=2; c=3"),
            ("user-agent", "first"),
            ("x-empty", ", x"),
            ("x-forwarded-for", "192.0.2.1, 192.0.2.2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers, BTreeMap::from(expected));
    }
}
