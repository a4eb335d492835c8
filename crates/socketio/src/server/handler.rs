//! Handlers: async functions of what they need from an event.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::{AckSender, HandlerError, Reply, Socket};
use crate::proto::{Args, ArgsError};

/// One event on its way to its handler.
#[derive(Debug)]
pub struct Event {
    pub(crate) args: Args,
    /// It knows the socket too.
    pub(crate) ack: AckSender,
}

impl Event {
    /// The socket it came on.
    pub fn socket(&self) -> &Socket {
        &self.ack.socket
    }

    /// Its arguments, raw.
    pub fn args(&self) -> &Args {
        &self.args
    }
}

/// What a handler can take as a parameter.
///
/// | parameter | gives |
/// |---|---|
/// | [`Socket`] | the socket |
/// | [`Data<T>`](Data) | the arguments as a `T`: a tuple for several, any other type for the first |
/// | [`Args`] | the arguments raw, with their attachments |
/// | [`State<T>`](State) | the value of this type that [`Server::insert_state`] put there |
/// | [`AckSender`] | the ack, to be sent by hand; what the handler returns is then not sent |
///
/// [`Server::insert_state`]: super::Server::insert_state
pub trait FromEvent: Sized + Send {
    /// Takes it from the event.
    ///
    /// # Errors
    /// When the arguments are not of the type asked for. The handler is then not called; the client
    /// is told so by its ack, if it asked for one, and
    /// [`Server::on_error`](super::Server::on_error) is told.
    fn from_event(event: &mut Event) -> Result<Self, ArgsError>;
}

/// The arguments of an event as a `T`, by serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned + Send> FromEvent for Data<T> {
    fn from_event(event: &mut Event) -> Result<Self, ArgsError> {
        event.args.parse().map(Self)
    }
}

/// A value that all handlers of a server share.
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Any + Send + Sync> FromEvent for State<T> {
    fn from_event(event: &mut Event) -> Result<Self, ArgsError> {
        let state = event.socket().state().map(Self);
        state.ok_or(ArgsError::NoState { of: std::any::type_name::<T>() })
    }
}

impl FromEvent for Socket {
    fn from_event(event: &mut Event) -> Result<Self, ArgsError> {
        Ok(event.socket().clone())
    }
}

impl FromEvent for Args {
    fn from_event(event: &mut Event) -> Result<Self, ArgsError> {
        Ok(event.args.clone())
    }
}

impl FromEvent for AckSender {
    fn from_event(event: &mut Event) -> Result<Self, ArgsError> {
        Ok(event.ack.take())
    }
}

/// An async function whose parameters are [`FromEvent`] and whose result is a [`Reply`].
///
/// `P` only tells the compiler which function it is.
pub trait Handler<P>: Send + Sync + 'static {
    /// Runs it for one event.
    fn call(&self, event: Event) -> BoxFuture<'static, ()>;
}

macro_rules! handler {
    ($($param:ident)*) => {
        impl<F, Fut, R, $($param,)*> Handler<($($param,)*)> for F
        where
            F: Fn($($param),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: Reply,
            $($param: FromEvent,)*
        {
            #[allow(non_snake_case, reason = "type parameters name the values too")]
            #[allow(unused_mut, reason = "a handler without parameters takes nothing")]
            fn call(&self, mut event: Event) -> BoxFuture<'static, ()> {
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

fn refuse(event: Event, error: ArgsError) -> BoxFuture<'static, ()> {
    let why = match &error {
        // This server's fault: the client learns no more than that.
        ArgsError::NoState { .. } => "internal error".to_owned(),
        error => Chain(error).to_string(),
    };
    let refused = HandlerError::Args { event: event.args.name().into_owned(), error };
    event.socket().context().hooks.report(event.socket(), &refused);
    event.ack.refuse(why);
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
