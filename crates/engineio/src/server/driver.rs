//! The driver: one task per session, for its websocket, its timers and its application.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use hyper::upgrade::OnUpgrade;
use tokio::time::Sleep;

use super::shared::Shared;
use super::turn::Turn;
use super::websocket::{Read, WebSocket};
use super::{Inner, Socket};
use crate::proto::{Transmit, TransportFault};

/// Drives one session to its end.
pub(crate) struct Driver {
    server: Arc<Inner>,
    shared: Arc<Shared>,
    websocket: Option<WebSocket>,
    /// What the websocket and the clock are polled with, and whether they were woken: a websocket
    /// that was not has nothing to read, and no deadline has passed.
    wire: Arc<Turn>,
    wire_waker: Waker,
    /// The websocket may have more to read.
    readable: bool,
    /// It has not taken all frames that it was given.
    flushing: bool,
    /// The application, until it is done.
    app: Option<BoxFuture<'static, ()>>,
    /// What the application is polled with.
    waker: Waker,
    /// The application was polled since the session closed: some do not wait for an event then.
    told: bool,
    sleep: Pin<Box<Sleep>>,
    /// No connection needs the session any more; only the application may still run.
    over: bool,
}

impl Driver {
    /// Starts the session's task, which opens a direct websocket.
    pub(crate) fn spawn(server: Arc<Inner>, shared: Arc<Shared>, websocket: Option<WebSocket>) {
        server.counters.opened(shared.lock().session.transport());
        let app = (server.app)(Socket::new(Arc::clone(&shared)));
        let waker = shared.lock().app_waker();
        let wire = Arc::new(Turn::default());
        let driver = Self {
            websocket,
            wire_waker: Waker::from(Arc::clone(&wire)),
            wire,
            readable: true,
            flushing: false,
            app: Some(app),
            waker,
            told: false,
            sleep: Box::pin(tokio::time::sleep_until(server.origin)),
            over: false,
            server,
            shared,
        };
        tokio::spawn(driver);
    }

