//! Errors, split by whose fault they are, and the close reasons that the reference gives for them.

use std::time::Duration;

use checked_json::JsonError;

/// Why a [`ServerConnection`](super::ServerConnection) stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol; the connection must close.
    #[error("peer broke the protocol")]
    Peer(#[source] PeerError),
    /// This program misused the API; fix the call.
    #[error("API misused")]
    Misuse(#[source] Misuse),
}

impl From<PeerError> for Error {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

impl From<Misuse> for Error {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

/// What a peer did against the protocol or beyond a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// A first character that is not a packet type; `None` for an empty message.
    #[error("unknown packet type {:?}", got.map(char::from))]
    UnknownType {
        /// The character.
        got: Option<u8>,
    },
    /// A binary packet whose attachment count is missing, not a number, or zero.
    #[error("illegal attachments: a binary packet needs a count above zero and '-'")]
    AttachmentCount,
    /// More attachments announced than `max_attachments`.
    #[error("too many attachments: {declared}, the limit is {max}")]
    TooManyAttachments {
        /// Attachments announced.
        declared: u64,
        /// The limit.
        max: usize,
    },
    /// More bytes of attachments than `max_attachment_bytes`.
    #[error("{bytes} bytes of attachments, the limit is {max}")]
    AttachmentBytes {
        /// Bytes that came, including the attachment that exceeded the limit.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A packet that was not complete in time.
    #[error("{received} of {declared} attachments within {within:?}")]
    AttachmentsTimeout {
        /// Attachments that came.
        received: usize,
        /// Attachments announced.
        declared: usize,
        /// `attachments_timeout`.
        within: Duration,
    },
    /// A placeholder whose number is not that of an attachment of its packet.
    #[error("illegal attachments: placeholder for {num:?}, there are {attachments}")]
    Placeholder {
        /// Its number, if it is an integer.
        num: Option<u64>,
        /// Attachments of the packet.
        attachments: usize,
    },
    /// Text while attachments are due.
    #[error("got plaintext data after {received} of {declared} attachments")]
    TextBetweenAttachments {
        /// Attachments that came.
        received: usize,
        /// Attachments announced.
        declared: usize,
    },
    /// Binary data that no packet announced.
    #[error("got {len} bytes of binary data when not reconstructing a packet")]
    UnexpectedBinary {
        /// Bytes of it.
        len: usize,
    },
    /// A namespace longer than `max_namespace_len`.
    #[error("namespace of {len} bytes, the limit is {max}")]
    NamespaceTooLong {
        /// Bytes of it.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// More namespaces on one connection than `max_namespaces`.
    #[error("{count} namespaces, the limit is {max}")]
    TooManyNamespaces {
        /// Namespaces, including the one that exceeded the limit.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// An ack id with more digits than `max_ack_digits`.
    #[error("ack id of {digits} digits, the limit is {max}")]
    AckIdTooLong {
        /// Digits of it.
        digits: usize,
        /// The limit.
        max: usize,
    },
    /// An ack id above `u64::MAX`.
    #[error("ack id above {}", u64::MAX)]
    AckIdTooLarge,
    /// An ack without an id.
    #[error("an ack needs an id")]
    AckIdMissing,
    /// Data that is not JSON, or is nested too deeply.
    #[error("invalid payload of {packet}")]
    Json {
        /// The packet's name.
        packet: &'static str,
        /// What is wrong with it.
        #[source]
        error: JsonError,
    },
    /// Data of a shape that does not suit its packet.
    #[error("invalid payload: {packet} needs {needs}")]
    Payload {
        /// The packet's name.
        packet: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// Bytes that are not a packet in MessagePack.
    #[cfg(feature = "msgpack")]
    #[error("not a packet in MessagePack at byte {at}: {what}")]
    MessagePack {
        /// What is wrong.
        what: &'static str,
        /// Bytes before the fault.
        at: usize,
    },
    /// Text from a peer that has to send MessagePack.
    #[cfg(feature = "msgpack")]
    #[error("got {len} bytes of text where MessagePack is expected")]
    UnexpectedText {
        /// Bytes of it.
        len: usize,
    },
    /// An event whose name is reserved for the protocol.
    #[error("event name {name:?} is reserved")]
    ReservedName {
        /// The name.
        name: &'static str,
    },
    /// A packet that its sender may not send, or may not send now.
    #[error("{packet} not expected: {state}")]
    Unexpected {
        /// The packet's name.
        packet: &'static str,
        /// Why not.
        state: &'static str,
    },
    /// No namespace was joined in time.
    #[error("no namespace joined within {within:?}")]
    ConnectTimeout {
        /// `connect_timeout`.
        within: Duration,
    },
}

impl PeerError {
    /// The close reason of the connection's sockets, in the reference's words: `forced server close`
    /// for a packet that is valid at another time, `forced close` for one that never is.
    pub fn close_reason(&self) -> &'static str {
        match self {
            Self::Unexpected { .. }
            | Self::TooManyNamespaces { .. }
            | Self::ConnectTimeout { .. } => "forced server close",
            _ => "forced close",
        }
    }
}

/// A wrong call, to be fixed in this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// An event name that is reserved for the protocol.
    #[error("event name {name:?} is reserved")]
    ReservedName {
        /// The name.
        name: &'static str,
    },
    /// A namespace that does not begin with `/`, or holds a comma.
    #[error("a namespace begins with '/' and holds no comma, not {name:?}")]
    Namespace {
        /// The name.
        name: String,
    },
    /// Raw data that is not JSON.
    #[error("raw data is not JSON")]
    Json(#[source] JsonError),
    /// Raw data that is not UTF-8.
    #[error("raw data is not UTF-8")]
    Utf8,
    /// An encoded packet that was put together by hand, and is not a packet.
    #[error("the encoded text is not a packet")]
    NoPacket,
    /// A message for a connection that has failed.
    #[error("the connection has failed before")]
    Closed,
}

/// Why data did not become a packet: a fault of this program or of its data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The API was misused; fix the call.
    #[error("API misused")]
    Misuse(#[source] Misuse),
    /// The data does not become JSON, such as a map whose keys do not become strings.
    #[error("data does not become JSON")]
    Json(#[source] serde_json::Error),
}

impl From<Misuse> for EncodeError {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

/// Why arguments did not become the type that was asked for. The peer sent something else, or the
/// handler asks for a wrong type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// An argument that the type needs is missing.
    #[error("argument {index} is missing, {len} came")]
    Missing {
        /// Counted from 0.
        index: usize,
        /// Arguments that came.
        len: usize,
    },
    /// An argument is of another type.
    #[error("argument {index} is of another type")]
    Type {
        /// Counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The type refused the arguments together.
    #[error("arguments refused: {0}")]
    Refused(String),
    /// A handler asks for a value that the server does not have; fix the program.
    #[error("the server has no state of type {of}")]
    NoState {
        /// The type.
        of: &'static str,
    },
}

/// No more acks may be awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pending} acks pending, the limit is {max}")]
pub struct TooManyAcks {
    /// Acks awaited.
    pub pending: usize,
    /// The limit.
    pub max: usize,
}
