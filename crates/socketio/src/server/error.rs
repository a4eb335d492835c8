//! Errors of the server's API, and why sockets disconnect.

use std::fmt;
use std::time::Duration;

use engineio::proto::{CloseReason, Full, SendError};
use serde::Serialize;

use crate::proto::{self, EncodeError, RawJson, TooManyAcks};

/// The refusal of a CONNECT, as the client sees it: `44{"message":…,"data":…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    pub(crate) message: String,
    pub(crate) data: Option<RawJson>,
}

impl ConnectError {
    /// Creates a refusal with this message, the client's `err.message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds data, the client's `err.data`.
    ///
    /// # Errors
    /// The error of serde when `data` cannot be written as JSON.
    pub fn with_data<T: Serialize + ?Sized>(self, data: &T) -> Result<Self, serde_json::Error> {
        Ok(Self { data: Some(RawJson::from_value(data)?), ..self })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}

/// Why an event was not queued for a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The data or the event's name cannot be encoded; fix the call.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The client does not read and its outbox is full. Nothing was queued: wait for
    /// [`Socket::ready`](super::Socket::ready), or drop the event.
    #[error(transparent)]
    Full(#[from] Full),
    /// The socket is disconnected.
    #[error("the socket is disconnected")]
    Disconnected,
    /// Other nodes could not be reached. The sockets of this node got the event.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

impl From<SendError> for EmitError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Full(full) => Self::Full(full),
            _ => Self::Disconnected,
        }
    }
}

/// Why other nodes were not reached, or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// Some nodes did not answer in time.
    #[error("{received} of {expected} nodes answered within {within:?}")]
    Timeout {
        /// Answers that came.
        received: usize,
        /// Answers that were expected.
        expected: usize,
        /// The time they had to answer.
        within: Duration,
    },
    /// The network of the adapter failed.
    #[error("the adapter cannot reach other nodes")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why an ack did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The client owes too many acks already.
    #[error(transparent)]
    TooMany(#[from] TooManyAcks),
    /// The client did not ack in time.
    #[error("no ack within {0:?}")]
    Timeout(Duration),
    /// The socket disconnected first.
    #[error("the socket disconnected before it acked")]
    Disconnected,
}

/// Why a socket is disconnected. [`DisconnectReason::as_str`] is the reference's string; `Display`
/// adds details.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client left the namespace.
    Client,
    /// This side disconnected the socket.
    Server,
    /// The server is shutting down.
    ShuttingDown,
    /// The engine's connection closed.
    Engine(CloseReason),
    /// The client came back on another connection before this one was known to be lost.
    TakenOver,
    /// The client broke the protocol: it sent a packet that is not allowed now, or joined no
    /// namespace in time.
    ForcedServerClose(proto::Error),
    /// The client broke the protocol: it sent bytes that are not a packet.
    ForcedClose(proto::Error),
}

impl DisconnectReason {
    /// The reference's string.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Client => "client namespace disconnect",
            Self::Server => "server namespace disconnect",
            Self::ShuttingDown => "server shutting down",
            Self::Engine(reason) => reason.as_str(),
            Self::TakenOver => "transport close",
            Self::ForcedServerClose(_) => "forced server close",
            Self::ForcedClose(_) => "forced close",
        }
    }

    /// Whether the client may come back and recover its session, as in the reference: it did not
    /// leave, was not disconnected by this side, and sent only valid packets of the engine.
    pub fn is_recoverable(&self) -> bool {
        let left = matches!(self, Self::Client | Self::Server | Self::TakenOver);
        !left && !matches!(self, Self::Engine(CloseReason::ParseError(_)))
    }

    /// The reason for a client that broke the protocol.
    pub(crate) fn of(error: proto::Error) -> Self {
        match &error {
            proto::Error::Peer(peer) if peer.close_reason() == "forced server close" => {
                Self::ForcedServerClose(error)
            }
            _ => Self::ForcedClose(error),
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(reason) => reason.fmt(f),
            Self::ForcedServerClose(proto::Error::Peer(error))
            | Self::ForcedClose(proto::Error::Peer(error)) => {
                write!(f, "{}: {error}", self.as_str())
            }
            other => f.write_str(other.as_str()),
        }
    }
}
