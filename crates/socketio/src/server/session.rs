//! One connection: packets in, handlers run, answers out; polled by the engine's own task.
//!
//! ```text
//! socket        next
//! AUTHORIZING   middlewares pass: `40`, on_connect -> RUNNING; one refuses: `44`, gone
//! RUNNING       the handler of one event at a time; then the next of the queue
//! LEAVING       on_disconnect, behind the events that came before; then gone
//! ```

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use engineio::proto::{CloseReason, Time};
use engineio::server::{Socket as Engine, random_sid};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Sleep;

use super::namespace::Middleware;
use super::{AckSender, ConnectError, DisconnectReason, Event, Inner, Socket};
use crate::proto::{self, Args, Connection, Encoded, PeerError, RawJson};

/// What other tasks ask of a connection.
pub(crate) enum Command {
    Spawn(Socket, BoxFuture<'static, ()>),
    Disconnect(Socket),
}

/// Where they ask.
#[derive(Default)]
pub(crate) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    waker: AtomicWaker,
}

impl Mailbox {
    pub(crate) fn send(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        self.waker.wake();
    }

    fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The future of one connection.
pub(crate) struct Session {
    server: Arc<Inner>,
    engine: Engine,
    connection: Connection,
    mailbox: Arc<Mailbox>,
    sockets: Vec<Joined>,
    sleep: Option<(Time, Pin<Box<Sleep>>)>,
    /// Nothing is read beside the first `on_connect`, as [`Config::connect_before_read`] asks.
    ///
    /// [`Config::connect_before_read`]: super::Config::connect_before_read
    connecting: bool,
    /// No more messages will come.
    ended: bool,
}

/// A socket and what runs for it.
struct Joined {
    socket: Socket,
    running: Running,
    queue: VecDeque<Item>,
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
}

enum Item {
    Event(Args, Option<u64>),
    Disconnect(DisconnectReason),
}

enum Running {
    Nothing,
    Authorizing(BoxFuture<'static, Result<(), ConnectError>>),
    /// A handler, and the ack it would leave open if it panicked.
    Handler(BoxFuture<'static, ()>, Option<AckSender>),
    Leaving(BoxFuture<'static, ()>),
    Gone,
}

impl Session {
    pub(crate) fn new(server: Arc<Inner>, engine: Engine) -> Self {
        let now = Time::from_origin(server.origin.elapsed());
        let connecting = server.config.connect_before_read;
        engine.set_read_ahead(!connecting);
        Self {
            connecting,
            connection: Connection::new(Arc::clone(&server.connection), now),
            server,
            engine,
            mailbox: Arc::default(),
            sockets: Vec::new(),
            sleep: None,
            ended: false,
        }
    }

    fn now(&self) -> Time {
        Time::from_origin(self.server.origin.elapsed())
    }

    fn send(&self, packet: Option<Encoded>) {
        let Some(packet) = packet else { return };
        let messages: Vec<_> = packet.messages().collect();
        if let Err(error) = self.engine.send_all(&messages) {
            tracing::debug!(sid = %self.engine.sid(), %error, "answer not sent");
            // A client that does not even read the answers to its own packets is closed.
            self.engine.close();
        }
    }

    /// Takes messages while the handlers keep up.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while !self.ended && self.keeps_up() {
            let Poll::Ready(message) = self.engine.poll_recv(cx) else { break };
            moved = true;
            let Some(message) = message else {
                let reason = self.engine.close_reason().unwrap_or(CloseReason::TransportClose);
                self.end(&DisconnectReason::Engine(reason));
                break;
            };
            match self.connection.handle_message(self.now(), message) {
                Ok(events) => events.for_each(|event| self.event(event)),
                Err(error) => self.fail(&error),
            }
            let answer = self.connection.poll_transmit();
            self.send(answer);
        }
        moved
    }

    fn keeps_up(&self) -> bool {
        let max = self.server.config.handler_queue;
        let busy = |joined: &Joined| !matches!(joined.running, Running::Nothing);
        if self.connecting && self.sockets.iter().any(busy) {
            return false;
        }
        self.sockets.iter().all(|joined| joined.queue.len() < max)
    }

    fn event(&mut self, event: proto::Event) {
        match event {
            proto::Event::Connect { namespace, auth } => self.connect(&namespace, auth),
            proto::Event::Event { namespace, args, ack_id } => {
                if let Some(joined) = self.find(&namespace) {
                    joined.queue.push_back(Item::Event(args, ack_id));
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
        let Some(namespace) = self.server.find(name) else {
            let refusal = self.connection.refuse(name, "Invalid namespace", None);
            return self.send(refusal);
        };
        let Ok(id) = random_sid() else {
            let refusal = self.connection.refuse(name, "Server error", None);
            return self.send(refusal);
        };
        let middlewares = namespace.middlewares();
        let engine = self.engine.sender();
        let mailbox = Arc::clone(&self.mailbox);
        let socket = Socket::new(id, namespace, engine, auth, mailbox, &self.server.config);
        self.sockets.push(Joined {
            running: Running::Authorizing(Box::pin(authorize(middlewares, socket.clone()))),
            socket,
            queue: VecDeque::new(),
            tasks: FuturesUnordered::new(),
        });
    }

    /// The peer broke the protocol: everything ends.
    fn fail(&mut self, error: &proto::Error) {
        let (text, reason) = match error {
            proto::Error::Peer(error) => (error.to_string(), reason_of(error)),
            error => (error.to_string(), DisconnectReason::ForcedClose),
        };
        tracing::debug!(sid = %self.engine.sid(), error = %text, "connection closed");
        self.end(&reason);
        self.engine.close();
    }

    fn end(&mut self, reason: &DisconnectReason) {
        self.ended = true;
        self.sleep = None;
        for joined in self.sockets.iter_mut().filter(|joined| joined.is_in()) {
            joined.leave(reason.clone());
        }
    }

    fn commands(&mut self) -> bool {
        let commands = self.mailbox.take();
        let moved = !commands.is_empty();
        for command in commands {
            match command {
                Command::Spawn(socket, task) => {
                    let mut sockets = self.sockets.iter_mut();
                    if let Some(joined) = sockets.find(|j| j.socket.is(&socket))
                        && socket.is_connected()
                    {
                        joined.tasks.push(task);
                    }
                }
                Command::Disconnect(socket) => self.disconnect(&socket),
            }
        }
        moved
    }

    fn disconnect(&mut self, socket: &Socket) {
        let Some(at) = self.sockets.iter().position(|joined| joined.socket.is(socket)) else {
            return;
        };
        let answer = self.connection.disconnect(socket.namespace_name());
        self.send(answer);
        let joined = &mut self.sockets[at];
        // What the client sent before it knew is dropped, as in the reference.
        joined.queue.clear();
        joined.leave(DisconnectReason::Server);
    }

    fn run_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for at in 0..self.sockets.len() {
            while self.run(at, cx) {
                moved = true;
            }
            let joined = &mut self.sockets[at];
            while let Poll::Ready(Some(())) = joined.tasks.poll_next_unpin(cx) {
                moved = true;
            }
        }
        self.sockets.retain(|joined| !matches!(joined.running, Running::Gone));
        moved
    }

    /// Runs what runs for a socket, or starts what is next; false when it waits.
    fn run(&mut self, at: usize, cx: &mut Context<'_>) -> bool {
        let joined = &mut self.sockets[at];
        match &mut joined.running {
            Running::Gone => return false,
            Running::Nothing => return joined.start_next(),
            Running::Authorizing(future) => {
                let Poll::Ready(result) = future.poll_unpin(cx) else { return false };
                self.admit(at, result);
            }
            Running::Handler(future, ack) => {
                match guard(|| future.poll_unpin(cx)) {
                    Ok(Poll::Pending) => return false,
                    Ok(Poll::Ready(())) => {}
                    Err(Panicked) => {
                        tracing::error!(socket = %joined.socket.id(), "a handler panicked");
                        if let Some(ack) = ack.take() {
                            ack.refuse("internal error");
                        }
                    }
                }
                joined.running = Running::Nothing;
                // The first handler that ends is that of the first connect.
                if std::mem::take(&mut self.connecting) {
                    self.engine.set_read_ahead(true);
                }
            }
            Running::Leaving(future) => {
                match guard(|| future.poll_unpin(cx)) {
                    Ok(Poll::Pending) => return false,
                    Ok(Poll::Ready(())) => {}
                    Err(Panicked) => {
                        tracing::error!(socket = %joined.socket.id(), "on_disconnect panicked");
                    }
                }
                joined.running = Running::Gone;
            }
        }
        true
    }

    /// The middlewares have spoken.
    fn admit(&mut self, at: usize, result: Result<(), ConnectError>) {
        let joined = &mut self.sockets[at];
        let (socket, name) = (&joined.socket, joined.socket.namespace_name());
        let answer = match result {
            Ok(()) => {
                let answer = self.connection.accept(name, socket.id().as_str());
                socket.namespace().insert(socket.clone());
                let handler = socket.namespace().connect(socket);
                joined.running =
                    handler.map_or(Running::Nothing, |handler| Running::Handler(handler, None));
                answer
            }
            Err(ConnectError { message, data }) => {
                let answer = self.connection.refuse(name, &message, data.as_ref());
                socket.leave();
                joined.running = Running::Gone;
                answer
            }
        };
        self.send(answer);
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at) = self.connection.poll_timeout().filter(|_| !self.ended) else {
            self.sleep = None;
            return false;
        };
        let origin = self.server.origin;
        let (armed, sleep) = self.sleep.get_or_insert_with(|| {
            (at, Box::pin(tokio::time::sleep_until(origin + at.since_origin())))
        });
        if std::mem::replace(armed, at) != at {
            sleep.as_mut().reset(origin + at.since_origin());
        }
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.sleep = None;
        if let Err(error) = self.connection.handle_timeout(self.now()) {
            self.fail(&error);
        }
        true
    }
}

impl Future for Session {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.mailbox.waker.register(cx.waker());
        loop {
            let received = this.receive(cx);
            let ran = this.run_sockets(cx);
            let moved = this.commands() | this.tick(cx);
            if !(received || ran || moved) {
                break;
            }
        }
        if this.ended && this.sockets.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Session {
    /// The runtime may drop the task at its shutdown: the sockets are gone then.
    fn drop(&mut self) {
        for joined in &self.sockets {
            joined.socket.leave();
            joined.socket.namespace().remove(&joined.socket);
        }
    }
}

impl Joined {
    /// Whether the client is in, or about to be.
    fn is_in(&self) -> bool {
        !matches!(self.running, Running::Leaving(_) | Running::Gone)
            && !matches!(self.queue.back(), Some(Item::Disconnect(_)))
    }

    /// Nothing more is sent from here on; what came before is still handled.
    fn leave(&mut self, reason: DisconnectReason) {
        self.socket.leave();
        self.tasks.clear();
        self.queue.push_back(Item::Disconnect(reason));
    }

    fn start_next(&mut self) -> bool {
        let socket = &self.socket;
        let namespace = socket.namespace();
        self.running = match self.queue.pop_front() {
            None => return false,
            Some(Item::Event(args, ack_id)) => {
                let ack = AckSender::new(socket.clone(), ack_id);
                let spare = ack_id.is_some().then(|| ack.spare());
                let event = Event { socket: socket.clone(), args, ack };
                match guard(|| namespace.event(event)) {
                    Ok(future) => Running::Handler(future, spare),
                    Err(Panicked) => Running::Handler(Box::pin(panicked()), spare),
                }
            }
            Some(Item::Disconnect(reason)) => {
                namespace.remove(socket);
                let handler = namespace.disconnect(socket, reason);
                handler.map_or(Running::Gone, Running::Leaving)
            }
        };
        true
    }
}

async fn authorize(middlewares: Vec<Middleware>, socket: Socket) -> Result<(), ConnectError> {
    for middleware in middlewares {
        // A panic is this server's fault: the client is told no more than that.
        let run = AssertUnwindSafe(async { middleware(socket.clone()).await }).catch_unwind();
        run.await.unwrap_or_else(|_| {
            tracing::error!(socket = %socket.id(), "a middleware panicked");
            Err(ConnectError::new("Server error"))
        })?;
    }
    Ok(())
}

/// A handler that panicked before it gave a future does so when it is polled.
async fn panicked() {
    std::panic::resume_unwind(Box::new("handler"));
}

struct Panicked;

/// Runs foreign code; its panic ends here.
fn guard<R>(run: impl FnOnce() -> R) -> Result<R, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
}

fn reason_of(error: &PeerError) -> DisconnectReason {
    if error.close_reason() == DisconnectReason::ForcedServerClose.as_str() {
        DisconnectReason::ForcedServerClose
    } else {
        DisconnectReason::ForcedClose
    }
}
