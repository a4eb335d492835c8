//! The server for the documented OpenHands WebSocket API.
//!
//! Every conversation is a log of events with dense ids; every client is a cursor over it. Events
//! after the cursor are replayed, new ones follow live, and both are one loop.
//!
//! ```text
//! app -> {http, live, console, tools} -> {auth, limits, workspace} -> hub -> {log, agent} -> domain
//! ```
//!
//! The program is [`main`]. To embed the server, put its parts together as `app/run.rs` does: an
//! [`EventLog`](log::EventLog), for example a [`SqliteLog`](log::sqlite::SqliteLog) behind
//! [`Checked`](log::Checked); a [`Hub`](hub::Hub) over it, with your own [`Agent`](agent::Agent);
//! then [`live::mount`] for Socket.IO and [`http::router`] for REST.

pub mod agent;
mod app;
pub mod auth;
mod build;
mod config;
mod console;
mod disk;
pub mod domain;
pub mod http;
pub mod hub;
pub mod limits;
pub mod live;
pub mod log;
pub mod metrics;
mod origin;
mod retention;
pub mod settings;
mod tools;
mod transfer;
mod workspace;

pub use app::main;
