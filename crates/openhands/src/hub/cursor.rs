//! Cursors: how every client reads a conversation.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::Conversation;
use super::core::Following;
use crate::domain::Position;
use crate::log::{Head, LogError, StoredEvent};

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
