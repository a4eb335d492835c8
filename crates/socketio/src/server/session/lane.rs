//! The lane of one socket in its connection: its queue of events, the one future that runs for it, and
//! what runs outside that order: concurrent handlers, and tasks of `Socket::spawn`.
//!
//! ```text
//! socket        next
//! AUTHORIZING   middlewares, if any, pass: `40`, on_connect -> RUNNING; refuse: `44`, gone
//! RUNNING       the handler of one event at a time; then the next of the queue
//! LEAVING       on_disconnecting, on_disconnect, after the events that came before; then gone
//! ```

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::handler::{FoundHandler, IncomingEvent};
use crate::proto::Args;
use crate::server::local::RestoredSession;
use crate::server::namespace::OnLeave;
use crate::server::namespace::registry::NamespaceLease;
use crate::server::{ConnectError, DisconnectReason, Socket};

pub(crate) type Authorizing =
    BoxFuture<'static, Result<Option<Box<RestoredSession>>, ConnectError>>;

pub(crate) struct Lane {
    pub(crate) socket: Socket,
    pub(crate) running: Running,
    /// Whether the client was let in.
    admitted: bool,
    /// Waiting events, with the ids of their acks.
    queue: VecDeque<(Args, Option<u64>)>,
    /// Bytes of the events in `queue`.
    bytes: usize,
    /// Why the socket leaves, once `queue` is empty.
    leaving: Option<DisconnectReason>,
    /// Allocated on first use: most sockets never need it.
    tasks: Option<Box<Tasks>>,
    _visit: NamespaceLease,
}

pub(crate) enum Running {
    Nothing,
    Authorizing(Authorizing),
    Handler(BoxFuture<'static, ()>),
    Leaving(BoxFuture<'static, ()>),
    Gone,
}

/// The result of one step.
pub(crate) enum Step {
    Waits,
    Moved,
    /// A handler is done.
    Handled,
    /// The middlewares are done.
    Authorized(Result<Option<Box<RestoredSession>>, ConnectError>),
}

impl Lane {
    pub(crate) fn new(socket: Socket, visit: NamespaceLease, running: Running) -> Self {
        Self {
            socket,
            running,
            admitted: false,
            queue: VecDeque::new(),
            bytes: 0,
            leaving: None,
            tasks: None,
            _visit: visit,
        }
    }

    /// Whether the socket is connected, or about to be.
    pub(crate) fn is_in(&self) -> bool {
        !matches!(self.running, Running::Leaving(_) | Running::Gone) && self.leaving.is_none()
    }

    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.running, Running::Nothing)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() + usize::from(self.leaving.is_some())
    }

    /// Bytes of the events that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// Lets the client in, and starts `on_connect`.
    pub(crate) fn admit(&mut self) {
        self.admitted = true;
        let handler = self.socket.namespace().connect(&self.socket);
        self.running = handler.map_or(Running::Nothing, Running::Handler);
    }

    pub(crate) fn push(&mut self, args: Args, ack_id: Option<u64>) {
        self.bytes += args.size();
        self.queue.push_back((args, ack_id));
    }

    pub(crate) fn spawn(&mut self, task: BoxFuture<'static, ()>) {
        self.tasks().spawn(task);
    }

    /// Drops the waiting events.
    pub(crate) fn forget_events(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }

    /// Starts to leave: nothing more is sent, but events that came before are still handled.
    pub(crate) fn leave(&mut self, reason: DisconnectReason) {
        if let Some(tasks) = &mut self.tasks {
            tasks.end_tasks();
        }
        self.socket.stop();
        if self.admitted {
            part(&self.socket, &reason);
        }
        self.socket.end(&reason);
        self.leaving = Some(reason);
    }

    /// Ends the lane. Values and handlers that the application gave the socket may hold the socket
    /// itself, so they are dropped here: else they would leak together.
    pub(crate) fn gone(&mut self) {
        self.running = Running::Gone;
        self.socket.forget_rooms();
        self.socket.forget();
    }

    /// Polls what runs, or starts what is next.
    pub(crate) fn run(&mut self, cx: &mut Context<'_>) -> Step {
        if let Some(tasks) = &mut self.tasks {
            tasks.run(cx);
        }
        match &mut self.running {
            Running::Gone => Step::Waits,
            Running::Nothing => self.start_next(cx),
            Running::Authorizing(future) => match future.poll_unpin(cx) {
                Poll::Ready(result) => Step::Authorized(result),
                Poll::Pending => Step::Waits,
            },
            Running::Handler(future) => {
                let step = go_on(&self.socket, future, cx);
                if matches!(step, Step::Handled) {
                    self.running = Running::Nothing;
                }
                step
            }
            Running::Leaving(future) => match future.poll_unpin(cx) {
                Poll::Pending => Step::Waits,
                Poll::Ready(()) => {
                    self.gone();
                    Step::Moved
                }
            },
        }
    }

