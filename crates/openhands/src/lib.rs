//! The server for the documented OpenHands WebSocket API.

pub mod agent;
pub mod domain;
pub mod hub;
pub mod log;
