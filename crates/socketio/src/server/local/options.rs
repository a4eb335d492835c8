//! Options of what the sockets of a node are asked to do: which sockets a broadcast reaches and
//! how it is sent, and the limits of recovery.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::room::Room;

/// Which sockets, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BroadcastOptions {
    /// Sockets in any of these rooms; all sockets if there are none.
    pub rooms: Vec<Room>,
    /// But none in these.
    pub except: Vec<Room>,
    /// How.
    #[serde(default)]
    pub flags: Flags,
}

/// How an event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Flags {
    /// To sockets of this node only.
    pub local: bool,
    /// Sockets to which it cannot leave at once do not get it.
    pub volatile: bool,
    /// Whether transports may compress it.
    pub compress: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { local: false, volatile: false, compress: true }
    }
}

/// Limits of connection state recovery, for each namespace.
///
/// With it every event that a client may get again carries one more argument, its offset, as in the
/// reference; clients of the reference take it off. For a client that recovers `on_connect` runs
/// too, with [`Socket::recovered`](crate::server::Socket::recovered); its rooms and data are there, handlers
/// that [`Socket::on`](crate::server::Socket::on) set must be set again. Its `auth` holds what it recovers
/// by: do not show that to others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Time a lost client has to come back, and that events are kept. Default 2 min.
    pub window: Duration,
    /// Most events kept. Default 4,096. One more drops the oldest; a client that has missed a
    /// dropped one gets a fresh session.
    pub max_events: usize,
    /// Most bytes of events kept. Default 8 MiB. When full as above.
    pub max_bytes: usize,
    /// Most lost sessions kept. Default 16,384. One more drops the oldest.
    pub max_sessions: usize,
    /// Whether middlewares do not run for a client that recovers. Default true.
    pub skip_middlewares: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(120),
            max_events: 4_096,
            max_bytes: 8 << 20,
            max_sessions: 16_384,
            skip_middlewares: true,
        }
    }
}
