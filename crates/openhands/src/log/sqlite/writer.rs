//! The one thread that writes, and the one that writes back.
//!
//! Group commit: the writer takes all orders that wait and commits them in one transaction, so that
//! many appends share one flush of the disk. While it flushes, the next ones queue up. Then it tells the
//! feed and only then the appenders: a client that has an answer can read the event.
//!
//! Another thread copies what the write-ahead log holds into the database. Inside a commit this would
//! keep all appenders waiting for a second flush.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::batch::{Answer, Command, Done, Heads, Open, Order, carry_out};
use super::{Clock, OpenError, SqliteConfig};
use crate::log::{Change, Feed, LogError};

/// The way to the writer's thread.
pub(super) struct Writer {
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

#[derive(Debug, Default)]
struct Counts {
    commits: AtomicU64,
    orders: AtomicU64,
}

impl Writer {
    pub(super) fn start(
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
    pub(super) async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, LogError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.queue_bytes);
        self.room.clone().acquire_many_owned(bytes).await.map_err(|_| LogError::Closed)
    }

    pub(super) async fn send(&self, command: Command) -> Result<(), LogError> {
        self.commands.send(command).await.map_err(|_| LogError::Closed)
    }

    pub(super) fn follow(&self, feed: Feed) {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed);
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            commits: self.counts.commits.load(Ordering::Relaxed),
            orders: self.counts.orders.load(Ordering::Relaxed),
        }
    }

    pub(super) fn queue(&self) -> Queue {
        let (commands, room) = (self.commands.downgrade(), self.room.clone());
        Queue { commands, room, bytes: self.queue_bytes as usize }
    }

    pub(super) async fn close(&self) {
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

struct Thread {
    db: Connection,
    checkpoints: Checkpoints,
    queue: mpsc::Receiver<Command>,
    heads: Heads,
    clock: Clock,
    batch_commands: usize,
    feed: Arc<Mutex<Option<Feed>>>,
    counts: Arc<Counts>,
    /// Whether pages may be given back: of what was deleted, or of a life before this one.
    has_free_pages: bool,
    /// Held until nothing writes to the folder any more.
    lock: File,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.next() {
            // All that queued up while the last commit was flushed goes into this one: the busier the
            // log, the larger the batch, and the fewer flushes an append costs.
            let mut batch = vec![first];
            while batch.len() < self.batch_commands {
                match self.queue.try_recv() {
                    Ok(command) => batch.push(command),
                    Err(_) => break,
                }
            }
            let closing = batch.iter().any(|command| matches!(command.order, Order::Close));
            self.commit(batch);
            if closing {
                break;
            }
        }
        let Self { db, checkpoints, queue, lock, .. } = self;
        // First: the last connection that is closed removes the write-ahead log.
        checkpoints.end();
        if let Err((_, error)) = db.close() {
            tracing::warn!(%error, "the event log did not close cleanly");
        }
        // Not by dropping: a process being forked right now holds the file open a moment longer.
        if let Err(error) = lock.unlock() {
            tracing::warn!(%error, "the data folder stays locked until this process ends");
        }
        // Closers wait for this: the folder can be opened again.
        drop(queue);
    }

    /// The next command. While none waits, gives back to the file system what deletions have freed.
    fn next(&mut self) -> Option<Command> {
        while self.has_free_pages {
            match self.queue.try_recv() {
                Ok(command) => return Some(command),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    self.has_free_pages = self.give_back().unwrap_or_else(|error| {
                        // Nothing is lost by it: the pages are used again.
                        tracing::warn!(%error, "free pages were not given back");
                        false
                    });
                }
            }
        }
        self.queue.blocking_recv()
    }

    /// Makes the file some pages smaller. Whether there are more; in files that older versions made,
    /// none can be given back.
    fn give_back(&mut self) -> Result<bool, rusqlite::Error> {
        let free =
            |db: &Connection| db.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
        let before = free(&self.db)?;
        let mut vacuum = self.db.prepare_cached("PRAGMA incremental_vacuum(256)")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
        drop(vacuum);
        let after = free(&self.db)?;
        let more = 0 < after && after < before;
        if !more && after < before {
            // The file shrinks when the log of it is written back.
            self.checkpoints.wake();
        }
        Ok(more)
    }

    fn commit(&mut self, batch: Vec<Command>) {
        // Their room in the queue stays taken until the answers are out: memory is bounded by what is
        // not answered yet, not by what is not begun yet.
        let (mut orders, rooms): (VecDeque<Order>, Vec<OwnedSemaphorePermit>) =
            batch.into_iter().map(|command| (command.order, command.room)).unzip();
        let mut done = Vec::with_capacity(orders.len());
        match self.carry_out(&mut orders, &mut done) {
            Ok(()) => {
                self.counts.commits.fetch_add(1, Ordering::Relaxed);
                self.counts.orders.fetch_add(done.len() as u64, Ordering::Relaxed);
                let bytes = rooms.iter().map(OwnedSemaphorePermit::num_permits).sum();
                self.checkpoints.wrote(done.len(), bytes);
                let commits = done.iter().filter_map(|one| one.commit.as_ref());
                self.has_free_pages |=
                    commits.into_iter().any(|commit| matches!(commit.change, Change::Deleted));
                self.answer(done);
            }
            Err((error, owed)) => {
                tracing::error!(%error, "the event log could not commit");
                self.heads.forget();
                let error = LogError::Write(Arc::new(error));
                let begun = done.into_iter().map(|one| one.answer).chain(owed);
                begun.for_each(|answer| answer(Err(error.clone())));
                orders.into_iter().for_each(|order| order.fail(error.clone()));
            }
        }
        self.heads.trim();
    }

    /// Carries out `orders` in one transaction and commits it. On an error, orders that were not
    /// begun stay in `orders`, and the answer of the one that failed comes with it.
    fn carry_out(
        &mut self,
        orders: &mut VecDeque<Order>,
        done: &mut Vec<Done>,
    ) -> Result<(), (rusqlite::Error, Option<Answer>)> {
        // Dropped without a commit it rolls back.
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| (error, None))?;
        let now = self.clock.now();
        let mut open = Open::new(&transaction).map_err(|error| (error, None))?;
        while let Some(order) = orders.pop_front() {
            let one = carry_out(&mut open, &mut self.heads, &now, order)
                .map_err(|(error, answer)| (error, Some(answer)))?;
            done.push(one);
        }
        drop(open);
        transaction.commit().map_err(|error| (error, None))
    }

    fn answer(&self, done: Vec<Done>) {
        let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        for commit in done.iter().filter_map(|one| one.commit.as_ref()) {
            if let Some(feed) = feed.as_ref() {
                feed(commit);
            }
        }
        drop(feed);
        for one in done {
            (one.answer)(Ok(()));
        }
    }
}

