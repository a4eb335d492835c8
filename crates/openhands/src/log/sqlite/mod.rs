//! The event log in one SQLite file.
//!
//! In come orders and queries by [`EventLog`]; out go events, answers and the feed. One thread writes: it
//! takes what is queued, commits it as one, tells the feed and then answers the appenders. Another
//! (`checkpoints.rs`) writes back what the write-ahead log holds. A few read-only connections serve pages meanwhile. No
//! answer may come before its commit is on the disk, and no id may be used twice. Start with
//! `writer.rs` for an append and `page.rs` for a page.

mod backup;
mod buffer;
mod check;
mod checkpoints;
mod import;
mod open;
mod page;
mod readers;
mod schema;
mod snapshot;
mod writer;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    ConversationKey, Created, Envelope, EventLog, Feed, Head, Listing, LogError, Metadata, Oldest,
    Page, PageOf, Sort, StoredEvent,
};
use crate::domain::{Access, ConversationId, Draft, Position, UserName, Viewer};
use checkpoints::Checkpoints;
use readers::Readers;
use writer::{Command, Heads, Order, Thread};

pub(crate) use backup::{BackupError, backup};
pub(crate) use check::check;
pub(crate) use import::{ConversationImport, ImportedConversation, Importer};
pub use open::OpenError;
pub(crate) use open::files;
pub use snapshot::Snapshot;

/// Knobs of [`SqliteLog`].
#[derive(Clone)]
#[non_exhaustive]
pub struct SqliteConfig {
    /// Most appends waiting for the writer. Default 1024. When full, `append` waits.
    pub queue_commands: usize,
    /// Most bytes of drafts waiting for the writer. Default 64 MiB. When full, `append` waits.
    pub queue_bytes: usize,
    /// Most appends in one commit. Default 1024. Larger batches save flushes when the disk is slow;
    /// a commit that fails fails for all of them.
    pub batch_commands: usize,
    /// Most bytes of the database file. Default none. When full, appends fail with
    /// [`LogError::Write`] until something is deleted.
    pub database_bytes: Option<u64>,
    /// Connections that read. Default 4. When all are busy, reads wait.
    pub readers: usize,
    /// What time it is.
    pub clock: Clock,
    /// How long a write waits for another program that writes to the database, as a tool that copies
    /// or repairs it. Default 5 s; then it fails, and so do the others of its commit.
    pub busy: Duration,
    /// Bytes to put around each event of a page. Default none. Costs them for each event in memory,
    /// and saves whoever sends the events a copy.
    pub envelope: Envelope,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            queue_commands: 1024,
            queue_bytes: 64 * 1024 * 1024,
            batch_commands: 1024,
            database_bytes: None,
            readers: 4,
            clock: Clock::system(),
            busy: Duration::from_secs(5),
            envelope: Envelope::default(),
        }
    }
}

impl fmt::Debug for SqliteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteConfig")
            .field("queue_commands", &self.queue_commands)
            .field("queue_bytes", &self.queue_bytes)
            .field("batch_commands", &self.batch_commands)
            .field("database_bytes", &self.database_bytes)
            .field("readers", &self.readers)
            .field("busy", &self.busy)
            .finish_non_exhaustive()
    }
}

/// An [`EventLog`] in a folder. Its futures need a tokio runtime.
#[derive(Debug)]
pub struct SqliteLog {
    writer: Writer,
    readers: Arc<Readers>,
    config: SqliteConfig,
}

impl SqliteLog {
    /// Opens the log in `folder`, which is created when missing, and locks it against other
    /// servers. Blocks on the disk.
    ///
    /// # Errors
    /// [`OpenError`] says in one line what is wrong; what was there is left as it was.
    pub fn open(folder: &Path, config: SqliteConfig) -> Result<Self, OpenError> {
        let opened = open::open(folder, config.database_bytes)?;
        let busy = opened.connection.busy_timeout(config.busy);
        busy.map_err(|error| open::named(&opened.file, error))?;
        let beside = open::beside(&opened.file)?;
        let readers = Readers::new(opened.file, config.readers);
        let writer = Writer::start(opened.connection, beside, opened.lock, &config)?;
        Ok(Self { writer, readers: Arc::new(readers), config })
    }

    /// Tells how much waits for the disk, as long as the log is open.
    pub fn queue(&self) -> Queue {
        self.writer.queue()
    }

