//! The protocol, pure: bytes and times in, bytes and events out.
//!
//! Nothing here reads a socket, a clock or entropy; a driver passes them in. All of it builds
//! without features and without tokio.

pub mod client;
mod close;
mod error;
mod framing;
mod handshake;
mod inbox;
pub mod jsonp;
mod limits;
mod message;
mod outbox;
mod packet;
pub mod payload;
mod queue;
pub mod request;
pub mod server;
mod sid;
mod tally;
mod timer;
pub mod v3;

pub use close::{CloseReason, TransportFault};
pub use error::{PacketError, RequestError};
pub use handshake::{Handshake, Protocol, Transport};
pub use inbox::Event;
pub use limits::Limits;
pub use message::{Message, Text};
pub use outbox::{Full, SendError};
pub use packet::{Frame, Packet};
pub use sid::{InvalidSid, Sid};
pub use tally::Tally;
pub use timer::Time;

#[cfg(test)]
mod tests;
