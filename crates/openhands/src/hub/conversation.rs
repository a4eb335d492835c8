//! A loaded conversation, as the live layer and HTTP use it: appends, pages, and cursors over its events.
//!
//! In come commands of `http` and `live`; out go events, to every [`Cursor`]. A cursor is how everybody
//! reads: it asks the core for what follows its place, and the log for what the core has forgotten.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{broadcast, watch};

use super::HubConfig;
use super::cache::CachedPages;
use super::core::{Core, Following, Registration};
use super::supervisor::Supervisor;
use crate::agent::Agent;
use crate::domain::{
    Access, AgentState, ConversationId, Draft, Ephemeral, EventId, Position, Source,
};
use crate::log::{Direction, EventLog, Head, LogError, Page, PageOf, Sort, StoredEvent};

/// A conversation in memory. It stays loaded as long as somebody holds this or a [`Cursor`] of it.
pub struct Conversation {
    pub(super) core: Arc<Core>,
    pub(super) cached: CachedPages,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) agent: Arc<dyn Agent>,
    pub(super) supervisor: Supervisor,
    pub(super) config: Arc<HubConfig>,
    pub(super) _registration: Registration,
}

impl Conversation {
    /// Its id.
    pub fn id(&self) -> &ConversationId {
        &self.core.id
    }

    /// The place after its last event.
    pub fn head(&self) -> Position {
        self.core.head().position
    }

    /// Its owner and its shares.
    pub fn access(&self) -> Arc<Access> {
        self.access_changes().current()
    }

    /// The owner and the shares, and their changes from now on.
    pub fn access_changes(&self) -> AccessChanges {
        AccessChanges(self.core.access())
    }

    /// Appends one event; a user's wakes the agent. Ready when it is durable.
    ///
    /// # Errors
    /// Then nothing was appended.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it may still happen.
    pub async fn append_one(&self, draft: Draft) -> Result<Arc<StoredEvent>, LogError> {
        let events = self.append(vec![draft]).await?;
        // One draft in, one event out.
        events.into_iter().next().ok_or(LogError::Closed)
    }

    /// Appends `drafts` as one: all with consecutive ids, or none.
    ///
    /// # Errors
    /// Then nothing was appended.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it may still happen.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Arc<StoredEvent>>, LogError> {
        if drafts.iter().any(|draft| draft.source() == Source::User) {
            self.core.resume();
        }
        self.log.append(self.core.key, drafts, None).await
    }

    /// A reader of the events after `from`, old and new. Beyond the head it starts at the head.
    pub fn subscribe(self: &Arc<Self>, from: Position) -> Cursor {
        Cursor::new(self.clone(), from)
    }

    /// One page of stored events.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn page(&self, page: PageOf) -> Result<Page, LogError> {
        self.log.read(self.core.key, page).await
    }

    /// One event; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn event(&self, id: EventId) -> Result<Option<Arc<StoredEvent>>, LogError> {
        if Position::before(id) >= self.head() {
            return Ok(None);
        }
        if let Following::Tail(events) = self.core.following(Position::before(id)) {
            return Ok(events.into_iter().next());
        }
        let page = PageOf {
            from: Position::before(id),
            direction: Direction::Forward,
            max_events: 1,
            max_bytes: usize::MAX,
        };
        let events = self.page(page).await?.events;
        Ok(events.into_iter().next().filter(|event| event.id == id))
    }

    /// The newest `agent_state_changed` before a place.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn newest_agent_state(
        &self,
        before: Position,
    ) -> Result<Option<Arc<StoredEvent>>, LogError> {
        if let Some(event) = self.core.newest_agent_state(before) {
            return Ok(Some(event));
        }
        self.log.newest(self.core.key, Sort::AgentState, before).await
    }

    /// Sends a message that is not stored to all clients that are connected now.
    pub fn status(&self, status: Ephemeral) {
        // It is fine if no client is connected.
        let _ = self.core.statuses.send(status);
    }

    /// What [`Conversation::status`] and the agent tell. Bounded: a reader that is too slow misses
    /// the oldest, and is told how many by `RecvError::Lagged`.
    pub fn statuses(&self) -> broadcast::Receiver<Ephemeral> {
        self.core.statuses.subscribe()
    }

    /// How many read [`Conversation::statuses`]: the clients that are connected.
    pub fn listeners(&self) -> usize {
        self.core.statuses.receiver_count()
    }

    /// Whether an agent sits in this conversation, at work or waiting.
    pub fn is_agent_running(&self) -> bool {
        self.core.has_agent()
    }

    /// Whether the last that the agent told of its state is that it is stopped.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn is_agent_stopped(&self) -> Result<bool, LogError> {
        let newest = self.log.newest(self.core.key, Sort::AgentState, self.head()).await?;
        Ok(newest.is_some_and(|event| {
            let stored: Value = serde_json::from_slice(&event.json).unwrap_or_default();
            stored["extras"]["agent_state"] == AgentState::Stopped.as_str()
        }))
    }

    /// Ends the agent until the user writes again, and appends `agent_state_changed` `stopped`.
    /// `false` when none was running.
    ///
    /// # Errors
    /// When the event could not be appended; the agent has ended all the same.
    pub async fn stop_agent(&self) -> Result<bool, LogError> {
        self.supervisor.stop().await
    }

    /// Disconnects the clients, then ends the agent until the user writes again. `false` when it was
    /// stopped already.
    ///
    /// # Errors
    /// See [`Conversation::stop_agent`]; the clients are disconnected all the same.
    pub async fn stop(&self) -> Result<bool, LogError> {
        let was_running = self.core.stop();
        if was_running {
            self.stop_agent().await?;
        }
        Ok(was_running)
    }

    /// Takes a stop back, as a join or an append by a user does. `false` when it was not stopped.
    pub fn resume(&self) -> bool {
        self.core.resume()
    }

    /// Whether it was stopped, and nobody has joined or written since.
    pub fn is_stopped(&self) -> bool {
        self.core.is_stopped()
    }

    /// Ends with the next [`Conversation::stop`] after this call: a client that is connected leaves.
    pub fn stopped(&self) -> Stopped {
        Stopped(self.core.stops())
    }

    /// Whether it was deleted. Then every cursor ends and nothing can be appended.
    pub fn is_deleted(&self) -> bool {
        self.core.is_deleted()
    }

    pub(super) async fn read_from(
        &self,
        from: Position,
    ) -> Result<Vec<Arc<StoredEvent>>, LogError> {
        let page = PageOf {
            from,
            direction: Direction::Forward,
            max_events: self.config.page_events.max(1),
            max_bytes: self.config.page_bytes,
        };
        self.cached.page(from, async { Ok(self.page(page).await?.events) }).await
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("core", &self.core).finish_non_exhaustive()
    }
}

