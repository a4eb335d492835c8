//! Engine.IO v4 from scratch.
//!
//! [`proto`] is the protocol as pure state machines: no socket, clock, entropy or runtime.
//! `server` (feature, on by default) drives them on hyper and tokio-tungstenite.

pub mod proto;
#[cfg(feature = "server")]
pub mod server;
