//! Namespaces: their handlers and middlewares, and how they are found or created by name.
//!
//! What lives here: [`Namespace`], the handle that applications set handlers on; `registry`, all
//! namespaces of a server and the leases of the sockets in them; `pattern`, the names of dynamic
//! ones. CONNECTs come in from `session`, which asks for a lease; events come in to find their
//! handlers. Broadcasts go out by the adapter. A namespace never reaches several sockets by itself,
//! and no hook of the application runs or is dropped under a lock.

pub(crate) mod pattern;
pub(crate) mod registry;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::handler::{Erased, FoundHandler, HandlerTable, Handlers, Listener};
use crate::proto::{self, Args};
use crate::server::adapter::{Adapter, MemoryAdapter};
use crate::server::context::Context;
use crate::server::local::BroadcastOptions;
use crate::server::{ConnectError, DisconnectReason, LocalSockets, RoomEvent, Socket};

/// A channel of its own in each connection, with its own handlers and sockets. Clones are handles
/// to the same namespace.
///
/// A handler that is set while clients are connected handles their next events.
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<Inner>,
}

struct Inner {
    name: proto::NamespaceName,
    context: Arc<Context>,
    local: LocalSockets,
    adapter: Arc<dyn Adapter>,
    /// The adapter of broadcasts that stay on this node.
    memory: Arc<MemoryAdapter>,
    hooks: RwLock<Lifecycle>,
    events: HandlerTable<Socket>,
    /// The template of [`Server::of_pattern`](crate::server::Server::of_pattern) that this
    /// namespace was created from: its handlers serve here too.
    template: Option<Namespace>,
    params: Vec<(String, String)>,
    closed: AtomicBool,
}

/// What runs when sockets connect and disconnect.
#[derive(Default)]
struct Lifecycle {
    middlewares: Vec<Middleware>,
    connect: Option<Erased<Socket>>,
    disconnecting: Option<OnLeave>,
    disconnect: Option<OnLeave>,
}

pub(crate) type OnLeave = Erased<(Socket, DisconnectReason)>;

pub(crate) type Middleware =
    Arc<dyn Fn(Socket) -> BoxFuture<'static, Result<(), ConnectError>> + Send + Sync>;

impl Namespace {
    pub(crate) fn new(
        name: proto::NamespaceName,
        context: Arc<Context>,
        local: LocalSockets,
        adapter: Arc<dyn Adapter>,
        template: Option<Self>,
        params: Vec<(String, String)>,
    ) -> Self {
        let memory = Arc::new(MemoryAdapter::new(local.clone()));
        Self {
            inner: Arc::new(Inner {
                name,
                context,
                local,
                adapter,
                memory,
                hooks: RwLock::default(),
                events: HandlerTable::default(),
                template,
                params,
                closed: AtomicBool::new(false),
            }),
        }
    }

    /// The name.
    pub fn name(&self) -> &proto::NamespaceName {
        &self.inner.name
    }

