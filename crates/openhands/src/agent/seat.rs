//! An agent's place in a conversation: what it reads and where it writes.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{broadcast, watch};

use super::AgentError;
use crate::domain::{ConversationId, Draft, Ephemeral, Position};
use crate::log::{ConversationKey, Direction, EventLog, Head, LogError, PageOf, StoredEvent};

/// One agent's place in one conversation.
///
/// The agent has two places in the log. What it has *taken* ends after the last event that
/// [`Seat::next`] gave. The *agent cursor* is durable and moves only by [`Seat::append`]; after a
/// restart, events are given again from there. So a turn of several appends uses [`Seat::step`] for
/// all but the last: killed in between, the agent gets the user's event again, and then its own.
pub struct Seat {
    parts: SeatParts,
    /// Read and not yet taken.
    page: VecDeque<Arc<StoredEvent>>,
    taken: Position,
}

/// What a seat is made of.
pub(crate) struct SeatParts {
    pub(crate) conversation: ConversationId,
    pub(crate) key: ConversationKey,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) head: watch::Receiver<Head>,
    /// Turns true when the agent shall end.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) statuses: broadcast::Sender<Ephemeral>,
    pub(crate) workspace: PathBuf,
    pub(crate) state: Arc<SeatState>,
}

/// What others may know about a seat.
#[derive(Debug, Default)]
pub(crate) struct SeatState {
    taken: AtomicU64,
    waiting: AtomicBool,
}

impl SeatState {
    /// The place after the last event that the agent has taken.
    pub(crate) fn taken(&self) -> Position {
        Position(self.taken.load(Ordering::SeqCst))
    }

    /// Whether the agent has taken everything and waits for more.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }
}

impl Seat {
    pub(crate) fn new(parts: SeatParts) -> Self {
        let taken = parts.head.borrow().agent_cursor;
        parts.state.taken.store(taken.0, Ordering::SeqCst);
        Self { parts, page: VecDeque::new(), taken }
    }

    /// The conversation.
    pub fn conversation(&self) -> &ConversationId {
        &self.parts.conversation
    }

    /// The next event: everybody's, the agent's own too, in id order without a gap. Waits at the
    /// head. `None` when the agent shall end, as at shutdown.
    ///
    /// # Errors
    /// When the log cannot be read.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has taken nothing.
    pub async fn next(&mut self) -> Result<Option<Arc<StoredEvent>>, AgentError> {
        loop {
            if self.is_stopping() {
                return Ok(None);
            }
            if let Some(event) = self.page.pop_front() {
                self.taken = Position::after(event.id);
                self.parts.state.taken.store(self.taken.0, Ordering::SeqCst);
                return Ok(Some(event));
            }
            let head = self.parts.head.borrow_and_update().position;
            if self.taken < head {
                match self.read(self.taken).await {
                    Ok(events) => self.page = events.into(),
                    // A deleted conversation has no events; the order to end is on its way.
                    Err(LogError::Gap { found: None, .. }) if self.is_gone().await => {
                        return Ok(None);
                    }
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            let _waiting = Waiting::new(&self.parts.state);
            tokio::select! {
                moved = self.parts.head.changed() => if moved.is_err() { return Ok(None) },
                stopped = self.parts.stop.changed() => if stopped.is_err() { return Ok(None) },
            }
        }
    }

    /// Whether [`Seat::next`] would say `None`: work in hand should be left where it is.
    pub fn is_stopping(&self) -> bool {
        *self.parts.stop.borrow() || self.parts.stop.has_changed().is_err()
    }

    /// Ready when the agent shall end.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn stopping(&self) {
        // A sender that is gone wants the end too.
        let _ = self.parts.stop.clone().wait_for(|&stop| stop).await;
    }

    /// Some events after `from`, at most a page of them, without taking them. Empty at the head.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn read(&self, from: Position) -> Result<Vec<Arc<StoredEvent>>, LogError> {
        if from >= self.head() {
            return Ok(Vec::new());
        }
        let page = PageOf {
            from,
            direction: Direction::Forward,
            max_events: PAGE_EVENTS,
            max_bytes: PAGE_BYTES,
        };
        let events = self.parts.log.read(self.parts.key, page).await?.events;
        match events.first().map(|event| event.id) {
            Some(first) if first == from.next() => Ok(events),
            found => Err(LogError::Gap { expected: from.next(), found }),
        }
    }

    async fn is_gone(&self) -> bool {
        matches!(self.parts.log.head(self.parts.key).await, Err(LogError::NoConversation))
    }

    /// The place after the last event of the conversation.
    pub fn head(&self) -> Position {
        self.parts.head.borrow().position
    }

    /// The place after the last event taken.
    pub fn taken(&self) -> Position {
        self.taken
    }

    /// Appends `drafts` and declares everything taken so far dealt with, as one.
    ///
    /// # Errors
    /// Then neither happened.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it may still happen.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Arc<StoredEvent>>, AgentError> {
        Ok(self.parts.log.append(self.parts.key, drafts, Some(self.taken)).await?)
    }

    /// Appends `drafts` in the middle of a turn: the events taken are not dealt with yet.
    ///
    /// # Errors
    /// Then nothing was appended.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it may still happen.
    pub async fn step(&self, drafts: Vec<Draft>) -> Result<Vec<Arc<StoredEvent>>, AgentError> {
        Ok(self.parts.log.append(self.parts.key, drafts, None).await?)
    }

    /// Sends a message that is not stored to all clients that are connected now.
    pub fn status(&self, status: Ephemeral) {
        // It is fine if no client is connected.
        let _ = self.parts.statuses.send(status);
    }

    /// The conversation's own folder, created when it is asked for first.
    ///
    /// # Errors
    /// When it cannot be created.
    pub async fn workspace(&self) -> Result<&Path, AgentError> {
        tokio::fs::create_dir_all(&self.parts.workspace)
            .await
            .map_err(AgentError::io("create the workspace folder"))?;
        Ok(&self.parts.workspace)
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("conversation", &self.parts.conversation)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// Marks the seat as waiting, as long as it lives.
struct Waiting(Arc<SeatState>);

impl Waiting {
    fn new(state: &Arc<SeatState>) -> Self {
        state.waiting.store(true, Ordering::SeqCst);
        Self(state.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.store(false, Ordering::SeqCst);
    }
}

const PAGE_EVENTS: usize = 64;
const PAGE_BYTES: usize = 1024 * 1024;
