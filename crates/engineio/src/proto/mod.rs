//! The protocol, pure: bytes and times in, bytes and events out.
//!
//! Nothing here reads a socket, a clock or entropy; a driver passes them in. All of it builds
//! without features and without tokio.

mod error;
mod handshake;
mod message;
mod packet;
pub mod payload;
mod sid;
mod timer;

pub use error::{CloseReason, PacketError, RequestError};
pub use handshake::{Handshake, Transport};
pub use message::{Message, Text};
pub use packet::{Frame, Packet};
pub use sid::{InvalidSid, Sid};
pub use timer::Time;