    /// The value of a parameter of the pattern, in the name of a dynamic namespace.
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.inner.params.iter();
        params.find(|(param, _)| param == name).map(|(_, value)| &value[..])
    }

    /// Adds a middleware, the reference's `use`. Middlewares run before the client is let in, in
    /// the order they were added; the first error refuses the client. Values, handlers and rooms
    /// that a middleware gives the socket are there when the client is let in.
    pub fn with<F, Fut>(&self, middleware: F) -> &Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        let middleware: Middleware = Arc::new(move |socket| Box::pin(middleware(socket)));
        self.change(|hooks| hooks.middlewares.push(middleware))
    }

    /// Sets the handler that runs when a client was let in. The client's events wait until it is
    /// done.
    pub fn on_connect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: Erased<Socket> = Arc::new(move |socket| Box::pin(handler(socket)));
        self.change(|hooks| hooks.connect.replace(handler))
    }

    /// Sets the handler that runs when a socket disconnected, after the handlers of all earlier
    /// events, while [`Socket::rooms`] still returns its last rooms.
    pub fn on_disconnecting<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: OnLeave = Arc::new(move |(socket, reason)| Box::pin(handler(socket, reason)));
        self.change(|hooks| hooks.disconnecting.replace(handler))
    }

    /// Sets the handler that runs when a socket disconnected, after the handlers of all earlier
    /// events and after [`Namespace::on_disconnecting`]. [`Socket::rooms`] is empty then.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler: OnLeave = Arc::new(move |(socket, reason)| Box::pin(handler(socket, reason)));
        self.change(|hooks| hooks.disconnect.replace(handler))
    }

    /// Adds a listener that is called when a room of this node is created, joined, left or deleted.
    /// It is not called for the rooms of sockets' own ids.
    pub fn on_room(&self, listener: impl Fn(&RoomEvent) + Send + Sync + 'static) -> &Self {
        self.inner.local.on_room(Arc::new(listener));
        self
    }

    /// Sets the handler of an event that another node's server sends by
    /// [`Namespace::server_side_emit`]. Its result is the answer, if one was asked for.
    pub fn on_server_side_emit<F, Fut, T>(&self, event: impl Into<String>, handler: F) -> &Self
    where
        F: Fn(Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Serialize,
    {
        self.inner.local.server_side().on(event.into(), handler);
        self
    }

    /// The sockets that are connected to this node now.
    pub fn sockets(&self) -> Vec<Socket> {
        self.inner.local.select(&BroadcastOptions::default())
    }

    /// The sockets of this node as an adapter sees them. Most applications do not need this.
    pub fn local_sockets(&self) -> &LocalSockets {
        &self.inner.local
    }

    pub(crate) fn adapter(&self, local: bool) -> Arc<dyn Adapter> {
        if local { self.inner.memory.clone() } else { Arc::clone(&self.inner.adapter) }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.inner.context
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        self.inner.template.is_some()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Lets no more sockets in.
    pub(crate) fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Acquire)
    }

    /// The middlewares, the template's first.
    pub(crate) fn middlewares(&self) -> Vec<Middleware> {
        let mut middlewares =
            self.inner.template.as_ref().map(Self::middlewares).unwrap_or_default();
        middlewares.extend(self.inner.hooks().middlewares.iter().cloned());
        middlewares
    }

    pub(crate) fn has_middlewares(&self) -> bool {
        self.first(|inner| (!inner.hooks().middlewares.is_empty()).then_some(())).is_some()
    }

    pub(crate) fn connect(&self, socket: &Socket) -> Option<BoxFuture<'static, ()>> {
        let handler = self.first(|inner| inner.hooks().connect.clone())?;
        let socket = socket.clone();
        // The call runs inside the future too, so that a panic in it is caught where the future's
        // panics are.
        Some(Box::pin(async move { handler(socket).await }))
    }

    /// The handlers to run, in this order, for a socket that disconnected.
    pub(crate) fn disconnect(&self) -> [Option<OnLeave>; 2] {
        let [disconnecting, disconnect] = {
            let hooks = self.inner.hooks();
            [hooks.disconnecting.clone(), hooks.disconnect.clone()]
        };
        match &self.inner.template {
            None => [disconnecting, disconnect],
            Some(template) => {
                let [of_template, last_of_template] = template.disconnect();
                [disconnecting.or(of_template), disconnect.or(last_of_template)]
            }
        }
    }

    pub(crate) fn find(&self, event: &[u8]) -> FoundHandler<Socket> {
        let found = self.handlers().read(|handlers| handlers.find(event));
        match &self.inner.template {
            Some(template) => found.or(template.find(event)),
            None => found,
        }
    }

    /// Listeners, the template's first.
    pub(crate) fn listeners(
        &self,
        which: impl Fn(&Handlers<Socket>) -> &Vec<Listener<Socket>> + Copy,
    ) -> Vec<Listener<Socket>> {
        let template = self.inner.template.as_ref();
        let mut listeners = template.map(|t| t.listeners(which)).unwrap_or_default();
        self.handlers().read(|handlers| listeners.extend(which(handlers).iter().cloned()));
        listeners
    }

    /// Whether a listener of the namespace looks at outgoing events.
    pub(crate) fn has_outgoing(&self) -> bool {
        self.inner.template.as_ref().is_some_and(Self::has_outgoing)
            || self.inner.events.has_outgoing.load(Ordering::Acquire)
    }

    pub(crate) fn handlers(&self) -> &HandlerTable<Socket> {
        &self.inner.events
    }

    fn change<R>(&self, change: impl FnOnce(&mut Lifecycle) -> R) -> &Self {
        let mut hooks = self.inner.hooks.write().unwrap_or_else(PoisonError::into_inner);
        // Dropping a hook may run foreign code, so not under the lock.
        let dropped = change(&mut hooks);
        drop(hooks);
        drop(dropped);
        self
    }

    /// Reads from this namespace, or else from its template.
    fn first<R>(&self, read: impl Fn(&Inner) -> Option<R> + Copy) -> Option<R> {
        read(&self.inner).or_else(|| self.inner.template.as_ref()?.first(read))
    }
}

impl Inner {
    fn hooks(&self) -> RwLockReadGuard<'_, Lifecycle> {
        self.hooks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", self.name()).finish_non_exhaustive()
    }
}
