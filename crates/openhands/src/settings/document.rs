//! A JSON object in a file: read whole, changed one change at a time, written to a second file and renamed,
//! readable by its owner only.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::SettingsError;
use crate::disk;
use crate::domain::Redaction;

/// One such object.
pub(super) struct Document {
    file: PathBuf,
    stored: Mutex<Arc<Map<String, Value>>>,
    /// One change at a time, from merging to the disk.
    turn: tokio::sync::Mutex<()>,
    /// What of it must not be seen.
    secrets: SecretsOf,
    redaction: Redaction,
}

/// Finds the secrets in such an object.
pub(super) type SecretsOf = fn(&Map<String, Value>) -> Vec<String>;

impl Document {
    /// Reads `file`; without one it is empty.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is not a JSON object.
    pub(super) fn open(file: PathBuf, secrets: SecretsOf) -> Result<Self, SettingsError> {
        let stored = read(&file)?;
        Ok(Self {
            file,
            stored: Mutex::new(Arc::new(stored)),
            turn: tokio::sync::Mutex::default(),
            secrets,
            redaction: Redaction::default(),
        })
    }

    /// Tells `redaction` its secrets, now and after each change.
    pub(super) fn teach(&mut self, redaction: &Redaction) {
        self.redaction = redaction.clone();
        self.tell_secrets();
    }

    fn tell_secrets(&self) {
        let origin = self.file.to_string_lossy();
        if let Err(error) = self.redaction.learn(&origin, (self.secrets)(&self.now())) {
            tracing::error!(%error, file = %origin, "these secrets are not hidden in events");
        }
    }

    /// Where it is.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// As it is now.
    pub(super) fn now(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.stored())
    }

    /// Changes it by `change`, unless that refuses. Ready when it is on disk.
    ///
    /// # Errors
    /// Then nothing was changed.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the change may have reached the disk and be seen after a restart.
    pub(super) async fn change<E: From<SettingsError>>(
        &self,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self.turn.lock().await;
        let mut next = Map::clone(&self.stored());
        change(&mut next)?;
        let next = Arc::new(next);
        let bytes = Value::Object(Map::clone(&next)).to_string().into_bytes();
        if bytes.len() > MAX_BYTES {
            return Err(SettingsError::TooLarge { len: bytes.len(), max: MAX_BYTES }.into());
        }
        let file = self.file.clone();
        tokio::task::spawn_blocking(move || disk::replace(&file, &bytes))
            .await
            .map_err(io::Error::other)
            .and_then(|written| written)
            .map_err(|source| SettingsError::Write { path: self.file.clone(), source })?;
        *self.stored() = next;
        self.tell_secrets();
        Ok(())
    }

    fn stored(&self) -> MutexGuard<'_, Arc<Map<String, Value>>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> Result<Map<String, Value>, SettingsError> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(source) => return Err(SettingsError::Read { path: file.to_owned(), source }),
    };
    serde_json::from_slice(&bytes).map_err(|error| SettingsError::Damaged {
        path: file.to_owned(),
        line: error.line(),
        column: error.column(),
    })
}

/// Most bytes of the file.
pub(super) const MAX_BYTES: usize = 256 << 10;
