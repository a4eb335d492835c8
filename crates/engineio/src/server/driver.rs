//! The driver: one task per session, for its websocket, its timers and its application.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Sleep;

use super::shared::Shared;
use super::websocket::{Read, WebSocket};
use super::{Inner, Socket};
use crate::proto::TransportFault;
use crate::proto::server::Transmit;

/// Drives one session to its end.
pub(crate) struct Driver {
    server: Arc<Inner>,
    shared: Arc<Shared>,
    websocket: Option<WebSocket>,
    /// The application, until it is done.
    app: Option<BoxFuture<'static, ()>>,
    sleep: Pin<Box<Sleep>>,
    /// No connection needs the session any more; only the application may still run.
    over: bool,
}

impl Driver {
    /// Starts the session's task, which opens a direct websocket.
    pub(crate) fn spawn(server: Arc<Inner>, shared: Arc<Shared>, websocket: Option<WebSocket>) {
        server.counters.opened(shared.lock().session.transport());
        let app = (server.app)(Socket::new(Arc::clone(&shared)));
        let driver = Self {
            websocket,
            // A panic of the application ends its session, not the session's bookkeeping.
            app: Some(Box::pin(AssertUnwindSafe(app).catch_unwind().map(|result| {
                if result.is_err() {
                    tracing::error!("the application of a session panicked");
                }
            }))),
            sleep: Box::pin(tokio::time::sleep_until(server.origin)),
            over: false,
            server,
            shared,
        };
        tokio::spawn(driver);
    }

    /// Takes over a websocket that asks to upgrade the session.
    fn take_upgrade(&mut self) -> bool {
        let upgrade = self.shared.drive(|state, _| state.upgrade.take());
        let taken = upgrade.is_some();
        if let Some(upgrade) = upgrade {
            let max = self.server.session.limits.max_payload;
            let open = self.server.session.upgrade_timeout;
            self.websocket = Some(WebSocket::new(upgrade, max, open, None));
        }
        taken
    }

    /// Reads frames while the application keeps up.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.shared.wants_frame()
            && let Some(websocket) = &mut self.websocket
            && let Poll::Ready(read) = websocket.poll_read(cx)
        {
            moved = true;
            let sid = self.shared.sid();
            // All that one read of the connection brought, in one turn.
            let end = self.shared.drive(|state, now| {
                let mut read = Some(read);
                while let Some(Read::Frame(frame)) = read {
                    if let Err(error) = state.session.handle_frame(now, frame) {
                        tracing::debug!(%sid, %error, "bad frame");
                    }
                    read = if state.wants_frame() { websocket.read_ahead() } else { None };
                }
                read
            });
            match end {
                None | Some(Read::Frame(_)) => {}
                Some(Read::Closed) => self.lose_websocket(None),
                Some(Read::Failed(fault)) => self.lose_websocket(Some(fault)),
            }
        }
        moved
    }

    fn lose_websocket(&mut self, fault: Option<TransportFault>) {
        if let Some(websocket) = self.websocket.take() {
            websocket.close();
        }
        self.shared.drive(|state, _| match fault {
            Some(fault) => state.session.handle_websocket_failed(fault),
            None => state.session.handle_websocket_closed(false),
        });
    }

    /// Lets the application run.
    fn run_app(&mut self, cx: &mut Context<'_>) {
        if let Some(app) = &mut self.app
            && app.as_mut().poll(cx).is_ready()
        {
            self.app = None;
            self.shared.close();
        }
    }

    /// Writes frames while the connection takes them.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Some(websocket) = &mut self.websocket {
            match websocket.poll_ready(cx) {
                Poll::Pending if self.shared.lock().session.wants_hang_up() => {}
                Poll::Pending => return moved,
                Poll::Ready(Err(fault)) => {
                    self.lose_websocket(Some(fault));
                    return true;
                }
                Poll::Ready(Ok(())) => {}
            }
            let closes = self.shared.change(|state| {
                loop {
                    match state.session.poll_transmit() {
                        Some(Transmit::Frame(frame)) => websocket.start_send(frame),
                        Some(Transmit::Close) => return Some(true),
                        None => return Some(false),
                    }
                    moved = true;
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
                    return true;
                }
            }
        }
        if let Some(websocket) = &mut self.websocket
            && let Poll::Ready(Err(fault)) = websocket.poll_flush(cx)
        {
            self.lose_websocket(Some(fault));
            moved = true;
        }
        moved
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

    /// Arms the next timer; true when it is due, and the next look at the session fires it.
    fn tick(&mut self, cx: &mut Context<'_>) -> bool {
        let next = self.shared.drive(|state, _| {
            let next = state.session.poll_timeout();
            (next != std::mem::replace(&mut state.armed, next)).then_some(next)
        });
        if let Some(Some(at)) = next {
            self.sleep.as_mut().reset(self.shared.instant(at));
        }
        let due = self.shared.lock().armed.is_some() && self.sleep.as_mut().poll(cx).is_ready();
        if due {
            self.shared.lock().armed = None;
        }
        due
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.over {
            this.run_app(cx);
            return if this.app.is_none() { Poll::Ready(()) } else { Poll::Pending };
        }
        {
            let mut state = this.shared.lock();
            state.driving = true;
            if !state.driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.driver = Some(cx.waker().clone());
            }
        }
        let mut first = true;
        loop {
            let mut moved = this.take_upgrade() | this.tick(cx) | this.read(cx);
            // Polled once for its own sake, then again only when it waits for what there is.
            if std::mem::take(&mut first) | this.shared.lock().take_waiting_app() {
                let lagged = !this.shared.wants_frame();
                this.run_app(cx);
                moved |= lagged && this.shared.wants_frame();
            }
            moved |= this.write(cx);
            let mut state = this.shared.lock();
            if state.is_over() {
                break;
            }
            // Frames that the connection does not take now wake the driver when it does.
            if !moved && state.upgrade.is_none() && !state.app_has_event() {
                state.driving = false;
                let tally = state.session.take_tally();
                drop(state);
                this.server.counters.add(tally);
                return Poll::Pending;
            }
        }
        this.over = true;
        this.shared.lock().driving = false;
        this.end();
        this.run_app(cx);
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
