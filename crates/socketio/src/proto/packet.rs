//! Packets: one framed unit of Socket.IO. [spec: Packet format]

use super::{Args, NamespaceName, RawJson};

/// One packet of protocol v5, complete with its attachments.
///
/// The wire form is `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`; `/` is not written.
///
/// | wire | packet | sent by |
/// |---|---|---|
/// | `0`, `0{…}`, `0/admin,{…}` | `Connect` | both; from a server the data is `{"sid":…}` |
/// | `1`, `1/admin,` | `Disconnect` | both |
/// | `2["name",…]`, `2/admin,12["name",…]` | `Event` | both |
/// | `312[…]`, `3/admin,12[…]` | `Ack` | both |
/// | `4{"message":…}`, `4/admin,{…}` | `ConnectError` | server |
/// | `51-["name",{"_placeholder":true,"num":0}]` and binary | `Event` with attachments | both |
/// | `61-12[{"_placeholder":true,"num":0}]` and binary | `Ack` with attachments | both |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The namespace that it is for.
    pub namespace: NamespaceName,
    /// Its type and data.
    pub body: Body,
}

/// What a packet says to its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// From a client: asks to join. From a server: the client has joined.
    Connect {
        /// An object.
        auth: Option<RawJson>,
    },
    /// Leaves the namespace.
    Disconnect,
    /// A named emission.
    Event {
        /// Its name and arguments.
        args: Args,
        /// The id of the ack that its sender awaits.
        ack_id: Option<u64>,
    },
    /// The answer to an event.
    Ack {
        /// The event's `ack_id`.
        id: u64,
        /// The answer's arguments.
        args: Args,
    },
    /// Refuses a CONNECT.
    ConnectError {
        /// An object with `message` and, if there is some, `data`; a string from old servers.
        data: RawJson,
    },
}

impl Body {
    /// The packet's name in the specification.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "CONNECT",
            Self::Disconnect => "DISCONNECT",
            Self::Event { .. } => "EVENT",
            Self::Ack { .. } => "ACK",
            Self::ConnectError { .. } => "CONNECT_ERROR",
        }
    }

    /// The arguments of an event or ack.
    pub(crate) fn args_mut(&mut self) -> Option<&mut Args> {
        match self {
            Self::Event { args, .. } | Self::Ack { args, .. } => Some(args),
            _ => None,
        }
    }
}

/// The reserved name that `name` is, if it is one. Reserved names are never sent.
pub(crate) fn reserved(name: &[u8]) -> Option<&'static str> {
    RESERVED.into_iter().find(|reserved| reserved.as_bytes() == name)
}

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
