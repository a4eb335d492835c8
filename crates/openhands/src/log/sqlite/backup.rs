//! A copy of the database while a server writes to it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::OpenError;
use super::open::{existing, named};

/// Why there is no backup. No part of it is left on the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BackupError {
    /// The database cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A backup never replaces a file.
    #[error("{} is there already: choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite could not copy.
    #[error("cannot copy to {}: {source}", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Copies the database in `folder` to `target` as it is at this moment, and says how many bytes it
/// has. `progress` is told pages copied and pages in all. Readable by its owner only; it has its
/// name when it is whole and on disk. Blocks on the disk.
///
/// A server may run and is not kept waiting; its write-ahead log grows meanwhile.
///
/// # Errors
/// [`BackupError`].
pub(crate) fn backup(
    folder: &Path,
    target: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, BackupError> {
    let exists = || BackupError::Exists { path: target.to_owned() };
    if target.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let (file, source) = existing(folder)?;
    // One snapshot from here on: without it every write of the server would begin the copy anew.
    source
        .execute_batch("BEGIN; SELECT count(*) FROM sqlite_master;")
        .map_err(|error| named(&file, error))?;
    let part = Part::create(target)?;
    let failed = |source| BackupError::Copy { path: part.0.clone(), source };
    copy(&source, &part.0, &mut progress).map_err(failed)?;
    let unwritten = |source| BackupError::Write { path: target.to_owned(), source };
    let bytes = File::open(&part.0)
        .and_then(|file| file.sync_all().and_then(|()| file.metadata()))
        .map_err(unwritten)?
        .len();
    // A link refuses to replace what came meanwhile; a rename would not.
    match std::fs::hard_link(&part.0, target) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        Err(error) => Err(unwritten(error)),
    }
}

fn copy(
    source: &Connection,
    part: &Path,
    progress: &mut impl FnMut(u64, u64),
) -> Result<(), rusqlite::Error> {
    let mut target = Connection::open(part)?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        let step = backup.step(STEP_PAGES)?;
        let told = backup.progress();
        let pages = |count| u64::try_from(count).unwrap_or(0);
        progress(pages(told.pagecount - told.remaining), pages(told.pagecount));
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => std::thread::sleep(BUSY),
        }
    }
}

/// The unfinished copy, removed in the end: when it is whole it has another name too.
struct Part(PathBuf);

impl Part {
    fn create(target: &Path) -> Result<Self, BackupError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        match options.open(&path) {
            Ok(_) => Ok(Self(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(BackupError::Exists { path })
            }
            Err(source) => Err(BackupError::Write { path, source }),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "unfinished copy not removed");
        }
    }
}

/// Pages between two reports: 4 MiB.
const STEP_PAGES: i32 = 1024;
/// Wait while somebody else holds the copy's file.
const BUSY: std::time::Duration = std::time::Duration::from_millis(50);
