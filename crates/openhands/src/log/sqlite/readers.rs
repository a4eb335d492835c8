//! Reading: a few read-only connections on blocking threads, and their queries.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use tokio::sync::Semaphore;

use crate::domain::{Audience, ConversationId, EventId, Kind, Position, Source, Viewer};
use crate::log::stored::{MAX_ID, Names, access, id_of, row_of};
use crate::log::{ConversationKey, Head, Listing, LogError, Metadata, Oldest, Sort, StoredEvent};

/// The connections that read.
#[derive(Debug)]
pub(super) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

pub(super) type Answer<T> = Result<Result<T, LogError>, rusqlite::Error>;

impl Readers {
    pub(super) fn new(file: PathBuf, count: usize) -> Self {
        let permits = Arc::new(Semaphore::new(count.max(1)));
        Self { file, idle: Mutex::default(), permits }
    }

    /// Runs `query` on a connection, when one is free.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> Answer<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| LogError::Closed)?;
        let readers = self.clone();
        // All of it happens on the other thread, so that dropping this future loses no connection.
        let task = tokio::task::spawn_blocking(move || {
            let result = readers.on_connection(query);
            drop(permit);
            result
        });
        match task.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(LogError::Read(Arc::new(error))),
            Err(error) => Err(LogError::Read(Arc::new(error))),
        }
    }

    fn on_connection<T>(&self, query: impl FnOnce(&Connection) -> Answer<T>) -> Answer<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = idle().pop();
        let db = match spare {
            Some(db) => db,
            None => {
                self.check_file()?;
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let db = Connection::open_with_flags(&self.file, flags)?;
                db.execute_batch(&format!("PRAGMA cache_size = -{CACHE_KIB}"))?;
                db
            }
        };
        // A connection that failed is not used again.
        let answer = query(&db)?;
        idle().push(db);
        Ok(answer)
    }

    /// Beside an empty database SQLite deletes the write-ahead log, even to read; the writer's commits
    /// would go with it.
    fn check_file(&self) -> Result<(), rusqlite::Error> {
        if std::fs::metadata(&self.file).is_ok_and(|metadata| metadata.len() > 0) {
            return Ok(());
        }
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        let text = "the database file is empty or gone".to_owned();
        Err(rusqlite::Error::SqliteFailure(code, Some(text)))
    }
}

pub(super) fn conversation(db: &Connection, id: &ConversationId) -> Answer<Option<Metadata>> {
    let mut query = db.prepare_cached(&format!("{METADATA} WHERE id = ?1"))?;
    let found = query.query_row([id.as_str()], metadata).optional()?;
    Ok(found.transpose())
}

pub(super) fn list(
    db: &Connection,
    viewer: Option<&Viewer>,
    before: Option<ConversationKey>,
    limit: usize,
) -> Answer<Listing> {
    let seen = match viewer {
        Some(_) => {
            "AND key IN (SELECT key FROM conversations WHERE owner = ?3 \
             UNION ALL SELECT key FROM shares WHERE user IN (?3, ?4))"
        }
        // So that both forms have the same parameters.
        None => "AND ?3 IS NULL AND ?4 IS NULL",
    };
    let mut query =
        db.prepare_cached(&format!("{METADATA} WHERE key < ?1 {seen} ORDER BY key DESC LIMIT ?2"))?;
    let user = viewer.map(|viewer| viewer.user.as_str());
    let everyone = viewer.filter(|viewer| !viewer.is_agent).map(|_| Audience::Everyone.as_str());
    let before = before.map_or(i64::MAX, |key| i64::from(key.0));
    let rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let found = query.query_map(params![before, rows, user, everyone], metadata)?;
    let mut conversations = Vec::new();
    for one in found {
        match one? {
            Ok(one) => conversations.push(one),
            Err(error) => return Ok(Err(error)),
        }
    }
    let next = match conversations.len() > limit {
        true => {
            conversations.truncate(limit);
            conversations.last().map(|last| last.key)
        }
        false => None,
    };
    Ok(Ok(Listing { conversations, next }))
}

