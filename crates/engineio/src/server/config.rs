//! Configuration of the server.

use std::time::Duration;

use super::Origins;
use crate::proto;

/// Configuration of a [`Server`](super::Server).
///
/// ```
/// use engineio::server::Config;
/// let mut config = Config::default();
/// config.session.limits.max_payload = 4 << 20;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Heartbeat, upgrade and limits of each session.
    pub session: proto::server::Config,
    /// Whether sessions may begin by long-polling. Default true.
    pub polling: bool,
    /// Whether websockets are served, direct or by upgrade. Default true.
    pub websocket: bool,
    /// Pages that may connect. Default [`Origins::Same`]. Others are refused with 403, websockets
    /// included. Requests without an `Origin` do not come from a page and are not checked.
    pub origins: Origins,
    /// Most sessions at once. Default 65,536. One more handshake is answered 503.
    pub max_sessions: usize,
    /// Time the body of a POST may take. Default 30 s.
    /// Then it is answered 408 and the session closes with `transport error`.
    pub body_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session: proto::server::Config::default(),
            polling: true,
            websocket: true,
            origins: Origins::Same,
            max_sessions: 65_536,
            body_timeout: Duration::from_secs(30),
        }
    }
}
