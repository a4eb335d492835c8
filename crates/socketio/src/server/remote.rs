//! Sockets as other nodes know them.

use std::collections::BTreeMap;
use std::fmt;

use engineio::proto::Sid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::adapter::AdapterError;
use super::{Broadcast, EmitError, Room, Rooms, Socket};
use crate::proto::RawJson;

/// What is known of a socket on every node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SocketInfo {
    /// Its id.
    pub id: Sid,
    /// What its client came with.
    pub handshake: Handshake,
    /// Its rooms, that of its own id first.
    pub rooms: Vec<Room>,
    /// What [`Socket::set_data`] put there.
    pub data: Option<RawJson>,
}

impl SocketInfo {
    /// What another node told of a socket.
    pub fn new(id: Sid, handshake: Handshake, rooms: Vec<Room>, data: Option<RawJson>) -> Self {
        Self { id, handshake, rooms, data }
    }

    pub(crate) fn of(socket: &Socket) -> Self {
        Self {
            id: socket.id(),
            handshake: Handshake::of(socket),
            rooms: socket.rooms(),
            data: socket.data(),
        }
    }
}

/// What a client came with, by the names that the reference's `handshake` has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Handshake {
    /// Headers of the request; several of one name are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// Path and query of the request.
    pub url: String,
    /// Values of the query, decoded; of several with one key the last.
    pub query: BTreeMap<String, String>,
    /// When the client joined, in milliseconds since 1970.
    pub issued: u64,
    /// Whether the request names an origin.
    pub xdomain: bool,
    /// What the CONNECT carried.
    #[serde(serialize_with = "write_auth", deserialize_with = "read_auth")]
    pub auth: Option<RawJson>,
}

impl Handshake {
    fn of(socket: &Socket) -> Self {
        let request = socket.request();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &request.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let values = headers.entry(name.as_str().to_owned()).or_default();
            if !values.is_empty() {
                values.push_str(", ");
            }
            values.push_str(&value);
        }
        let query = request.uri.query().unwrap_or_default();
        Self {
            xdomain: headers.contains_key("origin"),
            headers,
            url: request.uri.to_string(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            issued: socket.issued(),
            auth: socket.auth().cloned(),
        }
    }
}

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

/// A socket of any node, as [`Broadcast::fetch_sockets`] gives it.
#[derive(Clone)]
pub struct RemoteSocket {
    info: SocketInfo,
    broadcast: Broadcast,
}

impl RemoteSocket {
    pub(crate) fn new(info: SocketInfo, everyone: &Broadcast) -> Self {
        let broadcast = everyone.clone().to(info.id);
        Self { info, broadcast }
    }

    /// Its id.
    pub fn id(&self) -> Sid {
        self.info.id
    }

    /// What its client came with.
    pub fn handshake(&self) -> &Handshake {
        &self.info.handshake
    }

    /// The rooms it was in, that of its own id first.
    pub fn rooms(&self) -> &[Room] {
        &self.info.rooms
    }

    /// What [`Socket::set_data`] had put there.
    pub fn data(&self) -> Option<&RawJson> {
        self.info.data.as_ref()
    }

    /// Sends it an event.
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast.clone().emit(event, args)
    }

    /// Only this socket, for what a [`Broadcast`] can do.
    pub fn broadcast(&self) -> Broadcast {
        self.broadcast.clone()
    }

    /// Puts it into rooms.
    ///
    /// # Errors
    /// As [`Broadcast::sockets_join`].
    pub fn join(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
        self.broadcast.clone().sockets_join(rooms)
    }

    /// Takes it out of rooms.
    ///
    /// # Errors
    /// As [`Broadcast::sockets_leave`].
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
        self.broadcast.clone().sockets_leave(rooms)
    }

    /// Disconnects it; with `close` its whole connection.
    ///
    /// # Errors
    /// As [`Broadcast::disconnect_sockets`].
    pub fn disconnect(&self, close: bool) -> Result<(), AdapterError> {
        self.broadcast.clone().disconnect_sockets(close)
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket").field("info", &self.info).finish_non_exhaustive()
    }
}