/// A reader's place in a conversation. Replay and live are one loop:
///
/// ```text
/// events after the place?    in the tail: take a page of it     not in it: read a page of the log
/// none:                      wait until the head moves
/// ```
///
/// So there is no gap and no duplicate, no moment at which replay turns into live, and a slow reader
/// costs one page.
pub struct Cursor {
    conversation: Arc<Conversation>,
    place: Position,
    head: watch::Receiver<Head>,
}

/// What [`Cursor::next_page`] gives.
#[derive(Clone, Debug)]
pub enum Next {
    /// The events after the last page: at least one, ids rising by one.
    Events(Vec<Arc<StoredEvent>>),
    /// The conversation was deleted; nothing follows.
    Deleted,
}

impl Cursor {
    pub(super) fn new(conversation: Arc<Conversation>, from: Position) -> Self {
        let head = conversation.core.watch();
        // Beyond the end there is nothing old; what comes live is new.
        let place = from.min(conversation.core.head().position);
        Self { conversation, place, head }
    }

    /// The next page. Waits at the head.
    ///
    /// # Errors
    /// When the log cannot be read. The place stays; trying again is fine.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has moved nothing.
    pub async fn next_page(&mut self) -> Result<Next, LogError> {
        loop {
            // Marked as seen before looking: a move after the look wakes the wait below.
            self.head.borrow_and_update();
            match self.conversation.core.following(self.place) {
                Following::Tail(events) => return Ok(self.moved_by(events)),
                Following::Deleted => return Ok(Next::Deleted),
                Following::Log => {
                    let events = self.conversation.read_from(self.place).await?;
                    if self.conversation.core.is_deleted() {
                        return Ok(Next::Deleted);
                    }
                    let (expected, found) = (self.place.next(), events.first().map(|e| e.id));
                    if found != Some(expected) {
                        return Err(LogError::Gap { expected, found });
                    }
                    return Ok(self.moved_by(events));
                }
                Following::Nothing => {
                    if self.head.changed().await.is_err() {
                        return Ok(Next::Deleted);
                    }
                }
            }
        }
    }

    /// The place after the last event given.
    pub fn place(&self) -> Position {
        self.place
    }

    /// The conversation it reads.
    pub fn conversation(&self) -> &Arc<Conversation> {
        &self.conversation
    }

    fn moved_by(&mut self, events: Vec<Arc<StoredEvent>>) -> Next {
        if let Some(last) = events.last() {
            self.place = Position::after(last.id);
        }
        Next::Events(events)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("conversation", &self.conversation.id())
            .field("place", &self.place)
            .finish()
    }
}

/// A wait for the stop of a conversation. [`Conversation::stopped`].
#[derive(Clone, Debug)]
pub struct Stopped(watch::Receiver<u64>);

impl Stopped {
    /// Ready when the conversation was stopped since [`Conversation::stopped`].
    ///
    /// # Cancel safety
    /// Holds nothing; may be dropped at any time.
    pub async fn wait(mut self) {
        // A conversation that is gone is not stopped: its cursors end by themselves.
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// The owner and the shares of a conversation, as they change. [`Conversation::access_changes`].
#[derive(Clone, Debug)]
pub struct AccessChanges(watch::Receiver<Option<Arc<Access>>>);

impl AccessChanges {
    /// As it is now.
    pub fn current(&mut self) -> Arc<Access> {
        // A conversation is handed out when it is loaded, and then there is a value.
        self.0.borrow_and_update().clone().unwrap_or_default()
    }

    /// Ready when it is another than [`AccessChanges::current`] told.
    ///
    /// # Cancel safety
    /// Holds nothing; may be dropped at any time.
    pub async fn changed(&mut self) {
        // The sender is gone when nobody holds the conversation.
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
