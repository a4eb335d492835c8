//! Time as an argument, and timers as a table of deadlines.

use std::ops::Add;
use std::time::Duration;

/// A moment: time since an origin that the driver chose, such as the server's start.
///
/// All calls on one session count from the same origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Time(Duration);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `elapsed` after the origin.
    pub fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Time since the origin.
    pub fn since_origin(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// The timers of a session, each a deadline or unset.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The earliest of the table: it is asked far more often than a deadline changes.
    next: Option<Time>,
    table: [Option<Time>; Timer::COUNT],
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A ping is due (server), or should have come (client).
    Ping,
    /// The peer must have answered a ping.
    Pong,
    /// The upgrade must be complete.
    Upgrade,
    /// The peer must have taken the last packets of a closing session.
    Close,
}

impl Timer {
    const COUNT: usize = 4;
    const ALL: [Self; Self::COUNT] = [Self::Ping, Self::Pong, Self::Upgrade, Self::Close];
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Time) {
        self.table[timer as usize] = Some(at);
        self.update();
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.table[timer as usize] = None;
        self.update();
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Time> {
        self.next
    }

    /// Takes one expired timer, in the order of the table, with its deadline.
    pub(super) fn expired(&mut self, now: Time) -> Option<(Timer, Time)> {
        let expired = Timer::ALL.into_iter().find_map(|timer| {
            let at = self.table[timer as usize].take_if(|at| *at <= now)?;
            Some((timer, at))
        })?;
        self.update();
        Some(expired)
    }

    fn update(&mut self) {
        self.next = self.table.iter().flatten().min().copied();
    }
}
