//! The protocol, pure: messages and times in, packets and events out.
//!
//! Nothing here reads a socket, a clock or entropy; a driver passes them in. All of it builds
//! without features and without tokio.

mod ack;
mod args;
mod attachments;
mod config;
mod connection;
pub mod encode;
mod error;
#[cfg(feature = "msgpack")]
pub mod msgpack;
mod namespace;
mod packet;
mod parser;
mod placeholder;
mod raw;
#[cfg(test)]
mod tests;

pub use ack::Acks;
pub use args::Args;
pub use attachments::Reassembly;
pub use config::{Codec, Config};
pub use connection::{Connection, Event, Events, Version};
pub use encode::Encoded;
pub use error::{ArgsError, EncodeError, Error, Misuse, PeerError, TooManyAcks};
pub use namespace::Namespace;
pub use packet::{Body, Packet};
pub use parser::{Announced, parse};
pub use raw::RawJson;

pub use checked_json::JsonError;
