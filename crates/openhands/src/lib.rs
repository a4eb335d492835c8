//! The server for the documented OpenHands WebSocket API.

pub mod domain;
pub mod log;
