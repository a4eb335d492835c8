//! The configuration of a connection: its codec and its limits.

use std::time::Duration;

/// How packets are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// Text with JSON in it, followed by attachments: the reference's default parser.
    #[default]
    Json,
    /// One binary message each: `socket.io-msgpack-parser`.
    #[cfg(feature = "msgpack")]
    MessagePack,
}

/// Limits of one connection. A peer that passes one is closed with an error that tells both
/// numbers, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// How packets are written, both ways. Default JSON. A client must be set to the same.
    pub codec: Codec,
    /// Most attachments of one packet. Default 10, as the reference since 4.2.6.
    pub max_attachments: usize,
    /// Most bytes of all attachments of one packet. Default 10 MiB.
    /// They are held until the packet is complete, then as long as its arguments.
    pub max_attachment_bytes: usize,
    /// Time from a packet's text to its last attachment. Default 60 s.
    pub attachments_timeout: Duration,
    /// Time from the connection's start to the first namespace joined. Default 45 s.
    pub connect_timeout: Duration,
    /// Most bytes of a namespace. Default 512.
    pub max_namespace_len: usize,
    /// Most bytes of the query in a namespace, which carries the data of a CONNECT in protocol v4.
    /// Default 4,096.
    pub max_connect_query: usize,
    /// Most namespaces of one connection: joined, or waiting for the application's answer.
    /// Default 64. While so many that the client left are still being handled, the server reads
    /// nothing more from it.
    pub max_namespaces: usize,
    /// Most acks that this side awaits from one socket: the limit of its [`Acks`](super::Acks).
    /// Default 1000. When full, an emission that asks for an ack is refused and not sent.
    pub max_pending_acks: usize,
    /// Most digits of an ack id, at most `u64::MAX` in value. Default 20.
    pub max_ack_digits: usize,
    /// Most JSON brackets open at once, that of the arguments included. Default 128, which is
    /// also the most: values above mean 128.
    pub max_json_depth: usize,
    /// Whether an event for `/` as the very first packet joins `/`, as if a CONNECT without data
    /// stood before it. Default no; ours, not the reference's.
    pub implicit_connect: bool,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            codec: Codec::default(),
            max_attachments: 10,
            max_attachment_bytes: 10 << 20,
            attachments_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(45),
            max_namespace_len: 512,
            max_connect_query: 4_096,
            max_namespaces: 64,
            max_pending_acks: 1000,
            max_ack_digits: 20,
            max_json_depth: checked_json::DEEPEST,
            implicit_connect: false,
        }
    }
}
