//! Socket.IO v5, and v4 on request, on top of [`engineio`].
//!
//! `proto` is the protocol as pure state machines: no socket, clock, entropy or runtime. `handler`
//! are async handlers of events, for both roles. `server` (a feature, on by default) runs
//! namespaces and handlers on top of `engineio`: start there.
//!
//! ```toml
//! socketio = "0.1"
//! axum = "0.8"
//! serde = { version = "1", features = ["derive"] }
//! tokio = { version = "1", features = ["full"] }
//! ```
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `server` | the server | on |
//! | `msgpack` | the parser of `socket.io-msgpack-parser` | off |

/// The layer below, for its configuration and its types.
pub use engineio;

#[cfg(feature = "server")]
pub mod handler;
pub mod proto;
#[cfg(feature = "server")]
pub mod server;
