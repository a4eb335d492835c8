//! One connection: the future that the engine's own task polls for each of its sessions.
//!
//! What lives here: [`Session`], with a lane per socket (`lane`: one handler at a time, a bounded queue,
//! and what runs concurrently), and how clients join (`connect`). Messages come in from
//! the engine, commands from other tasks by the mailbox. Packets go out by `outgoing`, and events to
//! handlers. While handlers do not keep up, nothing is read.
//!
//! What must never happen: a handler that waits must not delay acks, timers or writes, and no
//! lock is held while a handler runs. Start reading at `Session::poll`.

mod connect;
mod lane;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use engineio::proto::{CloseReason, Message, Protocol, Time};
use engineio::server::Socket as Engine;

use self::lane::{Lane, Running, Step, part};
use super::namespace::registry::Registry;
use super::socket::{Command, Mailbox};
use super::{DisconnectReason, Socket};
use crate::proto::{self, Encoded, ServerConnection, Version};
use crate::server::context::Context as Server;

/// The future of one connection.
pub(crate) struct Session {
    server: Arc<Server>,
    namespaces: Arc<Registry>,
    engine: Engine,
    /// Messages taken from the engine and not handled yet, because the handlers do not keep up.
    messages: VecDeque<Message>,
    connection: ServerConnection,
    version: Version,
    mailbox: Arc<Mailbox>,
    /// The waker that the mailbox has.
    waker: Option<Waker>,
    sockets: Vec<Lane>,
    /// When the engine polls this next because of a timer.
    alarm: Option<Time>,
    /// Whether the connection's next deadline may differ from `alarm`. It moves only by messages,
    /// by letting a client in, and at the end.
    stale: bool,
    /// Reading pauses until the first `on_connect` is done: [`Config::connect_before_read`].
    ///
    /// [`Config::connect_before_read`]: super::Config::connect_before_read
    connecting: bool,
    /// No more messages will come.
    ended: bool,
}

/// The result of taking messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Received {
    /// All messages were taken. The engine wakes this task when there are more.
    All,
    /// Messages are left, because the handlers do not keep up.
    Some,
}