/// A thread that writes back when enough was written.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    /// Since it was last woken.
    orders: usize,
    bytes: usize,
}

impl Checkpoints {
    /// `db` is a connection of its own.
    pub(super) fn start(db: Connection) -> io::Result<Self> {
        // One that waits stands for all that come while it waits.
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("event-log-back".into())
            .spawn(move || write_back(&db, &woken))?;
        Ok(Self { wake, thread, orders: 0, bytes: 0 })
    }

    /// Tells what a commit wrote.
    pub(super) fn wrote(&mut self, orders: usize, bytes: usize) {
        self.orders += orders;
        self.bytes += bytes;
        if self.orders >= ORDERS || self.bytes >= BYTES {
            self.wake();
        }
    }

    /// Has all written back that was committed before.
    pub(super) fn wake(&mut self) {
        (self.orders, self.bytes) = (0, 0);
        // Full: one waits already. Gone: the writer writes back by itself, at its own limit.
        let _ = self.wake.try_send(());
    }

    /// Waits until it has ended and its connection is closed.
    pub(super) fn end(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes back the event log panicked");
        }
    }
}

fn write_back(db: &Connection, woken: &Receiver<()>) {
    let mut whole = true;
    loop {
        // A reader of an old moment, or a commit on the way, leaves a rest: it is tried again.
        let next = match whole {
            true => woken.recv().map_err(RecvTimeoutError::from),
            false => woken.recv_timeout(AGAIN),
        };
        if next == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        // Passive: it waits for nobody and nobody for it.
        let done =
            db.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut checkpoint| {
                checkpoint.query_row([], |row| {
                    let [busy, log, back] = [row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?];
                    Ok(busy == 0 && log == back)
                })
            });
        whole = done.unwrap_or_else(|error| {
            // Nothing is lost by it: the write-ahead log holds all of it.
            tracing::warn!(%error, "the event log was not written back");
            true
        });
    }
}

/// Time between two tries to write back all.
const AGAIN: Duration = Duration::from_millis(100);
/// About 10 MiB of write-ahead log, with events of 1 KiB.
const ORDERS: usize = 2048;
const BYTES: usize = 8 * 1024 * 1024;
