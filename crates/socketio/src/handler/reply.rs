//! Acks that this side owes: as a handler's return value, or sent by hand.

use std::fmt;

use serde::Serialize;

use super::{EventSocket, HandlerError};
use crate::proto::Args;

/// Answers one event. Sends at most one ack; without a request for one it sends nothing. Dropped, it
/// never answers: the client waits for its own timeout. Dropped by a panic, it answers
/// `[{"error":"internal error"}]`.
#[derive(Debug)]
pub struct AckSender<S: EventSocket> {
    socket: S,
    id: Option<u64>,
    /// The event that is answered, for who asks why it failed.
    args: Option<Args>,
}

impl<S: EventSocket> AckSender<S> {
    pub(super) fn new(socket: S, id: Option<u64>) -> Self {
        Self { socket, id, args: None }
    }

    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Remembers the event that is answered.
    pub(super) fn answering(mut self, args: Args) -> Self {
        self.args = Some(args);
        self
    }

    /// Whether the client asked for an ack.
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Sends the ack, with arguments as in [`Socket::emit`](crate::server::Socket::emit).
    ///
    /// # Errors
    /// Those of the socket: the arguments cannot be encoded, or the peer does not take the packet.
    pub fn send<T: Serialize + ?Sized>(mut self, args: &T) -> Result<(), S::Error> {
        let Some(id) = self.id else { return Ok(()) };
        let sent = self.socket.send_ack(id, args);
        // Only now: when writing the arguments panics, the drop still answers.
        self.id = None;
        sent
    }

    /// Sends arguments that were received, byte for byte, with their attachments.
    ///
    /// # Errors
    /// As [`AckSender::send`].
    pub fn send_args(mut self, args: &Args) -> Result<(), S::Error> {
        match self.id.take() {
            Some(id) => self.socket.send_ack_args(id, args),
            None => Ok(()),
        }
    }

    /// Answers that the event was not taken: `[{"error":text}]`.
    pub fn refuse(self, text: impl fmt::Display) {
        #[derive(Serialize)]
        struct Refusal {
            error: String,
        }
        let refusal = Refusal { error: text.to_string() };
        self.log(|ack| ack.send(&(refusal,)));
    }

    /// Gives the sender away and leaves one that sends nothing.
    pub(super) fn take(&mut self) -> Self {
        Self { socket: self.socket.clone(), id: self.id.take(), args: None }
    }

    fn log(self, send: impl FnOnce(Self) -> Result<(), S::Error>) {
        let (id, ack_id) = (self.socket.id(), self.id);
        if let Err(error) = send(self) {
            tracing::debug!(socket = %id, ?ack_id, %error, "ack not sent");
        }
    }
}

impl<S: EventSocket> Drop for AckSender<S> {
    /// What a handler that panics owes.
    fn drop(&mut self) {
        if self.id.is_some() && std::thread::panicking() {
            self.take().refuse("internal error");
        }
    }
}

/// What a handler may return.
///
/// | returned | the ack, if one was asked for |
/// |---|---|
/// | `()` | `[]` |
/// | [`Ack(value)`](Ack) | the value, as arguments of an event |
/// | [`Args`] | these arguments, byte for byte |
/// | `Ok(reply)` | as `reply` |
/// | `Err(error)` | `[{"error":"…"}]`, the text of the error |
pub trait Reply: Send {
    /// Sends the ack.
    fn reply<S: EventSocket>(self, ack: AckSender<S>);
}

/// An ack with these arguments: a tuple is spread, `()` is none, any other type is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

impl Reply for () {
    fn reply<S: EventSocket>(self, ack: AckSender<S>) {
        ack.log(|ack| ack.send(&()));
    }
}

impl<T: Serialize + Send> Reply for Ack<T> {
    fn reply<S: EventSocket>(self, ack: AckSender<S>) {
        ack.log(|ack| ack.send(&self.0));
    }
}

impl Reply for Args {
    fn reply<S: EventSocket>(self, ack: AckSender<S>) {
        ack.log(|ack| ack.send_args(&self));
    }
}

impl<R: Reply, E: fmt::Display + Send> Reply for Result<R, E> {
    fn reply<S: EventSocket>(self, ack: AckSender<S>) {
        match self {
            Ok(reply) => reply.reply(ack),
            Err(error) => {
                let event = ack.args.as_ref().map(|args| args.name().into_owned());
                let failed = HandlerError::Failed {
                    event: event.unwrap_or_default(),
                    error: error.to_string(),
                };
                ack.socket.report(&failed);
                ack.refuse(error);
            }
        }
    }
}
