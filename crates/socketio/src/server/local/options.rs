//! Which sockets a broadcast reaches, and how it is sent.

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
