//! A socket: one client in one namespace.

mod acks;
mod emit;
mod handlers;
pub(crate) mod mailbox;
mod rooms;

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use engineio::proto::{Protocol, Sid};
use engineio::server::{Parts, Sender};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::SetOnce;

pub use self::emit::Emission;
use self::mailbox::{Command, Mailbox};
use self::rooms::Place;
use super::context::Context;
use super::handshake::{Handshake, SocketInfo};
use super::local::{StoredSession, Values, Waiter};
use super::{DisconnectReason, Namespace, Room};
use crate::handler::HandlerTable;
use crate::proto::{self, Acks, RawJson};

/// One client in one namespace. Clones are handles to the same socket, usable from any task.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

/// What a delivery looks at is first and together: of a broadcast to many, each socket is far from
/// the processor.
#[repr(C)]
struct Inner {
    namespace: Namespace,
    engine: Sender,
    gone: AtomicBool,
    /// Handlers of its own; made when there are some.
    events: OnceLock<Box<HandlerTable<Socket>>>,
    /// Its own, unless it recovers another's.
    fresh: Identity,
    recovered: OnceLock<Box<Identity>>,
    auth: Option<RawJson>,
    issued: SystemTime,
    /// Made when somebody asks.
    handshake: OnceLock<Box<Handshake>>,
    mailbox: Arc<Mailbox>,
    disconnected: SetOnce<DisconnectReason>,
    /// Made when the first is asked for.
    acks: Mutex<Option<Box<Acks<Waiter>>>>,
    /// What the application keeps here; made when it does.
    kept: Mutex<Option<Box<Kept>>>,
    place: Mutex<Place>,
}

/// Values by their types, and the data that other nodes see.
type Kept = (Values, Option<RawJson>);

struct Identity {
    id: Sid,
    pid: Option<String>,
}

/// What a socket is made of.
pub(crate) struct SocketParts {
    pub(crate) id: Sid,
    /// The private id by which its client may recover it.
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

    /// The socket's id. Another one than the session's below, but for clients of Socket.IO 2 in
    /// `/`: they know themselves by that one.
    pub fn id(&self) -> Sid {
        self.identity().id
    }

    /// Whether this client was lost, came back, and has missed nothing: its id, rooms, data and
    /// values are those it had.
    pub fn recovered(&self) -> bool {
        self.inner.recovered.get().is_some()
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.inner.namespace
    }

    pub(crate) fn namespace_name(&self) -> &proto::Namespace {
        self.inner.namespace.name()
    }

    /// The request of the handshake: URI, headers, and extensions that the host put there.
    pub fn request(&self) -> &Parts {
        self.inner.engine.request()
    }

    /// The first value of a key in the handshake's query, decoded.
    pub fn query(&self, key: &str) -> Option<Cow<'_, str>> {
        let query = self.request().uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// All that the client came with, as the reference's `socket.handshake`; the same that
    /// [`fetch_sockets`](super::Broadcast::fetch_sockets) tells other nodes.
    pub fn handshake(&self) -> &Handshake {
        let Inner { engine, auth, issued, handshake, .. } = &*self.inner;
        handshake.get_or_init(|| Handshake::new(engine.request(), auth.clone(), *issued).into())
    }

    /// The protocol that the client speaks.
    pub fn version(&self) -> proto::Version {
        match self.inner.engine.protocol() {
            Protocol::V3 => proto::Version::V4,
            Protocol::V4 => proto::Version::V5,
        }
    }

    /// What the client's CONNECT carried, if it carried something.
    pub fn auth(&self) -> Option<&RawJson> {
        self.inner.auth.as_ref()
    }

