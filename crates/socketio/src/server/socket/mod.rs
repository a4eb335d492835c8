//! A socket: one client in one namespace, and all that the application may do with it.
//!
//! What lives here: [`Socket`], shared by the application, its namespace and its session. `emit`
//! sends, `acks` awaits acks, `handlers` runs handlers, `rooms` joins and leaves, and the [`Mailbox`]
//! carries commands to the session's task. Packets go out by `outgoing` to the engine's outbox. What must never happen: foreign code (values, handlers, waiters) run or dropped under
//! one of the socket's locks, or a socket that keeps itself alive after it is gone.

mod acks;
mod emit;
mod handlers;
mod rooms;

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::SystemTime;

use engineio::proto::{Protocol, Sid};
use engineio::server::{Parts, Sender};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::SetOnce;

pub use self::emit::Emission;
use self::rooms::Place;
use super::context::Context;
use super::handshake::{Handshake, SocketInfo};
use super::local::{StoredSession, Values, Waiter};
use super::{DisconnectReason, Namespace, Room};
use crate::handler::{FoundHandler, HandlerError, HandlerTable};
use crate::proto::{self, Acks, RawJson};

/// One client in one namespace. Clones are handles to the same socket and can be used from any
/// task.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

/// The fields that a delivery reads stand first and together: in a broadcast to many sockets, each
/// of them is a cache miss.
#[repr(C)]
struct Inner {
    namespace: Namespace,
    engine: Sender,
    gone: AtomicBool,
    /// Handlers of its own. Allocated when the first is set.
    events: OnceLock<Box<HandlerTable<Socket>>>,
    /// Its id, unless it recovers a session.
    fresh: Identity,
    recovered: OnceLock<Box<Identity>>,
    auth: Option<RawJson>,
    issued: SystemTime,
    /// Built when it is first asked for.
    handshake: OnceLock<Box<Handshake>>,
    mailbox: Arc<Mailbox>,
    disconnected: SetOnce<DisconnectReason>,
    /// Allocated when the first ack is awaited.
    acks: Mutex<Option<Box<Acks<Waiter>>>>,
    /// Values and data of the application. Allocated when the first is kept.
    kept: Mutex<Option<Box<Kept>>>,
    place: Mutex<Place>,
}

/// Values by their types, and the data that other nodes can see.
type Kept = (Values, Option<RawJson>);

struct Identity {
    id: Sid,
    pid: Option<String>,
}

/// Parts of a new socket.
pub(crate) struct SocketParts {
    pub(crate) id: Sid,
    /// The private id by which its client may recover the session.
    pub(crate) pid: Option<String>,
    pub(crate) namespace: Namespace,
    pub(crate) engine: Sender,
    pub(crate) auth: Option<RawJson>,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Socket {
    pub(crate) fn new(origin: SocketParts) -> Self {
        let SocketParts { id, pid, namespace, engine, auth, mailbox } = origin;
        Self {
            inner: Arc::new(Inner {
                fresh: Identity { id, pid },
                recovered: OnceLock::new(),
                namespace,
                engine,
                auth,
                issued: SystemTime::now(),
                handshake: OnceLock::new(),
                mailbox,
                gone: AtomicBool::new(false),
                disconnected: SetOnce::new(),
                acks: Mutex::default(),
                events: OnceLock::new(),
                kept: Mutex::default(),
                place: Mutex::new(Place::Before(Vec::new())),
            }),
        }
    }

    /// The socket's id. It differs from the engine session's id, except for clients of Socket.IO 2
    /// in `/`, which use the session's id.
    pub fn id(&self) -> Sid {
        self.identity().id
    }

    /// Whether this socket is a recovered session: its client was lost, came back and missed
    /// nothing. Its id, rooms, data and values are the ones it had.
    pub fn recovered(&self) -> bool {
        self.inner.recovered.get().is_some()
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.inner.namespace
    }

    pub(crate) fn namespace_name(&self) -> &proto::NamespaceName {
        self.inner.namespace.name()
    }

    /// The request of the handshake: URI, headers, and the extensions that the host added.
    pub fn request(&self) -> &Parts {
        self.inner.engine.request()
    }

    /// The first value of a key in the handshake's query, decoded.
    pub fn query(&self, key: &str) -> Option<Cow<'_, str>> {
        let query = self.request().uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// The handshake, as the reference's `socket.handshake`. Other nodes see the same by
    /// [`fetch_sockets`](super::Broadcast::fetch_sockets).
    pub fn handshake(&self) -> &Handshake {
        let Inner { engine, auth, issued, handshake, .. } = &*self.inner;
        handshake.get_or_init(|| Handshake::new(engine.request(), auth.clone(), *issued).into())
    }

    /// The protocol version that the client speaks.
    pub fn version(&self) -> proto::Version {
        match self.inner.engine.protocol() {
            Protocol::V3 => proto::Version::V4,
            Protocol::V4 => proto::Version::V5,
        }
    }

    /// The data of the client's CONNECT, if it had some.
    pub fn auth(&self) -> Option<&RawJson> {
        self.inner.auth.as_ref()
    }

    /// The data of the client's CONNECT, as a `T`.
    ///
    /// # Errors
    /// The error of serde. A CONNECT without data is read as an empty object.
    pub fn auth_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self.auth() {
            Some(auth) => auth.parse(),
            None => serde_json::from_str("{}"),
        }
    }