pub(super) fn unread(db: &Connection, limit: usize) -> Answer<Vec<ConversationId>> {
    let mut query = db.prepare_cached(&format!(
        "{METADATA} WHERE EXISTS (SELECT 1 FROM events INDEXED BY from_user \
         WHERE source = 'user' AND row BETWEEN (key << 32) + agent_cursor AND (key << 32) + ?1) \
         ORDER BY key LIMIT ?2"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = query.query_map(params![MAX_ID.cast_signed(), limit], metadata)?;
    let mut ids = Vec::new();
    for one in found {
        match one? {
            Ok(one) => ids.push(one.id),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(ids))
}

pub(super) fn oldest(db: &Connection, limit: usize) -> Answer<Oldest> {
    let mut query = db.prepare_cached(&format!("{METADATA} ORDER BY updated_at, key LIMIT ?1"))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = query.query_map([limit], metadata)?.collect::<Result<Vec<_>, _>>()?;
    let number = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    let used = pages.saturating_mul(number("PRAGMA page_size")?);
    let used = u64::try_from(used).unwrap_or(0);
    let found = found.into_iter().collect::<Result<_, _>>();
    Ok(found.map(|conversations| Oldest { conversations, used }))
}

/// The JSON and some bytes a row; its pages may hold a little more.
pub(super) fn size(db: &Connection, key: ConversationKey) -> Answer<u64> {
    let mut query = db.prepare_cached(
        "SELECT coalesce(sum(length(json)), 0) + count(*) * ?3 FROM events \
         WHERE row BETWEEN ?1 AND ?2",
    )?;
    let range = params![row_of(key, 0), row_of(key, MAX_ID), ROW_BYTES];
    let bytes = query.query_row(range, |row| row.get::<_, i64>(0))?;
    Ok(Ok(u64::try_from(bytes).unwrap_or(0)))
}

pub(super) fn head(db: &Connection, key: ConversationKey) -> Answer<Head> {
    let mut query =
        db.prepare_cached("SELECT next_id, agent_cursor FROM conversations WHERE key = ?1")?;
    let head = query.query_row([key.0], |row| {
        Ok(Head { position: position(row, 0)?, agent_cursor: position(row, 1)? })
    });
    Ok(head.optional()?.ok_or(LogError::NoConversation))
}

pub(super) fn newest(
    db: &Connection,
    key: ConversationKey,
    sort: Sort,
    before: Position,
) -> Answer<Option<Arc<StoredEvent>>> {
    let Some(last) = before.last() else { return Ok(Ok(None)) };
    // The conditions repeat those of the partial indexes, or SQLite would refuse to use them.
    let sql = match sort {
        Sort::AgentState => {
            "SELECT row, kind, source, json FROM events INDEXED BY agent_states \
             WHERE kind = 'observation:agent_state_changed' AND row BETWEEN ?1 AND ?2 \
             ORDER BY row DESC LIMIT 1"
        }
        Sort::FromUser => {
            "SELECT row, kind, source, json FROM events INDEXED BY from_user \
             WHERE source = 'user' AND row BETWEEN ?1 AND ?2 ORDER BY row DESC LIMIT 1"
        }
    };
    let mut query = db.prepare_cached(sql)?;
    let range = params![row_of(key, 0), row_of(key, last.0.min(MAX_ID))];
    let found = query.query_row(range, event).optional()?;
    Ok(found.transpose().map(|event| event.map(Arc::new)))
}

/// KiB of pages of the database that a connection keeps. Those of a replay are read once: what is
/// above them is kept, and less than a processor's own cache holds is written faster.
const CACHE_KIB: u32 = 512;
/// Bytes of an event's row in addition to its JSON, about.
const ROW_BYTES: i64 = 40;

pub(super) const METADATA: &str = "SELECT key, id, title, created_at, updated_at, next_id, agent_cursor, owner, \
     (SELECT group_concat(may || ' ' || user, char(10)) FROM shares \
      WHERE shares.key = conversations.key) FROM conversations";

pub(super) fn metadata(row: &Row<'_>) -> Result<Result<Metadata, LogError>, rusqlite::Error> {
    let id: String = row.get(1)?;
    let Ok(id) = ConversationId::new(&id) else {
        return Ok(Err(LogError::Damaged { found: id, expected: "a conversation id" }));
    };
    let (owner, shares) = (row.get::<_, Option<String>>(7)?, row.get::<_, Option<String>>(8)?);
    let access = match access(owner.as_deref(), shares.as_deref()) {
        Ok(access) => access,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(Metadata {
        id,
        key: ConversationKey(row.get(0)?),
        title: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        head: Head { position: position(row, 5)?, agent_cursor: position(row, 6)? },
        access,
    }))
}

fn position(row: &Row<'_>, column: usize) -> Result<Position, rusqlite::Error> {
    Ok(Position(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0)))
}

fn event(row: &Row<'_>) -> Result<Result<StoredEvent, LogError>, rusqlite::Error> {
    let json: Vec<u8> = row.get(3)?;
    let head = head_of(row.get(0)?, row, &mut Names::default())?;
    Ok(head.map(|(id, kind, source)| StoredEvent::new(id, kind, source, json.into())))
}

pub(super) type HeadOf = (EventId, Kind, Source);

/// An event without its JSON.
pub(super) fn head_of(
    number: i64,
    row: &Row<'_>,
    names: &mut Names,
) -> Result<Result<HeadOf, LogError>, rusqlite::Error> {
    let kind = row.get_ref(1)?.as_bytes().unwrap_or_default();
    let source = row.get_ref(2)?.as_bytes().unwrap_or_default();
    Ok(names.read(kind, source).map(|(kind, source)| (id_of(number), kind, source)))
}
