//! Options of what the sockets of a node are asked to do: which sockets a broadcast reaches and
//! how it is sent, and the limits of recovery.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::room::Room;

/// Which sockets a broadcast reaches, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BroadcastOptions {
    /// Sockets in any of these rooms; all sockets if it is empty.
    pub rooms: Vec<Room>,
    /// Except the sockets in any of these rooms.
    pub except: Vec<Room>,
    /// How the event is sent.
    #[serde(default)]
    pub flags: Flags,
}

/// How an event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Flags {
    /// Whether only sockets of this node get it. Default false.
    pub local: bool,
    /// Whether it is dropped for sockets to which it cannot leave at once. Default false.
    pub volatile: bool,
    /// Whether transports may compress it. Default true.
    pub compress: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { local: false, volatile: false, compress: true }
    }
}

/// Limits of connection state recovery, for each namespace.
///
/// With recovery, every event that a client may get again carries one more argument, its offset, as
/// in the reference; the reference's clients remove it. `on_connect` runs for a recovered client
/// too, with [`Socket::recovered`](crate::server::Socket::recovered); its rooms and data are
/// restored, but handlers set by [`Socket::on`](crate::server::Socket::on) must be set again. The
/// client's `auth` then holds its private id: do not show it to others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// How long a lost client may come back, and how long events are kept. Default 2 min.
    pub window: Duration,
    /// Most events kept. Default 4,096. One more drops the oldest; a client that missed a dropped
    /// event gets a fresh session.
    pub max_events: usize,
    /// Most bytes of events kept. Default 8 MiB. When full, the oldest events are dropped.
    pub max_bytes: usize,
    /// Most lost sessions kept. Default 16,384. One more drops the oldest.
    pub max_sessions: usize,
    /// Whether middlewares are skipped for a client that recovers. Default true.
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
