//! The event log: the only truth about a conversation.
//!
//! In come drafts, from the hub and from agents; out go events, by pages and by the feed of commits. An
//! append gives events their ids, dense from 0, and returns when they are durable. Readers that lag
//! read pages, readers at the head follow the feed. Nobody may see an event before it is durable, and
//! nothing here knows how events are sent. Start with [`EventLog`]; `checked.rs` stands in front of
//! every log, `stored.rs` is what any database stores, `sqlite/` is the log that we have.

mod checked;
mod error;
pub mod sqlite;
mod stored;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::{Access, ConversationId, Draft, Position, UserName, Viewer};

pub use checked::{AppendLimits, Checked};
pub use error::LogError;
pub use stored::{ConversationKey, Envelope, Head, StoredEvent};

/// Stores conversations and their events.
///
/// Object-safe. An append happens wholly or not at all; a future dropped before it is ready may
/// leave the append done.
pub trait EventLog: fmt::Debug + Send + Sync {
    /// Creates a conversation with its first events, or finds the one that exists,
    /// whoever owns it.
    fn create<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
        owner: Option<&'a UserName>,
        first: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Created, LogError>>;

    /// What is known about a conversation; `None` when there is none of this id.
    fn conversation<'a>(
        &'a self,
        id: &'a ConversationId,
    ) -> BoxFuture<'a, Result<Option<Metadata>, LogError>>;

    /// At most `limit` conversations, newest first, created before `before`: those that `viewer`
    /// may read, or all without a viewer.
    fn list<'a>(
        &'a self,
        viewer: Option<&'a Viewer>,
        before: Option<ConversationKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Listing, LogError>>;

    /// At most `limit` conversations in which the user wrote something that the agent cursor has
    /// not passed, oldest first.
    fn unread(&self, limit: usize) -> BoxFuture<'_, Result<Vec<ConversationId>, LogError>>;

    /// Gives a conversation another title. `false` when there is none of this id.
    fn set_title<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
    ) -> BoxFuture<'a, Result<bool, LogError>>;

    /// Gives a conversation another owner and other shares. `false` when there is none of this id.
    fn set_access<'a>(
        &'a self,
        id: &'a ConversationId,
        access: Access,
    ) -> BoxFuture<'a, Result<bool, LogError>>;

    /// Deletes a conversation and its events. `false` when there is none of this id.
    fn delete<'a>(&'a self, id: &'a ConversationId) -> BoxFuture<'a, Result<bool, LogError>>;

    /// Appends `drafts` as one: all of them with consecutive ids, or none. With `agent_cursor`, the
    /// conversation's agent cursor moves in the same transaction; it never moves back.
    ///
    /// # Errors
    /// After an error nothing was stored, and the next append gets the ids this one would have had.
    fn append(
        &self,
        key: ConversationKey,
        drafts: Vec<Draft>,
        agent_cursor: Option<Position>,
    ) -> BoxFuture<'_, Result<Vec<Arc<StoredEvent>>, LogError>>;

    /// One page of events.
    fn read(&self, key: ConversationKey, page: PageOf) -> BoxFuture<'_, Result<Page, LogError>>;

    /// Where a conversation stands.
    fn head(&self, key: ConversationKey) -> BoxFuture<'_, Result<Head, LogError>>;

    /// The newest event of a sort before `before`.
    fn newest(
        &self,
        key: ConversationKey,
        sort: Sort,
        before: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<StoredEvent>>, LogError>>;

    /// At most `limit` conversations, the ones with the oldest change first.
    fn oldest(&self, limit: usize) -> BoxFuture<'_, Result<Oldest, LogError>>;

    /// About how many bytes deleting a conversation gives back.
    fn size(&self, key: ConversationKey) -> BoxFuture<'_, Result<u64, LogError>>;

    /// Calls `feed` for every commit from now on, in the order of commits and before the appender
    /// gets its answer. It must be quick and must not call the log. Replaces an earlier feed.
    fn follow(&self, feed: Feed);

    /// Answers what is queued, then refuses everything with [`LogError::Closed`].
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// What [`EventLog::follow`] calls.
pub type Feed = Box<dyn Fn(&Commit) + Send + Sync>;

/// Something was committed, here or on another node.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The conversation.
    pub conversation: ConversationId,
    /// Which life of it.
    pub key: ConversationKey,
    /// What happened to it.
    pub change: Change,
}

/// What a commit did to a conversation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// These events were appended, in id order, and the agent cursor stands here now.
    Appended {
        /// The events; none when only the agent cursor moved.
        events: Vec<Arc<StoredEvent>>,
        /// The agent cursor.
        agent_cursor: Position,
    },
    /// The head is here now; the events must be read. For logs that learn of commits of other
    /// nodes by a notification.
    Moved(Head),
    /// The conversation has another owner or other shares.
    Access(Access),
    /// The conversation was deleted.
    Deleted,
}

/// What is known about a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its id.
    pub id: ConversationId,
    /// Which life of it.
    pub key: ConversationKey,
    /// Its title.
    pub title: String,
    /// When it was created: UTC, ISO 8601 with microseconds and `Z`.
    pub created_at: String,
    /// When it last got an event or another title, in the same form.
    pub updated_at: String,
    /// Where it stood when this was read.
    pub head: Head,
    /// Its owner and its shares at that time.
    pub access: Access,
}

/// The answer of [`EventLog::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The conversation.
    pub metadata: Metadata,
    /// Whether it was created by this call.
    pub is_new: bool,
}

/// The answer of [`EventLog::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Newest first.
    pub conversations: Vec<Metadata>,
    /// What to pass as `before` for the next page; `None` on the last one.
    pub next: Option<ConversationKey>,
}

/// The answer of [`EventLog::oldest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oldest {
    /// The longest unchanged first.
    pub conversations: Vec<Metadata>,
    /// Bytes that all conversations take in the log.
    pub used: u64,
}

/// Which page to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOf {
    /// Where to start.
    pub from: Position,
    /// Which way.
    pub direction: Direction,
    /// Most events.
    pub max_events: usize,
    /// Most bytes of JSON; the first event comes even if it alone has more.
    pub max_bytes: usize,
}

/// Which way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Events after the place, ids rising.
    Forward,
    /// Events before the place, ids falling.
    Backward,
}

/// One page of events.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The events, in the order asked for.
    pub events: Vec<Arc<StoredEvent>>,
    /// Whether there were more when it was read.
    pub more: bool,
}

/// Events that are looked for without reading all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// `agent_state_changed`.
    AgentState,
    /// Anything from the user.
    FromUser,
}
