//! The state of a session under its lock, and the wakers of everything that waits for it.
//!
//! # The one way in
//!
//! Requests, the driver, senders in any task and timers all enter by [`Shared::change`]: lock, one
//! mutation, read off what became ready, unlock, wake exactly those. [`Shared::look`] reads under the
//! same lock and can change nothing. Nobody else locks.
//!
//! # Who is woken
//!
//! | waits | registers | is woken when |
//! |---|---|---|
//! | a held GET | `State::get` | there is a payload |
//! | a POST | `State::post` | the inbox has room, or the session is over |
//! | the application, polled by another task | `State::app` | there is an event |
//! | the application, polled by the driver | [`Waits::Here`] | the driver sees it itself |
//! | the driver | `State::driver` | [`State::has_work`] |
//! | senders that wait for room | `Shared::room` | the outbox has room again |
//!
//! While the driver is in its turn (`State::driving`) nobody wakes it: it looks at everything before
//! it rests. The application and the connection are polled with wakers of their own ([`WakeFlag`]):
//! both wake the driver's task, and the flag says which of them it was. So a session that is woken
//! only to write polls neither.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Machine, Role};
use crate::proto::{CloseReason, Event, Message, Outgoing, SendError, Time};
use crate::websocket::WebSocket;

/// One session, shared by its driver, its requests and its senders.
pub(crate) struct Shared<R: Role> {
    about: R::About,
    /// Times of the session count from here.
    origin: Instant,
    /// Says that the application was woken. Its waker wakes the driver's task.
    app: Arc<WakeFlag>,
    state: Mutex<State<R::Machine>>,
    /// Woken when the outbox has room again, or the session is over.
    room: Notify,
}

impl<R: Role> Shared<R> {
    pub(crate) fn new(session: R::Machine, about: R::About, origin: Instant) -> Self {
        let app = Arc::new(WakeFlag::default());
        let own = Waker::from(Arc::clone(&app));
        Self {
            about,
            origin,
            app,
            state: Mutex::new(State::new(session, own)),
            room: Notify::new(),
        }
    }

    pub(crate) fn about(&self) -> &R::About {
        &self.about
    }

