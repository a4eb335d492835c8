//! One connection: packets in, handlers run, answers out; polled by the engine's own task.

mod authorize;
mod commands;
mod lane;
mod receive;
mod tasks;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use engineio::proto::{CloseReason, Message, Protocol, Time};
use engineio::server::{Socket as Engine, random_sid};

use self::authorize::authorize;
use self::lane::{Joined, Running, Step, part};
use self::receive::Received;
use super::local::Restored;
use super::namespace::registry::Namespaces;
use super::socket::Origin;
use super::socket::mailbox::Mailbox;
use super::{ConnectError, DisconnectReason, Socket};
use crate::proto::encode::INVALID_NAMESPACE;
use crate::proto::{self, Connection, Encoded, RawJson, Version};
use crate::server::context::Context as Server;

/// The future of one connection.
pub(crate) struct Session {
    server: Arc<Server>,
    namespaces: Arc<Namespaces>,
    engine: Engine,
    /// Taken of the engine, and not handled: the handlers did not keep up.
    messages: VecDeque<Message>,
    connection: Connection,
    version: Version,
    mailbox: Arc<Mailbox>,
    /// Whom the mailbox wakes.
    waker: Option<Waker>,
    sockets: Vec<Joined>,
    /// When the engine is to poll this.
    alarm: Option<Time>,
    /// Nothing is read beside the first `on_connect`, as [`Config::connect_before_read`] asks.
    ///
    /// [`Config::connect_before_read`]: super::Config::connect_before_read
    connecting: bool,
    /// No more messages will come.
    ended: bool,
}

impl Session {
    pub(crate) fn new(server: Arc<Server>, namespaces: Arc<Namespaces>, engine: Engine) -> Self {
        let now = Time::from_origin(server.origin.elapsed());
        let connecting = server.config.connect_before_read;
        if connecting {
            engine.set_read_ahead(false);
        }
        let version = match engine.protocol() {
            Protocol::V3 => Version::V4,
            Protocol::V4 => Version::V5,
        };
        let limits = Arc::clone(&server.connection);
        let mut connection = Connection::with_version(limits, version, now);
        let opened = connection.open();
        let mut session = Self {
            connecting,
            connection,
            version,
            server,
            namespaces,
            engine,
            messages: VecDeque::new(),
            mailbox: Arc::default(),
            waker: None,
            sockets: Vec::new(),
            alarm: None,
            ended: false,
        };
        if let Some(event) = opened {
            session.event(event);
        }
        session
    }

    fn now(&self) -> Time {
        Time::from_origin(self.server.origin.elapsed())
    }

    fn send(&self, packet: Option<Encoded>) {
        let Some(packet) = packet else { return };
        if let Err(error) = self.server.send(&self.engine, packet.into()) {
            tracing::debug!(sid = %self.engine.sid(), %error, "answer not sent");
            // A client that does not even read the answers to its own packets is closed.
            self.engine.close();
        }
    }

    fn event(&mut self, event: proto::Event) {
        match event {
            proto::Event::Connect { namespace, auth } => self.connect(&namespace, auth),
            proto::Event::Event { namespace, args, ack_id } => {
                if let Some(joined) = self.find(&namespace) {
                    joined.push(args, ack_id);
                }
            }
            // Not queued: a handler may be waiting for it.
            proto::Event::Ack { namespace, id, args } => {
                if let Some(joined) = self.find(&namespace) {
                    joined.socket.acked(id, args);
                }
            }
            proto::Event::Disconnect { namespace } => {
                if let Some(joined) = self.find(&namespace) {
                    joined.leave(DisconnectReason::Client);
                }
            }
        }
    }

    /// The socket of a namespace that is not on its way out.
    fn find(&mut self, name: &proto::Namespace) -> Option<&mut Joined> {
        let mut sockets = self.sockets.iter_mut();
        sockets.find(|joined| joined.socket.namespace_name() == name && joined.is_in())
    }

    fn connect(&mut self, name: &proto::Namespace, auth: Option<RawJson>) {
        let Some(visit) = self.namespaces.enter(name, auth.as_ref()) else {
            let refusal = self.connection.refuse(name, INVALID_NAMESPACE, None);
            return self.send(refusal);
        };
        let recovery = self.server.config.recovery.as_ref();
        let recovery = recovery.filter(|_| self.version == Version::V5);
        let pid = recovery.map_or(Ok(None), |_| random_sid().map(|pid| Some(pid.to_string())));
        let (Ok(id), Ok(pid)) = (random_sid(), pid) else {
            let refusal = self.connection.refuse(name, "Server error", None);
            return self.send(refusal);
        };
        // Clients of v4 take the session's id for that of their socket in `/`.
        let is_session = self.version == Version::V4 && name.is_root();
        let id = if is_session { self.engine.sid() } else { id };
        let claim = match (&auth, recovery) {
            (Some(auth), Some(_)) => auth.parse().ok(),
            _ => None,
        };
        let socket = Socket::new(Origin {
            id,
            pid,
            namespace: visit.namespace().clone(),
            engine: self.engine.sender(),
            auth,
            mailbox: Arc::clone(&self.mailbox),
        });
        let asks = claim.is_some() || socket.namespace().has_middlewares();
        let running = match asks {
            true => Running::Authorizing(Box::pin(authorize(socket.clone(), claim))),
            false => Running::Nothing,
        };
        self.sockets.reserve_exact(1);
        self.sockets.push(Joined::new(socket, visit, running));
        if !asks {
            self.admit(self.sockets.len() - 1, Ok(None));
        }
    }

