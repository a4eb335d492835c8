//! Handlers of one socket, beside those of its namespace.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use super::Socket;
use crate::proto::{Args, Encoded};
use crate::server::broadcast::read_args;
use crate::server::handlers::{EventHandler, EventMiddleware, Events, Found, event_middleware};
use crate::server::{Event, Handler, HandlerError};

impl Socket {
    /// As [`Socket::on`], for the next event of this name only.
    pub fn once<P, H: Handler<P>>(&self, event: impl Into<String>, handler: H) -> &Self {
        self.events().set(event.into(), EventHandler::once(handler));
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
        self.events().change(|handlers| handlers.middlewares.push(middleware));
        self
    }

    /// The handler of an event: the socket's or the namespace's own, else that of any event.
    pub(crate) fn find(&self, event: &[u8]) -> Found {
        let shared = self.namespace().find(event);
        match self.own_events() {
            Some(events) => events.read(|handlers| handlers.find(event)).or(shared),
            None => shared,
        }
    }

    /// Runs listeners, middlewares and the handler of one event.
    pub(crate) async fn handle(self, event: Event, handler: Option<EventHandler>) {
        let mut incoming = self.namespace().listeners(|handlers| &handlers.incoming);
        let mut middlewares = Vec::new();
        if let Some(events) = self.own_events() {
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
                if let Some(events) = self.own_events() {
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

    async fn pass(&self, middlewares: Vec<EventMiddleware>, args: &Args) -> Result<(), String> {
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
        let own = self.own_events();
        own.is_some_and(|events| events.read(|handlers| !handlers.outgoing.is_empty()))
    }

    /// Tells listeners of `sockets` what leaves. Their panics end here: who sends is not at fault.
    pub(crate) fn notify_outgoing(sockets: &[Self], packet: &Encoded) {
        let Some(first) = sockets.first() else { return };
        let of_namespace = first.namespace().listeners(|handlers| &handlers.outgoing);
        let mut args = None;
        for socket in sockets {
            let own = socket.own_events();
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
        if let Some(events) = self.own_events() {
            events.change(std::mem::take);
        }
    }

    pub(crate) fn events(&self) -> &Events {
        self.inner.events.get_or_init(Box::default)
    }

    fn own_events(&self) -> Option<&Events> {
        self.inner.events.get().map(|events| &**events)
    }
}
