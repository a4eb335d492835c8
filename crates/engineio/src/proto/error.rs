//! Errors of packets and of requests, the latter with the reference's exact strings.

use std::fmt;

/// Bytes that are not a packet. The peer's fault; the session closes with reason `parse error`;
/// for a packet that is one and came unexpectedly, with `transport error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// A packet without a single byte, as between two separators.
    #[error("empty packet")]
    Empty,
    /// A first byte that names no packet type.
    #[error("unknown packet type {:?}", char::from(*.first))]
    UnknownType {
        /// The byte.
        first: u8,
    },
    /// A `b` packet whose rest is not standard base64 with padding.
    #[error("binary packet is not base64")]
    Base64,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8 at byte {at}")]
    Utf8 {
        /// Bytes before the fault.
        at: usize,
    },
    /// A buffer handed in as a text message that does not begin with `4`.
    #[error("a text message begins with '4', this buffer with {first:?}")]
    NotAMessage {
        /// Its first byte, if it has one.
        first: Option<u8>,
    },
    /// A payload with more packets than the limit.
    #[error("more than {max} packets in one payload")]
    TooManyPackets {
        /// The limit.
        max: usize,
    },
    /// A packet or payload larger than `max_payload`.
    #[error("{len} bytes, the limit is {max}")]
    TooLarge {
        /// Bytes that came.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A packet that its sender may not send, or not now.
    #[error("{packet} packet not expected while {state}")]
    Unexpected {
        /// The packet's name.
        packet: &'static str,
        /// What the session was doing.
        state: &'static str,
    },
    /// A payload of protocol 3 with something else than a length where one must stand.
    #[error("no length before a packet")]
    NoLength,
    /// A payload of protocol 3 with a length that goes beyond its end, or into a character.
    #[error("a packet of length {len}, {left} bytes are left")]
    CutShort {
        /// The length, in UTF-16 code units of text or in bytes.
        len: usize,
        /// Bytes after it.
        left: usize,
    },
    /// The handshake's JSON is not one.
    #[error("the open packet is no handshake")]
    Handshake,
}

/// Why a request was refused, with the reference's codes and messages.
///
/// | code | message | HTTP |
/// |---|---|---|
/// | 0 | Transport unknown | 400 |
/// | 1 | Session ID unknown | 400 |
/// | 2 | Bad handshake method | 400 |
/// | 3 | Bad request | 400 |
/// | 4 | Forbidden | 403 |
/// | 5 | Unsupported protocol version | 400 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestError {
    /// The transport is missing, unknown, or switched off.
    TransportUnknown,
    /// No session has this id.
    SidUnknown,
    /// A handshake by another method than GET.
    BadHandshakeMethod,
    /// Anything else that is wrong with the request.
    BadRequest,
    /// The server does not want this client: its origin, or the application, says no.
    Forbidden,
    /// Another `EIO` than the server speaks.
    UnsupportedProtocol,
}

impl RequestError {
    /// The numeric code.
    pub fn code(self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::SidUnknown => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedProtocol => 5,
        }
    }

    /// The exact message of the reference.
    pub fn message(self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::SidUnknown => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedProtocol => "Unsupported protocol version",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    /// The body: `{"code":1,"message":"Session ID unknown"}`.
    pub fn to_json(self) -> String {
        self.to_json_with(self.message())
    }

    /// The body with another message, such as the application's for [`RequestError::Forbidden`].
    pub fn to_json_with(self, message: &str) -> String {
        // A string: nothing in it can fail to serialise.
        let message = serde_json::to_string(message).unwrap_or_default();
        format!(r#"{{"code":{},"message":{message}}}"#, self.code())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for RequestError {}
