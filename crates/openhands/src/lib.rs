//! The server for the documented OpenHands WebSocket API.
//!
//! Every conversation is a log of events with dense ids; every client is a cursor over it. What
//! is behind the cursor is replayed, what comes is live, and both are one loop.
//!
//! ```text
//! main -> {http, live, console} -> {auth, limits, hub, workspace} -> {log, agent} -> domain
//! ```

pub mod agent;
mod app;
pub mod auth;
mod build;
pub mod config;
mod console;
mod disk;
pub mod domain;
pub mod http;
pub mod hub;
pub mod limits;
pub mod live;
pub mod log;
pub mod metrics;
pub mod origin;
mod retention;
pub mod settings;
mod tools;
pub mod transfer;
pub mod workspace;

pub use app::main;
