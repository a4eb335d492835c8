//! Handlers of one socket, in addition to those of its namespace; middlewares and listeners.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::Socket;
use crate::handler::{EventHandler, EventMiddleware, Handler, HandlerError, event_middleware};
use crate::proto::{Args, Encoded};
use crate::server::broadcast::read_args;
use crate::server::{IncomingEvent, Namespace};

impl Socket {
    /// Like [`Socket::on`], for the next event of this name only.
    pub fn once<P, H: Handler<P, Self>>(&self, event: impl Into<String>, handler: H) -> &Self {
        self.handlers().set(event.into(), EventHandler::once(handler));
        self
    }

    /// Adds a middleware: it runs before the handler of every event of this socket, in the order
    /// they were added. After the first error the handler does not run:
    /// [`Server::on_error`](crate::server::Server::on_error) gets the error, and the client's ack
    /// is a refusal.
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
            return event.ack.not_handled(error);
        }
        match handler {
            Some(handler) => {
                if let Some(events) = self.own_handlers() {
                    events.change(|handlers| handlers.used(&event.args.name(), &handler));
                }
                (handler.run)(event).await;
            }
            None => {
                let name = event.args.name().into_owned();
                let error = HandlerError::NoHandler { event: name };
                self.context().hooks.report(&self, &error);
                event.ack.not_handled(error);
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

    /// Calls the listeners of outgoing events of `sockets`. Their panics end here: the sender is
    /// not at fault.
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

    pub(crate) fn clear_handlers(&self) {
        if let Some(events) = self.own_handlers() {
            events.change(std::mem::take);
        }
    }
}

/// The methods that set handlers of events on a namespace or a socket.
macro_rules! event_methods {
    ($of:ident) => {
        impl $of {
            /// Sets the handler of an event, and replaces the one before. A socket's handler goes
            /// before the handler of its namespace.
            pub fn on<P, H: Handler<P, Socket>>(
                &self,
                event: impl Into<String>,
                handler: H,
            ) -> &Self {
                self.handlers().set(event.into(), EventHandler::new(handler));
                self
            }

            /// Like [`on`](Self::on), but up to `limit` events of one socket are handled
            /// concurrently, and later events of other names do not wait for them. At the limit,
            /// the next event waits, and so do all events after it.
            pub fn on_concurrent<P, H: Handler<P, Socket>>(
                &self,
                event: impl Into<String>,
                limit: usize,
                handler: H,
            ) -> &Self {
                self.handlers().set(event.into(), EventHandler::concurrent(handler, limit));
                self
            }

            /// Sets the handler of all events whose name has no handler, neither on the socket nor
            /// on its namespace. A socket's goes before its namespace's.
            pub fn on_any<P, H: Handler<P, Socket>>(&self, handler: H) -> &Self {
                self.handlers().change(|handlers| handlers.any.replace(EventHandler::new(handler)));
                self
            }

            /// Removes the handler of an event that was set here. On a socket, the handler of its
            /// namespace then serves the event again.
            pub fn off(&self, event: &str) -> &Self {
                self.handlers().change(|handlers| handlers.events.remove(event));
                self
            }

            /// Adds a listener that is called with every incoming event, before middlewares and
            /// handlers: the reference's `onAny`.
            pub fn on_incoming(
                &self,
                listener: impl Fn(&Socket, &Args) + Send + Sync + 'static,
            ) -> &Self {
                self.handlers().change(|handlers| handlers.incoming.push(Arc::new(listener)));
                self
            }

            /// Adds a listener that is called with every outgoing event, broadcasts included, once
            /// for each socket: the reference's `onAnyOutgoing`. It costs reading each event;
            /// without listeners nothing is read.
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
