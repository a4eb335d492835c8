//! Acks that this side owes: as a handler's return value, or sent by hand.

use std::fmt;

use serde::Serialize;

use super::{EmitError, HandlerError, Socket};
use crate::proto::Args;

/// Answers one event. Sends at most one ack; without a request for one it sends nothing. Dropped, it
/// never answers: the client waits for its own timeout. Dropped by a panic, it answers
/// `[{"error":"internal error"}]`.
#[derive(Debug)]
pub struct AckSender {
    pub(crate) socket: Socket,
    id: Option<u64>,
    /// The event that is answered, for who asks why it failed.
    args: Option<Args>,
}

impl AckSender {
    pub(crate) fn new(socket: Socket, id: Option<u64>) -> Self {
        Self { socket, id, args: None }
    }

    /// Remembers the event that is answered.
    pub(crate) fn answering(mut self, args: Args) -> Self {
        self.args = Some(args);
        self
    }

    /// Whether the client asked for an ack.
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Sends the ack, with arguments as in [`Socket::emit`].
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send<T: Serialize + ?Sized>(mut self, args: &T) -> Result<(), EmitError> {
        let Some(id) = self.id else { return Ok(()) };
        let packet = self.socket.ack(id, args);
        self.id = None;
        self.socket.answer(packet?)
    }

    /// Sends arguments that were received, byte for byte, with their attachments.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send_args(mut self, args: &Args) -> Result<(), EmitError> {
        match self.id.take() {
            Some(id) => self.socket.answer(self.socket.ack_args(id, args)?),
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
    pub(crate) fn take(&mut self) -> Self {
        Self { socket: self.socket.clone(), id: self.id.take(), args: None }
    }

    fn log(self, send: impl FnOnce(Self) -> Result<(), EmitError>) {
        let (id, ack_id) = (self.socket.id(), self.id);
        if let Err(error) = send(self) {
            tracing::debug!(socket = %id, ?ack_id, %error, "ack not sent");
        }
    }
}

impl Drop for AckSender {
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
    fn reply(self, ack: AckSender);
}

/// An ack with these arguments: a tuple is spread, `()` is none, any other type is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

impl Reply for () {
    fn reply(self, ack: AckSender) {
        ack.log(|ack| ack.send(&()));
    }
}

impl<T: Serialize + Send> Reply for Ack<T> {
    fn reply(self, ack: AckSender) {
        ack.log(|ack| ack.send(&self.0));
    }
}

impl Reply for Args {
    fn reply(self, ack: AckSender) {
        ack.log(|ack| ack.send_args(&self));
    }
}

impl<R: Reply, E: fmt::Display + Send> Reply for Result<R, E> {
    fn reply(self, ack: AckSender) {
        match self {
            Ok(reply) => reply.reply(ack),
            Err(error) => {
                let event = ack.args.as_ref().map(|args| args.name().into_owned());
                let failed = HandlerError::Failed {
                    event: event.unwrap_or_default(),
                    error: error.to_string(),
                };
                ack.socket.context().hooks.report(&ack.socket, &failed);
                ack.refuse(error);
            }
        }
    }
}