    /// What the client's CONNECT carried, as a `T`.
    ///
    /// # Errors
    /// The error of serde. A CONNECT without data reads as an empty object.
    pub fn auth_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self.auth() {
            Some(auth) => auth.parse(),
            None => serde_json::from_str("{}"),
        }
    }

    /// Keeps a value with the socket; one of each type. It is dropped when the socket is gone and
    /// [`on_disconnect`](crate::server::Namespace::on_disconnect) is done, unless the client may recover it.
    pub fn insert<T: Any + Send + Sync>(&self, value: T) {
        let before =
            self.kept().get_or_insert_default().0.insert(TypeId::of::<T>(), Arc::new(value));
        // Foreign code may run when it is dropped: not under the lock.
        drop(before);
    }

    /// The value of this type that was kept.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.kept().as_ref()?.0.get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }

    /// Keeps data that all nodes see: what
    /// [`fetch_sockets`](crate::server::Broadcast::fetch_sockets) tells of this socket.
    ///
    /// # Errors
    /// The error of serde when `data` does not become JSON.
    pub fn set_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), serde_json::Error> {
        let data = RawJson::from_value(data)?;
        self.kept().get_or_insert_default().1 = Some(data);
        Ok(())
    }

    /// What [`Socket::set_data`] put there.
    pub fn data(&self) -> Option<RawJson> {
        self.kept().as_ref()?.1.clone()
    }

    /// A value of the server, as [`Server::insert_state`](crate::server::Server::insert_state) put it.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.context().state()
    }

    /// What other nodes are told of this socket.
    pub(crate) fn info(&self) -> SocketInfo {
        SocketInfo::new(self.id(), self.handshake().clone(), self.rooms(), self.data())
    }

    /// Runs `task` beside the handlers, polled by the connection's own task, and drops it when the
    /// socket disconnects. On a socket that is gone it is dropped at once.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = Box::pin(self.clone().guarded("a task of a socket", task));
        self.inner.mailbox.send(Command::Spawn(self.clone(), task));
    }

    /// Disconnects this socket; the client's other namespaces stay.
    pub fn disconnect(&self) {
        if !self.inner.gone.swap(true, Ordering::AcqRel) {
            self.inner.mailbox.send(Command::Disconnect(self.clone(), DisconnectReason::Server));
        }
    }

    /// Disconnects the client from all its namespaces, and closes the connection when what waits
    /// is sent: the reference's `disconnect(true)`.
    pub fn close(&self) {
        self.inner.mailbox.send(Command::Close);
    }

    /// Whether events can still be sent.
    pub fn is_connected(&self) -> bool {
        !self.inner.gone.load(Ordering::Acquire)
    }

    /// Whether what is sent now leaves at once: nothing waits, and the client's GET or websocket
    /// takes it. A volatile event is sent only then. To wait for a client that reads, use
    /// [`Socket::ready`].
    pub fn is_writable(&self) -> bool {
        self.is_connected() && self.inner.engine.is_writable()
    }

    /// Waits until the socket is disconnected, and says why.
    ///
    /// # Cancel safety
    /// Holds nothing; may be dropped at any time.
    pub async fn disconnected(&self) -> DisconnectReason {
        self.inner.disconnected.wait().await.clone()
    }

    /// Events can no longer be sent from here on.
    pub(crate) fn stop(&self) {
        self.inner.gone.store(true, Ordering::Release);
    }

    /// It is gone; acks that are awaited will not come.
    pub(crate) fn end(&self, reason: &DisconnectReason) {
        self.stop();
        // Someone may have been told already, by another reason.
        let _ = self.inner.disconnected.set(reason.clone());
        let acks = self.acks().take();
        // In the order they were asked for, and not under the lock.
        acks.into_iter().for_each(|mut acks| acks.drain().for_each(drop));
    }

    /// Leaves by another reason than the application's wish; what the client is told of it was
    /// sent already.
    pub(crate) fn shut_down(&self) {
        if !self.inner.gone.swap(true, Ordering::AcqRel) {
            let reason = DisconnectReason::ShuttingDown;
            self.inner.mailbox.send(Command::Disconnect(self.clone(), reason));
        }
    }

    /// The client came back by another connection, which has its rooms now.
    pub(crate) fn taken_over(&self, rooms: Vec<Room>) {
        self.set_last_rooms(rooms);
        self.inner.gone.store(true, Ordering::Release);
        self.inner.mailbox.send(Command::TakenOver(self.clone()));
    }

    /// Takes the place of a socket that was lost. Nobody has seen this one yet.
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

    /// Forgets what the application put there.
    pub(crate) fn forget(&self) {
        self.clear_handlers();
        let kept = self.kept().take();
        drop(kept);
    }

    pub(crate) fn copy_values(&self) -> (Values, Option<RawJson>) {
        self.kept().as_deref().cloned().unwrap_or_default()
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
