//! The one thread that writes: it takes what is queued, and carries it out in one transaction.
//!
//! Group commit: the writer takes all orders that wait and commits them in one transaction, so that
//! many appends share one flush of the disk. While it flushes, the next ones queue up. Then it tells the
//! feed and only then the appenders: a client that has an answer can read the event. Start with
//! [`Thread::run`]; [`append`] is what an append does.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::checkpoints::{BYTES, Checkpoints, ORDERS};
use super::readers::{METADATA, metadata};
use super::{Clock, Counts, Now};
use crate::domain::{Access, ConversationId, Draft, EventId, Position, UserName};
use crate::log::stored::{MAX_ID, MAX_KEY, kind_text, row_of};
use crate::log::{Change, Commit, ConversationKey, Created, Feed, LogError, StoredEvent};

/// What the thread has.
pub(super) struct Thread {
    pub(super) db: Connection,
    pub(super) checkpoints: Checkpoints,
    pub(super) queue: mpsc::Receiver<Command>,
    pub(super) heads: Heads,
    pub(super) clock: Clock,
    pub(super) batch_commands: usize,
    pub(super) feed: Arc<Mutex<Option<Feed>>>,
    pub(super) counts: Arc<Counts>,
    /// Whether pages may be given back: of what was deleted, or of a life before this one.
    pub(super) has_free_pages: bool,
    /// Held until nothing writes to the folder any more.
    pub(super) lock: File,
}

impl Thread {
    /// Runs until the log is closed, or the last sender is gone and the queue is empty.
    pub(super) fn run(mut self) {
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
                    self.has_free_pages =
                        self.checkpoints.give_back(&self.db).unwrap_or_else(|error| {
                            // Nothing is lost by it: the pages are used again.
                            tracing::warn!(%error, "free pages were not given back");
                            false
                        });
                }
            }
        }
        self.queue.blocking_recv()
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
                let back = &mut self.checkpoints;
                back.orders += done.len();
                back.bytes += rooms.iter().map(OwnedSemaphorePermit::num_permits).sum::<usize>();
                if back.orders >= ORDERS || back.bytes >= BYTES {
                    back.wake();
                }
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

/// One queued order and the room it takes in the queue.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) order: Order,
    pub(super) room: OwnedSemaphorePermit,
}

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

#[derive(Debug)]
pub(super) enum Order {
    Create {
        id: ConversationId,
        title: String,
        owner: Option<UserName>,
        first: Vec<Draft>,
        reply: Reply<Created>,
    },
    SetTitle {
        id: ConversationId,
        title: String,
        reply: Reply<bool>,
    },
    SetAccess {
        id: ConversationId,
        access: Access,
        reply: Reply<bool>,
    },
    Delete {
        id: ConversationId,
        reply: Reply<bool>,
    },
    Append {
        key: ConversationKey,
        drafts: Vec<Draft>,
        agent_cursor: Option<Position>,
        reply: Reply<Vec<Arc<StoredEvent>>>,
    },
    Close,
}

impl Order {
    /// Refuses the order without touching anything.
    fn fail(self, error: LogError) {
        // The waiting task may be gone; that is not an error, here or below.
        match self {
            Self::Create { reply, .. } => drop(reply.send(Err(error))),
            Self::SetTitle { reply, .. }
            | Self::SetAccess { reply, .. }
            | Self::Delete { reply, .. } => drop(reply.send(Err(error))),
            Self::Append { reply, .. } => drop(reply.send(Err(error))),
            Self::Close => {}
        }
    }
}

/// An order that was carried out, to be answered once it is committed.
struct Done {
    commit: Option<Commit>,
    answer: Answer,
}

/// Answers the waiting caller: with the result once the transaction is committed, else with the error.
type Answer = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// What an order came to: the answer, and what the feed must know. The outer error is SQLite's and
/// ends the whole transaction.
type Work<T> = Result<(Result<T, LogError>, Option<Commit>), rusqlite::Error>;

fn owed<T: Send + 'static>(
    reply: Reply<T>,
    work: Work<T>,
) -> Result<Done, (rusqlite::Error, Answer)> {
    match work {
        Ok((answer, commit)) => {
            let answer: Answer = Box::new(move |committed| drop(reply.send(committed.and(answer))));
            Ok(Done { commit, answer })
        }
        Err(error) => {
            let failed = |committed: Result<(), LogError>| {
                drop(reply.send(committed.and(Err(LogError::Closed))));
            };
            Err((error, Box::new(failed)))
        }
    }
}

