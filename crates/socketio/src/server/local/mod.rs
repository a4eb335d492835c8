//! The sockets of a namespace on this node, their rooms, and what lost clients may have missed.
//!
//! What lives here: [`LocalSockets`], which adapters act on. `index` knows which socket is in which
//! room, `send` delivers to them, `acks` collects their acks, `recovery` keeps events and lost
//! sessions, and `options` and `room` are the types that adapters and broadcasts share. Calls come
//! in from adapters and from `session`; packets go out by each socket. One lock guards index and
//! log: with recovery it is held while an event is sent, so that offsets reach every socket in
//! order. No listener of the application runs under it.

mod acks;
mod index;
mod options;
mod recovery;
pub(crate) mod room;
mod send;
mod server_side;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engineio::proto::Sid;
use futures_util::future::BoxFuture;

pub(crate) use self::acks::Waiter;
pub use self::acks::{BroadcastAck, BroadcastAcks, LocalAcks};
use self::index::{Index, Member};
pub use self::options::{BroadcastOptions, Flags, Recovery};
use self::recovery::RecoveryLog;
pub(crate) use self::recovery::Values;
pub use self::recovery::{RestoredSession, StoredSession};
pub use self::room::{Room, RoomEvent, Rooms, TooManyRooms};
use self::server_side::ServerSide;
use super::context::Context;
use super::handshake::SocketInfo;
use super::{EmitError, Socket};
use crate::proto::{self, Args, Encoded, RawJson};

/// The sockets of one namespace on this node, for its [`Adapter`](super::adapter::Adapter). Clones
/// are handles to the same sockets.
#[derive(Clone)]
pub struct LocalSockets {
    inner: Arc<Inner>,
}

struct Inner {
    name: proto::NamespaceName,
    context: Arc<Context>,
    /// The next ack id of this namespace. Counts from 0, as in the reference.
    acks: AtomicU64,
    state: Mutex<State>,
    on_room: RwLock<Vec<OnRoom>>,
    server_side: ServerSide,
}

struct State {
    index: Index,
    recovery: Option<RecoveryLog>,
}

pub(crate) type OnRoom = Arc<dyn Fn(&RoomEvent) + Send + Sync>;

impl LocalSockets {
    pub(crate) fn new(name: proto::NamespaceName, context: Arc<Context>) -> Self {
        let recovery = context.config.recovery.clone().map(RecoveryLog::new);
        let state = Mutex::new(State { index: Index::default(), recovery });
        Self {
            inner: Arc::new(Inner {
                name,
                context,
                acks: AtomicU64::new(0),
                state,
                on_room: RwLock::default(),
                server_side: ServerSide::default(),
            }),
        }
    }

    /// The namespace's name.
    pub fn name(&self) -> &proto::NamespaceName {
        &self.inner.name
    }

    /// [`Adapter::add`](super::adapter::Adapter::add), on this node.
    ///
    /// # Errors
    /// The same as that method's.
    pub fn add(&self, socket: Sid, rooms: &[Room]) -> Result<(), TooManyRooms> {
        let limits = self.inner.context.config.max_rooms;
        self.tell(|state, told| {
            let head = state.recovery.as_ref().map_or(0, RecoveryLog::head);
            state.index.join(socket, rooms, (head, limits), told)
        })
    }

    /// [`Adapter::del`](super::adapter::Adapter::del), on this node.
    pub fn del(&self, socket: Sid, room: &str) {
        let max = self.inner.context.config.max_rooms;
        self.tell(|state, told| {
            let keep = state.recovery.as_ref().map(|recovery| (recovery.head(), max));
            state.index.leave(socket, room, keep, told);
        });
    }

    /// The ids of the sockets of this node that `options` selects.
    pub fn ids(&self, options: &BroadcastOptions) -> Vec<Sid> {
        self.select(options).iter().map(Socket::id).collect()
    }

    /// What is known of the sockets of this node that `options` selects.
    pub fn fetch_sockets(&self, options: &BroadcastOptions) -> Vec<SocketInfo> {
        self.select(options).iter().map(Socket::info).collect()
    }

    /// The rooms of one socket; the room of its own id comes first.
    pub fn rooms_of(&self, socket: Sid) -> Vec<Room> {
        self.lock().index.get(socket).map(Member::all_rooms).unwrap_or_default()
    }

    /// All rooms that have a socket of this node, except the rooms of sockets' own ids.
    pub fn rooms(&self) -> Vec<Room> {
        self.lock().index.names()
    }