    /// Commits and appends since the log was opened.
    pub fn stats(&self) -> Stats {
        self.writer.stats()
    }

    /// Queues an order and waits for its answer.
    async fn order<T>(
        &self,
        bytes: usize,
        order: impl FnOnce(oneshot::Sender<Result<T, LogError>>) -> Order,
    ) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        let room = self.writer.room(bytes).await?;
        self.writer.send(Command { order: order(reply), room }).await?;
        answer.await.map_err(|_| LogError::Closed)?
    }
}

impl EventLog for SqliteLog {
    fn create<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
        owner: Option<&'a UserName>,
        first: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Created, LogError>> {
        async move {
            let bytes = len(&first) + title.len();
            let (id, title, owner) = (id.clone(), title.to_owned(), owner.cloned());
            self.order(bytes, |reply| Order::Create { id, title, owner, first, reply }).await
        }
        .boxed()
    }

    fn conversation<'a>(
        &'a self,
        id: &'a ConversationId,
    ) -> BoxFuture<'a, Result<Option<Metadata>, LogError>> {
        let id = id.clone();
        self.readers.read(move |db| readers::conversation(db, &id)).boxed()
    }

    fn list<'a>(
        &'a self,
        viewer: Option<&'a Viewer>,
        before: Option<ConversationKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Listing, LogError>> {
        let viewer = viewer.cloned();
        self.readers.read(move |db| readers::list(db, viewer.as_ref(), before, limit)).boxed()
    }

    fn unread(&self, limit: usize) -> BoxFuture<'_, Result<Vec<ConversationId>, LogError>> {
        self.readers.read(move |db| readers::unread(db, limit)).boxed()
    }

    fn set_title<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
    ) -> BoxFuture<'a, Result<bool, LogError>> {
        let (id, title) = (id.clone(), title.to_owned());
        self.order(title.len(), |reply| Order::SetTitle { id, title, reply }).boxed()
    }

    fn set_access<'a>(
        &'a self,
        id: &'a ConversationId,
        access: Access,
    ) -> BoxFuture<'a, Result<bool, LogError>> {
        let id = id.clone();
        self.order(0, |reply| Order::SetAccess { id, access, reply }).boxed()
    }

    fn delete<'a>(&'a self, id: &'a ConversationId) -> BoxFuture<'a, Result<bool, LogError>> {
        let id = id.clone();
        self.order(0, |reply| Order::Delete { id, reply }).boxed()
    }

    fn append(
        &self,
        key: ConversationKey,
        drafts: Vec<Draft>,
        agent_cursor: Option<Position>,
    ) -> BoxFuture<'_, Result<Vec<Arc<StoredEvent>>, LogError>> {
        async move {
            let bytes = len(&drafts);
            if drafts.is_empty() && agent_cursor.is_none() {
                return Ok(Vec::new());
            }
            self.order(bytes, |reply| Order::Append { key, drafts, agent_cursor, reply }).await
        }
        .boxed()
    }

    fn read(&self, key: ConversationKey, page: PageOf) -> BoxFuture<'_, Result<Page, LogError>> {
        let envelope = self.config.envelope.clone();
        self.readers.read(move |db| page::page(db, key, page, &envelope)).boxed()
    }

    fn head(&self, key: ConversationKey) -> BoxFuture<'_, Result<Head, LogError>> {
        self.readers.read(move |db| readers::head(db, key)).boxed()
    }

    fn newest(
        &self,
        key: ConversationKey,
        sort: Sort,
        before: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<StoredEvent>>, LogError>> {
        self.readers.read(move |db| readers::newest(db, key, sort, before)).boxed()
    }

    fn oldest(&self, limit: usize) -> BoxFuture<'_, Result<Oldest, LogError>> {
        self.readers.read(move |db| readers::oldest(db, limit)).boxed()
    }

    fn size(&self, key: ConversationKey) -> BoxFuture<'_, Result<u64, LogError>> {
        self.readers.read(move |db| readers::size(db, key)).boxed()
    }

    fn follow(&self, feed: Feed) {
        self.writer.follow(feed);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.writer.close().boxed()
    }
}

