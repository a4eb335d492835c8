//! Configuration of the server: each field with its default, and what happens when a limit is
//! reached.

use std::time::Duration;

use super::adapter::Adapters;
use super::local::Recovery;
use crate::proto;

/// Configuration of a [`Server`](super::Server).
///
/// ```
/// use std::time::Duration;
/// use socketio::engineio::server::Origins;
/// use socketio::server::{Config, Recovery};
///
/// let mut config = Config::default();
/// config.engine.session.ping_interval = Duration::from_secs(10);
/// config.engine.session.limits.max_payload = 4 << 20;
/// config.engine.origins = Origins::List(["https://app.example".to_owned()].into());
/// config.connection.connect_timeout = Duration::from_secs(5);
/// config.recovery = Some(Recovery::default());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The engine: heartbeat, transports, origins, and limits of bytes.
    pub engine: engineio::server::Config,
    /// Limits of what one connection may send.
    pub connection: proto::ConnectionConfig,
    /// Most events of one socket that wait for its handlers. Default 256. When full, the server
    /// reads nothing more from that client until a handler is done.
    pub handler_queue: usize,
    /// Most bytes of events of one connection that wait for its handlers, attachments included.
    /// Default 1 MiB. When reached, the server reads nothing more from that client. A single event
    /// may exceed it.
    pub handler_queue_bytes: usize,
    /// Whether reading from a websocket pauses until the first `on_connect` of its connection is
    /// done. Default false. If true, what that handler sends also reaches a client that closes
    /// right after its CONNECT; but the handler must not wait for the client.
    pub connect_before_read: bool,
    /// Time a client has to ack, unless the call says otherwise. Default 10 s.
    pub ack_timeout: Duration,
    /// Whether an event that was not handled is acked with `[{"error":"…"}]`: one without a handler,
    /// with other arguments than its handler takes, refused by a middleware, or whose handler
    /// returned an error or panicked. Default false, as by the reference: such an event gets no ack.
    /// If true, clients must look into each ack: `emitWithAck`, `timeout` and `retries` take any ack
    /// for success. Either way [`Server::on_error`](super::Server::on_error), the counts and the log
    /// tell of it.
    pub ack_refusals: bool,
    /// Most rooms of one socket, the room of its own id not counted. Default 1,024. One more is
    /// refused by [`Socket::join`](super::Socket::join).
    pub max_rooms: usize,
    /// What happens to a client that reads too slowly for a broadcast. Default: it is closed.
    pub slow_consumer: SlowConsumer,
    /// Most dynamic namespaces, which clients create by joining. Default 4,096. When full, a
    /// CONNECT that would create one more is answered `Invalid namespace`. An empty one is removed
    /// by itself.
    pub max_dynamic_namespaces: usize,
    /// Whether lost clients may recover their sessions, and the limits of that. Default `None`:
    /// they may not.
    pub recovery: Option<Recovery>,
    /// Whether [`Server::shutdown`](super::Server::shutdown) disconnects every socket by a packet.
    /// Default true. After that packet the reference's client does not reconnect by itself; without
    /// it, the client sees its transport close and reconnects.
    pub disconnect_on_shutdown: bool,
    /// How namespaces reach their sockets. Default: this node is the only one.
    pub adapters: Adapters,
}

/// What happens to a client whose outbox is full when a broadcast reaches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowConsumer {
    /// Its connection closes: no event is lost silently. With recovery it may come back for the
    /// event.
    #[default]
    Close,
    /// It misses the event. [`Counts::slow_dropped`](super::Counts::slow_dropped) counts them.
    Drop,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: engineio::server::Config::default(),
            connection: proto::ConnectionConfig::default(),
            handler_queue: 256,
            handler_queue_bytes: 1 << 20,
            connect_before_read: false,
            ack_timeout: Duration::from_secs(10),
            ack_refusals: false,
            max_rooms: 1_024,
            slow_consumer: SlowConsumer::default(),
            max_dynamic_namespaces: 4_096,
            recovery: None,
            disconnect_on_shutdown: true,
            adapters: Adapters::default(),
        }
    }
}
