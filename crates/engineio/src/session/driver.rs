//! The driver: one task per session, for its websocket, its timers and its application.
//!
//! One turn of the task:
//!
//! ```text
//! read     fill from the connection, then under the lock dispatch all frames that are whole
//! run      poll the application, if it was woken or waits for what came
//! write    under the lock take all frames to send and look whether anything is left to do,
//!          then write them out
//! again, if there is something left; else arm the timer and rest
//! ```
//! The lock is taken once to read and once to write. In between the application takes it for each
//! of its own calls, so that an event that is answered by one message costs four.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use tokio::time::Sleep;

use super::shared::{Shared, State, WakeFlag};
use super::{Machine, Role};
use crate::proto::{Tally, Time, Transmit, TransportFault};
use crate::websocket::{Received, WebSocket};

/// Drives one session to its end.
pub(crate) struct Driver<R: Role> {
    role: Arc<R>,
    shared: Arc<Shared<R>>,
    websocket: Option<WebSocket>,
    /// Says that the websocket or the clock was woken. A websocket that was not woken has nothing to
    /// read, and no deadline has passed.
    wire: Arc<WakeFlag>,
    wire_waker: Waker,
    /// The websocket may have more to read.
    readable: bool,
    /// Frames may be read, as the session said last. It says so anew under each lock, before frames
    /// are dispatched; this only decides whether to read from the connection before that lock.
    wanted: bool,
    /// The websocket has not taken all frames that it was given.
    flushing: bool,
    /// The application, until it is done.
    app: Option<BoxFuture<'static, ()>>,
    /// What the application is polled with.
    app_waker: Waker,
    /// The application was polled since the session closed. Some applications do not wait for an
    /// event then, so that nothing else would poll them.
    told: bool,
    sleep: Pin<Box<Sleep>>,
    /// No connection needs the session any more; only the application may still run.
    over: bool,
}

/// What the lock at the end of a turn says to do next.
enum Next {
    /// Something is left to do; the application is to run.
    Again { runs: bool, attached: Option<WebSocket> },
    /// The connection has no room for all frames now.
    Write,
    /// The websocket is to be closed.
    Close,
    /// No connection needs the session any more.
    Over,
    /// Nothing is left. The timer is to be set to this deadline, if that moved.
    Rest { deadline: Option<Time>, tally: Tally },
}

impl<R: Role> Driver<R> {
    /// Starts the task of a session, on a websocket if it begins on one.
    pub(crate) fn spawn(
        role: Arc<R>,
        shared: Arc<Shared<R>>,
        app: BoxFuture<'static, ()>,
        websocket: Option<WebSocket>,
    ) {
        let wire = Arc::new(WakeFlag::default());
        let driver = Self {
            websocket,
            wire_waker: Waker::from(Arc::clone(&wire)),
            wire,
            readable: true,
            wanted: false,
            flushing: false,
            app: Some(app),
            app_waker: shared.look(State::app_waker),
            told: false,
            sleep: Box::pin(tokio::time::sleep_until(shared.instant(Time::ZERO))),
            over: false,
            role,
            shared,
        };
        tokio::spawn(driver);
    }