/// The way to the writer's thread.
struct Writer {
    commands: mpsc::Sender<Command>,
    /// Room for bytes in the queue.
    room: Arc<Semaphore>,
    queue_bytes: u32,
    feed: Arc<Mutex<Option<Feed>>>,
    counts: Arc<Counts>,
}

/// What the writer has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Transactions committed: disk flushes.
    pub commits: u64,
    /// Orders carried out in them.
    pub orders: u64,
}

/// What waits for the writer. Does not keep the log open.
#[derive(Clone, Debug)]
pub struct Queue {
    commands: mpsc::WeakSender<Command>,
    room: Arc<Semaphore>,
    bytes: usize,
}

impl Queue {
    /// Appends and other orders that wait.
    pub fn commands(&self) -> usize {
        self.commands.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Bytes of the drafts that wait or are being written.
    pub fn bytes(&self) -> usize {
        self.bytes.saturating_sub(self.room.available_permits())
    }
}

/// The numbers of [`Stats`], as the writer counts them.
#[derive(Debug, Default)]
struct Counts {
    commits: AtomicU64,
    orders: AtomicU64,
}

impl Writer {
    fn start(
        db: Connection,
        beside: Connection,
        lock: File,
        config: &SqliteConfig,
    ) -> Result<Self, OpenError> {
        let (commands, queue) = mpsc::channel(config.queue_commands.max(1));
        let queue_bytes = u32::try_from(config.queue_bytes).unwrap_or(u32::MAX).max(1);
        let room = Arc::new(Semaphore::new(queue_bytes as usize));
        let feed = Arc::new(Mutex::new(None));
        let counts = Arc::new(Counts::default());
        let thread = Thread {
            db,
            checkpoints: Checkpoints::start(beside).map_err(OpenError::Thread)?,
            queue,
            heads: Heads::default(),
            clock: config.clock.clone(),
            batch_commands: config.batch_commands.max(1),
            feed: feed.clone(),
            counts: counts.clone(),
            has_free_pages: true,
            lock,
        };
        // It ends when the log is closed, or when the last sender is gone and the queue is empty.
        std::thread::Builder::new()
            .name("event-log".into())
            .spawn(move || thread.run())
            .map_err(OpenError::Thread)?;
        Ok(Self { commands, room, queue_bytes, feed, counts })
    }

    /// Waits until `bytes` fit in the queue. What is larger than the queue waits for all of it.
    async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, LogError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.queue_bytes);
        self.room.clone().acquire_many_owned(bytes).await.map_err(|_| LogError::Closed)
    }

    async fn send(&self, command: Command) -> Result<(), LogError> {
        self.commands.send(command).await.map_err(|_| LogError::Closed)
    }

    fn follow(&self, feed: Feed) {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed);
    }

    fn stats(&self) -> Stats {
        Stats {
            commits: self.counts.commits.load(Ordering::Relaxed),
            orders: self.counts.orders.load(Ordering::Relaxed),
        }
    }

    fn queue(&self) -> Queue {
        let (commands, room) = (self.commands.downgrade(), self.room.clone());
        Queue { commands, room, bytes: self.queue_bytes as usize }
    }

    async fn close(&self) {
        if let Ok(room) = self.room(0).await {
            // A closed queue has nothing left to wait for.
            let _ = self.send(Command { order: Order::Close, room }).await;
        }
        self.commands.closed().await;
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A source of the current time and zone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Zoned + Send + Sync>);

impl Clock {
    /// The system's clock and zone.
    pub fn system() -> Self {
        Self(Arc::new(Zoned::now))
    }

    /// Any other.
    pub fn new(now: impl Fn() -> Zoned + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now, in both forms.
    pub(super) fn now(&self) -> Now {
        let now = (self.0)();
        Now {
            // Always 26 characters, so that later times are greater strings.
            local: now.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
            utc: utc_text(now.timestamp()),
        }
    }
}

/// A time as metadata shows it: later times are greater strings.
pub(crate) fn utc_text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// One moment.
#[derive(Debug)]
pub(super) struct Now {
    /// For events: local time without a zone, as OpenHands 0.62 writes it.
    pub(super) local: String,
    /// For metadata: UTC with `Z`.
    pub(super) utc: String,
}

/// Room that drafts take in the writer's queue.
fn len(drafts: &[Draft]) -> usize {
    drafts.iter().map(Draft::max_len).sum()
}

#[cfg(test)]
mod tests;
