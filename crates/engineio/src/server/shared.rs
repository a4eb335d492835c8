//! One session and everybody who touches it: its driver, requests, and senders in any task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Parts;
use super::state::State;
use super::turn::Turn;
use crate::proto::server::Session;
use crate::proto::{Message, Outgoing, Protocol, SendError, Sid, Tally, Time};

pub(crate) struct Shared {
    sid: Sid,
    protocol: Protocol,
    request: Arc<Parts>,
    origin: Instant,
    /// The application's waker, which is its session's driver.
    turn: Arc<Turn>,
    state: Mutex<State>,
    /// Woken when the outbox has room again, or the session is over.
    room: Notify,
}

impl Shared {
    pub(crate) fn new(session: Session, request: Arc<Parts>, origin: Instant) -> Self {
        let turn = Arc::new(Turn::default());
        let own = Waker::from(Arc::clone(&turn));
        Self {
            turn,
            sid: session.sid(),
            protocol: session.protocol(),
            request,
            origin,
            state: Mutex::new(State::new(session, own)),
            room: Notify::new(),
        }
    }

    pub(crate) fn turn(&self) -> &Arc<Turn> {
        &self.turn
    }

    pub(crate) fn sid(&self) -> Sid {
        self.sid
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn request(&self) -> &Arc<Parts> {
        &self.request
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.origin + time.since_origin()
    }

    /// The one door: lock, one mutation, read off what became ready, unlock, wake exactly those.
    pub(crate) fn drive<R>(&self, change: impl FnOnce(&mut State, Time) -> R) -> R {
        let now = self.now();
        self.change(|state| {
            // Whoever comes first after a deadline sees it passed, also when the driver sleeps
            // still.
            if state.session.poll_timeout().is_some_and(|at| at <= now) {
                state.session.handle_timeout(now);
            }
            change(state, now)
        })
    }

    /// As [`Shared::drive`] for what needs no clock: the application's side, and what is written.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        if state.is_quiet() {
            return result;
        }
        let [get, post, app, driver] = state.ready();
        if state.room_came() {
            self.room.notify_waiters();
        }
        drop(state);
        // One by one: a loop over them costs more than all else here.
        wake(get);
        wake(post);
        wake(app);
        wake(driver);
        result
    }

    pub(crate) fn send(&self, messages: Outgoing<'_>) -> Result<(), SendError> {
        self.change(|state| state.session.send(messages))
    }

    pub(crate) fn send_some(&self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.change(|state| state.session.send_some(messages))
    }

    /// Whether what is sent now leaves at once.
    pub(crate) fn is_writable(&self) -> bool {
        let state = self.lock();
        state.flushed && state.session.is_writable()
    }

    pub(crate) fn set_read_ahead(&self, on: bool) {
        self.change(|state| state.read_ahead = on);
    }

    pub(crate) fn set_alarm(&self, at: Option<Instant>) {
        let at = at.map(|at| Time::from_origin(at.saturating_duration_since(self.origin)));
        self.change(|state| state.alarm = at);
    }

    pub(crate) fn close(&self) {
        // Mostly it was the peer who closed: the application then ends behind that.
        if !self.lock().session.is_open() {
            return;
        }
        self.drive(|state, now| state.session.close(now));
    }

    pub(crate) fn discard(&self) {
        self.change(|state| state.session.discard());
    }

    /// The figures that were counted since the last time.
    pub(crate) fn take_tally(&self) -> Tally {
        self.lock().session.take_tally()
    }

    /// The answer to the held GET, and whether it may be compressed.
    pub(crate) fn poll_payload(&self, cx: &mut Context<'_>) -> Poll<(Bytes, bool)> {
        self.drive(|state, _| match state.session.poll_payload() {
            Some(body) => Poll::Ready((body, state.session.may_compress())),
            None => {
                state.get = Some(cx.waker().clone());
                Poll::Pending
            }
        })
    }

    /// Waits until a POST's body may be read.
    pub(crate) fn poll_input(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.drive(|state, _| {
            if state.session.wants_input() || !state.session.is_open() {
                return Poll::Ready(());
            }
            state.post = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// The next message, or `None` at the end.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.change(|state| state.poll_recv(cx))
    }

    /// As [`Shared::poll_recv`]; what else is there goes to `more`.
    pub(crate) fn poll_recv_all(
        &self,
        cx: &mut Context<'_>,
        more: &mut VecDeque<Message>,
    ) -> Poll<Option<Message>> {
        self.change(|state| {
            let first = state.poll_recv(cx);
            if let Poll::Ready(Some(_)) = &first {
                while let Some(message) = state.session.poll_message() {
                    more.push_back(message);
                }
                // Who does not read ahead waits when all is handled.
                if state.read_ahead {
                    state.wait(cx);
                }
            }
            first
        })
    }

    /// Waits until the outbox is at most half full and has room for what it refused last, or the
    /// session is over.
    pub(crate) async fn ready(&self) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // Registered before the look, so that no notification falls between.
            room.as_mut().enable();
            {
                let state = self.lock();
                if state.has_room() {
                    return;
                }
            }
            room.await;
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the session half-changed in a way that matters more than losing it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
