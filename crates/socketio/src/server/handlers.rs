//! Which handler runs for which event: tables of a namespace and of a socket.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Event, Handler, Socket};
use crate::proto::Args;

pub(crate) type Erased<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

/// Looks at events that come or leave.
pub(crate) type Listener = Arc<dyn Fn(&Socket, &Args) + Send + Sync>;

/// Lets an event of a socket through, or says why not.
pub(crate) type EventMiddleware =
    Arc<dyn Fn(Socket, Args) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The handlers of events.
#[derive(Default)]
pub(crate) struct EventHandlers {
    pub(crate) events: HashMap<String, EventHandler>,
    /// For events that have none of their own.
    pub(crate) any: Option<EventHandler>,
    pub(crate) middlewares: Vec<EventMiddleware>,
    pub(crate) incoming: Vec<Listener>,
    pub(crate) outgoing: Vec<Listener>,
}

#[derive(Clone)]
pub(crate) struct EventHandler {
    pub(crate) run: Erased<Event>,
    /// How many may run at once for one socket; without it, one after the other in order. The
    /// address tells handlers apart.
    pub(crate) concurrent: Option<Arc<usize>>,
    once: bool,
}

impl EventHandler {
    pub(crate) fn new<P, H: Handler<P>>(handler: H) -> Self {
        let run: Erased<Event> = Arc::new(move |event| handler.call(event));
        Self { run, concurrent: None, once: false }
    }

    pub(crate) fn concurrent<P, H: Handler<P>>(handler: H, limit: usize) -> Self {
        Self { concurrent: Some(Arc::new(limit.max(1))), ..Self::new(handler) }
    }

    pub(crate) fn once<P, H: Handler<P>>(handler: H) -> Self {
        Self { once: true, ..Self::new(handler) }
    }
}

impl EventHandler {
    /// Whether running it is all there is to do.
    pub(crate) fn is_plain(&self) -> bool {
        !self.once
    }
}

impl EventHandlers {
    /// The handler of an event by its name.
    pub(crate) fn find(&self, event: &str) -> Option<EventHandler> {
        self.events.get(event).cloned()
    }

    /// Forgets a handler that was to run once, and now does.
    pub(crate) fn used(&mut self, event: &str, handler: &EventHandler) {
        let is_it = |found: &EventHandler| Arc::ptr_eq(&found.run, &handler.run);
        if handler.once && self.events.get(event).is_some_and(is_it) {
            self.events.remove(event);
        }
    }
}

/// Makes a middleware of an async fn.
pub(crate) fn event_middleware<F, Fut, E>(middleware: F) -> EventMiddleware
where
    F: Fn(Socket, Args) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display,
{
    Arc::new(move |socket, args| {
        let run = middleware(socket, args);
        Box::pin(async move { run.await.map_err(|error| error.to_string()) })
    })
}
