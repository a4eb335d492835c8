//! Sockets of other nodes, as far as this node knows them.

use std::fmt;

use engineio::proto::Sid;
use serde::Serialize;

use crate::proto::RawJson;
use crate::server::adapter::AdapterError;
use crate::server::handshake::{Handshake, SocketInfo};
use crate::server::{Broadcast, EmitError, Room, Rooms};

/// A socket of any node, from [`Broadcast::fetch_sockets`].
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

    /// The handshake of its client.
    pub fn handshake(&self) -> &Handshake {
        &self.info.handshake
    }

    /// The rooms it was in when it was fetched; the room of its own id comes first.
    pub fn rooms(&self) -> &[Room] {
        &self.info.rooms
    }

    /// The data that [`Socket::set_data`](crate::server::Socket::set_data) had set when it was
    /// fetched.
    pub fn data(&self) -> Option<&RawJson> {
        self.info.data.as_ref()
    }

    /// Sends it an event.
    ///
    /// # Errors
    /// Those of [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.broadcast.clone().emit(event, args)
    }

    /// A [`Broadcast`] to this socket alone.
    pub fn broadcast(&self) -> Broadcast {
        self.broadcast.clone()
    }

    /// Puts it into rooms.
    ///
    /// # Errors
    /// Those of [`Broadcast::sockets_join`].
    pub fn join(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
        self.broadcast.clone().sockets_join(rooms)
    }

    /// Takes it out of rooms.
    ///
    /// # Errors
    /// Those of [`Broadcast::sockets_leave`].
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
        self.broadcast.clone().sockets_leave(rooms)
    }

    /// Disconnects it. With `close`, closes its whole connection.
    ///
    /// # Errors
    /// Those of [`Broadcast::disconnect_sockets`].
    pub fn disconnect(&self, close: bool) -> Result<(), AdapterError> {
        self.broadcast.clone().disconnect_sockets(close)
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket").field("info", &self.info).finish_non_exhaustive()
    }
}
