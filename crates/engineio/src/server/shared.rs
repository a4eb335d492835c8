//! One session and everybody who touches it: its driver, requests, and senders in any task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Parts;
use super::turn::Turn;
use crate::proto::server::Session;
use crate::proto::{CloseReason, Event, Message, Protocol, SendError, Sid, Tally, Time};

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

pub(crate) struct State {
    pub(crate) session: Session,
    pub(crate) closed: Option<CloseReason>,
    /// A websocket to probe, on its way to the driver.
    pub(crate) upgrade: Option<OnUpgrade>,
    /// The driver is in its poll and looks at everything again before it returns.
    pub(crate) driving: bool,
    /// When the driver wakes by itself.
    pub(crate) armed: Option<Time>,
    /// When the application is to be polled.
    alarm: Option<Time>,
    pub(crate) driver: Option<Waker>,
    /// Frames are read before the application asks for them.
    read_ahead: bool,
    /// The driver left frames unread, for the application did not keep up.
    pub(crate) stalled: bool,
    /// The websocket, if there is one, has taken all frames that it was given.
    pub(crate) flushed: bool,
    waits: Waits,
    /// The waker that the driver polls the application with.
    own: Waker,
    /// Who waits, if that is [`Waits::Elsewhere`].
    app: Option<Waker>,
    /// The held GET.
    get: Option<Waker>,
    /// A POST that waits for the application to keep up.
    post: Option<Waker>,
    had_room: bool,
}

/// Whether the application waits for an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    No,
    /// In the driver's poll, which looks for that itself.
    Here,
    /// By a waker of its own.
    Elsewhere,
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
            state: Mutex::new(State {
                session,
                closed: None,
                upgrade: None,
                driving: false,
                armed: None,
                alarm: None,
                driver: None,
                read_ahead: true,
                stalled: false,
                flushed: true,
                waits: Waits::No,
                own,
                app: None,
                get: None,
                post: None,
                had_room: true,
            }),
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

    pub(crate) fn send(&self, messages: &[Message]) -> Result<(), SendError> {
        self.change(|state| state.session.send(messages))
    }

    pub(crate) fn send_one(&self, message: Message) -> Result<(), SendError> {
        self.change(|state| state.session.send_one(message))
    }

    pub(crate) fn send_owned(&self, messages: Vec<Message>) -> Result<(), SendError> {
        self.change(|state| state.session.send_owned(messages))
    }

    pub(crate) fn send_some(&self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.change(|state| state.session.send_some(messages))
    }

    pub(crate) fn send_uncompressed(&self, messages: &[Message]) -> Result<(), SendError> {
        self.change(|state| state.session.send_uncompressed(messages))
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

impl State {
    /// Takes the wakers of those who have something to do now.
    fn ready(&mut self) -> [Option<Waker>; 4] {
        let session = &self.session;
        let get = if session.has_payload() { self.get.take() } else { None };
        let post =
            if session.wants_input() || !session.is_open() { self.post.take() } else { None };
        let app = if self.wakes_app() {
            self.waits = Waits::No;
            self.app.take()
        } else {
            None
        };
        let driver = if !self.driving && self.has_work() { self.driver.take() } else { None };
        [get, post, app, driver]
    }

    /// Whether nobody is to be woken: the usual case, on websocket in the driver's own turn.
    fn is_quiet(&self) -> bool {
        self.driving
            && self.get.is_none()
            && self.post.is_none()
            && self.had_room == self.has_room()
            && !self.wakes_app()
    }

    /// What the driver polls the application with. A clone: wakers that were made apart may not
    /// know each other.
    pub(crate) fn app_waker(&self) -> Waker {
        self.own.clone()
    }

    /// Whether an application that waits elsewhere is to be told of an event.
    fn wakes_app(&self) -> bool {
        self.waits == Waits::Elsewhere && self.session.has_event()
    }

    fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<Message>> {
        self.waits = Waits::No;
        loop {
            match self.session.poll_event() {
                Some(Event::Message(message)) => return Poll::Ready(Some(message)),
                Some(Event::Closed(reason)) => self.closed = Some(reason),
                Some(Event::Upgraded | Event::Open(_)) => {}
                None if self.closed.is_some() => return Poll::Ready(None),
                None => {
                    self.wait(cx);
                    return Poll::Pending;
                }
            }
        }
    }

    /// From here on the application waits for the next event.
    fn wait(&mut self, cx: &Context<'_>) {
        if self.own.will_wake(cx.waker()) {
            self.waits = Waits::Here;
            return;
        }
        self.waits = Waits::Elsewhere;
        if !self.app.as_ref().is_some_and(|app| app.will_wake(cx.waker())) {
            self.app = Some(cx.waker().clone());
        }
    }

    /// Whether the next frame of the websocket may be read.
    pub(crate) fn wants_frame(&self) -> bool {
        let waits = self.waits != Waits::No && !self.session.has_event();
        let asked = self.read_ahead || waits;
        asked && self.session.wants_input()
    }

    /// Whether the driver has something to do.
    pub(crate) fn has_work(&self) -> bool {
        let earlier = match (self.deadline(), self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        earlier
            || self.upgrade.is_some()
            || self.session.has_transmit()
            || (self.stalled && self.wants_frame())
            || (self.waits == Waits::Here && self.session.has_event())
            || self.is_over()
    }

    /// When the driver is to look again, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let deadlines = [self.session.poll_timeout(), self.alarm];
        deadlines.into_iter().flatten().min()
    }

    /// Forgets an alarm whose time has come; whether it has.
    pub(crate) fn end_alarm(&mut self, now: Time) -> bool {
        self.alarm.take_if(|at| *at <= now).is_some()
    }

    /// Whether the application that the driver polls waits for an event that is there; for one
    /// poll: one that was told and does something else is not told again.
    pub(crate) fn take_waiting_app(&mut self) -> bool {
        let takes = self.waits == Waits::Here && self.session.has_event();
        if takes {
            self.waits = Waits::No;
        }
        takes
    }

    /// Whether no connection needs the session any more.
    pub(crate) fn is_over(&self) -> bool {
        self.session.is_finished()
    }

    fn room_came(&mut self) -> bool {
        let has_room = self.has_room();
        let had_room = std::mem::replace(&mut self.had_room, has_room);
        has_room && !had_room
    }

    /// Whether nobody has to wait for room.
    fn has_room(&self) -> bool {
        self.session.has_room() || !self.session.is_open()
    }
}
