//! Which handler runs for which event: tables of a namespace and of a socket.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

use super::{Event, Handler, Namespace, Socket};
use crate::proto::Args;

pub(crate) type Erased<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

/// Looks at events that come or leave.
pub(crate) type Listener = Arc<dyn Fn(&Socket, &Args) + Send + Sync>;

/// Lets an event of a socket through, or says why not.
pub(crate) type EventMiddleware =
    Arc<dyn Fn(Socket, Args) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The handlers of events of a namespace or of a socket, behind their lock.
#[derive(Default)]
pub(crate) struct Events {
    handlers: RwLock<EventHandlers>,
}

impl Events {
    pub(crate) fn set(&self, event: String, handler: EventHandler) {
        self.change(|handlers| handlers.events.insert(event, handler));
    }

    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut EventHandlers) -> R) {
        let mut handlers = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        // What a handler drops may be foreign code: not under the lock.
        let dropped = change(&mut handlers);
        drop(handlers);
        drop(dropped);
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&EventHandlers) -> R) -> R {
        read(&self.handlers.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a table holds.
#[derive(Default)]
pub(crate) struct EventHandlers {
    pub(crate) events: Table,
    /// For events that have none of their own.
    pub(crate) any: Option<EventHandler>,
    pub(crate) middlewares: Vec<EventMiddleware>,
    pub(crate) incoming: Vec<Listener>,
    pub(crate) outgoing: Vec<Listener>,
}

/// Handlers by the names of their events, in order of the names' lengths and then of the names: few
/// are found sooner than one is hashed, and most are told apart without being read.
#[derive(Default)]
pub(crate) struct Table {
    sorted: Vec<(Box<str>, EventHandler)>,
}

impl Table {
    fn insert(&mut self, event: String, handler: EventHandler) -> Option<EventHandler> {
        match self.place(event.as_bytes()) {
            Ok(at) => Some(std::mem::replace(&mut self.sorted[at].1, handler)),
            Err(at) => {
                self.sorted.insert(at, (event.into(), handler));
                None
            }
        }
    }

    fn remove(&mut self, event: &str) -> Option<EventHandler> {
        let at = self.place(event.as_bytes()).ok()?;
        Some(self.sorted.remove(at).1)
    }

    fn get(&self, event: &[u8]) -> Option<&EventHandler> {
        self.place(event).ok().map(|at| &self.sorted[at].1)
    }

    fn place(&self, event: &[u8]) -> Result<usize, usize> {
        self.sorted.binary_search_by(|(name, _)| {
            name.len().cmp(&event.len()).then_with(|| name.as_bytes().cmp(event))
        })
    }
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

/// What a table, or several, hold for one event.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) handler: Option<EventHandler>,
    /// The handler is that of any event.
    is_any: bool,
    /// There is more to do than to run the handler.
    pub(crate) is_watched: bool,
}

impl Found {
    /// With what is found in a table that is asked later: its own handler of the event goes before
    /// this one's of any event.
    pub(crate) fn or(self, later: Self) -> Self {
        let is_watched = self.is_watched || later.is_watched;
        let is_own = self.handler.is_some() && !self.is_any;
        let is_first =
            is_own || later.handler.is_none() || (later.is_any && self.handler.is_some());
        Self { is_watched, ..if is_first { self } else { later } }
    }
}

impl EventHandlers {
    pub(crate) fn find(&self, event: &[u8]) -> Found {
        let named = self.events.get(event);
        Found {
            is_any: named.is_none(),
            handler: named.or(self.any.as_ref()).cloned(),
            is_watched: !self.incoming.is_empty() || !self.middlewares.is_empty(),
        }
    }

    /// Forgets a handler that was to run once, and now does.
    pub(crate) fn used(&mut self, event: &str, handler: &EventHandler) -> Option<EventHandler> {
        let is_it = |found: &EventHandler| Arc::ptr_eq(&found.run, &handler.run);
        let is_used = handler.once && self.events.get(event.as_bytes()).is_some_and(is_it);
        is_used.then(|| self.events.remove(event)).flatten()
    }
}

/// The methods by which a namespace and a socket are given handlers of events.
macro_rules! event_methods {
    ($of:ident) => {
        impl $of {
            /// Sets the handler of an event; the one before is replaced. A socket's own goes before
            /// that of its namespace.
            pub fn on<P, H: Handler<P>>(&self, event: impl Into<String>, handler: H) -> &Self {
                self.events().set(event.into(), EventHandler::new(handler));
                self
            }

            /// As [`on`](Self::on); up to `limit` events of one socket are handled at once, beside
            /// the events behind them. When so many are, the next waits, and those behind it.
            pub fn on_concurrent<P, H: Handler<P>>(
                &self,
                event: impl Into<String>,
                limit: usize,
                handler: H,
            ) -> &Self {
                self.events().set(event.into(), EventHandler::concurrent(handler, limit));
                self
            }

            /// Sets the handler of events that have none of their own, neither with their socket
            /// nor with its namespace. A socket's goes before that of its namespace.
            pub fn on_any<P, H: Handler<P>>(&self, handler: H) -> &Self {
                self.events().change(|handlers| handlers.any.replace(EventHandler::new(handler)));
                self
            }

            /// Takes away the handler of an event that was set here; a namespace's then serves its
            /// sockets again.
            pub fn off(&self, event: &str) -> &Self {
                self.events().change(|handlers| handlers.events.remove(event));
                self
            }

            /// Looks at every event that comes, before middlewares and handlers: the reference's
            /// `onAny`.
            pub fn on_incoming(
                &self,
                listener: impl Fn(&Socket, &Args) + Send + Sync + 'static,
            ) -> &Self {
                self.events().change(|handlers| handlers.incoming.push(Arc::new(listener)));
                self
            }

            /// Looks at every event that is sent, broadcasts included, once for each socket: the
            /// reference's `onAnyOutgoing`. Events are read for it; without listeners they are not.
            pub fn on_outgoing(
                &self,
                listener: impl Fn(&Socket, &Args) + Send + Sync + 'static,
            ) -> &Self {
                self.events().change(|handlers| handlers.outgoing.push(Arc::new(listener)));
                self
            }
        }
    };
}

event_methods!(Namespace);
event_methods!(Socket);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_handler_until_it_is_taken_away() {
        let mut table = Table::default();
        let names = ["b", "a", "message", "", "massage", "ab", "é"];
        let handlers: Vec<_> = names.iter().map(|_| EventHandler::new(|| async {})).collect();
        let is = |found: Option<&EventHandler>, handler: &EventHandler| {
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
