//! Configuration of the server.

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
    pub connection: proto::Config,
    /// Events of one socket that wait for its handlers. Default 256.
    /// When full the server reads nothing more from that client until a handler is done.
    pub handler_queue: usize,
    /// Bytes of the events of one connection that wait for its handlers, attachments included, from
    /// which on nothing more is read from that client. Default 1 MiB. One event may pass it.
    pub handler_queue_bytes: usize,
    /// Whether nothing more is read from a websocket until the first `on_connect` of its connection
    /// is done. Default false. Then what that handler sends also reaches a client that closes
    /// right behind its CONNECT; but the handler must not wait for the client.
    pub connect_before_read: bool,
    /// Time a client has to ack, unless the call says otherwise. Default 10 s.
    pub ack_timeout: Duration,
    /// Most rooms of one socket, that of its own id not counted. Default 1,024.
    /// One more is refused by [`Socket::join`](super::Socket::join).
    pub max_rooms: usize,
    /// What happens to a client that reads too slowly for a broadcast. Default: it is closed.
    pub slow_consumer: SlowConsumer,
    /// Most namespaces that clients made by joining dynamic ones. Default 4,096.
    /// When full, one more is answered `Invalid namespace`. One that is empty goes by itself.
    pub max_dynamic_namespaces: usize,
    /// Whether clients that were lost may recover their sessions. Default none.
    pub recovery: Option<Recovery>,
    /// Whether [`Server::shutdown`](super::Server::shutdown) disconnects every socket by a packet.
    /// Default true. The reference's client then stays away until it is told to connect; without
    /// the packet it sees its transport close, and comes back by itself.
    pub disconnect_on_shutdown: bool,
    /// How namespaces reach their sockets. Default: this node is all there is.
    pub adapters: Adapters,
}

/// What happens to a client whose outbox is full when a broadcast reaches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowConsumer {
    /// Its connection closes: no event is lost in silence. With recovery it may come back for it.
    #[default]
    Close,
    /// It misses the event. [`Counts::slow_dropped`](super::Counts::slow_dropped) tells how often.
    Drop,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: engineio::server::Config::default(),
            connection: proto::Config::default(),
            handler_queue: 256,
            handler_queue_bytes: 1 << 20,
            connect_before_read: false,
            ack_timeout: Duration::from_secs(10),
            max_rooms: 1_024,
            slow_consumer: SlowConsumer::default(),
            max_dynamic_namespaces: 4_096,
            recovery: None,
            disconnect_on_shutdown: true,
            adapters: Adapters::default(),
        }
    }
}
