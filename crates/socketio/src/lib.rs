//! Socket.IO v5 from scratch, on top of `engineio`.
//!
//! [`proto`] is the protocol as pure state machines: no socket, clock, entropy or runtime.

pub mod proto;