/// Where conversations stand, as of the last commit or inside the open transaction.
#[derive(Debug, Default)]
pub(super) struct Heads(HashMap<ConversationKey, Row>);

#[derive(Clone, Debug)]
struct Row {
    id: ConversationId,
    next_id: u64,
    agent_cursor: u64,
    last_time: String,
}

impl Heads {
    /// Forgets everything, so that it is read again. After a failed transaction what is in here may
    /// never have happened.
    fn forget(&mut self) {
        self.0.clear();
    }

    /// Keeps the memory bounded; what is forgotten costs one query each.
    fn trim(&mut self) {
        if self.0.len() > MAX_HEADS {
            self.forget();
        }
    }

    fn load(
        &mut self,
        db: &Transaction<'_>,
        key: ConversationKey,
    ) -> Result<Option<&mut Row>, rusqlite::Error> {
        let vacant = match self.0.entry(key) {
            Entry::Occupied(known) => return Ok(Some(known.into_mut())),
            Entry::Vacant(vacant) => vacant,
        };
        let mut query = db.prepare_cached(
            "SELECT id, next_id, agent_cursor, last_time FROM conversations WHERE key = ?1",
        )?;
        let row = query.query_row([key.0], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let Some((id, next_id, agent_cursor, last_time)) = row.optional()? else {
            return Ok(None);
        };
        // Only checked ids are ever inserted.
        let Ok(id) = ConversationId::new(&id) else { return Ok(None) };
        let (next_id, agent_cursor) = (unsigned(next_id), unsigned(agent_cursor));
        Ok(Some(vacant.insert(Row { id, next_id, agent_cursor, last_time })))
    }
}

/// An open transaction, and the statements of an append: they are found once for all appends in it.
struct Open<'a> {
    db: &'a Transaction<'a>,
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
}

impl<'a> Open<'a> {
    fn new(db: &'a Transaction<'a>) -> Result<Self, rusqlite::Error> {
        let insert = db
            .prepare_cached("INSERT INTO events (row, kind, source, json) VALUES (?1, ?2, ?3, ?4)");
        let update = db.prepare_cached(
            "UPDATE conversations SET next_id = ?2, agent_cursor = ?3, last_time = ?4, \
             updated_at = ?5 WHERE key = ?1",
        );
        Ok(Self { db, insert: insert?, update: update? })
    }
}

/// Carries out one order inside `open`. On an error the whole transaction must be given up; the
/// answer is then still owed.
fn carry_out(
    open: &mut Open<'_>,
    heads: &mut Heads,
    now: &Now,
    order: Order,
) -> Result<Done, (rusqlite::Error, Answer)> {
    match order {
        Order::Create { id, title, owner, first, reply } => {
            owed(reply, create(open, heads, now, &id, &title, owner.as_ref(), first))
        }
        Order::SetTitle { id, title, reply } => owed(reply, set_title(open.db, now, &id, &title)),
        Order::SetAccess { id, access, reply } => owed(reply, set_access(open.db, id, access)),
        Order::Delete { id, reply } => owed(reply, delete(open.db, heads, id)),
        Order::Append { key, drafts, agent_cursor, reply } => {
            owed(reply, append(open, heads, now, key, drafts, agent_cursor))
        }
        Order::Close => Ok(Done { commit: None, answer: Box::new(drop) }),
    }
}

fn create(
    open: &mut Open<'_>,
    heads: &mut Heads,
    now: &Now,
    id: &ConversationId,
    title: &str,
    owner: Option<&UserName>,
    first: Vec<Draft>,
) -> Work<Created> {
    let db = open.db;
    let find = || {
        let mut query = db.prepare_cached(&format!("{METADATA} WHERE id = ?1"))?;
        query.query_row([id.as_str()], metadata).optional()
    };
    if let Some(found) = find()? {
        let created = found.map(|metadata| Created { metadata, is_new: false });
        return Ok((created, None));
    }
    db.prepare_cached(
        "INSERT INTO conversations (id, title, owner, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?4)",
    )?
    .execute(params![id.as_str(), title, owner.map(UserName::as_str), now.utc])?;
    let key = match u32::try_from(db.last_insert_rowid()) {
        // The row number has 31 bits for the key.
        Ok(key) if key <= MAX_KEY => ConversationKey(key),
        _ => return Err(rusqlite::Error::StatementChangedRows(0)),
    };
    let (_, commit) = append(open, heads, now, key, first, None)?;
    let created = match find()? {
        Some(found) => found.map(|metadata| Created { metadata, is_new: true }),
        None => Err(LogError::NoConversation),
    };
    Ok((created, commit))
}

