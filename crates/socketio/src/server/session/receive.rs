//! Messages of the engine: taken while the handlers keep up.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use engineio::proto::{CloseReason, Time};

use super::Session;
use super::lane::Joined;
use crate::server::DisconnectReason;

/// What came of taking messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// All there were; the engine wakes this task when there are more.
    All,
    /// The handlers do not keep up.
    Some,
}

impl Session {
    /// Takes messages while the handlers keep up.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) -> Received {
        let (mut now, mut waits) = (None, false);
        // What is left when the connection is over is little; handlers may wait for its end.
        while !self.ended && (self.keeps_up() || self.engine.is_closed()) {
            let message = match self.messages.pop_front() {
                Some(message) => message,
                None => match self.engine.poll_recv_all(cx, &mut self.messages) {
                    Poll::Pending => return self.all(),
                    Poll::Ready(Some(message)) => {
                        // The engine waits by itself where it reads ahead.
                        waits = !self.connecting;
                        message
                    }
                    Poll::Ready(None) => {
                        let reason = self.engine.close_reason();
                        let reason = reason.unwrap_or(CloseReason::TransportClose);
                        self.end(&DisconnectReason::Engine(reason));
                        break;
                    }
                },
            };
            // Messages that are there together have come together.
            let now = match self.connection.asks_time(&message) {
                true => *now.get_or_insert_with(|| self.now()),
                false => Time::ZERO,
            };
            match self.connection.handle_message(now, message) {
                Ok(events) => events.for_each(|event| self.event(event)),
                Err(error) => self.fail(error),
            }
            let answer = self.connection.poll_transmit();
            self.send(answer);
            if waits && self.messages.is_empty() {
                return self.all();
            }
        }
        if self.ended { Received::All } else { Received::Some }
    }

    fn all(&mut self) -> Received {
        // An idle connection keeps no room.
        if self.messages.capacity() > 0 {
            self.messages = VecDeque::new();
        }
        Received::All
    }

    fn keeps_up(&self) -> bool {
        let max = self.server.config.handler_queue;
        if self.connecting && self.sockets.iter().any(Joined::is_busy) {
            return false;
        }
        let (mut bytes, mut leaving) = (0, 0);
        for joined in &self.sockets {
            if joined.waiting() >= max {
                return false;
            }
            bytes += joined.waiting_bytes();
            leaving += usize::from(!joined.is_in());
        }
        // Handlers of sockets that are gone still run: a client that joins and leaves on and on
        // must wait for them.
        bytes < self.server.config.handler_queue_bytes.max(1)
            && leaving < self.server.connection.max_namespaces.max(1)
    }
}