    pub(super) fn app(&self) -> &Arc<WakeFlag> {
        &self.app
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    pub(super) fn instant(&self, time: Time) -> Instant {
        self.origin + time.since_origin()
    }

    /// The one way in: lock, one mutation, read off what became ready, unlock, wake exactly those.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State<R::Machine>) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        if state.is_quiet() {
            // A driver that rests has just seen that it has nothing to do.
            state.driving &= !state.rests;
            return result;
        }
        let [get, post, app, driver] = state.ready();
        state.driving &= !state.rests;
        if state.room_came() {
            self.room.notify_waiters();
        }
        drop(state);
        // One by one: a loop over them costs more than everything else here.
        wake(get);
        wake(post);
        wake(app);
        wake(driver);
        result
    }

    /// [`Shared::change`] for what needs the time. Deadlines that have passed take effect first, even
    /// if the driver has not woken up for them yet.
    pub(crate) fn change_at<T>(&self, change: impl FnOnce(&mut State<R::Machine>, Time) -> T) -> T {
        let now = self.now();
        self.change(|state| {
            state.pass(now);
            change(state, now)
        })
    }

    /// Reads under the lock. Wakes nobody, for nothing can have changed.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State<R::Machine>) -> T) -> T {
        look(&self.lock())
    }

    /// The only place where a session is locked. Never inlined, so that a profile counts its calls:
    /// these are the locks that an event costs.
    #[inline(never)]
    fn lock(&self) -> MutexGuard<'_, State<R::Machine>> {
        // A panic under the lock may leave a session half changed. Only that session suffers, and
        // dropping it must still be possible.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The application.

    pub(crate) fn send(&self, messages: Outgoing<'_>) -> Result<(), SendError> {
        self.change(|state| state.session.send(messages))
    }

    pub(crate) fn send_some(&self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.change(|state| state.session.send_some(messages))
    }

    /// Whether a message sent now leaves at once.
    pub(crate) fn is_writable(&self) -> bool {
        self.look(|state| state.flushed && state.session.is_writable())
    }

    pub(crate) fn close(&self) {
        // Usually the peer has closed already, and the application ends after that.
        if self.look(|state| state.session.is_open()) {
            self.change_at(|state, now| state.session.close(now));
        }
    }

    pub(crate) fn discard(&self) {
        self.change(|state| state.session.discard());
    }

    pub(crate) fn set_read_ahead(&self, on: bool) {
        self.change(|state| state.read_ahead = on);
    }

    pub(crate) fn set_alarm(&self, at: Option<Instant>) {
        let at = at.map(|at| Time::from_origin(at.saturating_duration_since(self.origin)));
        self.change(|state| state.alarm = at);
    }

    /// The next message, or `None` at the end.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.change(|state| state.poll_recv(cx))
    }

    /// [`Shared::poll_recv`], and the messages after the first go to `more`.
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
                // The application then waits without asking again. Without read-ahead it must ask,
                // because asking is what lets the next frame be read.
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
            // Registered before the look, so that no notification is lost in between.
            room.as_mut().enable();
            if self.look(State::has_room) {
                return;
            }
            room.await;
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What is under the lock of a session: its machine, and who waits for what.
pub(crate) struct State<M> {
    pub(crate) session: M,
    /// The application has been told that the session is over, and why.
    pub(crate) closed: Option<CloseReason>,
    /// A websocket to probe, on its way to the driver.
    pub(crate) attached: Option<WebSocket>,
    /// The websocket, if there is one, has taken all frames that it was given.
    pub(crate) flushed: bool,
    /// The held GET.
    pub(crate) get: Option<Waker>,
    /// A POST that waits for the application to keep up.
    pub(crate) post: Option<Waker>,
    /// The driver is in its turn, and looks at everything again before it rests.
    pub(super) driving: bool,
    /// The driver has ended its turn: with the end of this change it is not in it any more.
    pub(super) rests: bool,
    pub(super) driver: Option<Waker>,
    /// When the driver wakes by itself.
    pub(super) armed: Option<Time>,
    /// When the application is to be polled.
    alarm: Option<Time>,
    /// Frames are read before the application asks for them.
    read_ahead: bool,
    /// The driver left frames unread because the application did not keep up.
    pub(super) stalled: bool,
    /// The driver left frames unsent because the connection did not take them. The connection wakes
    /// it then; more frames need not.
    pub(super) blocked: bool,
    waits: Waits,
    /// The waker that the driver polls the application with.
    own: Waker,
    /// The application's waker, in case of [`Waits::Elsewhere`].
    app: Option<Waker>,
    had_room: bool,
}

/// Whether the application waits for an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    No,
    /// In the driver's poll, which looks for events itself.
    Here,
    /// With a waker of its own: it polls its socket in another task, or within a combinator.
    Elsewhere,
}

impl<M: Machine> State<M> {
    fn new(session: M, own: Waker) -> Self {
        Self {
            session,
            closed: None,
            attached: None,
            driving: false,
            rests: true,
            armed: None,
            alarm: None,
            driver: None,
            read_ahead: true,
            stalled: false,
            blocked: false,
            flushed: true,
            waits: Waits::No,
            own,
            app: None,
            get: None,
            post: None,
            had_room: true,
        }
    }

    /// Lets deadlines that have passed take effect.
    pub(super) fn pass(&mut self, now: Time) {
        if self.session.poll_timeout().is_some_and(|at| at <= now) {
            self.session.handle_timeout(now);
        }
    }