    /// Looks at everything until all of it waits for others. Whether the session is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let app = self.shared.app();
        app.set_task(cx.waker());
        self.wire.set_task(cx.waker());
        let woken = self.wire.take();
        self.readable |= woken;
        let mut runs = app.take();
        let mut is_due = woken && self.sleep.is_elapsed();
        loop {
            runs |= self.read(cx, std::mem::take(&mut is_due));
            if runs {
                self.run_app();
            }
            match self.write() {
                Next::Over => return true,
                Next::Rest { deadline, tally } => {
                    self.rest(deadline, tally);
                    return false;
                }
                Next::Again { runs: again, attached } => {
                    runs = again;
                    if attached.is_some() {
                        self.websocket = attached;
                        (self.readable, self.wanted) = (true, true);
                    }
                }
                Next::Write | Next::Close => runs = false, // seen to by `write`
            }
        }
    }

    /// Begins a turn, and reads frames while the application keeps up. From here on nobody wakes this
    /// task. Whether the application is to run: it waits for what came, or its alarm rings.
    fn read(&mut self, task: &Context<'_>, mut is_due: bool) -> bool {
        let (mut runs, mut first) = (false, true);
        loop {
            // Before the lock: the connection is never read under it.
            let filled = match &mut self.websocket {
                Some(websocket) if self.wanted && self.readable => {
                    match websocket.poll_fill(&mut Context::from_waker(&self.wire_waker)) {
                        Poll::Ready(filled) => Some(filled),
                        Poll::Pending => {
                            self.readable = false;
                            None
                        }
                    }
                }
                _ => None,
            };
            if !first && filled.is_none() {
                return runs;
            }
            // The clock is read when a deadline may have passed, and with frames.
            let now = (is_due || filled.is_some()).then(|| self.shared.now());
            let shared = &self.shared;
            let websocket = &mut self.websocket;
            let end = shared.change(|state| {
                (state.driving, state.rests) = (true, false);
                if !state.driver.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
                    state.driver = Some(task.waker().clone());
                }
                if let Some(now) = now {
                    state.pass(now);
                    runs |= std::mem::take(&mut is_due) && state.end_alarm(now);
                }
                let mut end = None;
                match (&mut *websocket, filled, now) {
                    (Some(websocket), Some(Ok(())), Some(now)) => {
                        end = dispatch(state, websocket, now, shared.about());
                    }
                    (_, Some(Err(fault)), _) => end = Some(Received::Failed(fault)),
                    _ => {}
                }
                let is_open = websocket.as_ref().is_none_or(WebSocket::is_open);
                self.wanted = wants_frame(state, is_open);
                runs |= state.take_waiting_app();
                end
            });
            if let Some(websocket) = &mut self.websocket {
                websocket.settle();
            }
            match end {
                None | Some(Received::Frame(_)) => {}
                Some(Received::Closed) => self.lose_websocket(None),
                Some(Received::Failed(fault)) => self.lose_websocket(Some(fault)),
            }
            first = false;
        }
    }

    /// The websocket failed, or was closed by the peer.
    fn lose_websocket(&mut self, fault: Option<TransportFault>) {
        match self.websocket.take() {
            Some(websocket) if fault.is_none() => {
                websocket.close_too(&mut Context::from_waker(&self.wire_waker));
            }
            Some(websocket) => websocket.close(),
            None => {}
        }
        self.shared.change_at(|state, _| match fault {
            Some(fault) => state.session.handle_websocket_failed(fault),
            None => state.session.handle_websocket_closed(false),
        });
    }

    /// Lets the application run.
    fn run_app(&mut self) {
        let cx = &mut Context::from_waker(&self.app_waker);
        let Some(app) = &mut self.app else { return };
        // A panic of the application ends its session, not the bookkeeping of the session.
        let polled = catch_unwind(AssertUnwindSafe(|| app.as_mut().poll(cx)));
        let polled = polled.unwrap_or_else(|_| {
            tracing::error!("the application of a session panicked");
            Poll::Ready(())
        });
        if polled.is_ready() {
            self.app = None;
            self.shared.close();
        }
    }

    /// Writes frames while the connection takes them, and ends the turn if nothing else is left.
    fn write(&mut self) -> Next {
        loop {
            let cx = &mut Context::from_waker(&self.wire_waker);
            let takes = match self.websocket.as_mut().map(|websocket| websocket.poll_ready(cx)) {
                Some(Poll::Ready(Ok(()))) => true,
                Some(Poll::Ready(Err(fault))) => {
                    self.lose_websocket(Some(fault));
                    false
                }
                Some(Poll::Pending) | None => false,
            };
            let was_flushing = self.flushing;
            let next = self.shared.change(|state| {
                if let Some(websocket) = &mut self.websocket {
                    // A websocket that takes no frame now can be closed all the same.
                    while takes || state.session.wants_hang_up() {
                        match state.session.poll_transmit() {
                            Some(Transmit::Frame(frame)) => {
                                self.flushing = true;
                                websocket.start_send(frame);
                            }
                            Some(Transmit::Close) => return Next::Close,
                            None => break,
                        }
                        if !websocket.has_room() {
                            state.flushed = false;
                            return Next::Write;
                        }
                    }
                }
                // The frames are written after this lock, and nearly always the connection takes
                // them. That is assumed here, and taken back below if it is wrong. A connection
                // that did not take its frames before is not trusted.
                state.flushed = !was_flushing;
                let can_read = self.readable && self.websocket.is_some();
                let is_open = self.websocket.as_ref().is_none_or(WebSocket::is_open);
                end_turn(state, can_read, is_open, &mut self.wanted, &mut self.told)
            });
            if matches!(next, Next::Close) {
                self.flushing = false;
                if let Some(websocket) = self.websocket.take() {
                    websocket.close();
                }
                continue;
            }
            if self.flush(was_flushing) {
                match next {
                    Next::Write => {}
                    next => return next,
                }
            } else {
                // The websocket was lost: what the lock said is outdated, but not undone.
                match next {
                    Next::Again { .. } | Next::Over => return next,
                    Next::Rest { deadline, tally } => self.rest(deadline, tally),
                    Next::Write | Next::Close => {}
                }
                return Next::Again { runs: false, attached: None };
            }
        }
    }

    /// Writes out what the websocket was given. Whether it is still there.
    fn flush(&mut self, was_flushing: bool) -> bool {
        let Some(websocket) = &mut self.websocket else { return true };
        match websocket.poll_flush(&mut Context::from_waker(&self.wire_waker)) {
            Poll::Pending => {
                self.flushing = true;
                if !was_flushing {
                    self.shared.change(|state| state.flushed = false);
                }
            }
            Poll::Ready(Ok(())) => {
                self.flushing = false;
                if was_flushing {
                    self.shared.change(|state| state.flushed = true);
                }
            }
            Poll::Ready(Err(fault)) => {
                self.lose_websocket(Some(fault));
                return false;
            }
        }
        true
    }

    /// Counts what the turn brought, and sets the timer if its deadline moved.
    fn rest(&mut self, deadline: Option<Time>, tally: Tally) {
        self.role.count(tally);
        let Some(at) = deadline else { return };
        self.sleep.as_mut().reset(self.shared.instant(at));
        let cx = &mut Context::from_waker(&self.wire_waker);
        // A deadline that has passed already registers no waker.
        if self.sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Tells the role that the session is over.
    fn end(&self) {
        let (tally, transport, reason) = self.shared.change(|state| {
            state.rests = true;
            // Nothing is left for this task but its application, which has a waker of its own.
            state.driver = None;
            let session = &mut state.session;
            (session.take_tally(), session.transport(), session.close_reason().cloned())
        });
        self.role.count(tally);
        if let Some(reason) = &reason {
            tracing::debug!(sid = %self.shared.about(), %reason, "session closed");
        }
        self.role.forget(self.shared.about(), transport, reason.as_ref());
    }
}

