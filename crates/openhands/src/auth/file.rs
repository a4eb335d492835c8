//! `keys.json`: the keys of a data folder, by their digests.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{KeyId, Role};
use crate::disk;
use crate::domain::UserName;

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) user: UserName,
    pub(super) role: Role,
    pub(super) sha256: KeyId,
    /// UTC, ISO 8601.
    pub(super) created_at: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    keys: Vec<Entry>,
}

/// Why the keys were not read or written. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the keys in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the keys in {} are damaged: {text}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        text: String,
    },
    /// A newer version of this program wrote it.
    #[error("{} has version {found}, this program knows versions up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// More keys than it may hold.
    #[error("{len} keys, the limit is {max}")]
    TooMany {
        /// Keys there would be.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The file cannot be written.
    #[error("cannot write the keys to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The file of a data folder.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// All keys; `None` when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Entry>>, KeyFileError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        // A data folder that is none is the log's to complain of.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(KeyFileError::Read { path: path.to_owned(), source }),
    };
    let Document { version, keys } = serde_json::from_slice(&bytes).map_err(|error| {
        KeyFileError::Damaged { path: path.to_owned(), text: error.to_string() }
    })?;
    if version > VERSION {
        return Err(KeyFileError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    match keys.len() {
        len if len > MAX_KEYS => Err(KeyFileError::TooMany { len, max: MAX_KEYS }),
        _ => Ok(Some(keys)),
    }
}

/// Reads the keys of a folder, lets `change` change them, and writes them; others who do the same
/// wait.
pub(super) fn change<T>(
    folder: &Path,
    change: impl FnOnce(&mut Vec<Entry>) -> T,
) -> Result<T, KeyFileError> {
    let path = path(folder);
    let failed = |source| KeyFileError::Write { path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).open(folder.join(LOCK_FILE));
    // Held until the new file is there.
    let _lock = lock.and_then(|file| file.lock().map(|()| file)).map_err(failed)?;
    let mut keys = read(&path)?.unwrap_or_default();
    let result = change(&mut keys);
    if keys.len() > MAX_KEYS {
        return Err(KeyFileError::TooMany { len: keys.len(), max: MAX_KEYS });
    }
    let mut json = serde_json::to_vec_pretty(&Document { version: VERSION, keys })
        .map_err(|error| failed(error.into()))?;
    json.push(b'\n');
    disk::replace(&path, &json).map_err(failed)?;
    Ok(result)
}

const FILE: &str = "keys.json";
const LOCK_FILE: &str = "keys.lock";
const VERSION: u32 = 1;
/// Each request looks at all of them, so that none is found faster than another.
const MAX_KEYS: usize = 1_000;