fn set_title(db: &Transaction<'_>, now: &Now, id: &ConversationId, title: &str) -> Work<bool> {
    let rows = db
        .prepare_cached("UPDATE conversations SET title = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![id.as_str(), title, now.utc])?;
    Ok((Ok(rows > 0), None))
}

fn set_access(db: &Transaction<'_>, id: ConversationId, access: Access) -> Work<bool> {
    let key = db
        .prepare_cached("UPDATE conversations SET owner = ?2 WHERE id = ?1 RETURNING key")?
        .query_row(params![id.as_str(), access.owner.as_ref().map(UserName::as_str)], |row| {
            row.get::<_, u32>(0)
        })
        .optional()?;
    let Some(key) = key.map(ConversationKey) else { return Ok((Ok(false), None)) };
    db.prepare_cached("DELETE FROM shares WHERE key = ?1")?.execute([key.0])?;
    let mut insert =
        db.prepare_cached("INSERT INTO shares (key, user, may) VALUES (?1, ?2, ?3)")?;
    for share in &access.shares {
        insert.execute(params![key.0, share.with.as_str(), share.right.as_str()])?;
    }
    let commit = Commit { conversation: id, key, change: Change::Access(access) };
    Ok((Ok(true), Some(commit)))
}

fn delete(db: &Transaction<'_>, heads: &mut Heads, id: ConversationId) -> Work<bool> {
    let key = db
        .prepare_cached("DELETE FROM conversations WHERE id = ?1 RETURNING key")?
        .query_row([id.as_str()], |row| row.get::<_, u32>(0))
        .optional()?;
    let Some(key) = key.map(ConversationKey) else { return Ok((Ok(false), None)) };
    db.prepare_cached("DELETE FROM events WHERE row BETWEEN ?1 AND ?2")?
        .execute([row_of(key, 0), row_of(key, MAX_ID)])?;
    heads.0.remove(&key);
    let commit = Commit { conversation: id, key, change: Change::Deleted };
    Ok((Ok(true), Some(commit)))
}

fn append(
    open: &mut Open<'_>,
    heads: &mut Heads,
    now: &Now,
    key: ConversationKey,
    drafts: Vec<Draft>,
    agent_cursor: Option<Position>,
) -> Work<Vec<Arc<StoredEvent>>> {
    let Some(head) = heads.load(open.db, key)? else {
        return Ok((Err(LogError::NoConversation), None));
    };
    let count = drafts.len() as u64;
    if head.next_id + count > MAX_ID {
        let full = LogError::ConversationFull { len: head.next_id, max: MAX_ID };
        return Ok((Err(full), None));
    }
    // The clock may step back; a conversation's times never do.
    if now.local > head.last_time {
        head.last_time.clone_from(&now.local);
    }
    let mut events = Vec::with_capacity(drafts.len());
    for (id, draft) in (head.next_id..).zip(drafts) {
        let (kind, source) = (draft.kind(), draft.source());
        let json = draft.into_json(EventId(id), &head.last_time);
        open.insert.execute(params![row_of(key, id), kind_text(kind), source.as_str(), &*json])?;
        events.push(Arc::new(StoredEvent::new(EventId(id), kind, source, json)));
    }
    head.next_id += count;
    if let Some(cursor) = agent_cursor {
        head.agent_cursor = cursor.0.clamp(head.agent_cursor, head.next_id);
    }
    open.update.execute(params![
        key.0,
        signed(head.next_id),
        signed(head.agent_cursor),
        head.last_time,
        now.utc
    ])?;
    let agent_cursor = Position(head.agent_cursor);
    let change = Change::Appended { events: events.clone(), agent_cursor };
    let commit = Commit { conversation: head.id.clone(), key, change };
    Ok((Ok(events), Some(commit)))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const MAX_HEADS: usize = 4096;
