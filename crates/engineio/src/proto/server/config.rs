//! Configuration of the server role.

use std::time::Duration;

use crate::proto::Limits;

/// Configuration of sessions in the server role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Time from a pong to the next ping. Default 25 s. Sent to the client in milliseconds.
    /// In protocol 3, the time after which the client pings.
    pub ping_interval: Duration,
    /// Time the client has to answer a ping. Default 20 s. Sent to the client in milliseconds.
    pub ping_timeout: Duration,
    /// Time a websocket has from its attachment to the end of the upgrade. Default 10 s.
    /// When it is over the websocket is closed and the session goes on polling.
    pub upgrade_timeout: Duration,
    /// Time the client has to take the last packets after
    /// [`Session::close`](super::Session::close). Default 30 s.
    pub close_timeout: Duration,
    /// Whether a polling session may move to websocket. Default true.
    pub upgrades: bool,
    /// Most websockets attached for an upgrade in the life of one session. Default 8.
    /// One more is opened and closed at once, as the reference does with one it does not want; the
    /// session goes on polling.
    pub max_probes: u32,
    /// Limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            upgrades: true,
            max_probes: 8,
            limits: Limits::default(),
        }
    }
}