    /// Keeps a value with the socket, one of each type. It is dropped when the socket is gone and
    /// [`on_disconnect`](crate::server::Namespace::on_disconnect) is done, unless the client may
    /// recover the session.
    pub fn insert<T: Any + Send + Sync>(&self, value: T) {
        let before =
            self.kept().get_or_insert_default().0.insert(TypeId::of::<T>(), Arc::new(value));
        // Dropping it may run foreign code, so not under the lock.
        drop(before);
    }

    /// The value of this type that [`Socket::insert`] kept.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.kept().as_ref()?.0.get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }

    /// Keeps data that all nodes can see, by
    /// [`fetch_sockets`](crate::server::Broadcast::fetch_sockets).
    ///
    /// # Errors
    /// The error of serde when `data` cannot be written as JSON.
    pub fn set_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), serde_json::Error> {
        let data = RawJson::from_value(data)?;
        self.kept().get_or_insert_default().1 = Some(data);
        Ok(())
    }

    /// The data set by [`Socket::set_data`].
    pub fn data(&self) -> Option<RawJson> {
        self.kept().as_ref()?.1.clone()
    }

    /// The value of this type that [`Server::insert_state`](crate::server::Server::insert_state)
    /// kept.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.context().state()
    }

    /// The socket as other nodes see it.
    pub(crate) fn info(&self) -> SocketInfo {
        SocketInfo::new(self.id(), self.handshake().clone(), self.rooms(), self.data())
    }

    /// Runs `task` concurrently with the handlers, polled by the connection's own task. It is
    /// dropped when the socket disconnects; on a disconnected socket, at once.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = Box::pin(self.clone().guarded("a task of a socket", task));
        self.inner.mailbox.send(Command::Spawn(self.clone(), task));
    }

    /// Disconnects this socket. The client's sockets in other namespaces stay connected.
    pub fn disconnect(&self) {
        if !self.inner.gone.swap(true, Ordering::AcqRel) {
            self.inner.mailbox.send(Command::Disconnect(self.clone(), DisconnectReason::Server));
        }
    }

    /// Disconnects the client from all its namespaces, and closes the connection once its outbox is
    /// empty: the reference's `disconnect(true)`.
    pub fn close(&self) {
        self.inner.mailbox.send(Command::Close);
    }

    /// Whether events can still be sent.
    pub fn is_connected(&self) -> bool {
        !self.inner.gone.load(Ordering::Acquire)
    }

    /// Whether an event would leave at once: nothing waits, and the client's GET or websocket takes
    /// more. A volatile event is sent only then. To wait for room in the outbox, use
    /// [`Socket::ready`].
    pub fn is_writable(&self) -> bool {
        self.is_connected() && self.inner.engine.is_writable()
    }

    /// Waits until the socket is disconnected, and returns the reason.
    ///
    /// # Cancel safety
    /// The future holds nothing and may be dropped at any time.
    pub async fn disconnected(&self) -> DisconnectReason {
        self.inner.disconnected.wait().await.clone()
    }

    /// Stops sending: no event is accepted from here on.
    pub(crate) fn stop(&self) {
        self.inner.gone.store(true, Ordering::Release);
    }

    /// Ends the socket: acks that are still awaited will not come.
    pub(crate) fn end(&self, reason: &DisconnectReason) {
        self.stop();
        // The first reason stays.
        let _ = self.inner.disconnected.set(reason.clone());
        let acks = self.acks().take();
        // In the order of their ids, and not under the lock: a waiter may run foreign code.
        acks.into_iter().for_each(|mut acks| acks.drain().for_each(drop));
    }

    /// Disconnects the socket because the server shuts down. The packet for the client was sent
    /// before.
    pub(crate) fn shut_down(&self) {
        if !self.inner.gone.swap(true, Ordering::AcqRel) {
            let reason = DisconnectReason::ShuttingDown;
            self.inner.mailbox.send(Command::Disconnect(self.clone(), reason));
        }
    }

    /// The client came back on another connection, which has the rooms now.
    pub(crate) fn taken_over(&self, rooms: Vec<Room>) {
        self.set_last_rooms(rooms);
        self.inner.gone.store(true, Ordering::Release);
        self.inner.mailbox.send(Command::TakenOver(self.clone()));
    }

    /// Takes over the session of a lost socket. Only before the application has seen this socket.
    pub(crate) fn recover(&self, session: &StoredSession) {
        let identity = Identity { id: session.sid, pid: Some(session.pid.clone()) };
        if self.inner.recovered.set(Box::new(identity)).is_ok() {
            *self.kept() = Some(Box::new((session.values(), session.data.clone())));
        }
    }

    pub(crate) fn pid(&self) -> Option<&str> {
        self.identity().pid.as_deref()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn engine(&self) -> &Sender {
        &self.inner.engine
    }

    pub(crate) fn context(&self) -> &Context {
        self.inner.namespace.context()
    }

    /// Drops the application's handlers, values and data.
    pub(crate) fn forget(&self) {
        self.clear_handlers();
        let kept = self.kept().take();
        drop(kept);
    }

    pub(crate) fn copy_values(&self) -> (Values, Option<RawJson>) {
        self.kept().as_deref().cloned().unwrap_or_default()
    }

    /// Finds the handler of an event: one set for its name, by the socket or else the namespace; or
    /// else one for any event.
    pub(crate) fn find(&self, event: &[u8]) -> FoundHandler<Self> {
        let shared = self.namespace().find(event);
        match self.own_handlers() {
            Some(events) => events.read(|handlers| handlers.find(event)).or(shared),
            None => shared,
        }
    }

    pub(crate) fn report_panic(&self, what: &'static str) {
        self.context().hooks.report(self, &HandlerError::Panicked { what });
    }

    /// Runs foreign code of this socket to its end. A panic is reported.
    pub(crate) async fn guarded(self, what: &'static str, run: impl Future<Output = ()>) {
        if AssertUnwindSafe(run).catch_unwind().await.is_err() {
            self.report_panic(what);
        }
    }

    /// Whether any listener looks at what this socket is sent.
    pub(crate) fn has_outgoing(&self) -> bool {
        self.has_own_outgoing() || self.namespace().has_outgoing()
    }

    /// Whether this socket has such listeners of its own.
    pub(crate) fn has_own_outgoing(&self) -> bool {
        let own = self.own_handlers();
        own.is_some_and(|events| events.has_outgoing.load(Ordering::Acquire))
    }

    pub(crate) fn handlers(&self) -> &HandlerTable<Self> {
        self.inner.events.get_or_init(Box::default)
    }

    fn own_handlers(&self) -> Option<&HandlerTable<Self>> {
        self.inner.events.get().map(|events| &**events)
    }

    fn identity(&self) -> &Identity {
        self.inner.recovered.get().map_or(&self.inner.fresh, |identity| identity)
    }

    fn acks(&self) -> MutexGuard<'_, Option<Box<Acks<Waiter>>>> {
        self.inner.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Box<Kept>>> {
        self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", self.namespace_name())
            .finish_non_exhaustive()
    }
}

