//! Adapters: how a namespace reaches its sockets, on this node and on others.
//!
//! A namespace does nothing with several sockets by itself: it asks its adapter. [`MemoryAdapter`], the
//! default, is one node. An adapter of a cluster does the same on its own node, through the
//! [`LocalSockets`] it was made with, and tells the other nodes, where their adapters do so with theirs.

mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engineio::proto::Sid;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

pub use self::memory::MemoryAdapter;
pub use super::error::AdapterError;
use super::handshake::SocketInfo;
use super::local::{
    BroadcastAck, LocalSockets, RestoredSession, Room, StoredSession, TooManyRooms,
};
pub use super::local::{BroadcastOptions, Flags};
use crate::proto::{Args, Encoded, RawJson};

/// The sockets of one namespace on all nodes.
///
/// Methods without a future must not wait: an adapter with a network queues what it has to tell.
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// Puts a socket of this node into rooms.
    ///
    /// # Errors
    /// When it would be in too many; it is then in none of them more than before.
    fn add(&self, socket: Sid, rooms: &[Room]) -> Result<(), TooManyRooms>;

    /// Takes a socket of this node out of a room.
    fn del(&self, socket: Sid, room: &str);

    /// A socket of this node is gone, from all rooms.
    fn del_all(&self, socket: Sid);

    /// Sends an event to all sockets that `options` names. The packet has no ack id.
    ///
    /// # Errors
    /// When other nodes cannot be told. The sockets of this node have it all the same.
    fn broadcast(&self, packet: &Encoded, options: &BroadcastOptions) -> Result<(), AdapterError>;

    /// As [`Adapter::broadcast`]; every socket is asked for an ack. The stream ends when every
    /// socket has acked, is gone, or had `within`.
    fn broadcast_with_ack(
        &self,
        packet: &Encoded,
        options: &BroadcastOptions,
        within: Duration,
    ) -> BoxStream<'static, BroadcastAck>;

    /// The ids of the sockets that `options` names.
    fn sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<Sid>, AdapterError>>;

    /// What is known of the sockets that `options` names.
    fn fetch_sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, AdapterError>>;

    /// Puts sockets into rooms.
    ///
    /// # Errors
    /// As [`Adapter::broadcast`].
    fn add_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError>;

    /// Takes sockets out of rooms.
    ///
    /// # Errors
    /// As [`Adapter::broadcast`].
    fn del_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError>;

    /// Disconnects sockets; with `close` their whole connections.
    ///
    /// # Errors
    /// As [`Adapter::broadcast`].
    fn disconnect_sockets(
        &self,
        options: &BroadcastOptions,
        close: bool,
    ) -> Result<(), AdapterError>;

    /// Tells the other nodes' servers something. `args` are an event's: a name and arguments.
    ///
    /// # Errors
    /// As [`Adapter::broadcast`].
    fn server_side_emit(&self, args: &Args) -> Result<(), AdapterError>;

    /// As [`Adapter::server_side_emit`]; gives the answer of every other node.
    fn server_side_emit_with_ack(
        &self,
        args: &Args,
    ) -> BoxFuture<'static, Result<Vec<RawJson>, AdapterError>>;

    /// Nodes of the cluster, this one included.
    fn server_count(&self) -> BoxFuture<'static, Result<usize, AdapterError>>;

    /// Keeps the session of a socket whose connection was lost.
    fn persist_session(&self, session: StoredSession);

    /// Gives back the session of a client that knows its `pid`, with what it missed behind
    /// `offset`, or since it connected if it received nothing that carried one. None when it
    /// cannot be complete.
    fn restore_session(
        &self,
        pid: &str,
        offset: Option<&str>,
    ) -> BoxFuture<'static, Option<RestoredSession>>;

    /// The namespace is closed.
    fn close(&self) -> BoxFuture<'static, ()>;
}

/// Makes the adapter of each namespace.
#[derive(Clone)]
pub struct Adapters {
    make: Arc<dyn Fn(LocalSockets) -> Arc<dyn Adapter> + Send + Sync>,
}

impl Adapters {
    /// Adapters made by `make`, once for each namespace.
    pub fn new<A: Adapter>(make: impl Fn(LocalSockets) -> A + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(move |local| Arc::new(make(local))) }
    }

    pub(crate) fn make(&self, local: LocalSockets) -> Arc<dyn Adapter> {
        (self.make)(local)
    }
}

impl Default for Adapters {
    fn default() -> Self {
        Self::new(MemoryAdapter::new)
    }
}

impl fmt::Debug for Adapters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapters")
    }
}
