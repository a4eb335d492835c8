//! The hub's knobs and refusals.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::UserName;
use crate::log::LogError;

/// Knobs of the [`super::Hub`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// Where agents' workspace folders are made, one per conversation.
    pub workspaces: PathBuf,
    /// Most events kept in memory per conversation. Default 256. Readers that lag more read the
    /// log.
    pub tail_events: usize,
    /// Most bytes of JSON kept in memory per conversation. Default 1 MiB; once sent, the packets
    /// about double it.
    pub tail_bytes: usize,
    /// Most events a cursor gives at once. Default 256.
    pub page_events: usize,
    /// Most bytes a cursor gives at once, more only for a single event. Default 256 KiB.
    pub page_bytes: usize,
    /// Most bytes of the page cache, of all conversations together: pages that were read lately are kept
    /// for other readers. Default 16 MiB; 0 keeps none. When full, the least recently used pages go.
    pub kept_bytes: usize,
    /// Most statuses that wait for a slow reader of them. Default 64; then it misses the oldest.
    pub statuses: usize,
    /// Most conversations in memory. Default 10 000. When full, idle ones are dropped; when none
    /// is, further ones are refused with [`HubError::TooManyConversations`].
    pub conversations: usize,
    /// How long a conversation nobody uses stays in memory, at least; at most twice as long.
    /// Default 10 min. Its agent is ended with it, unless it is at work.
    pub idle: Duration,
    /// How often an agent may fail in a row before the conversation gets an error. Default 5.
    pub agent_tries: u32,
    /// How long to wait before the second try; each further wait doubles, up to 30 s. Default
    /// 500 ms.
    pub agent_backoff: Duration,
    /// How long an agent has for its end before it is dropped. Default 5 s.
    pub agent_grace: Duration,
}

impl HubConfig {
    /// The defaults, with workspaces below `workspaces`.
    pub fn new(workspaces: impl Into<PathBuf>) -> Self {
        Self {
            workspaces: workspaces.into(),
            tail_events: 256,
            tail_bytes: 1024 * 1024,
            page_events: 256,
            page_bytes: 256 * 1024,
            kept_bytes: 16 * 1024 * 1024,
            statuses: 64,
            conversations: 10_000,
            idle: Duration::from_secs(600),
            agent_tries: 5,
            agent_backoff: Duration::from_millis(500),
            agent_grace: Duration::from_secs(5),
        }
    }
}

/// Whether to create a conversation that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Create {
    /// Create it without an owner, as on a server without keys.
    Yes,
    /// Create it as this user's.
    For(UserName),
    /// Refuse with [`HubError::NoConversation`].
    No,
}

/// What the hub answers instead of a conversation.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// There is none of this id.
    #[error("the conversation does not exist")]
    NoConversation,
    /// No room for another one in memory.
    #[error("{len} conversations are in use, the limit is {max}")]
    TooManyConversations {
        /// Conversations in memory.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closed,
    /// The log failed or refused.
    #[error(transparent)]
    Log(LogError),
}

impl From<LogError> for HubError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::NoConversation => Self::NoConversation,
            LogError::Closed => Self::Closed,
            other => Self::Log(other),
        }
    }
}