    /// The peer broke the protocol: everything ends.
    fn fail(&mut self, error: proto::Error) {
        let reason = DisconnectReason::of(error);
        tracing::debug!(sid = %self.engine.sid(), %reason, "connection closed");
        self.end(&reason);
        self.engine.close();
    }

    fn end(&mut self, reason: &DisconnectReason) {
        self.ended = true;
        self.messages = VecDeque::new();
        for joined in self.sockets.iter_mut().filter(|joined| joined.is_in()) {
            joined.leave(reason.clone());
        }
    }

    fn run_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for at in 0..self.sockets.len() {
            loop {
                match self.sockets[at].run(cx) {
                    Step::Waits => break,
                    Step::Moved => {}
                    Step::Authorized(result) => self.admit(at, result),
                    // The first handler that ends is that of the first connect.
                    Step::Handled if std::mem::take(&mut self.connecting) => {
                        self.engine.set_read_ahead(true);
                    }
                    Step::Handled => {}
                }
                moved = true;
            }
        }
        self.sockets.retain(|joined| !matches!(joined.running, Running::Gone));
        moved
    }

    /// The middlewares have spoken.
    fn admit(&mut self, at: usize, result: Result<Option<Box<Restored>>, ConnectError>) {
        let joined = &mut self.sockets[at];
        let (socket, name) = (joined.socket.clone(), joined.socket.namespace_name());
        let refusal = match result {
            Ok(restored) if joined.is_in() && !socket.namespace().is_closed() => {
                let answer =
                    self.connection.accept_with_pid(name, socket.id().as_str(), socket.pid());
                let Some(answer) = answer else {
                    joined.gone();
                    return;
                };
                if let Err(error) =
                    socket.namespace().node().admit(&socket, answer, restored.map(|it| *it))
                {
                    tracing::debug!(socket = %socket.id(), %error, "answer not sent");
                    self.engine.close();
                }
                socket.enter_first_rooms();
                return joined.admit();
            }
            Ok(restored) => {
                // The client may come back for it.
                if let Some(restored) = restored {
                    socket.namespace().adapter(false).persist_session(restored.session);
                }
                ConnectError::new(INVALID_NAMESPACE)
            }
            Err(refusal) => refusal,
        };
        let ConnectError { message, data } = refusal;
        let answer = self.connection.refuse(name, &message, data.as_ref());
        socket.end(&DisconnectReason::Server);
        joined.gone();
        self.send(answer);
    }

    fn tick(&mut self) -> bool {
        let next = self.connection.poll_timeout().filter(|_| !self.ended);
        if std::mem::replace(&mut self.alarm, next) != next {
            let instant = |at: Time| (self.server.origin + at.since_origin()).into_std();
            // Whose time has come already is asked at once.
            self.engine.set_alarm(next.map(instant));
            return false;
        }
        let Some(at) = next else { return false };
        let now = self.now();
        if now < at {
            return false;
        }
        if let Err(error) = self.connection.handle_timeout(now) {
            self.fail(error);
        }
        true
    }
}

impl Future for Session {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            this.waker = Some(cx.waker().clone());
            this.mailbox.set_waker(cx.waker().clone());
        }
        loop {
            // What this side decided goes before what the client, or the end of its connection, says.
            this.commands();
            let received = this.receive(cx);
            let ran = this.run_sockets(cx);
            let ticked = this.tick();
            // Handlers that ran may have made room for messages, or have asked for something.
            let more = ran && received == Received::Some;
            if !(more || ticked || this.mailbox.has_some()) {
                break;
            }
        }
        if this.ended && this.sockets.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Session {
    /// The runtime may drop the task at its shutdown: the sockets are gone then.
    fn drop(&mut self) {
        self.mailbox.close();
        let reason = DisconnectReason::Engine(CloseReason::ForcedClose);
        for joined in &self.sockets {
            part(&joined.socket, &reason);
            joined.socket.end(&reason);
            joined.socket.forget();
        }
    }
}
