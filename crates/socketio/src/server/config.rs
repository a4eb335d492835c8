//! Configuration of the server.

use std::time::Duration;

use crate::proto;

/// Configuration of a [`Server`](super::Server).
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
    /// Whether nothing more is read from a websocket until the first `on_connect` of its connection
    /// is done. Default false. Then what that handler sends also reaches a client that closes
    /// right behind its CONNECT; but the handler must not wait for the client.
    pub connect_before_read: bool,
    /// Time a client has to ack, unless the call says otherwise. Default 10 s.
    pub ack_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: engineio::server::Config::default(),
            connection: proto::Config::default(),
            handler_queue: 256,
            connect_before_read: false,
            ack_timeout: Duration::from_secs(10),
        }
    }
}
