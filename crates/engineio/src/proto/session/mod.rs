//! The session as a state machine, in both roles. [spec: HTTP long-polling, WebSocket, Upgrade,
//! Heartbeat]
//!
//! A machine never touches a connection or a clock. Whoever drives it speaks to it by four kinds of
//! method, in both roles alike:
//!
//! | methods | who speaks | for example |
//! |---|---|---|
//! | `handle_*` | the world: requests, frames, deadlines | `handle_frame(now, frame)` |
//! | plain verbs | the application | `send`, `close` |
//! | `poll_*` | the machine answers | `poll_transmit`, `poll_event`, `poll_timeout` |
//! | `is_*`, `has_*`, `wants_*` | questions that change nothing | `wants_input` |
//!
//! After each call of the first two kinds, take the answers until they are `None`.
//!
//! What both roles share stands here: what a machine reports ([`Event`], [`Transmit`], [`Tally`]),
//! what it is given ([`Outgoing`], [`Limits`]), its two bounded queues (`queues.rs`), its deadlines
//! (`timers.rs`) and the choice between the framings of protocol 3 and 4 (`framing.rs`).
//!
//! Nothing here reads a clock, takes entropy, waits, or grows without a limit of [`Limits`].
//!
//! Start reading at the tables of `server/mod.rs` and `client/mod.rs`.

pub mod client;
mod framing;
mod queues;
pub mod server;
mod timers;

use bytes::Bytes;

pub use queues::{Full, SendError};
pub use timers::Time;

use super::{CloseReason, Frame, Handshake, Message, Text};

/// What a session tells its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server's handshake arrived. Only in the client role, and first.
    Open(Handshake),
    /// A message arrived.
    Message(Message),
    /// The session moved from polling to websocket.
    Upgraded,
    /// The session is over; nothing follows.
    Closed(CloseReason),
}

/// What is to be done on the websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Send this frame.
    Frame(Frame),
    /// Send what was given so far, then close the websocket.
    Close,
}

/// Messages to send: one or several that belong together, given away or borrowed.
///
/// Made from what is at hand by `From`, so that `send("hello")`, `send(message)`,
/// `send(vec_of_messages)` and `send(&messages[..])` all work. Given away is cheaper: a borrowed
/// message is cloned, which shares its bytes.
///
/// ```
/// use engineio::proto::{Message, Outgoing};
/// let parts = [Message::from("a"), Message::from("b")];
/// let together = Outgoing::from(&parts);
/// let as_it_is = Outgoing::from("already compressed").uncompressed();
/// # let _ = (together, as_it_is);
/// ```
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    messages: Messages<'a>,
    compress: bool,
}

#[derive(Clone, Debug)]
enum Messages<'a> {
    One(Message),
    Owned(Vec<Message>),
    Borrowed(&'a [Message]),
}

impl Outgoing<'_> {
    /// Asks not to compress these messages. An answer to a GET that holds nothing else is then
    /// sent as it is, whatever the configuration says. Frames of a websocket are never compressed.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self { compress: false, ..self }
    }
}

macro_rules! from_one {
    ($($one:ty)*) => {$(
        impl From<$one> for Outgoing<'_> {
            fn from(message: $one) -> Self {
                Self { messages: Messages::One(message.into()), compress: true }
            }
        }
    )*};
}

from_one!(Message Text &str Bytes);

impl From<Vec<Message>> for Outgoing<'_> {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages: Messages::Owned(messages), compress: true }
    }
}

impl<'a> From<&'a [Message]> for Outgoing<'a> {
    fn from(messages: &'a [Message]) -> Self {
        Self { messages: Messages::Borrowed(messages), compress: true }
    }
}

impl<'a, const N: usize> From<&'a [Message; N]> for Outgoing<'a> {
    fn from(messages: &'a [Message; N]) -> Self {
        Self::from(messages.as_slice())
    }
}

/// What one session may hold, in either role. Every limit can be set; none is infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one payload or frame the peer may send. Default 1,000,000.
    /// Announced as `maxPayload`. A larger POST is answered 413, a larger frame closes with 1009.
    pub max_payload: usize,
    /// Most packets of one payload. Default 65,536.
    /// One more closes the session with reason `parse error`; the packets before it are delivered.
    pub max_payload_packets: usize,
    /// Most bytes of messages waiting to be sent. Default 1 MiB.
    /// Grows only while the peer is not reading. When full, sending returns [`Full`]
    /// and queues nothing; one message passes whatever its size when nothing waits.
    pub outbox_bytes: usize,
    /// Most messages waiting to be sent. Default 4,096. When full as above.
    pub outbox_packets: usize,
    /// Bytes of received messages that the application has not taken, at which reading stops.
    /// Default 64 KiB. One payload or frame may exceed the limit by `max_payload`.
    pub inbox_bytes: usize,
    /// Received messages that the application has not taken, at which reading stops. Default 256.
    pub inbox_packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload: 1_000_000,
            max_payload_packets: 65_536,
            outbox_bytes: 1 << 20,
            outbox_packets: 4_096,
            inbox_bytes: 64 << 10,
            inbox_packets: 256,
        }
    }
}

/// Figures of one session since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Packets that arrived, probes included.
    pub packets_in: u64,
    /// Bytes of the payloads and frames they arrived in.
    pub bytes_in: u64,
    /// Packets that were handed out to be sent.
    pub packets_out: u64,
    /// Bytes of the payloads and frames they were handed out in.
    pub bytes_out: u64,
    /// Upgrades that were completed; at most one in a session's life.
    pub upgrades: u64,
    /// Websockets that were attached and did not become the session's transport.
    pub failed_upgrades: u64,
}

impl Tally {
    pub(crate) fn count_in(&mut self, bytes: usize) {
        self.bytes_in += bytes as u64;
    }

    pub(crate) fn count_out(&mut self, packets: usize, bytes: usize) {
        self.packets_out += packets as u64;
        self.bytes_out += bytes as u64;
    }
}

#[cfg(test)]
mod tests;
