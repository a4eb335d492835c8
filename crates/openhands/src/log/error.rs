//! Why the log refused or failed.

use std::error::Error;
use std::sync::Arc;

use crate::domain::EventId;

/// What a log answers instead of doing what it was asked. Cloned to everyone a failed commit hits.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The conversation does not exist, or was deleted.
    #[error("the conversation does not exist")]
    NoConversation,
    /// An event over the limit. The caller's fault.
    #[error("an event of {len} bytes, the limit is {max}")]
    EventTooLarge {
        /// Bytes of the event.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Too many events in one append. The caller's fault.
    #[error("{len} events in one append, the limit is {max}")]
    TooManyEvents {
        /// Events handed in.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The conversation has as many events as it can have.
    #[error("the conversation has {len} events, the limit is {max}")]
    ConversationFull {
        /// Events it has.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// The storage could not write. Nothing of the append was stored.
    #[error("the event log could not write")]
    Write(#[source] Arc<dyn Error + Send + Sync>),
    /// The storage could not read.
    #[error("the event log could not read")]
    Read(#[source] Arc<dyn Error + Send + Sync>),
    /// The storage holds what this program never wrote.
    #[error("the event log holds {found} where {expected} belongs")]
    Damaged {
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// Events are missing in the middle of a conversation.
    #[error("event {expected} is missing in the event log, the next one is {found:?}")]
    Gap {
        /// The event that should come next.
        expected: EventId,
        /// The one that came, if any.
        found: Option<EventId>,
    },
    /// The log is closed.
    #[error("the event log is closed")]
    Closed,
}
