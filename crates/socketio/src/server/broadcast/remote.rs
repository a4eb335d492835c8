//! Sockets of other nodes, as far as this node knows them.

use std::fmt;

use engineio::proto::Sid;
use serde::Serialize;

use crate::proto::RawJson;
use crate::server::adapter::AdapterError;
use crate::server::handshake::{Handshake, SocketInfo};
use crate::server::{Broadcast, EmitError, Room, Rooms};

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

    /// What [`Socket::set_data`](crate::server::Socket::set_data) had put there.
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