impl Session {
    pub(crate) fn new(server: Arc<Server>, namespaces: Arc<Registry>, engine: Engine) -> Self {
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
        let mut connection = ServerConnection::with_version(limits, version, now);
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
            stale: true,
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
            // The outbox is full: a client that does not read the answers to its own packets is
            // closed.
            self.engine.close();
        }
    }

    fn event(&mut self, event: proto::Event) {
        match event {
            proto::Event::Connect { namespace, auth } => self.connect(&namespace, auth),
            proto::Event::Event { namespace, args, ack_id } => {
                if let Some(lane) = self.find(&namespace) {
                    lane.push(args, ack_id);
                }
            }
            // Not queued: a handler may be waiting for it.
            proto::Event::Ack { namespace, id, args } => {
                if let Some(lane) = self.find(&namespace) {
                    lane.socket.acked(id, args);
                }
            }
            proto::Event::Disconnect { namespace } => {
                if let Some(lane) = self.find(&namespace) {
                    lane.leave(DisconnectReason::Client);
                }
            }
        }
    }

    /// The lane of a namespace's socket, unless it is leaving.
    fn find(&mut self, name: &proto::NamespaceName) -> Option<&mut Lane> {
        let mut sockets = self.sockets.iter_mut();
        sockets.find(|lane| lane.socket.namespace_name() == name && lane.is_in())
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
        self.stale = true;
        self.messages = VecDeque::new();
        for lane in self.sockets.iter_mut().filter(|lane| lane.is_in()) {
            lane.leave(reason.clone());
        }
    }

    /// Takes messages as long as the handlers keep up.
    fn receive(&mut self, cx: &mut Context<'_>) -> Received {
        let (mut now, mut waits) = (None, false);
        // After the connection closed, read on even if handlers do not keep up: little is left, and
        // handlers may be waiting for the end.
        while !self.ended && (self.keeps_up() || self.engine.is_closed()) {
            let message = match self.messages.pop_front() {
                Some(message) => message,
                None => match self.engine.poll_recv_all(cx, &mut self.messages) {
                    Poll::Pending => return self.all(),
                    Poll::Ready(Some(message)) => {
                        // An engine that reads ahead has registered the waker already: there is no
                        // need to ask it again.
                        waits = !self.connecting;
                        message
                    }
                    Poll::Ready(None) => {
                        let reason = self.engine.close_reason();
                        let reason = reason.unwrap_or(CloseReason::TransportClose);
                        self.end(&DisconnectReason::Engine(reason));
                        break;
                    }
                },
            };
            // Messages taken together count as arrived together: the clock is read at most once.
            let now = match self.connection.asks_time(&message) {
                true => *now.get_or_insert_with(|| self.now()),
                false => Time::ZERO,
            };
            self.stale = true;
            match self.connection.handle_message(now, message) {
                Ok(events) => events.for_each(|event| self.event(event)),
                Err(error) => self.fail(error),
            }
            let answer = self.connection.poll_transmit();
            self.send(answer);
            if waits && self.messages.is_empty() {
                return self.all();
            }
        }
        if self.ended { Received::All } else { Received::Some }
    }

    fn all(&mut self) -> Received {
        // An idle connection keeps no buffer.
        if self.messages.capacity() > 0 {
            self.messages = VecDeque::new();
        }
        Received::All
    }

    fn keeps_up(&self) -> bool {
        let max = self.server.config.handler_queue;
        if self.connecting && self.sockets.iter().any(Lane::is_busy) {
            return false;
        }
        let (mut bytes, mut leaving) = (0, 0);
        for lane in &self.sockets {
            if lane.waiting() >= max {
                return false;
            }
            bytes += lane.waiting_bytes();
            leaving += usize::from(!lane.is_in());
        }
        // Handlers of sockets that left still run. A client that joins and leaves again and again
        // must wait for them, or it could have any number of them run.
        bytes < self.server.config.handler_queue_bytes.max(1)
            && leaving < self.server.connection.max_namespaces.max(1)
    }

    fn run_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for at in 0..self.sockets.len() {
            loop {
                match self.sockets[at].run(cx) {
                    Step::Waits => break,
                    Step::Moved => {}
                    Step::Authorized(result) => self.admit(at, result),
                    // The first handler to end is the first `on_connect`.
                    Step::Handled if std::mem::take(&mut self.connecting) => {
                        self.engine.set_read_ahead(true);
                    }
                    Step::Handled => {}
                }
                moved = true;
            }
        }
        self.sockets.retain(|lane| !matches!(lane.running, Running::Gone));
        moved
    }

    fn commands(&mut self) {
        if !self.mailbox.has_some() {
            return;
        }
        for command in self.mailbox.take() {
            match command {
                Command::Spawn(socket, task) => {
                    if let Some(lane) = self.lane(&socket)
                        && socket.is_connected()
                    {
                        lane.spawn(task);
                    }
                }
                Command::Disconnect(socket, reason) => self.disconnect(&socket, reason),
                Command::Close => {
                    let sockets = self.sockets.iter().filter(|lane| lane.is_in());
                    let sockets: Vec<_> = sockets.map(|lane| lane.socket.clone()).collect();
                    for socket in sockets {
                        self.disconnect(&socket, DisconnectReason::Server);
                    }
                    self.engine.close();
                }
                Command::TakenOver(socket) => {
                    if let Some(lane) = self.lane(&socket)
                        && lane.is_in()
                    {
                        lane.leave(DisconnectReason::TakenOver);
                    }
                    self.engine.close();
                }
            }
        }
    }

    fn lane(&mut self, socket: &Socket) -> Option<&mut Lane> {
        self.sockets.iter_mut().find(|lane| lane.socket.is(socket))
    }

    fn disconnect(&mut self, socket: &Socket, reason: DisconnectReason) {
        let answer = self.connection.disconnect(socket.namespace_name());
        let Some(lane) = self.lane(socket).filter(|lane| lane.is_in()) else { return };
        // Events that the client sent before it learned of this are dropped, as in the reference.
        lane.forget_events();
        // At a shutdown the packet was sent before.
        let is_told = reason == DisconnectReason::ShuttingDown;
        lane.leave(reason);
        self.send(answer.filter(|_| !is_told));
    }

    fn tick(&mut self) -> bool {
        if std::mem::take(&mut self.stale) {
            let next = self.connection.poll_timeout().filter(|_| !self.ended);
            if std::mem::replace(&mut self.alarm, next) != next {
                let instant = |at: Time| (self.server.origin + at.since_origin()).into_std();
                // The engine polls again at once if that time has already passed.
                self.engine.set_alarm(next.map(instant));
                return false;
            }
        }
        let Some(at) = self.alarm else { return false };
        let now = self.now();
        if now < at {
            return false;
        }
        self.stale = true;
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
            // Commands first: what this side decided takes precedence over the client's packets and
            // over the end of the connection.
            this.commands();
            let received = this.receive(cx);
            let ran = this.run_sockets(cx);
            let ticked = this.tick();
            // Handlers that ran may have made room for messages, or sent commands.
            let more = ran && received == Received::Some;
            if !(more || ticked || this.mailbox.has_some()) {
                break;
            }
        }
        if this.ended && this.sockets.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Session {
    /// The runtime may drop the task when it shuts down: end the sockets.
    fn drop(&mut self) {
        self.mailbox.close();
        let reason = DisconnectReason::Engine(CloseReason::ForcedClose);
        for lane in &self.sockets {
            part(&lane.socket, &reason);
            lane.socket.end(&reason);
            lane.socket.forget();
        }
    }
}
