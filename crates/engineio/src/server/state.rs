//! What is under a session's lock: its machine, and who waits for what.

use std::task::{Context, Poll, Waker};

use hyper::upgrade::OnUpgrade;

use crate::proto::server::Session;
use crate::proto::{CloseReason, Event, Message, Time};

pub(crate) struct State {
    pub(super) session: Session,
    pub(super) closed: Option<CloseReason>,
    /// A websocket to probe, on its way to the driver.
    pub(super) upgrade: Option<OnUpgrade>,
    /// The driver is in its poll and looks at everything again before it returns.
    pub(super) driving: bool,
    /// When the driver wakes by itself.
    pub(super) armed: Option<Time>,
    /// When the application is to be polled.
    pub(super) alarm: Option<Time>,
    pub(super) driver: Option<Waker>,
    /// Frames are read before the application asks for them.
    pub(super) read_ahead: bool,
    /// The driver left frames unread, for the application did not keep up.
    pub(super) stalled: bool,
    /// The websocket, if there is one, has taken all frames that it was given.
    pub(super) flushed: bool,
    waits: Waits,
    /// The waker that the driver polls the application with.
    own: Waker,
    /// Who waits, if that is [`Waits::Elsewhere`].
    app: Option<Waker>,
    /// The held GET.
    pub(super) get: Option<Waker>,
    /// A POST that waits for the application to keep up.
    pub(super) post: Option<Waker>,
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

impl State {
    pub(super) fn new(session: Session, own: Waker) -> Self {
        Self {
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
        }
    }

    /// Takes the wakers of those who have something to do now.
    pub(super) fn ready(&mut self) -> [Option<Waker>; 4] {
        let session = &self.session;
        // Mostly there is none, and its session is not asked.
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

    /// Whether nobody is to be woken: the usual case, on websocket in the driver's own turn.
    pub(super) fn is_quiet(&self) -> bool {
        self.driving
            && self.get.is_none()
            && self.post.is_none()
            && self.had_room == self.has_room()
            && !self.wakes_app()
    }

    /// What the driver polls the application with. A clone: wakers that were made apart may not
    /// know each other.
    pub(super) fn app_waker(&self) -> Waker {
        self.own.clone()
    }

    /// Whether an application that waits elsewhere is to be told of an event.
    fn wakes_app(&self) -> bool {
        self.waits == Waits::Elsewhere && self.session.has_event()
    }

    pub(super) fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<Message>> {
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
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
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
    pub(super) fn has_work(&self) -> bool {
        let earlier = || match (self.deadline(), self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        // What is usual first.
        self.session.has_transmit()
            || (self.waits == Waits::Here && self.session.has_event())
            || self.upgrade.is_some()
            || (self.stalled && self.wants_frame())
            || self.is_over()
            || earlier()
    }

    /// When the driver is to look again, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Time> {
        let deadlines = [self.session.poll_timeout(), self.alarm];
        deadlines.into_iter().flatten().min()
    }

    /// Forgets an alarm whose time has come; whether it has.
    pub(super) fn end_alarm(&mut self, now: Time) -> bool {
        self.alarm.take_if(|at| *at <= now).is_some()
    }

    /// Whether the application that the driver polls waits for an event that is there; for one
    /// poll: one that was told and does something else is not told again.
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

    pub(super) fn room_came(&mut self) -> bool {
        let has_room = self.has_room();
        let had_room = std::mem::replace(&mut self.had_room, has_room);
        has_room && !had_room
    }

    /// Whether nobody has to wait for room.
    pub(super) fn has_room(&self) -> bool {
        self.session.has_room() || !self.session.is_open()
    }
}
