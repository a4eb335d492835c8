//! Opening the file: lock the folder, look before touching, then create or go on.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, SCHEMA_VERSION};

/// Why a log could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be created or written.
    #[error("cannot write in the data folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server has it open.
    #[error("another server uses the data folder {}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// There is no database to look at.
    #[error("no event log in {}: {source}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("{} belongs to another application: its id is {found:#x}, ours {expected:#x}", path.display())]
    OtherApplication {
        /// The file.
        path: PathBuf,
        /// Its application id.
        found: i64,
        /// Ours.
        expected: i64,
    },
    /// A newer version of this program wrote the file.
    #[error("{} has schema version {found}, this program knows versions up to {known}", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// An older version of this program wrote the file, and no server has opened it since.
    #[error("{} has schema version {found}, to be read it needs version {needed}: start the server once", path.display())]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that is read.
        needed: i64,
    },
    /// The file is damaged.
    #[error("{} is damaged: {detail}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Anything else that SQLite says.
    #[error("cannot open {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// No thread for the writer.
    #[error("cannot start the log's writer")]
    Thread(#[source] io::Error),
}

/// An open log.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) file: PathBuf,
    /// Held as long as the log is open.
    pub(super) lock: File,
}

pub(super) fn open(folder: &Path, database_bytes: Option<u64>) -> Result<Opened, OpenError> {
    let unwritable = |source| OpenError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK_FILE))
        .map_err(unwritable)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::Locked { path: folder.to_owned() },
        TryLockError::Error(source) => unwritable(source),
    })?;
    let file = folder.join(DATABASE_FILE);
    let is_new = match std::fs::metadata(&file) {
        Ok(metadata) if metadata.len() > 0 => look(&file, CHECK_BYTES)?,
        _ => no_remains(folder)?,
    };
    let connection = prepare(&file, is_new, database_bytes).map_err(|e| named(&file, e))?;
    Ok(Opened { connection, file, lock })
}

/// That there is nothing of a log in the folder: beside an empty database SQLite would delete what
/// the write-ahead log holds.
fn no_remains(folder: &Path) -> Result<bool, OpenError> {
    let [path, wal] = files(folder);
    match std::fs::metadata(wal).map_or(0, |metadata| metadata.len()) {
        0 => Ok(true),
        len => {
            let detail = format!("it has 0 bytes, its write-ahead log {len}");
            Err(OpenError::Damaged { path, detail })
        }
    }
}

/// The files that a log in `folder` consists of; not all of them are there at all times.
pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
    ["", "-wal"].map(|end| folder.join(format!("{DATABASE_FILE}{end}")))
}

/// The database that is in `folder`, for reading its events. It is not locked: a server may use it.
pub(super) fn readable(folder: &Path) -> Result<(PathBuf, Connection), OpenError> {
    let (file, db) = existing(folder)?;
    let version = db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    match version.map_err(|error| named(&file, error))? {
        SCHEMA_VERSION => Ok((file, db)),
        found => Err(OpenError::OlderSchema { path: file, found, needed: SCHEMA_VERSION }),
    }
}

/// The database that is in `folder`, of whatever version, for copying. It is not locked either.
pub(super) fn existing(folder: &Path) -> Result<(PathBuf, Connection), OpenError> {
    let file = folder.join(DATABASE_FILE);
    let missing = |source| OpenError::Missing { path: file.clone(), source };
    let is_empty = std::fs::metadata(&file).map_err(missing)?.len() == 0;
    if is_empty || look(&file, 0)? {
        return Err(OpenError::NotADatabase { path: file });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&file, flags).map_err(|error| named(&file, error))?;
    Ok((file, db))
}

/// Reads who wrote the file and whether it is whole. True when it holds nothing yet, as after a
/// first start that was killed early.
fn look(file: &Path, check_bytes: u64) -> Result<bool, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked = Connection::open_with_flags(file, flags).and_then(|db| {
        let number = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        let application = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        let tables = number("SELECT count(*) FROM sqlite_master")?;
        let ours = application == APPLICATION_ID && version <= SCHEMA_VERSION;
        let small = std::fs::metadata(file).is_ok_and(|m| m.len() <= check_bytes);
        let check = match ours && small {
            true => db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?,
            false => "ok".to_owned(),
        };
        Ok((application, version, tables, check))
    });
    let (application, version, tables, check) = looked.map_err(|e| named(file, e))?;
    let path = file.to_owned();
    if application == 0 && version == 0 && tables == 0 {
        return Ok(true);
    }
    if application != APPLICATION_ID {
        let expected = APPLICATION_ID;
        return Err(OpenError::OtherApplication { path, found: application, expected });
    }
    if version > SCHEMA_VERSION {
        return Err(OpenError::NewerSchema { path, found: version, known: SCHEMA_VERSION });
    }
    if check != "ok" {
        return Err(OpenError::Damaged { path, detail: check });
    }
    Ok(false)
}

fn prepare(
    file: &Path,
    is_new: bool,
    database_bytes: Option<u64>,
) -> Result<Connection, rusqlite::Error> {
    let mut db = Connection::open(file)?;
    if is_new {
        // Before anything is in it: what is deleted then makes the file smaller.
        db.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL"
        ))?;
    }
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {JOURNAL_BYTES};"
    ))?;
    let page_size = db.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.max(1);
    // Another thread writes back before; only then is there a moment to begin the log anew.
    db.query_row(
        &format!("PRAGMA wal_autocheckpoint = {}", JOURNAL_BYTES / page_size),
        [],
        |_| Ok(()),
    )?;
    if let Some(bytes) = database_bytes {
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page_size;
        db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    let version = match is_new {
        true => 0,
        false => db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?,
    };
    if version < SCHEMA_VERSION {
        if !is_new {
            let (from, to) = (version, SCHEMA_VERSION);
            tracing::warn!(from, to, "bringing the event log to a new schema, which may take long");
        }
        let transaction = db.transaction()?;
        for change in schema::since(version) {
            transaction.execute_batch(change)?;
        }
        transaction.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        ))?;
        transaction.commit()?;
        if !is_new {
            tracing::warn!("the event log has the new schema");
        }
    }
    Ok(db)
}

/// A further connection to an open log, to write back its write-ahead log.
pub(super) fn beside(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
        .and_then(|db| {
            db.execute_batch("PRAGMA synchronous = FULL")?;
            // Takes hold of the write-ahead log now: a connection that first looks when the database
            // was emptied beneath it would delete that log.
            db.query_row("PRAGMA user_version", [], |_| Ok(()))?;
            Ok(db)
        })
        .map_err(|error| named(file, error))
}

pub(super) fn named(file: &Path, error: rusqlite::Error) -> OpenError {
    let path = file.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, detail: error.to_string() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { path },
        _ => OpenError::Sqlite { path, source: error },
    }
}

/// "OHev": tells our files from those of other programs.
const APPLICATION_ID: i64 = 0x4f48_6576;
const DATABASE_FILE: &str = "openhands.db";
const LOCK_FILE: &str = "openhands.lock";
/// Files up to this size are read wholly at start to find damage; larger ones would delay it.
const CHECK_BYTES: u64 = 64 * 1024 * 1024;
/// Seven events of 1 KiB in a page, where one of 4 KiB has three and wastes a fourth.
const PAGE_BYTES: u32 = 8192;
/// The write-ahead log is written back wholly and begun anew from this size on.
const JOURNAL_BYTES: i64 = 64 * 1024 * 1024;
const STATEMENTS: usize = 32;
