//! The protocol, pure: bytes and times in, bytes and events out.
//!
//! Here are the wire forms ([`Packet`], [`payload`], [`Handshake`], [`request`], and [`v3`] for
//! protocol 3) and the session as a state machine in both roles ([`server`], [`client`]). Whoever
//! drives a machine passes in what the world did and the time, and carries out what it answers.
//!
//! Nothing here reads a socket, a clock or entropy. All of it builds without features and without
//! tokio. No input makes it panic, and nothing grows without a limit of [`Limits`].
//!
//! Start reading at [`Packet`] for the wire, at the tables in [`server`] for the session.

mod close;
mod error;
mod handshake;
pub mod jsonp;
mod message;
mod packet;
pub mod payload;
pub mod request;
mod session;
mod sid;
pub mod v3;

pub use close::{CloseReason, TransportFault};
pub use error::{PacketError, RequestError};
pub use handshake::{Handshake, Protocol, Transport};
pub use message::{Message, Text};
pub use packet::{Frame, Packet};
pub use session::{Event, Full, Limits, Outgoing, SendError, Tally, Time, Transmit};
pub use session::{client, server};
pub use sid::{InvalidSid, Sid};
