//! Adapters: how a namespace reaches its sockets, on this node and on others.
//!
//! What lives here: the trait [`Adapter`], the default [`MemoryAdapter`] for a single node, and
//! [`Adapters`], which makes one for each namespace. A namespace never acts on several sockets by
//! itself: it asks its adapter. An adapter of a cluster acts on the sockets of its own node by the
//! [`LocalSockets`] it was made with, and sends the request to the other nodes, whose adapters do
//! the same there. An adapter must not block its callers.

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

/// The sockets of one namespace, on all nodes.
///
/// Methods that return no future must not block: an adapter with a network queues its messages.
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// Puts a socket of this node into rooms.
    ///
    /// # Errors
    /// When it would be in too many rooms. Its rooms are then unchanged.
    fn add(&self, socket: Sid, rooms: &[Room]) -> Result<(), TooManyRooms>;

    /// Takes a socket of this node out of a room.
    fn del(&self, socket: Sid, room: &str);

    /// A socket of this node has left all rooms: it disconnected.
    fn del_all(&self, socket: Sid);

    /// Sends an event to all sockets that `options` selects. The packet has no ack id.
    ///
    /// # Errors
    /// When other nodes cannot be reached. The sockets of this node get the event nevertheless.
    fn broadcast(&self, packet: &Encoded, options: &BroadcastOptions) -> Result<(), AdapterError>;

    /// Like [`Adapter::broadcast`], and asks every socket for an ack. The stream ends when every
    /// socket has acked, is gone, or has not acked within `within`.
    fn broadcast_with_ack(
        &self,
        packet: &Encoded,
        options: &BroadcastOptions,
        within: Duration,
    ) -> BoxStream<'static, BroadcastAck>;

    /// The ids of the sockets that `options` selects.
    fn sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<Sid>, AdapterError>>;

    /// What is known of the sockets that `options` selects.
    fn fetch_sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, AdapterError>>;

    /// Puts sockets into rooms.
    ///
    /// # Errors
    /// Those of [`Adapter::broadcast`].
    fn add_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError>;

    /// Takes sockets out of rooms.
    ///
    /// # Errors
    /// Those of [`Adapter::broadcast`].
    fn del_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError>;

    /// Disconnects sockets. With `close`, closes their whole connections.
    ///
    /// # Errors
    /// Those of [`Adapter::broadcast`].
    fn disconnect_sockets(
        &self,
        options: &BroadcastOptions,
        close: bool,
    ) -> Result<(), AdapterError>;

    /// Sends an event to the servers of the other nodes. `args` hold its name and its arguments.
    ///
    /// # Errors
    /// Those of [`Adapter::broadcast`].
    fn server_side_emit(&self, args: &Args) -> Result<(), AdapterError>;

    /// Like [`Adapter::server_side_emit`], and returns the answer of every other node.
    fn server_side_emit_with_ack(
        &self,
        args: &Args,
    ) -> BoxFuture<'static, Result<Vec<RawJson>, AdapterError>>;

    /// The number of nodes of the cluster, this one included.
    fn server_count(&self) -> BoxFuture<'static, Result<usize, AdapterError>>;

    /// Keeps the session of a socket whose connection was lost.
    fn persist_session(&self, session: StoredSession);

    /// Returns the session of a client that knows its `pid`, with the events it missed after
    /// `offset`; after its connect if it received no event with an offset. `None` if those events
    /// are not complete any more.
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