    fn start_next(&mut self, cx: &mut Context<'_>) -> Step {
        let Some((args, _)) = self.queue.front() else { return self.start_leaving() };
        let found = self.socket.find(&args.name_bytes());
        let concurrent = found.handler.as_ref().and_then(|handler| handler.concurrent.clone());
        if let (Some(limit), Some(tasks)) = (&concurrent, &self.tasks)
            && tasks.is_full(limit)
        {
            return Step::Waits;
        }
        let Some((args, ack_id)) = self.queue.pop_front() else { return Step::Waits };
        self.bytes -= args.size();
        let mut future = self.start(args, ack_id, found);
        if let Some(which) = concurrent {
            let socket = self.socket.clone();
            self.tasks().start(which, socket, future);
            return Step::Moved;
        }
        // Most handlers are done at the first poll, and then need not be kept.
        let step = go_on(&self.socket, &mut future, cx);
        if matches!(step, Step::Waits) {
            self.running = Running::Handler(future);
        }
        step
    }

    fn start_leaving(&mut self) -> Step {
        // Concurrent handlers belong to events that came before: wait for them.
        if self.tasks.as_ref().is_some_and(|tasks| !tasks.is_idle()) {
            return Step::Waits;
        }
        let Some(reason) = self.leaving.take() else { return Step::Waits };
        let handlers = self.socket.namespace().disconnect();
        if self.admitted && handlers.iter().any(Option::is_some) {
            let leaving = leaving(self.socket.clone(), reason, handlers);
            self.running = Running::Leaving(Box::pin(leaving));
        } else {
            self.gone();
        }
        Step::Moved
    }

    fn start(
        &self,
        args: Args,
        ack_id: Option<u64>,
        found: FoundHandler<Socket>,
    ) -> BoxFuture<'static, ()> {
        let socket = &self.socket;
        let event = IncomingEvent::new(socket.clone(), args, ack_id);
        match found.handler {
            Some(handler) if handler.is_plain() && !found.is_watched => {
                match guard(|| (handler.run)(event)) {
                    Ok(future) => future,
                    Err(Panicked) => Box::pin(panicked()),
                }
            }
            handler => Box::pin(socket.clone().handle(event, handler)),
        }
    }

    fn tasks(&mut self) -> &mut Tasks {
        self.tasks.get_or_insert_default()
    }
}

/// What runs outside the order of a lane.
#[derive(Default)]
struct Tasks {
    /// Running concurrent handlers. Each returns the limit it counts against.
    concurrent: FuturesUnordered<BoxFuture<'static, Arc<usize>>>,
    /// How many run, by limit.
    counts: Vec<(Arc<usize>, usize)>,
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Tasks {
    fn run(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(done)) = self.concurrent.poll_next_unpin(cx) {
            self.counts.retain_mut(|(handler, count)| {
                *count -= usize::from(Arc::ptr_eq(handler, &done));
                *count > 0
            });
        }
        while let Poll::Ready(Some(())) = self.tasks.poll_next_unpin(cx) {}
    }

    /// Whether no concurrent handler runs.
    fn is_idle(&self) -> bool {
        self.concurrent.is_empty()
    }

    /// Whether as many of a handler run as its limit allows.
    fn is_full(&self, limit: &Arc<usize>) -> bool {
        let same = self.counts.iter().find(|(handler, _)| Arc::ptr_eq(handler, limit));
        same.is_some_and(|(_, count)| *count >= **limit)
    }

    fn start(&mut self, which: Arc<usize>, socket: Socket, future: BoxFuture<'static, ()>) {
        match self.counts.iter_mut().find(|(handler, _)| Arc::ptr_eq(handler, &which)) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((Arc::clone(&which), 1)),
        }
        self.concurrent.push(Box::pin(async move {
            if AssertUnwindSafe(future).catch_unwind().await.is_err() {
                socket.report_panic("a handler");
            }
            which
        }));
    }

    fn spawn(&mut self, task: BoxFuture<'static, ()>) {
        self.tasks.push(task);
    }

    fn end_tasks(&mut self) {
        self.tasks.clear();
    }
}

/// Polls a handler. A panic ends here; its `AckSender` has sent the refusal while unwinding.
fn go_on(socket: &Socket, future: &mut BoxFuture<'static, ()>, cx: &mut Context<'_>) -> Step {
    match guard(|| future.poll_unpin(cx)) {
        Ok(Poll::Pending) => return Step::Waits,
        Ok(Poll::Ready(())) => {}
        Err(Panicked) => socket.report_panic("a handler"),
    }
    Step::Handled
}

/// Takes a socket out of its namespace. Stores its session if its client may come back.
pub(crate) fn part(socket: &Socket, reason: &DisconnectReason) {
    let namespace = socket.namespace();
    if let Some((rooms, session)) = namespace.local_sockets().part(socket, reason.is_recoverable())
    {
        socket.set_last_rooms(rooms);
        let adapter = namespace.adapter(false);
        adapter.del_all(socket.id());
        if let Some(session) = session {
            adapter.persist_session(session);
        }
    }
}

async fn leaving(socket: Socket, reason: DisconnectReason, handlers: [Option<OnLeave>; 2]) {
    for (handler, what) in handlers.into_iter().zip(["on_disconnecting", "on_disconnect"]) {
        if let Some(handler) = handler {
            let (socket, reason) = (socket.clone(), reason.clone());
            let run = async { handler((socket.clone(), reason)).await };
            socket.clone().guarded(what, run).await;
        }
        socket.forget_rooms();
    }
}

/// Stands for a handler that panicked before it returned a future: it panics when polled, where
/// panics are caught.
async fn panicked() {
    std::panic::resume_unwind(Box::new("handler"));
}

struct Panicked;

/// Runs foreign code. A panic ends here.
fn guard<R>(run: impl FnOnce() -> R) -> Result<R, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
}
