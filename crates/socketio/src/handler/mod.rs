//! Handlers of events, for both roles: async functions whose parameters are taken from an event and
//! whose result is the ack.
//!
//! What lives here: the parameters of handlers ([`FromEvent`], [`Data`], [`State`]), their results
//! ([`Reply`], [`Ack`]), the ack itself ([`AckSender`]), and the table that finds the handler of an
//! event (`table`). A role hands in an [`IncomingEvent`] with its socket and polls the future that
//! [`Handler::call`] returns. What goes out is one ack at most, sent by the socket ([`EventSocket`]).
//!
//! Nothing here knows a server, a namespace or a connection: all it needs of a socket is in
//! [`EventSocket`]. A handler never runs when its parameters cannot be taken; the event is then
//! refused by its ack. Start reading at [`Handler`].

mod table;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use engineio::proto::Sid;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::table::{
    Erased, EventHandler, EventMiddleware, FoundHandler, HandlerTable, Handlers, Listener,
    event_middleware,
};
use crate::proto::{Args, ArgsError};

/// What handlers need of the socket on which an event arrived. Each role implements it for its
/// socket.
pub trait EventSocket: Clone + fmt::Debug + Send + Sync + 'static {
    /// Why an ack was not queued.
    type Error: fmt::Display;

    /// The socket's id.
    fn id(&self) -> Sid;

    /// Sends an ack, with arguments by serde.
    ///
    /// # Errors
    /// When the arguments cannot be encoded, or the peer does not take the packet.
    fn send_ack<T: Serialize + ?Sized>(&self, id: u64, args: &T) -> Result<(), Self::Error>;

    /// Sends an ack with arguments as they were received, byte for byte.
    ///
    /// # Errors
    /// When the peer does not take the packet.
    fn send_ack_args(&self, id: u64, args: &Args) -> Result<(), Self::Error>;

    /// Whether an event that was not handled is acked with `[{"error":text}]`.
    fn acks_refusals(&self) -> bool;

    /// Reports to the application that handling an event failed.
    fn report(&self, error: &HandlerError);

    /// The value of this type that all handlers share, if there is one.
    fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>>;
}

/// One event on its way to its handler.
#[derive(Debug)]
pub struct IncomingEvent<S: EventSocket> {
    pub(crate) args: Args,
    /// Holds the socket too.
    pub(crate) ack: AckSender<S>,
}

impl<S: EventSocket> IncomingEvent<S> {
    pub(crate) fn new(socket: S, args: Args, ack_id: Option<u64>) -> Self {
        Self { args, ack: AckSender::new(socket, ack_id) }
    }

    /// The socket on which it arrived.
    pub fn socket(&self) -> &S {
        self.ack.socket()
    }

    /// Its arguments, not parsed yet.
    pub fn args(&self) -> &Args {
        &self.args
    }
}

/// A type that a handler can take as a parameter.
///
/// | parameter | gives |
/// |---|---|
/// | the socket, such as `server::Socket` | the socket on which the event arrived |
/// | [`Data<T>`](Data) | the arguments as a `T`: a tuple for several, any other type for the first |
/// | [`Args`] | the arguments raw, with their attachments |
/// | [`State<T>`](State) | the value of this type that all handlers share |
/// | [`AckSender`] | the ack, to be sent by hand; what the handler returns is then not sent |
pub trait FromEvent<S: EventSocket>: Sized + Send {
    /// Takes the parameter from the event.
    ///
    /// # Errors
    /// When the arguments are not of this type. The handler is then not called: the peer gets a
    /// refusal, if it asked for an ack, and [`EventSocket::report`] gets the error.
    fn from_event(event: &mut IncomingEvent<S>) -> Result<Self, ArgsError>;
}

/// The arguments of an event as a `T`, by serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<S: EventSocket, T: DeserializeOwned + Send> FromEvent<S> for Data<T> {
    fn from_event(event: &mut IncomingEvent<S>) -> Result<Self, ArgsError> {
        event.args.parse().map(Self)
    }
}

/// A value that all handlers share.
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S: EventSocket, T: Any + Send + Sync> FromEvent<S> for State<T> {
    fn from_event(event: &mut IncomingEvent<S>) -> Result<Self, ArgsError> {
        let state = event.socket().state().map(Self);
        state.ok_or(ArgsError::NoState { of: std::any::type_name::<T>() })
    }
}

impl<S: EventSocket> FromEvent<S> for Args {
    fn from_event(event: &mut IncomingEvent<S>) -> Result<Self, ArgsError> {
        Ok(event.args.clone())
    }
}

impl<S: EventSocket> FromEvent<S> for AckSender<S> {
    fn from_event(event: &mut IncomingEvent<S>) -> Result<Self, ArgsError> {
        Ok(event.ack.take())
    }
}

