//! Connection state recovery: a log of events, and the sessions of lost clients.
//!
//! Every logged event has a number, its offset on the wire. A client that comes back sends the
//! offset of the last event it saw. The events it missed are complete if none after that offset was
//! dropped from the log, or if the dropped ones were not for it: it had seen everything sent to it,
//! and was lost after they were dropped.

use std::any::{Any, TypeId};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use engineio::proto::Sid;
use tokio::time::Instant;

use super::index::{Member, Membership};
use super::options::{BroadcastOptions, Recovery};
use super::room::Room;
use crate::proto::{Encoded, RawJson};

/// Values of a socket by their types.
pub(crate) type Values = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// The session of a client that was lost and may come back.
#[non_exhaustive]
pub struct StoredSession {
    /// The id of its socket, which it gets again.
    pub sid: Sid,
    /// The private id that the client must know.
    pub pid: String,
    /// Its rooms, without the room of its own id.
    pub rooms: Vec<Room>,
    /// Its data, as other nodes see it.
    pub data: Option<RawJson>,
    local: LocalPart,
}

/// The part of a session that only this node has.
#[derive(Default)]
struct LocalPart {
    values: Values,
    stays: Vec<Membership>,
    started: u64,
    sent: u64,
    /// The head of the log when the client was lost.
    parted: u64,
    expires: Option<(Instant, u64)>,
}

/// A session that was found for a client that came back.
#[derive(Debug)]
pub struct RestoredSession {
    pub(crate) session: StoredSession,
    pub(super) missed: Vec<Encoded>,
    /// The head of the log when `missed` was read. `None` if the session comes from another store.
    pub(super) upto: Option<u64>,
}

impl RestoredSession {
    /// Creates a session from another store than this node's, with the packets its client missed.
    pub fn new(session: StoredSession, missed: Vec<Encoded>) -> Self {
        Self { session, missed, upto: None }
    }
}

impl StoredSession {
    /// Creates a session from the fields that another store kept.
    pub fn new(sid: Sid, pid: String, rooms: Vec<Room>, data: Option<RawJson>) -> Self {
        let stay = |room: &Room| Membership { room: room.clone(), from: 0, until: None };
        let stays = rooms.iter().map(stay).collect();
        Self { sid, pid, rooms, data, local: LocalPart { stays, ..LocalPart::default() } }
    }

    /// The session of a socket that is being lost.
    pub(super) fn of(member: Member, pid: String, head: u64) -> Self {
        let (values, data) = member.socket.copy_values();
        let rooms = member.rooms().cloned().collect();
        let Member { socket, stays, started, sent } = member;
        let local = LocalPart { values, stays, started, sent, parted: head, expires: None };
        Self { sid: socket.id(), pid, rooms, data, local }
    }

    /// The values that were kept with its socket.
    pub(crate) fn values(&self) -> Values {
        self.local.values.clone()
    }

    pub(super) fn into_stays(self) -> (Vec<Membership>, u64) {
        (self.local.stays, self.local.started)
    }
}

/// The log and the lost sessions of one namespace.
pub(super) struct RecoveryLog {
    config: Recovery,
    log: VecDeque<Logged>,
    /// Of `log`.
    bytes: usize,
    /// The number of the last event dropped from the log. The first one in `log` has the next
    /// number.
    dropped: u64,
    lost: HashMap<String, StoredSession>,
    /// How many of `lost` have this socket id.
    lost_ids: HashMap<Sid, usize>,
    expiry: BTreeMap<(Instant, u64), String>,
    /// Counts persisted sessions, to tell apart two that expire at the same instant.
    persisted: u64,
    /// Connected sockets, by their private ids.
    pub(super) live: HashMap<String, Sid>,
}

struct Logged {
    at: Instant,
    packet: Encoded,
    options: BroadcastOptions,
}

impl RecoveryLog {
    pub(super) fn new(config: Recovery) -> Self {
        Self {
            config,
            log: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            lost: HashMap::new(),
            lost_ids: HashMap::new(),
            expiry: BTreeMap::new(),
            persisted: 0,
            live: HashMap::new(),
        }
    }

    /// The number of the last logged event.
    pub(super) fn head(&self) -> u64 {
        self.dropped + self.log.len() as u64
    }

    /// Logs a packet. Its offset is the number after [`RecoveryLog::head`].
    pub(super) fn push(&mut self, packet: Encoded, options: BroadcastOptions) {
        let at = Instant::now();
        self.bytes += packet.size();
        self.log.push_back(Logged { at, packet, options });
        let window = self.config.window;
        while self.log.len() > self.config.max_events
            || self.bytes > self.config.max_bytes
            || self.log.front().is_some_and(|first| first.at + window < at)
        {
            let Some(first) = self.log.pop_front() else { break };
            self.bytes -= first.packet.size();
            self.dropped += 1;
        }
    }

