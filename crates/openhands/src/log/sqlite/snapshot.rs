//! One moment of the log, read without locking the folder: a server may run.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::OpenError;
use super::open::{named, readable};
use super::page;
use super::readers::{self, Answer};
use crate::domain::ConversationId;
use crate::log::{ConversationKey, Envelope, LogError, Metadata, Oldest, Page, PageOf};

/// The log as it was when this was opened. Blocks on the disk; the server's write-ahead log grows
/// meanwhile.
#[derive(Debug)]
pub struct Snapshot(Connection);

impl Snapshot {
    /// Looks at the log in `folder`.
    ///
    /// # Errors
    /// [`OpenError`] when there is none, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let (file, db) = readable(folder)?;
        // The moment is that of the first look.
        db.execute_batch("BEGIN; SELECT count(*) FROM sqlite_master;")
            .map_err(|error| named(&file, error))?;
        Ok(Self(db))
    }

    /// What is known about a conversation; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn conversation(&self, id: &ConversationId) -> Result<Option<Metadata>, LogError> {
        flat(readers::conversation(&self.0, id))
    }

    /// One page of events.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn page(&self, key: ConversationKey, page: PageOf) -> Result<Page, LogError> {
        flat(page::page(&self.0, key, page, &Envelope::default()))
    }

    /// See [`crate::log::EventLog::oldest`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn oldest(&self, limit: usize) -> Result<Oldest, LogError> {
        flat(readers::oldest(&self.0, limit))
    }

    /// See [`crate::log::EventLog::size`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn size(&self, key: ConversationKey) -> Result<u64, LogError> {
        flat(readers::size(&self.0, key))
    }
}

fn flat<T>(answer: Answer<T>) -> Result<T, LogError> {
    answer.unwrap_or_else(|error| Err(LogError::Read(Arc::new(error))))
}
