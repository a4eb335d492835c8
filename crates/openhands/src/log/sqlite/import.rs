//! Writing conversations of another server: each as a whole, with its own times.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::OpenError;
use super::open;
use crate::domain::{ConversationId, Kind, Position, Source, UserName};
use crate::log::stored::{MAX_ID, kind_text, row_of};
use crate::log::{ConversationKey, LogError};

/// A log that is filled while no server runs. Blocks on the disk.
#[derive(Debug)]
pub(crate) struct Importer {
    db: Connection,
    /// Keeps servers out meanwhile.
    _lock: File,
}

/// A conversation of another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportedConversation {
    /// Its id.
    pub id: ConversationId,
    /// Its title.
    pub title: String,
    /// Its owner, if it has one.
    pub owner: Option<UserName>,
    /// When it was created: UTC, ISO 8601 with microseconds and `Z`.
    pub created_at: String,
    /// When it last changed, in the same form.
    pub updated_at: String,
}

impl Importer {
    /// Opens the log in `folder`, which is created when missing, and locks it against servers.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let open::Opened { connection, lock, .. } = open::open(folder, None)?;
        Ok(Self { db: connection, _lock: lock })
    }

    /// Begins a conversation that is stored wholly, by [`ConversationImport::finish`], or not at all. `None`
    /// when there is one of this id: it stays as it is.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub(crate) fn begin(
        &mut self,
        past: &ImportedConversation,
    ) -> Result<Option<ConversationImport<'_>>, LogError> {
        let db =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unwritten)?;
        let found = db
            .query_row("SELECT 1 FROM conversations WHERE id = ?1", [past.id.as_str()], |_| Ok(()))
            .optional();
        if found.map_err(unwritten)?.is_some() {
            return Ok(None);
        }
        let insert = "INSERT INTO conversations (id, title, owner, created_at, updated_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5) RETURNING key";
        let owner = past.owner.as_ref().map(UserName::as_str);
        let row = params![past.id.as_str(), past.title, owner, past.created_at, past.updated_at];
        let key = db.query_row(insert, row, |row| row.get(0)).map_err(unwritten)?;
        Ok(Some(ConversationImport {
            db,
            key: ConversationKey(key),
            next: 0,
            last_time: String::new(),
        }))
    }
}

/// A conversation that is being written. Dropped without a finish, it was never there.
#[derive(Debug)]
pub(crate) struct ConversationImport<'a> {
    db: Transaction<'a>,
    key: ConversationKey,
    next: u64,
    last_time: String,
}

impl ConversationImport<'_> {
    /// The place of the next event.
    pub(crate) fn next(&self) -> Position {
        Position(self.next)
    }

    /// The latest time of its events so far; empty before the first.
    pub(crate) fn last_time(&self) -> &str {
        &self.last_time
    }

    /// Adds the next event. Its JSON must say the same as the other arguments, and that its id is
    /// [`ConversationImport::next`].
    ///
    /// # Errors
    /// When the conversation is full or the log cannot be written.
    pub(crate) fn push(
        &mut self,
        kind: Kind,
        source: Source,
        time: &str,
        json: &str,
    ) -> Result<(), LogError> {
        if self.next >= MAX_ID {
            return Err(LogError::ConversationFull { len: self.next, max: MAX_ID });
        }
        let row =
            params![row_of(self.key, self.next), kind_text(kind), source.as_str(), json.as_bytes()];
        self.db
            .prepare_cached("INSERT INTO events (row, kind, source, json) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut insert| insert.execute(row))
            .map_err(unwritten)?;
        self.next += 1;
        if time > self.last_time.as_str() {
            time.clone_into(&mut self.last_time);
        }
        Ok(())
    }

    /// Makes it durable. Its agent has nothing to answer in it.
    ///
    /// # Errors
    /// Then it was never there.
    pub(crate) fn finish(self) -> Result<(), LogError> {
        let next = i64::try_from(self.next).unwrap_or(i64::MAX);
        let update = "UPDATE conversations SET next_id = ?2, agent_cursor = ?2, last_time = ?3 \
                      WHERE key = ?1";
        self.db.execute(update, params![self.key.0, next, self.last_time]).map_err(unwritten)?;
        self.db.commit().map_err(unwritten)
    }
}

fn unwritten(error: rusqlite::Error) -> LogError {
    LogError::Write(Arc::new(error))
}