    /// Puts the sockets of this node that `options` selects into rooms. A socket that would be in
    /// too many keeps its rooms as they are, with a warning in the log.
    pub fn add_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) {
        for socket in self.select(options) {
            if let Err(error) = self.add(socket.id(), rooms) {
                tracing::warn!(socket = %socket.id(), %error, "socket not put into rooms");
            }
        }
    }

    /// Takes the sockets of this node that `options` selects out of rooms.
    pub fn del_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) {
        for socket in self.select(options) {
            rooms.iter().for_each(|room| self.del(socket.id(), room));
        }
    }

    /// Disconnects the sockets of this node that `options` selects. With `close`, closes their
    /// connections.
    pub fn disconnect_sockets(&self, options: &BroadcastOptions, close: bool) {
        for socket in self.select(options) {
            if close { socket.close() } else { socket.disconnect() }
        }
    }

    /// Runs the handler of an event from another node's server, and returns the answer to send
    /// back. `None` if no handler answers.
    pub fn server_side_event(&self, args: Args) -> BoxFuture<'static, Option<RawJson>> {
        self.inner.server_side.handle(args)
    }

    /// [`Adapter::persist_session`](super::adapter::Adapter::persist_session), in this node's
    /// memory.
    pub fn persist_session(&self, session: StoredSession) {
        if let Some(recovery) = &mut self.lock().recovery {
            recovery.persist(session);
        }
    }

    /// [`Adapter::restore_session`](super::adapter::Adapter::restore_session), from this node's
    /// memory. A socket that still counts as connected is taken over: its transport was lost, but
    /// this node does not know yet.
    pub fn restore_session(&self, pid: &str, offset: Option<&str>) -> Option<RestoredSession> {
        let (restored, old) = self.tell(|state, told| {
            let State { index, recovery: Some(recovery) } = state else { return (None, None) };
            let mut old = None;
            let session = recovery.take(pid).or_else(|| {
                let socket = index.get(*recovery.live.get(pid)?)?.socket.clone();
                let member = index.remove(&socket, told)?;
                recovery.live.remove(pid);
                old = Some((socket, member.rooms().cloned().collect()));
                Some(StoredSession::of(member, pid.to_owned(), recovery.head()))
            });
            let restored = session.and_then(|session| {
                let missed = recovery.missed(&session, offset)?;
                Some(RestoredSession { session, missed: missed.packets, upto: Some(missed.head) })
            });
            (restored, old)
        });
        if let Some((old, rooms)) = old {
            old.taken_over(rooms);
        }
        restored
    }

    /// Adds a socket, and sends it `answer` and the events it missed, under one lock: no other
    /// event can come between them or be lost after them.
    pub(crate) fn admit(
        &self,
        socket: &Socket,
        answer: Encoded,
        restored: Option<RestoredSession>,
    ) -> Result<(), EmitError> {
        let context = &self.inner.context;
        self.tell(|state, told| {
            let head = state.recovery.as_ref().map_or(0, RecoveryLog::head);
            let (mut stays, mut started) = (Vec::new(), head);
            let sent = match restored {
                None => context.send(socket.engine(), answer.into()).map_err(EmitError::from),
                Some(RestoredSession { session, missed, upto }) => {
                    let mut packets = vec![answer];
                    packets.extend(missed);
                    if let (Some(recovery), Some(upto)) = (&state.recovery, upto) {
                        packets.extend(recovery.since(upto, &session));
                    }
                    (stays, started) = session.into_stays();
                    context.send_together(socket.engine(), packets).map_err(EmitError::from)
                }
            };
            let member = Member { socket: socket.clone(), stays, started, sent: head };
            state.index.insert(member, told);
            if let (Some(recovery), Some(pid)) = (&mut state.recovery, socket.pid()) {
                recovery.live.insert(pid.to_owned(), socket.id());
            }
            sent
        })
    }

    /// Removes a socket. Returns its rooms, without the room of its own id, and its session if it
    /// may come back.
    pub(crate) fn part(
        &self,
        socket: &Socket,
        may_return: bool,
    ) -> Option<(Vec<Room>, Option<StoredSession>)> {
        self.tell(|state, told| {
            let member = state.index.remove(socket, told)?;
            let rooms = member.rooms().cloned().collect();
            let session = state.recovery.as_mut().zip(socket.pid()).and_then(|(recovery, pid)| {
                recovery.live.remove(pid);
                let head = recovery.head();
                may_return.then(|| StoredSession::of(member, pid.to_owned(), head))
            });
            Some((rooms, session))
        })
    }

    pub(crate) fn select(&self, options: &BroadcastOptions) -> Vec<Socket> {
        self.lock().index.select(options)
    }

    /// Whether no socket is connected and no lost one can come back.
    pub(crate) fn is_idle(&self) -> bool {
        let mut state = self.lock();
        state.index.is_empty() && state.recovery.as_mut().is_none_or(RecoveryLog::is_idle)
    }

    pub(crate) fn on_room(&self, listener: OnRoom) {
        self.inner.on_room.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(crate) fn server_side(&self) -> &ServerSide {
        &self.inner.server_side
    }

    /// Makes one change under the lock. Listeners are called after the lock is released.
    fn tell<R>(&self, change: impl FnOnce(&mut State, &mut Vec<RoomEvent>) -> R) -> R {
        let mut told = Vec::new();
        let result = change(&mut self.lock(), &mut told);
        if !told.is_empty() {
            let listeners = self.inner.on_room.read().unwrap_or_else(PoisonError::into_inner);
            let listeners = listeners.clone();
            // The caller may be in the middle of other work: a panic of a listener must not end it.
            let hooks = &self.inner.context.hooks;
            for (event, listener) in
                told.iter().flat_map(|it| listeners.iter().map(move |l| (it, l)))
            {
                hooks.guard("on_room", || listener(event));
            }
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LocalSockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSockets").field("namespace", self.name()).finish_non_exhaustive()
    }
}
