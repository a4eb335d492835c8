//! A log whose appends are counted and timed, whoever appends.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt as _};

use super::{
    ConversationKey, Created, EventLog, Feed, Head, Listing, LogError, Metadata, Oldest, Page,
    PageOf, Sort, StoredEvent,
};
use crate::domain::{Access, ConversationId, Draft, Position, UserName, Viewer};
use crate::metrics::Metrics;

/// Any log, with its appends in the metrics.
#[derive(Debug)]
pub struct Metered<L> {
    log: L,
    metrics: Metrics,
}

impl<L: EventLog> Metered<L> {
    /// Counts what goes through to `log`.
    pub fn new(log: L, metrics: Metrics) -> Self {
        Self { log, metrics }
    }
}

impl<L: EventLog> EventLog for Metered<L> {
    fn create<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
        owner: Option<&'a UserName>,
        first: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Created, LogError>> {
        self.log.create(id, title, owner, first)
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
            let appended = self.log.append(key, drafts, agent_cursor).await;
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
