//! Handlers of one socket, beside those of its namespace.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use engineio::proto::Sid;
use futures_util::FutureExt as _;
use serde::Serialize;

use super::Socket;
use crate::handler::{
    EventHandler, EventMiddleware, EventSocket, FoundHandler, FromEvent, Handler, HandlerError,
    HandlerTable, event_middleware,
};
use crate::proto::{Args, ArgsError, Encoded};
use crate::server::broadcast::read_args;
use crate::server::{EmitError, IncomingEvent, Namespace};

impl Socket {
    /// As [`Socket::on`], for the next event of this name only.
    pub fn once<P, H: Handler<P, Self>>(&self, event: impl Into<String>, handler: H) -> &Self {
        self.handlers().set(event.into(), EventHandler::once(handler));
        self
    }

    /// Adds a middleware: it runs before the handler of every event of this socket, in the order
    /// they were added. The first error keeps the event from its handler: it is told to
    /// [`Server::on_error`](crate::server::Server::on_error), and to the client by its ack.
    pub fn with<F, Fut, E>(&self, middleware: F) -> &Self
    where
        F: Fn(Self, Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let middleware = event_middleware(middleware);
        self.handlers().change(|handlers| handlers.middlewares.push(middleware));
        self
    }

    /// The handler of an event: the socket's or the namespace's own, else that of any event.
    pub(crate) fn find(&self, event: &[u8]) -> FoundHandler<Self> {
        let shared = self.namespace().find(event);
        match self.own_handlers() {
            Some(events) => events.read(|handlers| handlers.find(event)).or(shared),
            None => shared,
        }
    }

    /// Runs listeners, middlewares and the handler of one event.
    pub(crate) async fn handle(self, event: IncomingEvent, handler: Option<EventHandler<Self>>) {
        let mut incoming = self.namespace().listeners(|handlers| &handlers.incoming);
        let mut middlewares = Vec::new();
        if let Some(events) = self.own_handlers() {
            events.read(|handlers| {
                incoming.extend(handlers.incoming.iter().cloned());
                middlewares.clone_from(&handlers.middlewares);
            });
        }
        incoming.iter().for_each(|listener| listener(&self, &event.args));
        if let Err(error) = self.pass(middlewares, &event.args).await {
            let name = event.args.name().into_owned();
            let refused = HandlerError::Refused { event: name, error: error.clone() };
            self.context().hooks.report(&self, &refused);
            return event.ack.refuse(error);
        }
        match handler {
            Some(handler) => {
                if let Some(events) = self.own_handlers() {
                    events.change(|handlers| handlers.used(&event.args.name(), &handler));
                }
                (handler.run)(event).await;
            }
            None => {
                let name = event.args.name();
                tracing::debug!(socket = %self.id(), event = %name, "no handler");
                event.ack.refuse(format!("no handler for event {name:?}"));
            }
        }
    }

    async fn pass(
        &self,
        middlewares: Vec<EventMiddleware<Self>>,
        args: &Args,
    ) -> Result<(), String> {
        for middleware in middlewares {
            middleware(self.clone(), args.clone()).await?;
        }
        Ok(())
    }

    /// Whether [`Socket::notify_outgoing`] has anybody to tell.
    pub(crate) fn has_outgoing(&self) -> bool {
        self.has_own_outgoing() || self.namespace().has_outgoing()
    }

    /// Whether listeners of this socket's own are among those.
    pub(crate) fn has_own_outgoing(&self) -> bool {
        let own = self.own_handlers();
        own.is_some_and(|events| events.read(|handlers| !handlers.outgoing.is_empty()))
    }

    /// Tells listeners of `sockets` what leaves. Their panics end here: who sends is not at fault.
    pub(crate) fn notify_outgoing(sockets: &[Self], packet: &Encoded) {
        let Some(first) = sockets.first() else { return };
        let of_namespace = first.namespace().listeners(|handlers| &handlers.outgoing);
        let mut args = None;
        for socket in sockets {
            let own = socket.own_handlers();
            let own = own.map(|events| events.read(|handlers| handlers.outgoing.clone()));
            let own = own.unwrap_or_default();
            let mut listeners = of_namespace.iter().chain(&own).peekable();
            if listeners.peek().is_none() {
                continue;
            }
            let Some(args) = args.get_or_insert_with(|| read_args(packet)) else { return };
            for listener in listeners {
                let told = AssertUnwindSafe(|| listener(socket, args));
                if std::panic::catch_unwind(told).is_err() {
                    socket.report_panic("a listener of outgoing events");
                }
            }
        }
    }

