//! What is known in memory about a conversation: its head, its tail, its listeners.
//!
//! In come the log's commits, by [`Cores`]; out go events and a wake-up, to every cursor. The tail never
//! has a gap, and the head never goes back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{broadcast, watch};

use super::HubConfig;
use crate::agent::SeatState;
use crate::domain::{Access, ConversationId, Ephemeral, EventId, Position, Source};
use crate::log::{Change, Commit, ConversationKey, EventLog, Head, StoredEvent};

/// One loaded conversation, shared by its handles, its supervisor and the log's feed.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) id: ConversationId,
    pub(super) key: ConversationKey,
    state: Mutex<State>,
    /// Wakes the cursors that wait at the head. It may lag `state` for a moment and never leads it.
    head: watch::Sender<Head>,
    pub(super) statuses: broadcast::Sender<Ephemeral>,
    /// The owner and the shares; `None` until they were read or told.
    access: watch::Sender<Option<Arc<Access>>>,
    /// The seat of the agent that runs now.
    seat: Mutex<Option<Arc<SeatState>>>,
    /// Whether an agent failed and will be started again.
    pub(super) retries: AtomicBool,
    /// Whether it was stopped, and nobody has started, joined or written since.
    stopped: AtomicBool,
    /// How often it was stopped: a client that was connected before a change leaves.
    stops: watch::Sender<u64>,
    page_events: usize,
    page_bytes: usize,
}

#[derive(Debug)]
struct State {
    head: Head,
    newest_user: Option<EventId>,
    deleted: bool,
    tail: Tail,
}

/// What follows a place.
pub(super) enum Following {
    /// These events.
    Tail(Vec<Arc<StoredEvent>>),
    /// Events that must be read from the log.
    Log,
    /// Nothing yet.
    Nothing,
    /// Nothing ever.
    Deleted,
}

impl Core {
    pub(super) fn new(id: ConversationId, key: ConversationKey, config: &HubConfig) -> Self {
        let tail = Tail::new(config.tail_events, config.tail_bytes);
        let state = State { head: Head::default(), newest_user: None, deleted: false, tail };
        Self {
            id,
            key,
            state: Mutex::new(state),
            head: watch::Sender::new(Head::default()),
            statuses: broadcast::Sender::new(config.statuses.max(1)),
            access: watch::Sender::new(None),
            seat: Mutex::new(None),
            retries: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            stops: watch::Sender::new(0),
            page_events: config.page_events.max(1),
            page_bytes: config.page_bytes,
        }
    }

    /// Takes in what the log committed. Called in the order of commits.
    pub(super) fn apply(&self, change: &Change) {
        let mut state = self.lock();
        match change {
            Change::Appended { events, agent_cursor } => {
                for event in events {
                    state.push(event);
                }
                state.head.agent_cursor = state.head.agent_cursor.max(*agent_cursor);
            }
            Change::Moved(head) => {
                state.move_to(*head);
                // Nobody here knows what the events are; the agent will look.
                state.newest_user = state.newest_user.max(head.position.last());
            }
            Change::Access(access) => {
                drop(self.access.send_replace(Some(Arc::new(access.clone()))))
            }
            Change::Deleted => state.deleted = true,
        }
        self.announce(state);
    }

    /// Takes in what was read from the log when the conversation was loaded, while commits may have
    /// come by [`Core::apply`] already.
    pub(super) fn merge(&self, head: Head, access: Access, newest_user: Option<EventId>) {
        // What a commit told is newer than what was read.
        self.access.send_if_modified(|known| {
            let unknown = known.is_none();
            known.get_or_insert_with(|| Arc::new(access));
            unknown
        });
        let mut state = self.lock();
        state.move_to(head);
        state.newest_user = state.newest_user.max(newest_user);
        self.announce(state);
    }

    pub(super) fn following(&self, place: Position) -> Following {
        let state = self.lock();
        if state.deleted {
            return Following::Deleted;
        }
        if place >= state.head.position {
            return Following::Nothing;
        }
        match state.tail.page(place, self.page_events, self.page_bytes) {
            Some(events) => Following::Tail(events),
            None => Following::Log,
        }
    }

    pub(super) fn head(&self) -> Head {
        self.lock().head
    }