    pub(super) fn persist(&mut self, mut session: StoredSession) {
        let now = Instant::now();
        self.purge(now);
        if self.config.max_sessions == 0 {
            return;
        }
        while self.lost.len() >= self.config.max_sessions {
            let Some((_, oldest)) = self.expiry.pop_first() else { break };
            self.remove(&oldest);
        }
        self.remove(&session.pid);
        let key = (now + self.config.window, self.persisted);
        self.persisted += 1;
        session.local.expires = Some(key);
        self.expiry.insert(key, session.pid.clone());
        *self.lost_ids.entry(session.sid).or_default() += 1;
        self.lost.insert(session.pid.clone(), session);
    }

    pub(super) fn take(&mut self, pid: &str) -> Option<StoredSession> {
        self.purge(Instant::now());
        self.remove(pid)
    }

    fn remove(&mut self, pid: &str) -> Option<StoredSession> {
        let session = self.lost.remove(pid)?;
        session.local.expires.map(|key| self.expiry.remove(&key));
        if let Entry::Occupied(mut count) = self.lost_ids.entry(session.sid) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(session)
    }

    pub(super) fn is_lost(&self, id: Sid) -> bool {
        self.lost_ids.contains_key(&id)
    }

    /// Whether no client can come back.
    pub(super) fn is_idle(&mut self) -> bool {
        self.purge(Instant::now());
        self.lost.is_empty()
    }

    /// The events a session missed after `offset`. `None` if they are not complete any more.
    pub(super) fn missed(&self, session: &StoredSession, offset: Option<&str>) -> Option<Missed> {
        let past = &session.local;
        let seen = match offset {
            None => past.started,
            Some(offset) => offset.parse().ok()?,
        };
        let head = self.head();
        let is_complete =
            seen >= self.dropped || (past.sent <= seen && past.parted >= self.dropped);
        (seen <= head && is_complete).then(|| Missed { packets: self.since(seen, session), head })
    }

    /// The logged events after `seen` that the session would have got.
    pub(super) fn since(&self, seen: u64, session: &StoredSession) -> Vec<Encoded> {
        let skip = usize::try_from(seen.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let missed = self.log.iter().zip(self.dropped + 1..).skip(skip);
        missed
            .filter(|(logged, event)| logged.is_for(session, *event))
            .map(|(logged, _)| logged.packet.clone())
            .collect()
    }

    fn purge(&mut self, now: Instant) {
        while let Some(first) = self.expiry.first_entry()
            && first.key().0 <= now
        {
            let pid = first.remove();
            self.remove(&pid);
        }
    }
}

/// Missed events, and the head of the log when they were read.
pub(super) struct Missed {
    pub(super) packets: Vec<Encoded>,
    pub(super) head: u64,
}

impl Logged {
    fn is_for(&self, session: &StoredSession, event: u64) -> bool {
        let stays = &session.local.stays;
        let is_in = |room: &Room| {
            **room == *session.sid.as_str() || stays.iter().any(|stay| stay.covers(room, event))
        };
        let BroadcastOptions { rooms, except, .. } = &self.options;
        (rooms.is_empty() || rooms.iter().any(is_in)) && !except.iter().any(is_in)
    }
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Anyone who knows the private id can take over the session, so it stays out of logs.
        f.debug_struct("StoredSession")
            .field("sid", &self.sid)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lost(recovery: &mut RecoveryLog, id: &str, pid: &str) -> Sid {
        let sid: Sid = id.parse().unwrap();
        recovery.persist(StoredSession::new(sid, pid.to_owned(), Vec::new(), None));
        sid
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_lost_until_its_last_session_is_taken_dropped_or_too_old() {
        let config = Recovery { max_sessions: 2, ..Recovery::default() };
        let window = config.window;
        let mut recovery = RecoveryLog::new(config);
        let a = lost(&mut recovery, "aaaaaaaaaaaaaaaaaaaa", "1");
        assert_eq!(lost(&mut recovery, "aaaaaaaaaaaaaaaaaaaa", "2"), a);
        assert!(recovery.take("1").is_some() && recovery.is_lost(a));
        lost(&mut recovery, "aaaaaaaaaaaaaaaaaaaa", "2");
        assert!(recovery.take("2").is_some() && !recovery.is_lost(a));
        let ids = ["b", "c", "d"].map(|id| lost(&mut recovery, &id.repeat(20), id));
        assert_eq!(ids.map(|id| recovery.is_lost(id)), [false, true, true]);
        tokio::time::advance(window + Duration::from_secs(1)).await;
        assert!(recovery.is_idle());
        assert_eq!(ids.map(|id| recovery.is_lost(id)), [false; 3]);
        assert!(recovery.expiry.is_empty() && recovery.lost_ids.is_empty());
    }
}