    /// Takes the wakers of everything that can go on now.
    fn ready(&mut self) -> [Option<Waker>; 4] {
        let session = &self.session;
        // Usually there is none, and the session is not asked.
        let get = self.get.take_if(|_| session.has_payload());
        let post = self.post.take_if(|_| session.wants_input() || !session.is_open());
        let app = if self.wakes_app() {
            self.waits = Waits::No;
            self.app.take()
        } else {
            None
        };
        let driver = if !self.driving && self.has_work() { self.driver.take() } else { None };
        [get, post, app, driver]
    }

    /// Whether nobody is to be woken: the usual case on a websocket, in the driver's own turn.
    fn is_quiet(&self) -> bool {
        self.driving
            && self.get.is_none()
            && self.post.is_none()
            && self.had_room == self.has_room()
            && !self.wakes_app()
    }

    /// The waker to poll the application with. A clone of the one that is compared with here: two
    /// wakers made from the same `Arc` need not say that they wake the same task.
    pub(super) fn app_waker(&self) -> Waker {
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
    pub(super) fn wants_frame(&self) -> bool {
        let waits = self.waits != Waits::No && !self.session.has_event();
        let asked = self.read_ahead || waits;
        asked && self.session.wants_input()
    }

    /// Whether the driver has something to do.
    fn has_work(&self) -> bool {
        let earlier = || match (self.deadline(), self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        // In the order of how often they are true.
        (self.session.has_transmit() && (!self.blocked || self.session.wants_hang_up()))
            || (self.waits == Waits::Here && self.session.has_event())
            || self.attached.is_some()
            || (self.stalled && self.wants_frame())
            || self.is_over()
            || earlier()
    }

    /// When the driver is to look again, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Time> {
        let deadlines = [self.session.poll_timeout(), self.alarm];
        deadlines.into_iter().flatten().min()
    }

    /// Forgets the alarm if its time has come, and says whether it has.
    pub(super) fn end_alarm(&mut self, now: Time) -> bool {
        self.alarm.take_if(|at| *at <= now).is_some()
    }

    /// Whether the application that the driver polls waits for an event that is there. True for one
    /// poll only: an application that was told and does something else is not told again.
    pub(super) fn take_waiting_app(&mut self) -> bool {
        let takes = self.waits == Waits::Here && self.session.has_event();
        if takes {
            self.waits = Waits::No;
        }
        takes
    }

    /// Whether no connection needs the session any more.
    pub(super) fn is_over(&self) -> bool {
        self.session.is_finished()
    }

    fn room_came(&mut self) -> bool {
        let has_room = self.has_room();
        let had_room = std::mem::replace(&mut self.had_room, has_room);
        has_room && !had_room
    }

    /// Whether nobody needs to wait for room.
    fn has_room(&self) -> bool {
        self.session.has_room() || !self.session.is_open()
    }
}

/// A waker that remembers that it was called, and wakes the driver's task.
///
/// The driver polls two things, the application and the connection (with the clock), each with a
/// flag of its own. One that was not woken is not polled.
pub(super) struct WakeFlag {
    woken: AtomicBool,
    /// The task of the driver. It is spawned once and stays in that task.
    task: OnceLock<Waker>,
}

impl Default for WakeFlag {
    /// The first poll comes without a wake-up.
    fn default() -> Self {
        Self { woken: AtomicBool::new(true), task: OnceLock::new() }
    }
}

impl WakeFlag {
    /// Says which task to wake.
    pub(super) fn set_task(&self, waker: &Waker) {
        let task = self.task.get_or_init(|| waker.clone());
        debug_assert!(task.will_wake(waker));
    }

    /// Whether it was woken since the last time.
    pub(super) fn take(&self) -> bool {
        // The swap writes and so takes the cache line from other threads: only when it must.
        self.woken.load(Ordering::Acquire) && self.woken.swap(false, Ordering::AcqRel)
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The flag first: a driver that is woken by it must see it.
        self.woken.store(true, Ordering::Release);
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }
}
