//! The inbox: what a session has for its application, in order.

use super::queue::Queue;
use super::{CloseReason, Handshake, Limits, Message};

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

/// Events the application has not taken.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Queue<Event>,
    bytes: usize,
}

impl Inbox {
    pub(crate) fn push(&mut self, event: Event) {
        if let Event::Message(message) = &event {
            self.bytes += message.len();
        }
        self.queue.push(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        // Before it is moved: behind that, the compiler takes an event apart into single bits.
        if let Some(Event::Message(message)) = self.queue.front() {
            self.bytes -= message.len();
        }
        self.queue.pop()
    }

    /// The next event, if it is a message.
    pub(crate) fn pop_message(&mut self) -> Option<Message> {
        match self.queue.front() {
            Some(Event::Message(_)) => match self.pop() {
                Some(Event::Message(message)) => Some(message),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the world may read on.
    pub(crate) fn wants_input(&self, limits: &Limits) -> bool {
        self.bytes < limits.inbox_bytes && self.queue.len() < limits.inbox_packets
    }
}
