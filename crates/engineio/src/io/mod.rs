//! A connection with its buffers, below websocket and HTTP.
//!
//! [`BufferedIo`] reads a connection through a buffer that the thread lends it, and writes what
//! waits in a [`WriteQueue`](write_queue::WriteQueue) in few system calls. [`Cork`] stands below
//! hyper and holds a 101 back until the first frame follows it.
//!
//! Bytes come in from the connection and go out to it; nothing here knows what they mean. An idle
//! connection must own no buffer, and what waits to be written is bounded by its owner, which asks
//! [`BufferedIo::has_room`] before each frame.
//!
//! Start reading at `buffered.rs`.

mod buffered;
mod cork;
mod write_queue;

pub(crate) use buffered::{BufferedIo, Stream};
pub use cork::Cork;
