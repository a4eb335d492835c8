//! The table of handlers: which one runs for which event. A namespace has one, and a socket may
//! have its own.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

use super::{EventSocket, Handler, IncomingEvent};
use crate::proto::Args;

pub(crate) type Erased<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

/// Looks at incoming or outgoing events.
pub(crate) type Listener<S> = Arc<dyn Fn(&S, &Args) + Send + Sync>;

/// Passes an event of a socket, or returns why not.
pub(crate) type EventMiddleware<S> =
    Arc<dyn Fn(S, Args) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The handlers of a namespace or of a socket, under a lock.
pub(crate) struct HandlerTable<S: EventSocket> {
    handlers: RwLock<Handlers<S>>,
    /// Whether there are listeners of outgoing events. Read without the lock for each event sent.
    pub(crate) has_outgoing: AtomicBool,
}

impl<S: EventSocket> Default for HandlerTable<S> {
    fn default() -> Self {
        Self { handlers: RwLock::default(), has_outgoing: AtomicBool::new(false) }
    }
}

impl<S: EventSocket> HandlerTable<S> {
    pub(crate) fn set(&self, event: String, handler: EventHandler<S>) {
        self.change(|handlers| handlers.events.insert(event, handler));
    }

    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Handlers<S>) -> R) {
        let mut handlers = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        // Dropping a handler may run foreign code, so not under the lock.
        let dropped = change(&mut handlers);
        self.has_outgoing.store(!handlers.outgoing.is_empty(), Ordering::Release);
        drop(handlers);
        drop(dropped);
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&Handlers<S>) -> R) -> R {
        read(&self.handlers.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The contents of a table.
pub(crate) struct Handlers<S: EventSocket> {
    pub(crate) events: Table<S>,
    /// For events without a handler of their own.
    pub(crate) any: Option<EventHandler<S>>,
    pub(crate) middlewares: Vec<EventMiddleware<S>>,
    pub(crate) incoming: Vec<Listener<S>>,
    pub(crate) outgoing: Vec<Listener<S>>,
}

impl<S: EventSocket> Default for Handlers<S> {
    fn default() -> Self {
        let events = Table { sorted: Vec::new() };
        let (middlewares, incoming, outgoing) = (Vec::new(), Vec::new(), Vec::new());
        Self { events, any: None, middlewares, incoming, outgoing }
    }
}

/// Handlers by event name, sorted by the length of the name and then by the name. With few
/// handlers, searching is faster than hashing, and most names differ in length, so that they need
/// not be compared.
pub(crate) struct Table<S: EventSocket> {
    sorted: Vec<(Box<str>, EventHandler<S>)>,
}

impl<S: EventSocket> Table<S> {
    fn insert(&mut self, event: String, handler: EventHandler<S>) -> Option<EventHandler<S>> {
        match self.place(event.as_bytes()) {
            Ok(at) => Some(std::mem::replace(&mut self.sorted[at].1, handler)),
            Err(at) => {
                self.sorted.insert(at, (event.into(), handler));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, event: &str) -> Option<EventHandler<S>> {
        let at = self.place(event.as_bytes()).ok()?;
        Some(self.sorted.remove(at).1)
    }

    fn get(&self, event: &[u8]) -> Option<&EventHandler<S>> {
        self.place(event).ok().map(|at| &self.sorted[at].1)
    }

    fn place(&self, event: &[u8]) -> Result<usize, usize> {
        self.sorted.binary_search_by(|(name, _)| {
            name.len().cmp(&event.len()).then_with(|| name.as_bytes().cmp(event))
        })
    }
}

#[derive(Clone)]
pub(crate) struct EventHandler<S: EventSocket> {
    pub(crate) run: Erased<IncomingEvent<S>>,
    /// How many may run at once for one socket. `None`: one after the other, in order. The address
    /// of the limit identifies the handler.
    pub(crate) concurrent: Option<Arc<usize>>,
    once: bool,
}

impl<S: EventSocket> EventHandler<S> {
    pub(crate) fn new<P, H: Handler<P, S>>(handler: H) -> Self {
        let run: Erased<IncomingEvent<S>> = Arc::new(move |event| handler.call(event));
        Self { run, concurrent: None, once: false }
    }

    pub(crate) fn concurrent<P, H: Handler<P, S>>(handler: H, limit: usize) -> Self {
        Self { concurrent: Some(Arc::new(limit.max(1))), ..Self::new(handler) }
    }

    pub(crate) fn once<P, H: Handler<P, S>>(handler: H) -> Self {
        Self { once: true, ..Self::new(handler) }
    }

    /// Whether the handler stays in the table after it ran.
    pub(crate) fn is_plain(&self) -> bool {
        !self.once
    }
}

/// The handler found for one event, in one table or in several.
pub(crate) struct FoundHandler<S: EventSocket> {
    pub(crate) handler: Option<EventHandler<S>>,
    /// The handler is one for any event, not for this name.
    is_any: bool,
    /// There are listeners or middlewares to run before the handler.
    pub(crate) is_watched: bool,
}

impl<S: EventSocket> FoundHandler<S> {
    /// Combines this with a table of lower precedence. Its handler for the event's name still goes
    /// before this table's handler for any event.
    pub(crate) fn or(self, later: Self) -> Self {
        let is_watched = self.is_watched || later.is_watched;
        let is_own = self.handler.is_some() && !self.is_any;
        let is_first =
            is_own || later.handler.is_none() || (later.is_any && self.handler.is_some());
        Self { is_watched, ..if is_first { self } else { later } }
    }
}

impl<S: EventSocket> Handlers<S> {
    pub(crate) fn find(&self, event: &[u8]) -> FoundHandler<S> {
        let named = self.events.get(event);
        FoundHandler {
            is_any: named.is_none(),
            handler: named.or(self.any.as_ref()).cloned(),
            is_watched: !self.incoming.is_empty() || !self.middlewares.is_empty(),
        }
    }

    /// Removes a handler of `once` that is about to run.
    pub(crate) fn used(
        &mut self,
        event: &str,
        handler: &EventHandler<S>,
    ) -> Option<EventHandler<S>> {
        let is_it = |found: &EventHandler<S>| Arc::ptr_eq(&found.run, &handler.run);
        let is_used = handler.once && self.events.get(event.as_bytes()).is_some_and(is_it);
        is_used.then(|| self.events.remove(event)).flatten()
    }
}

/// Turns an async function into a middleware.
pub(crate) fn event_middleware<S, F, Fut, E>(middleware: F) -> EventMiddleware<S>
where
    F: Fn(S, Args) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display,
{
    Arc::new(move |socket, args| {
        let run = middleware(socket, args);
        Box::pin(async move { run.await.map_err(|error| error.to_string()) })
    })
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::convert::Infallible;

    use engineio::proto::Sid;
    use serde::Serialize;

    use super::*;
    use crate::handler::HandlerError;

    /// Handlers run for any socket, so for this one that is connected to nothing.
    #[derive(Clone, Debug)]
    struct Nobody;

    impl EventSocket for Nobody {
        type Error = Infallible;

        fn id(&self) -> Sid {
            "aaaaaaaaaaaaaaaaaaaa".parse().unwrap()
        }

        fn send_ack<T: Serialize + ?Sized>(&self, _: u64, _: &T) -> Result<(), Infallible> {
            Ok(())
        }

        fn send_ack_args(&self, _: u64, _: &Args) -> Result<(), Infallible> {
            Ok(())
        }

        fn acks_refusals(&self) -> bool {
            false
        }

        fn report(&self, _: &HandlerError) {}

        fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
            None
        }
    }

    #[test]
    fn each_name_has_its_handler_until_it_is_taken_away() {
        let mut table = Table { sorted: Vec::new() };
        let names = ["b", "a", "message", "", "massage", "ab", "é"];
        let handlers: Vec<_> = names.iter().map(|_| EventHandler::new(|| async {})).collect();
        let is = |found: Option<&EventHandler<Nobody>>, handler: &EventHandler<Nobody>| {
            found.is_some_and(|found| Arc::ptr_eq(&found.run, &handler.run))
        };
        for (name, handler) in names.iter().zip(&handlers) {
            assert!(table.insert((*name).to_owned(), handler.clone()).is_none());
        }
        for (name, handler) in names.iter().zip(&handlers) {
            assert!(is(table.get(name.as_bytes()), handler), "{name}");
        }
        assert!(table.get(b"c").is_none() && table.get(b"messages").is_none());
        assert!(is(table.insert("a".into(), handlers[0].clone()).as_ref(), &handlers[1]));
        assert!(is(table.remove("a").as_ref(), &handlers[0]));
        assert!(table.get(b"a").is_none() && table.remove("a").is_none());
        assert!(is(table.get(b"b"), &handlers[0]));
    }
}
