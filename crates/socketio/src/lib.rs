//! Socket.IO v5 from scratch, on top of `engineio`.
//!
//! [`proto`] is the protocol as pure state machines: no socket, clock, entropy or runtime.
//! `server` (feature, on by default) runs namespaces and async handlers on it.

pub mod proto;
#[cfg(feature = "server")]
pub mod server;