    pub(crate) fn report_panic(&self, what: &'static str) {
        self.context().hooks.report(self, &HandlerError::Panicked { what });
    }

    /// Runs foreign code of this socket to its end, or to its panic.
    pub(crate) async fn guarded(self, what: &'static str, run: impl Future<Output = ()>) {
        if AssertUnwindSafe(run).catch_unwind().await.is_err() {
            self.report_panic(what);
        }
    }

    pub(crate) fn clear_handlers(&self) {
        if let Some(events) = self.own_handlers() {
            events.change(std::mem::take);
        }
    }

    pub(crate) fn handlers(&self) -> &HandlerTable<Self> {
        self.inner.events.get_or_init(Box::default)
    }

    fn own_handlers(&self) -> Option<&HandlerTable<Self>> {
        self.inner.events.get().map(|events| &**events)
    }
}

impl EventSocket for Socket {
    type Error = EmitError;

    fn id(&self) -> Sid {
        self.id()
    }

    fn send_ack<T: Serialize + ?Sized>(&self, id: u64, args: &T) -> Result<(), EmitError> {
        self.answer(self.ack(id, args)?)
    }

    fn send_ack_args(&self, id: u64, args: &Args) -> Result<(), EmitError> {
        self.answer(self.ack_args(id, args)?)
    }

    fn report(&self, error: &HandlerError) {
        self.context().hooks.report(self, error);
    }

    fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.state()
    }
}

impl FromEvent<Self> for Socket {
    fn from_event(event: &mut IncomingEvent) -> Result<Self, ArgsError> {
        Ok(event.socket().clone())
    }
}

/// The methods by which a namespace and a socket are given handlers of events.
macro_rules! event_methods {
    ($of:ident) => {
        impl $of {
            /// Sets the handler of an event; the one before is replaced. A socket's own goes before
            /// that of its namespace.
            pub fn on<P, H: Handler<P, Socket>>(
                &self,
                event: impl Into<String>,
                handler: H,
            ) -> &Self {
                self.handlers().set(event.into(), EventHandler::new(handler));
                self
            }

            /// As [`on`](Self::on); up to `limit` events of one socket are handled at once, beside
            /// the events behind them. When so many are, the next waits, and those behind it.
            pub fn on_concurrent<P, H: Handler<P, Socket>>(
                &self,
                event: impl Into<String>,
                limit: usize,
                handler: H,
            ) -> &Self {
                self.handlers().set(event.into(), EventHandler::concurrent(handler, limit));
                self
            }

            /// Sets the handler of events that have none of their own, neither with their socket
            /// nor with its namespace. A socket's goes before that of its namespace.
            pub fn on_any<P, H: Handler<P, Socket>>(&self, handler: H) -> &Self {
                self.handlers().change(|handlers| handlers.any.replace(EventHandler::new(handler)));
                self
            }

            /// Takes away the handler of an event that was set here; a namespace's then serves its
            /// sockets again.
            pub fn off(&self, event: &str) -> &Self {
                self.handlers().change(|handlers| handlers.events.remove(event));
                self
            }

            /// Looks at every event that comes, before middlewares and handlers: the reference's
            /// `onAny`.
            pub fn on_incoming(
                &self,
                listener: impl Fn(&Socket, &Args) + Send + Sync + 'static,
            ) -> &Self {
                self.handlers().change(|handlers| handlers.incoming.push(Arc::new(listener)));
                self
            }

            /// Looks at every event that is sent, broadcasts included, once for each socket: the
            /// reference's `onAnyOutgoing`. Events are read for it; without listeners they are not.
            pub fn on_outgoing(
                &self,
                listener: impl Fn(&Socket, &Args) + Send + Sync + 'static,
            ) -> &Self {
                self.handlers().change(|handlers| handlers.outgoing.push(Arc::new(listener)));
                self
            }
        }
    };
}

event_methods!(Namespace);
event_methods!(Socket);
