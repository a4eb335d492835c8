//! A namespace: its handlers and its sockets.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engineio::proto::Sid;
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{ConnectError, DisconnectReason, EmitError, Event, Handler, Reply, Socket};
use crate::proto::{self, Encoded, encode};

/// A channel of its own in each connection, with its own handlers. Clones are handles to the same
/// one.
///
/// A handler that is set while clients are connected serves their next events.
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<Inner>,
}

struct Inner {
    name: proto::Namespace,
    handlers: RwLock<Handlers>,
    sockets: Mutex<HashMap<Sid, Socket>>,
}

#[derive(Default)]
struct Handlers {
    middlewares: Vec<Middleware>,
    connect: Option<Erased<Socket>>,
    disconnect: Option<Erased<(Socket, DisconnectReason)>>,
    events: HashMap<String, Erased<Event>>,
    any: Option<Erased<Event>>,
}

pub(crate) type Middleware =
    Arc<dyn Fn(Socket) -> BoxFuture<'static, Result<(), ConnectError>> + Send + Sync>;
type Erased<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

impl Namespace {
    pub(crate) fn new(name: proto::Namespace) -> Self {
        let (handlers, sockets) = (RwLock::default(), Mutex::default());
        Self { inner: Arc::new(Inner { name, handlers, sockets }) }
    }

    /// The name.
    pub fn name(&self) -> &proto::Namespace {
        &self.inner.name
    }

    /// Adds a middleware: it runs before the client is let in, in the order they were added. The
    /// first error refuses the client.
    pub fn with<F, Fut>(&self, middleware: F) -> &Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        let middleware: Middleware = Arc::new(move |socket| Box::pin(middleware(socket)));
        self.change(|handlers| handlers.middlewares.push(middleware))
    }

    /// Sets what runs when a client is in. Its events wait until this is done.
    pub fn on_connect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: Erased<Socket> = Arc::new(move |socket| Box::pin(handler(socket)));
        self.change(|handlers| handlers.connect = Some(handler))
    }

    /// Sets what runs when a socket is gone, after all events that came before.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: Erased<(Socket, DisconnectReason)> =
            Arc::new(move |(socket, reason)| Box::pin(handler(socket, reason)));
        self.change(|handlers| handlers.disconnect = Some(handler))
    }

    /// Sets the handler of an event; the one before is replaced.
    pub fn on<P, H: Handler<P>>(&self, event: impl Into<String>, handler: H) -> &Self {
        let handler: Erased<Event> = Arc::new(move |event| handler.call(event));
        self.change(|handlers| handlers.events.insert(event.into(), handler))
    }

    /// Sets the handler of events that have none of their own.
    pub fn on_any<P, H: Handler<P>>(&self, handler: H) -> &Self {
        let handler: Erased<Event> = Arc::new(move |event| handler.call(event));
        self.change(|handlers| handlers.any = Some(handler))
    }

    /// Sends an event to every socket, encoded once. A client whose outbox is full is a slow
    /// consumer: its connection closes rather than lose one event in silence.
    ///
    /// # Errors
    /// [`EmitError::Encode`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let encoded = encode::event(self.name(), None, event, args)?;
        self.sockets().into_iter().for_each(|socket| send_or_close(&socket, &encoded));
        Ok(())
    }

    /// The sockets that are connected now.
    pub fn sockets(&self) -> Vec<Socket> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn insert(&self, socket: Socket) {
        self.lock().insert(socket.id(), socket);
    }

    pub(crate) fn remove(&self, socket: &Socket) {
        self.lock().remove(&socket.id());
    }

    pub(crate) fn middlewares(&self) -> Vec<Middleware> {
        self.read(|handlers| handlers.middlewares.clone())
    }

    pub(crate) fn connect(&self, socket: &Socket) -> Option<BoxFuture<'static, ()>> {
        let handler = self.read(|handlers| handlers.connect.clone())?;
        Some(handler(socket.clone()))
    }

    pub(crate) fn disconnect(
        &self,
        socket: &Socket,
        reason: DisconnectReason,
    ) -> Option<BoxFuture<'static, ()>> {
        let handler = self.read(|handlers| handlers.disconnect.clone())?;
        Some(handler((socket.clone(), reason)))
    }

    /// Runs the handler of an event. One that nobody handles is refused by its ack.
    pub(crate) fn event(&self, event: Event) -> BoxFuture<'static, ()> {
        let name = event.args.name();
        let handler = self
            .read(|handlers| handlers.events.get(name.as_ref()).or(handlers.any.as_ref()).cloned());
        match handler {
            Some(handler) => handler(event),
            None => {
                tracing::debug!(socket = %event.socket.id(), event = %name, "no handler");
                let why = format!("no handler for event {name:?}");
                Err::<(), _>(why).reply(event.ack);
                Box::pin(std::future::ready(()))
            }
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut Handlers) -> R) -> &Self {
        change(&mut self.inner.handlers.write().unwrap_or_else(PoisonError::into_inner));
        self
    }

    fn read<R>(&self, read: impl FnOnce(&Handlers) -> R) -> R {
        read(&self.inner.handlers.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Socket>> {
        self.inner.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send_or_close(socket: &Socket, encoded: &Encoded) {
    if let Err(EmitError::Full(full)) = socket.send(encoded) {
        tracing::warn!(socket = %socket.id(), %full, "slow consumer closed");
        socket.close();
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", self.name()).finish_non_exhaustive()
    }
}