    /// A receiver that changes whenever the head moves or the conversation is deleted.
    pub(super) fn watch(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// The owner and the shares now, and their changes later. There is a value once it is loaded.
    pub(super) fn access(&self) -> watch::Receiver<Option<Arc<Access>>> {
        self.access.subscribe()
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.lock().deleted
    }

    /// The newest event of the user that the agent has not dealt with.
    pub(super) fn unread(&self) -> Option<EventId> {
        let state = self.lock();
        state.newest_user.filter(|id| Position::before(*id) >= state.head.agent_cursor)
    }

    /// The newest `agent_state_changed` before a place, as far as the tail knows.
    pub(super) fn newest_agent_state(&self, before: Position) -> Option<Arc<StoredEvent>> {
        let state = self.lock();
        let mut events = state.tail.newest_first();
        events
            .find(|event| {
                event.kind.is_agent_state_changed() && Position::before(event.id) < before
            })
            .cloned()
    }

    pub(super) fn set_seat(&self, seat: Option<Arc<SeatState>>) {
        *self.seat() = seat;
    }

    /// Whether an agent is at work or waiting in its seat.
    pub(super) fn has_agent(&self) -> bool {
        self.seat().is_some()
    }

    /// Whether dropping the agent now would interrupt nothing.
    pub(super) fn is_agent_idle(&self) -> bool {
        match &*self.seat() {
            Some(seat) => seat.is_waiting() && self.unread().is_none(),
            None => !self.retries.load(Ordering::SeqCst),
        }
    }

    /// Marks it as stopped and tells its clients. `false` when it was already.
    pub(super) fn stop(&self) -> bool {
        let was_running = !self.stopped.swap(true, Ordering::SeqCst);
        if was_running {
            self.stops.send_modify(|stops| *stops += 1);
        }
        was_running
    }

    /// Takes the mark of a stop back. `false` when there was none.
    pub(super) fn resume(&self) -> bool {
        self.stopped.swap(false, Ordering::SeqCst)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// A receiver that changes when the conversation is stopped.
    pub(super) fn stops(&self) -> watch::Receiver<u64> {
        self.stops.subscribe()
    }

    /// Ready when the conversation is deleted.
    pub(super) async fn deleted(&self) {
        let mut head = self.watch();
        loop {
            head.borrow_and_update();
            // The sender lives in `self`: it cannot be gone.
            if self.is_deleted() || head.changed().await.is_err() {
                return;
            }
        }
    }

    fn announce(&self, state: MutexGuard<'_, State>) {
        let (now, deleted) = (state.head, state.deleted);
        drop(state);
        self.head.send_if_modified(|head| {
            // Two announcements may cross; the head never goes back.
            let position = head.position.max(now.position);
            let agent_cursor = head.agent_cursor.max(now.agent_cursor);
            let next = Head { position, agent_cursor };
            let moved = *head != next;
            *head = next;
            moved || deleted
        });
    }

    fn seat(&self) -> MutexGuard<'_, Option<Arc<SeatState>>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cores that the log's feed reaches, by key.
#[derive(Debug, Default)]
pub(super) struct Cores(Mutex<HashMap<ConversationKey, Arc<Core>>>);

impl Cores {
    /// Takes the log's feed from here on, as long as this lives; `deleted` is told of each
    /// conversation that the log has deleted.
    pub(super) fn follow(
        self: &Arc<Self>,
        log: &dyn EventLog,
        deleted: impl Fn(&ConversationId) + Send + Sync + 'static,
    ) {
        let cores = Arc::downgrade(self);
        log.follow(Box::new(move |commit| {
            let Some(cores) = cores.upgrade() else { return };
            cores.commit(commit);
            if matches!(commit.change, Change::Deleted) {
                deleted(&commit.conversation);
            }
        }));
    }

    /// Takes in one commit.
    pub(super) fn commit(&self, commit: &Commit) {
        let core = self.lock().get(&commit.key).cloned();
        if let Some(core) = core {
            core.apply(&commit.change);
        }
    }

    /// Lets the feed reach `core` until the registration is dropped.
    pub(super) fn register(self: &Arc<Self>, core: Arc<Core>) -> Registration {
        self.lock().insert(core.key, core.clone());
        Registration { cores: Arc::downgrade(self), core }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationKey, Arc<Core>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a core out of the feed's reach when dropped.
#[derive(Debug)]
pub(super) struct Registration {
    cores: Weak<Cores>,
    core: Arc<Core>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(cores) = self.cores.upgrade() else { return };
        let mut cores = cores.lock();
        // The conversation may have been loaded again already.
        if cores.get(&self.core.key).is_some_and(|core| Arc::ptr_eq(core, &self.core)) {
            cores.remove(&self.core.key);
        }
    }
}

impl State {
    fn push(&mut self, event: &Arc<StoredEvent>) {
        if Position::before(event.id) < self.head.position {
            // A log may tell of a commit twice, as to the node that made it.
            return;
        }
        if Position::before(event.id) > self.head.position {
            self.tail.clear();
        }
        if event.source == Source::User {
            self.newest_user = Some(event.id);
        }
        self.head.position = Position::after(event.id);
        self.tail.push(event.clone());
    }

    fn move_to(&mut self, head: Head) {
        if head.position > self.head.position {
            self.head.position = head.position;
            self.tail.clear();
        }
        self.head.agent_cursor = self.head.agent_cursor.max(head.agent_cursor);
    }
}

/// The hot tail: the last events, without a gap, up to the head. All cursors share it.
#[derive(Debug)]
struct Tail {
    events: VecDeque<Arc<StoredEvent>>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
}

impl Tail {
    fn new(max_events: usize, max_bytes: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, max_events, max_bytes }
    }

    /// Adds the event after the last one and drops old ones beyond the limits.
    fn push(&mut self, event: Arc<StoredEvent>) {
        debug_assert!(self.events.back().is_none_or(|last| last.id.0 + 1 == event.id.0));
        self.bytes += event.json.len();
        self.events.push_back(event);
        while self.events.len() > self.max_events || self.bytes > self.max_bytes {
            match self.events.pop_front() {
                Some(old) => self.bytes -= old.json.len(),
                None => break,
            }
        }
    }

    /// For when events are missing between the tail and the head.
    fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
    }

    /// A page of events after `from`; `None` when the first of them is not in the tail.
    fn page(
        &self,
        from: Position,
        max_events: usize,
        max_bytes: usize,
    ) -> Option<Vec<Arc<StoredEvent>>> {
        let first = self.events.front()?.id.0;
        let skip = usize::try_from(from.0.checked_sub(first)?).ok()?;
        let mut bytes = 0_usize;
        let page: Vec<_> = self
            .events
            .iter()
            .skip(skip)
            .take(max_events.max(1))
            .enumerate()
            .take_while(|(i, event)| {
                bytes = bytes.saturating_add(event.json.len());
                *i == 0 || bytes <= max_bytes
            })
            .map(|(_, event)| event.clone())
            .collect();
        (!page.is_empty()).then_some(page)
    }

    /// The events, newest first.
    fn newest_first(&self) -> impl Iterator<Item = &Arc<StoredEvent>> {
        self.events.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ActionKind, EventId, Kind, Source};

    fn event(id: u64, len: usize) -> Arc<StoredEvent> {
        let kind = Kind::Action(ActionKind::Think);
        Arc::new(StoredEvent::new(EventId(id), kind, Source::Agent, vec![b'x'; len].into()))
    }

    fn ids(tail: &Tail, from: u64, max_events: usize, max_bytes: usize) -> Option<Vec<u64>> {
        let page = tail.page(Position(from), max_events, max_bytes)?;
        Some(page.iter().map(|event| event.id.0).collect())
    }

    #[test]
    fn it_holds_the_last_events_within_both_limits() {
        let mut tail = Tail::new(3, 100);
        for id in 10..15 {
            tail.push(event(id, 10));
        }
        assert_eq!(ids(&tail, 11, 9, 99), None);
        assert_eq!(ids(&tail, 12, 9, 99), Some(vec![12, 13, 14]));
        assert_eq!(ids(&tail, 15, 9, 99), None);
        tail.push(event(15, 95));
        assert_eq!(ids(&tail, 14, 9, 99), None);
        assert_eq!(ids(&tail, 15, 9, 99), Some(vec![15]));
        tail.push(event(16, 101));
        assert_eq!(ids(&tail, 16, 9, 99), None);
        tail.push(event(17, 1));
        assert_eq!(ids(&tail, 17, 9, 99), Some(vec![17]));
    }

    #[test]
    fn pages_end_at_their_limits_and_have_one_event_at_least() {
        let mut tail = Tail::new(10, 1000);
        for id in 0..4 {
            tail.push(event(id, 10));
        }
        assert_eq!(ids(&tail, 0, 2, 99), Some(vec![0, 1]));
        assert_eq!(ids(&tail, 1, 9, 20), Some(vec![1, 2]));
        assert_eq!(ids(&tail, 1, 9, 1), Some(vec![1]));
    }
}