    /// Begins a turn: from here on nobody wakes this task, which looks at everything before it
    /// rests. Whether frames may be read, and whether it is the application's turn.
    fn begin(&mut self, cx: &Context<'_>) -> (bool, bool) {
        let turn = self.shared.turn();
        turn.set_task(cx.waker());
        self.wire.set_task(cx.waker());
        let woken = self.wire.take();
        self.readable |= woken;
        let mut state = self.shared.lock();
        state.driving = true;
        if !state.driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.driver = Some(cx.waker().clone());
        }
        // The open packet leaves first: before it there is nothing to read, and a 101 that waits
        // for it would leave alone.
        let is_open = !matches!(self.websocket, Some(WebSocket::Opening(_)));
        let wanted = state.wants_frame() && (is_open || !state.session.has_transmit());
        let runs = state.take_waiting_app();
        drop(state);
        let runs = turn.take() || runs;
        // The clock is read when a deadline may have passed, and with frames.
        match woken && self.sleep.is_elapsed() {
            true => self.shared.drive(|state, now| {
                let rings = state.end_alarm(now);
                (state.wants_frame(), runs || rings)
            }),
            false => (wanted, runs),
        }
    }

    /// Takes over a websocket that asks to upgrade the session.
    fn attach(&mut self, upgrade: OnUpgrade) {
        let max = self.server.session.limits.max_payload;
        let open = self.server.session.upgrade_timeout;
        self.websocket = Some(WebSocket::new(upgrade, max, open, None));
        self.readable = true;
    }

    /// Reads frames while the application keeps up; it `runs` if it waits for what came. Whether
    /// there are no more for now.
    fn read(&mut self, mut wanted: bool, runs: &mut bool) -> bool {
        while wanted && self.readable {
            let Some(websocket) = &mut self.websocket else { return true };
            let fault = match websocket.poll_fill(&mut Context::from_waker(&self.wire_waker)) {
                Poll::Pending => {
                    self.readable = false;
                    return true;
                }
                Poll::Ready(Err(fault)) => Some(Read::Failed(fault)),
                // All that one read of the connection brought, in one turn.
                Poll::Ready(Ok(())) => {
                    let sid = self.shared.sid();
                    let (end, wants) = self.shared.drive(|state, now| {
                        let (mut end, mut wants) = (None, state.wants_frame());
                        while wants {
                            match websocket.next_frame() {
                                Some(Read::Frame(frame)) => {
                                    if let Err(error) = state.session.handle_frame(now, frame) {
                                        tracing::debug!(%sid, %error, "bad frame");
                                    }
                                }
                                other => {
                                    end = other;
                                    break;
                                }
                            }
                            wants = state.wants_frame();
                        }
                        *runs |= state.take_waiting_app();
                        (end, wants)
                    });
                    websocket.settle();
                    wanted = wants;
                    end
                }
            };
            match fault {
                None | Some(Read::Frame(_)) => {}
                Some(Read::Closed) => self.lose_websocket(None),
                Some(Read::Failed(fault)) => self.lose_websocket(Some(fault)),
            }
        }
        !self.readable
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
        self.shared.drive(|state, _| match fault {
            Some(fault) => state.session.handle_websocket_failed(fault),
            None => state.session.handle_websocket_closed(false),
        });
    }

    /// Lets the application run.
    fn run_app(&mut self) {
        let cx = &mut Context::from_waker(&self.waker);
        let Some(app) = &mut self.app else { return };
        // A panic of the application ends its session, not the session's bookkeeping.
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

    /// Writes frames while the connection takes them. Whether it would take more.
    fn write(&mut self) -> bool {
        while let Some(websocket) = &mut self.websocket {
            match websocket.poll_ready(&mut Context::from_waker(&self.wire_waker)) {
                Poll::Pending if self.shared.lock().session.wants_hang_up() => {}
                Poll::Pending => return false,
                Poll::Ready(Err(fault)) => {
                    self.lose_websocket(Some(fault));
                    break;
                }
                Poll::Ready(Ok(())) => {}
            }
            let closes = self.shared.change(|state| {
                loop {
                    match state.session.poll_transmit() {
                        Some(Transmit::Frame(frame)) => {
                            (self.flushing, state.flushed) = (true, false);
                            websocket.start_send(frame);
                        }
                        Some(Transmit::Close) => return Some(true),
                        None => return Some(false),
                    }
                    if !websocket.has_room() {
                        return None;
                    }
                }
            });
            match closes {
                None => {}
                Some(false) => break,
                Some(true) => {
                    if let Some(websocket) = self.websocket.take() {
                        websocket.close();
                    }
                    return false;
                }
            }
        }
        let Some(websocket) = &mut self.websocket else { return false };
        match websocket.poll_flush(&mut Context::from_waker(&self.wire_waker)) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.flushing = false,
            Poll::Ready(Err(fault)) => self.lose_websocket(Some(fault)),
        }
        self.websocket.is_some()
    }

    /// Forgets the session, and counts its end.
    fn end(&self) {
        let (tally, transport, reason) = {
            let mut state = self.shared.lock();
            let session = &mut state.session;
            (session.take_tally(), session.transport(), session.close_reason().cloned())
        };
        self.server.counters.add(tally);
        self.server.counters.closed(transport, reason.as_ref());
        if let Some(reason) = reason {
            tracing::debug!(sid = %self.shared.sid(), %reason, "session closed");
        }
        self.server.registry.remove(self.shared.sid());
    }

    /// Looks at everything until all of it waits for others. Whether the session is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let (mut wanted, mut runs) = self.begin(cx);
        let next = loop {
            let drained = self.read(wanted, &mut runs);
            if runs {
                self.run_app();
            }
            let takes = self.write();
            let mut state = self.shared.lock();
            state.flushed = !self.flushing;
            if state.is_over() {
                return true;
            }
            let upgrade = state.upgrade.take();
            wanted = (!drained && state.wants_frame()) || upgrade.is_some();
            let closed = !state.session.is_open();
            runs = state.take_waiting_app() || (closed && !self.told);
            self.told = closed;
            // Frames that the connection does not take now wake this task when it does.
            if wanted || runs || (takes && state.session.has_transmit()) {
                drop(state);
                if let Some(upgrade) = upgrade {
                    self.attach(upgrade);
                }
                continue;
            }
            state.stalled = !drained;
            state.driving = false;
            let next = state.deadline();
            let moved = next != std::mem::replace(&mut state.armed, next);
            let tally = state.session.take_tally();
            drop(state);
            self.server.counters.add(tally);
            break next.filter(|_| moved);
        };
        if let Some(at) = next {
            self.sleep.as_mut().reset(self.shared.instant(at));
            // One that is due already wakes this task at once.
            let cx = &mut Context::from_waker(&self.wire_waker);
            if self.sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        false
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.over && this.turn(cx) {
            this.over = true;
            this.shared.lock().driving = false;
            this.end();
        } else if !this.over {
            return Poll::Pending;
        }
        // What is left for it: nothing wakes this task for that any more.
        loop {
            this.run_app();
            if this.app.is_none() || !this.shared.lock().take_waiting_app() {
                break;
            }
        }
        if this.app.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Driver {
    /// The runtime may drop the task at its shutdown; requests that wait are then let go.
    fn drop(&mut self) {
        if !self.over {
            self.shared.close();
            self.end();
        }
    }
}
