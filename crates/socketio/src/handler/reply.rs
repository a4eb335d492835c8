//! Acks that this side owes: the result of a handler, or sent by hand.

use std::fmt;

use serde::Serialize;

use super::{EventSocket, HandlerError};
use crate::proto::Args;

/// Answers one event. Sends at most one ack, and none if the peer did not ask for one. If it is
/// dropped unused, no ack is sent and the peer runs into its own timeout. If a panic drops it, it
/// answers `[{"error":"internal error"}]`.
#[derive(Debug)]
pub struct AckSender<S: EventSocket> {
    socket: S,
    id: Option<u64>,
    /// The event that is answered, for the report of an error.
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

    /// Whether the peer asked for an ack.
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

    /// Sends arguments as they were received: the same bytes, the same attachments.
    ///
    /// # Errors
    /// Those of [`AckSender::send`].
    pub fn send_args(mut self, args: &Args) -> Result<(), S::Error> {
        match self.id.take() {
            Some(id) => self.socket.send_ack_args(id, args),
            None => Ok(()),
        }
    }

    /// Answers that the event was refused: `[{"error":text}]`.
    pub fn refuse(self, text: impl fmt::Display) {
        #[derive(Serialize)]
        struct Refusal {
            error: String,
        }
        let refusal = Refusal { error: text.to_string() };
        self.log(|ack| ack.send(&(refusal,)));
    }

    /// Takes the sender out and leaves one that sends nothing.
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
    /// A handler that panics still owes its ack.
    fn drop(&mut self) {
        if self.id.is_some() && std::thread::panicking() {
            self.take().refuse("internal error");
        }
    }
}

/// A type that a handler may return.
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