/// Gives a session all frames of what was read, as long as its application keeps up. What ended the
/// websocket, if something did.
fn dispatch<M: Machine>(
    state: &mut State<M>,
    websocket: &mut WebSocket,
    now: Time,
    about: &impl std::fmt::Display,
) -> Option<Received> {
    while state.wants_frame() {
        match websocket.next_frame() {
            Some(Received::Frame(frame)) => {
                if let Err(error) = state.session.handle_frame(now, frame) {
                    tracing::debug!(sid = %about, %error, "bad frame");
                }
            }
            other => return other,
        }
    }
    None
}

/// Whether the connection may be read. Before a new websocket `is_open` its open packet leaves first:
/// there is nothing to read before that, and a 101 that is held back for it would leave alone.
fn wants_frame<M: Machine>(state: &State<M>, is_open: bool) -> bool {
    state.wants_frame() && (is_open || !state.session.has_transmit())
}

/// Looks whether anything is left to do. If not, others wake the driver from here on.
fn end_turn<M: Machine>(
    state: &mut State<M>,
    can_read: bool,
    is_open: bool,
    wanted: &mut bool,
    told: &mut bool,
) -> Next {
    if state.is_over() {
        return Next::Over;
    }
    *wanted = wants_frame(state, is_open);
    let attached = state.attached.take();
    let closed = !state.session.is_open();
    let runs = state.take_waiting_app() || (closed && !*told);
    *told = closed;
    if (can_read && *wanted) || runs || attached.is_some() {
        return Next::Again { runs, attached };
    }
    state.stalled = can_read && !state.wants_frame();
    state.blocked = state.session.has_transmit();
    state.rests = true;
    let deadline = state.deadline();
    let moved = deadline != std::mem::replace(&mut state.armed, deadline);
    Next::Rest { deadline: deadline.filter(|_| moved), tally: state.session.take_tally() }
}

impl<R: Role> Future for Driver<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.over {
            if !this.turn(cx) {
                return Poll::Pending;
            }
            this.over = true;
            this.end();
        }
        // Only the application is left. Nothing tells this task of events that it waits for.
        loop {
            this.run_app();
            if this.app.is_none() {
                return Poll::Ready(());
            }
            if !this.shared.change(State::take_waiting_app) {
                return Poll::Pending;
            }
        }
    }
}

impl<R: Role> Drop for Driver<R> {
    /// The runtime may drop the task at its shutdown. Requests that wait are then let go.
    fn drop(&mut self) {
        if !self.over {
            self.shared.close();
            self.end();
        }
    }
}
