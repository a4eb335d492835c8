//! The program: from the command line to a running server, and its end.
//!
//! In comes a command line ([`crate::config`]); out goes an exit code. `run.rs` opens the log, puts the
//! hub over it and mounts Socket.IO, REST and the page on one listener; `serve.rs` accepts
//! connections and ends them; `logging.rs` sets up the log lines. Nothing else in the crate uses this
//! room. Start with [`main`] in `run.rs`.

mod logging;
mod run;
mod serve;

pub use run::main;