/// A failure while an event was handled. The socket stays connected. Its cause, if it has one, is
/// its `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The arguments do not match the handler's parameters. The handler was not called.
    #[error("arguments of event {event:?} refused")]
    Args {
        /// The event's name.
        event: String,
        /// What is wrong with them.
        #[source]
        error: ArgsError,
    },
    /// A middleware of the socket refused the event.
    #[error("event {event:?} refused: {error}")]
    Refused {
        /// The event's name.
        event: String,
        /// The middleware's error.
        error: String,
    },
    /// No handler takes an event of this name.
    #[error("no handler for event {event:?}")]
    NoHandler {
        /// The event's name.
        event: String,
    },
    /// The handler returned an error.
    #[error("handler of event {event:?} failed: {error}")]
    Failed {
        /// The event's name.
        event: String,
        /// The error's text.
        error: String,
    },
    /// A handler, middleware or task panicked.
    #[error("{what} panicked")]
    Panicked {
        /// What panicked.
        what: &'static str,
    },
}

/// An async function whose parameters are [`FromEvent`] and whose result is a [`Reply`].
///
/// `P` are its parameters: the compiler needs them to choose the implementation.
pub trait Handler<P, S: EventSocket>: Send + Sync + 'static {
    /// Calls the function for one event; the future sends the ack.
    fn call(&self, event: IncomingEvent<S>) -> BoxFuture<'static, ()>;
}

macro_rules! handler {
    ($($param:ident)*) => {
        impl<S, F, Fut, R, $($param,)*> Handler<($($param,)*), S> for F
        where
            S: EventSocket,
            F: Fn($($param),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: Reply,
            $($param: FromEvent<S>,)*
        {
            #[allow(non_snake_case, reason = "type parameters name the values too")]
            #[allow(unused_mut, reason = "a handler without parameters takes nothing")]
            fn call(&self, mut event: IncomingEvent<S>) -> BoxFuture<'static, ()> {
                $(let $param = match $param::from_event(&mut event) {
                    Ok(param) => param,
                    Err(error) => return refuse(event, error),
                };)*
                let handled = self($($param),*);
                let ack = event.ack.answering(event.args);
                Box::pin(async move { handled.await.reply(ack) })
            }
        }
    };
}

handler!();
handler!(A);
handler!(A B);
handler!(A B C);
handler!(A B C D);
handler!(A B C D E);
handler!(A B C D E G);

/// Answers one event. Sends at most one ack, and none if the peer did not ask for one. If it is
/// dropped unused, no ack is sent and the peer runs into its own timeout. If a panic drops it, the
/// event counts as not handled.
#[derive(Debug)]
pub struct AckSender<S: EventSocket> {
    socket: S,
    id: Option<u64>,
    /// The event that is answered, for the report of an error.
    args: Option<Args>,
}

impl<S: EventSocket> AckSender<S> {
    fn new(socket: S, id: Option<u64>) -> Self {
        Self { socket, id, args: None }
    }

    fn socket(&self) -> &S {
        &self.socket
    }

    /// Remembers the event that is answered.
    fn answering(mut self, args: Args) -> Self {
        self.args = Some(args);
        self
    }

    /// Whether the peer asked for an ack.
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Sends the ack, with arguments as those of an event.
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

    /// Answers that the event was refused: `[{"error":text}]`. What a client does with an ack it does
    /// with this one too: it takes the event for delivered.
    pub fn refuse(self, text: impl fmt::Display) {
        #[derive(Serialize)]
        struct Refusal {
            error: String,
        }
        let refusal = Refusal { error: text.to_string() };
        self.log(|ack| ack.send(&(refusal,)));
    }

    /// Answers that nobody handled the event, if the configuration asks for that. Otherwise there is
    /// no ack, as by the reference: a client that waits for one learns it by its own timeout.
    pub(crate) fn not_handled(mut self, text: impl fmt::Display) {
        match self.socket.acks_refusals() {
            true => self.refuse(text),
            false => self.id = None,
        }
    }

    /// Takes the sender out and leaves one that sends nothing.
    fn take(&mut self) -> Self {
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
    /// A handler that panicked handled nothing.
    fn drop(&mut self) {
        if self.id.is_some() && std::thread::panicking() {
            self.take().not_handled("internal error");
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
/// | [`NoAck`] | none |
/// | `Ok(reply)` | as `reply` |
/// | `Err(error)` | none; with `Config::ack_refusals`, `[{"error":"…"}]` with the error's text |
pub trait Reply: Send {
    /// Sends the ack.
    fn reply<S: EventSocket>(self, ack: AckSender<S>);
}

/// An ack with these arguments: a tuple is spread, `()` is none, any other type is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

/// No ack, also if the client asked for one: the event was not taken. A client that counts on an ack
/// sends it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAck;

impl Reply for NoAck {
    fn reply<S: EventSocket>(self, mut ack: AckSender<S>) {
        ack.id = None;
    }
}

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
                ack.not_handled(error);
            }
        }
    }
}

fn refuse<S: EventSocket>(event: IncomingEvent<S>, error: ArgsError) -> BoxFuture<'static, ()> {
    let why = match &error {
        // A mistake in this program, so the peer gets no details.
        ArgsError::NoState { .. } => "internal error".to_owned(),
        error => Chain(error).to_string(),
    };
    let refused = HandlerError::Args { event: event.args.name().into_owned(), error };
    event.socket().report(&refused);
    event.ack.not_handled(why);
    Box::pin(std::future::ready(()))
}

/// An error with its sources on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
