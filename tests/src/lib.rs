//! The parts of the end-to-end tests: servers on free ports, real clients as processes, and waits
//! with a deadline.
//!
//! A test serves with [`Host`] in its own process, or starts the whole program with [`OpenHands`];
//! drives a client of the npm registry or of PyPI as a [`Script`], or sockets of `socket.io-client`
//! as [`SocketIo`]; and puts a [`Link`] between where the network should fail. If something does
//! not happen within [`DEADLINE`], the test fails with a line that says what it waited for.

mod deadline;
mod host;
mod install;
mod link;
mod openhands;
mod script;
mod socket_io;
pub mod tls;

pub use deadline::{DEADLINE, within};
pub use host::Host;
pub use install::{Tool, install, tests};
pub use link::Link;
pub use openhands::OpenHands;
pub use script::Script;
pub use socket_io::{Release, SocketIo, bytes};
