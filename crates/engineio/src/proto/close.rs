//! Close reasons, with the reference's exact strings and what exactly happened.

use std::fmt;

use super::PacketError;

/// Why a session closed, with the reference's exact strings by [`CloseReason::as_str`]. `Display`
/// adds the detail.
///
/// ```
/// use engineio::proto::{CloseReason, TransportFault};
/// let reason = CloseReason::TransportError(TransportFault::SecondPoll);
/// assert_eq!(reason.as_str(), "transport error");
/// assert_eq!(reason.to_string(), "transport error: a second GET while one was held");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer broke the rules of its transport, or the connection failed: `transport error`.
    TransportError(TransportFault),
    /// The peer closed: `transport close`.
    TransportClose,
    /// The peer did not answer a ping in time, or in protocol 3 sent none: `ping timeout`.
    PingTimeout,
    /// The peer sent something that is not a packet: `parse error`.
    ParseError(PacketError),
    /// This side closed: `forced close`.
    ForcedClose,
}

impl CloseReason {
    /// The reference's string.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TransportError(_) => "transport error",
            Self::TransportClose => "transport close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError(_) => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::TransportError(fault) => write!(f, ": {fault}"),
            Self::ParseError(error) => write!(f, ": {error}"),
            _ => Ok(()),
        }
    }
}

/// The cause of a `transport error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportFault {
    /// Two GETs at once: one id has two owners.
    #[error("a second GET while one was held")]
    SecondPoll,
    /// Two POSTs at once.
    #[error("a second POST while one was read")]
    SecondPost,
    /// The connection of a held GET was lost.
    #[error("the held GET was aborted")]
    PollAborted,
    /// The connection of a POST was lost before its body was complete.
    #[error("a POST was aborted")]
    PostAborted,
    /// The body of a POST took too long.
    #[error("the body of a POST took more than {max_ms} ms")]
    PostTimeout {
        /// The limit in milliseconds.
        max_ms: u64,
    },
    /// A POST of binary data in protocol 4, or of a form without its field.
    #[error("the body of a POST is of a wrong kind")]
    PostKind,
    /// A frame larger than `max_payload`.
    #[error("a frame of {len} bytes, the limit is {max}")]
    FrameTooLarge {
        /// Its bytes, as far as they were counted.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The websocket's connection failed, or the peer broke RFC 6455.
    #[error("the websocket failed")]
    Websocket,
    /// The connection of a new websocket was not there in time.
    #[error("the websocket did not open within {max_ms} ms")]
    OpenTimeout {
        /// The limit in milliseconds.
        max_ms: u64,
    },
    /// A packet that its sender may not send.
    #[error("{0}")]
    Unexpected(PacketError),
    /// A request of the client role failed, or was answered by an error.
    #[error("a request failed")]
    RequestFailed,
    /// The handshake of the client role took too long.
    #[error("no handshake in time")]
    HandshakeTimeout,
}
