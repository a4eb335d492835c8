//! What a connection tells the application.

use crate::proto::{Args, Namespace, RawJson};

/// What a message means to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client asks to join. Answer by [`accept`](super::Connection::accept) or [`refuse`](super::Connection::refuse).
    Connect {
        /// What it asks for; it need not exist.
        namespace: Namespace,
        /// An object.
        auth: Option<RawJson>,
    },
    /// A named emission. May come before the application has answered the CONNECT: then it waits
    /// with the application.
    Event {
        /// Where.
        namespace: Namespace,
        /// Name and arguments.
        args: Args,
        /// The id to answer, if the client awaits an ack.
        ack_id: Option<u64>,
    },
    /// The answer to an event. Its id may be one that nobody awaits.
    Ack {
        /// Where.
        namespace: Namespace,
        /// The id that was sent.
        id: u64,
        /// Arguments.
        args: Args,
    },
    /// The client has left.
    Disconnect {
        /// What it left.
        namespace: Namespace,
    },
}

/// The events of one message, at most two.
#[derive(Debug, Default)]
#[must_use]
pub struct Events {
    /// Of an implicit connect, once in a connection.
    pub(super) first: Option<Box<Event>>,
    pub(super) second: Option<Event>,
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        match self.first.take() {
            Some(first) => Some(*first),
            None => self.second.take(),
        }
    }
}