/// What other tasks ask of the task of a connection.
pub(crate) enum Command {
    /// Runs a task concurrently with the handlers.
    Spawn(Socket, BoxFuture<'static, ()>),
    /// Disconnects a socket.
    Disconnect(Socket, DisconnectReason),
    /// Disconnects all sockets and closes the connection.
    Close,
    /// A socket's client came back on another connection: this one is lost.
    TakenOver(Socket),
}

/// Commands of other tasks to the task of a connection.
pub(crate) struct Mailbox {
    state: Mutex<MailboxState>,
    /// Set while there are commands. The connection reads it each time it is polled, without the
    /// lock.
    asked: AtomicBool,
}

struct MailboxState {
    /// `None` when the connection is over.
    commands: Option<Vec<Command>>,
    /// The connection's task.
    waker: Option<Waker>,
}

impl Default for Mailbox {
    fn default() -> Self {
        let state = MailboxState { commands: Some(Vec::new()), waker: None };
        Self { state: Mutex::new(state), asked: AtomicBool::new(false) }
    }
}

impl Mailbox {
    /// Sends a command. If the connection is over, the command is dropped.
    pub(crate) fn send(&self, command: Command) {
        let waker = {
            let mut state = self.lock();
            let Some(commands) = &mut state.commands else {
                // Dropping it may run foreign code, so not under the lock.
                drop(state);
                return drop(command);
            };
            commands.push(command);
            self.asked.store(true, Ordering::Release);
            state.waker.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn has_some(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Vec<Command> {
        let mut state = self.lock();
        self.asked.store(false, Ordering::Release);
        state.commands.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Sets the waker of the connection's task.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let before = self.lock().waker.replace(waker);
        drop(before);
    }

    /// Drops all commands and takes no more. A command holds its socket, and the socket holds the
    /// mailbox: a command left here would leak both.
    pub(crate) fn close(&self) {
        let (left, waker) = {
            let mut state = self.lock();
            (state.commands.take(), state.waker.take())
        };
        drop((left, waker));
    }

    fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_mailbox_keeps_nothing() {
        let mailbox = Mailbox::default();
        mailbox.send(Command::Close);
        assert_eq!(mailbox.take().len(), 1);
        mailbox.send(Command::Close);
        mailbox.close();
        mailbox.send(Command::Close);
        assert!(mailbox.take().is_empty());
    }
}
