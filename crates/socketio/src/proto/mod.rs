//! The protocol, pure: messages of the engine and times come in, packets and events go out.
//!
//! Nothing here reads a socket, a clock or entropy; a driver passes them in. All of it builds without
//! features and without tokio. JSON itself is the crate `checked-json`; what Socket.IO adds to it lives
//! here: placeholders for attachments (`placeholder.rs`), the event's name as the first element and tuples
//! spread over arguments (`args/`, `encode/`).
//!
//! No panic may be reachable from bytes, and nothing grows beyond a limit in [`ConnectionConfig`].
//!
//! Start reading in `packet.rs` (the table of packets, and text to packet), then `encode/` (packet to
//! text) and `connection/` (who may send what when).

mod ack;
mod args;
mod config;
mod connection;
pub mod encode;
mod error;
#[cfg(feature = "msgpack")]
pub mod msgpack;
mod packet;
mod placeholder;
mod raw;
#[cfg(test)]
mod tests;

pub use ack::Acks;
pub use args::Args;
pub use config::{Codec, ConnectionConfig};
pub use connection::{
    ClientConnection, ClientEvent, Event, Events, Reassembly, ServerConnection, Version,
};
pub use encode::Encoded;
pub use error::{ArgsError, EncodeError, Error, Misuse, PeerError, TooManyAcks};
pub use packet::{Announced, Body, NamespaceName, Packet, parse};
pub use raw::RawJson;

pub use checked_json::JsonError;
