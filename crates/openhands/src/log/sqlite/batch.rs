//! What the writer is asked to do, and doing it inside one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, params};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Now;
use super::readers::{METADATA, metadata};
use crate::domain::{Access, ConversationId, Draft, EventId, Position, UserName};
use crate::log::row::{MAX_ID, MAX_KEY, kind_text, row_of};
use crate::log::{Change, Commit, ConversationKey, Created, LogError, StoredEvent};

/// One queued order and the room it takes in the queue.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) order: Order,
    pub(super) room: OwnedSemaphorePermit,
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, LogError>>;

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
    pub(super) fn fail(self, error: LogError) {
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
pub(super) struct Done {
    pub(super) commit: Option<Commit>,
    pub(super) answer: Answer,
}

/// Answers the waiting caller: with the result once the transaction is committed, else with the error.
pub(super) type Answer = Box<dyn FnOnce(Result<(), LogError>) + Send>;

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
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Keeps the memory bounded; what is forgotten costs one query each.
    pub(super) fn trim(&mut self) {
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
pub(super) struct Open<'a> {
    db: &'a Transaction<'a>,
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
}

impl<'a> Open<'a> {
    pub(super) fn new(db: &'a Transaction<'a>) -> Result<Self, rusqlite::Error> {
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
pub(super) fn carry_out(
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
