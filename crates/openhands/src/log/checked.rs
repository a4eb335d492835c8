//! What stands in front of every log: secrets are hidden, caps hold, appends are counted and timed.
//!
//! The log itself stores what it is given. So no kind of log (SQLite, later others) repeats these rules,
//! and no way of appending misses them.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt as _};

use super::{
    ConversationKey, Created, EventLog, Feed, Head, Listing, LogError, Metadata, Oldest, Page,
    PageOf, Sort, StoredEvent,
};
use crate::domain::{Access, ConversationId, Draft, Position, Redaction, UserName, Viewer};
use crate::metrics::Metrics;

/// Any log, with its rules for what may be appended.
#[derive(Debug)]
pub struct Checked<L> {
    log: L,
    limits: AppendLimits,
    redaction: Redaction,
    metrics: Metrics,
}

/// How much one append may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendLimits {
    /// Most events in one append. Default 1000; more are refused with
    /// [`LogError::TooManyEvents`].
    pub events: usize,
    /// Most bytes of one event. Default 16 MiB; more is refused with [`LogError::EventTooLarge`].
    pub event_bytes: usize,
}

impl Default for AppendLimits {
    fn default() -> Self {
        Self { events: 1000, event_bytes: 16 * 1024 * 1024 }
    }
}

impl<L: EventLog> Checked<L> {
    /// Puts the rules in front of `log`: no event may hold a secret that `redaction` knows, and
    /// `metrics` count what is appended.
    pub fn new(log: L, limits: AppendLimits, redaction: Redaction, metrics: Metrics) -> Self {
        Self { log, limits, redaction, metrics }
    }

    /// The drafts as they may be stored. Secrets go first: the caps count what is stored.
    fn check(&self, drafts: Vec<Draft>) -> Result<Vec<Draft>, LogError> {
        let drafts: Vec<Draft> =
            drafts.into_iter().map(|draft| draft.without_secrets(&self.redaction)).collect();
        let (len, max) = (drafts.len(), self.limits.events);
        if len > max {
            return Err(LogError::TooManyEvents { len, max });
        }
        let max = self.limits.event_bytes;
        match drafts.iter().map(Draft::max_len).find(|&len| len > max) {
            Some(len) => Err(LogError::EventTooLarge { len, max }),
            None => Ok(drafts),
        }
    }
}

impl<L: EventLog> EventLog for Checked<L> {
    fn create<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
        owner: Option<&'a UserName>,
        first: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Created, LogError>> {
        async move { self.log.create(id, title, owner, self.check(first)?).await }.boxed()
    }

    fn conversation<'a>(
        &'a self,
        id: &'a ConversationId,
    ) -> BoxFuture<'a, Result<Option<Metadata>, LogError>> {
        self.log.conversation(id)
    }

    fn list<'a>(
        &'a self,
        viewer: Option<&'a Viewer>,
        before: Option<ConversationKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Listing, LogError>> {
        self.log.list(viewer, before, limit)
    }

    fn unread(&self, limit: usize) -> BoxFuture<'_, Result<Vec<ConversationId>, LogError>> {
        self.log.unread(limit)
    }

    fn set_title<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
    ) -> BoxFuture<'a, Result<bool, LogError>> {
        self.log.set_title(id, title)
    }

    fn set_access<'a>(
        &'a self,
        id: &'a ConversationId,
        access: Access,
    ) -> BoxFuture<'a, Result<bool, LogError>> {
        self.log.set_access(id, access)
    }

    fn delete<'a>(&'a self, id: &'a ConversationId) -> BoxFuture<'a, Result<bool, LogError>> {
        self.log.delete(id)
    }

    fn append(
        &self,
        key: ConversationKey,
        drafts: Vec<Draft>,
        agent_cursor: Option<Position>,
    ) -> BoxFuture<'_, Result<Vec<Arc<StoredEvent>>, LogError>> {
        async move {
            let began = Instant::now();
            let appended = match self.check(drafts) {
                Ok(drafts) => self.log.append(key, drafts, agent_cursor).await,
                Err(error) => Err(error),
            };
            self.metrics.appended(appended.as_ref().ok().map(Vec::len), began.elapsed());
            appended
        }
        .boxed()
    }

    fn read(&self, key: ConversationKey, page: PageOf) -> BoxFuture<'_, Result<Page, LogError>> {
        self.log.read(key, page)
    }

    fn head(&self, key: ConversationKey) -> BoxFuture<'_, Result<Head, LogError>> {
        self.log.head(key)
    }

    fn newest(
        &self,
        key: ConversationKey,
        sort: Sort,
        before: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<StoredEvent>>, LogError>> {
        self.log.newest(key, sort, before)
    }

    fn oldest(&self, limit: usize) -> BoxFuture<'_, Result<Oldest, LogError>> {
        self.log.oldest(limit)
    }

    fn size(&self, key: ConversationKey) -> BoxFuture<'_, Result<u64, LogError>> {
        self.log.size(key)
    }

    fn follow(&self, feed: Feed) {
        self.log.follow(feed);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.log.close()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::log::sqlite::{SqliteConfig, SqliteLog};
    use crate::log::{Change, Direction};

    fn id(text: &str) -> ConversationId {
        text.parse().unwrap()
    }

    async fn append(
        log: &impl EventLog,
        key: ConversationKey,
        text: &str,
    ) -> Result<Vec<Arc<StoredEvent>>, LogError> {
        log.append(key, vec![Draft::user_message(text)], None).await
    }

    #[tokio::test]
    async fn too_much_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
        let limits = AppendLimits { events: 2, event_bytes: 400 };
        let log = Checked::new(log, limits, Redaction::default(), Metrics::new());
        let key = log.create(&id("a"), "a", None, Vec::new()).await.unwrap().metadata.key;
        let three = vec![Draft::think("x"); 3];
        let error = log.append(key, three, None).await.unwrap_err();
        assert_eq!(error.to_string(), "3 events in one append, the limit is 2");
        let error = append(&log, key, &"x".repeat(400)).await.unwrap_err();
        assert!(matches!(error, LogError::EventTooLarge { len: 800.., max: 400 }), "{error}");
    }

    #[tokio::test]
    async fn known_secrets_never_reach_the_disk_or_the_feed() {
        let folder = tempfile::tempdir().unwrap();
        let redaction = Redaction::default();
        redaction.learn("test", ["hunter2".to_owned()]).unwrap();
        let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
        let log = Checked::new(log, AppendLimits::default(), redaction, Metrics::new());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let feed_seen = seen.clone();
        log.follow(Box::new(move |commit| {
            if let Change::Appended { events, .. } = &commit.change {
                feed_seen.lock().unwrap().extend(events.iter().map(|event| event.json.clone()));
            }
        }));
        let first = vec![Draft::user_message("hunter2")];
        let key = log.create(&id("a"), "a", None, first).await.unwrap().metadata.key;
        append(&log, key, "is it hunter2?").await.unwrap();
        let all = PageOf {
            from: Position::START,
            direction: Direction::Forward,
            max_events: 9,
            max_bytes: usize::MAX,
        };
        let stored = log.read(key, all).await.unwrap().events;
        let stored: Vec<_> = stored.iter().map(|event| event.json.clone()).collect();
        assert_eq!(*seen.lock().unwrap(), stored);
        for json in &stored {
            let text = String::from_utf8_lossy(json);
            assert!(text.contains("<secret_hidden>") && !text.contains("hunter2"), "{text}");
        }
    }
}
