//! Settings of each user, read when they first ask.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Settings, SettingsError};
use crate::domain::{Redaction, UserName};

/// The settings of a data folder: one for the server while it has no keys, and one for each user.
#[derive(Debug)]
pub struct UserSettings {
    folder: PathBuf,
    server: Arc<Settings>,
    users: Mutex<HashMap<UserName, Arc<Settings>>>,
    redaction: Redaction,
}

impl UserSettings {
    /// Reads `settings.json` in `folder`; each user's are in `users/NAME/` next to it.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is not a JSON object.
    pub fn open(folder: &Path) -> Result<Self, SettingsError> {
        Self::open_with(folder, Redaction::default())
    }

    /// The same, and tells `redaction` the secrets of all users, now and after each change.
    ///
    /// # Errors
    /// As [`UserSettings::open`].
    pub fn open_with(folder: &Path, redaction: Redaction) -> Result<Self, SettingsError> {
        let server = Arc::new(Settings::open(folder)?.teach(&redaction));
        let folder = folder.join(USERS);
        // Without such a folder there are no users.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match Settings::open(&entry.path()) {
                Ok(settings) => drop(settings.teach(&redaction)),
                // The user is told when they ask; the others can go on.
                Err(error) => tracing::error!(%error, "secrets of a user are not hidden in events"),
            }
        }
        Ok(Self { folder, server, users: Mutex::default(), redaction })
    }

    /// The settings of a user; without a user, those of the server.
    ///
    /// # Errors
    /// As [`UserSettings::open`].
    pub(crate) async fn of(&self, user: Option<&UserName>) -> Result<Arc<Settings>, SettingsError> {
        let Some(user) = user else { return Ok(self.server.clone()) };
        let known = self.users().get(user).cloned();
        if let Some(settings) = known {
            return Ok(settings);
        }
        let folder = self.folder.join(user.as_str());
        let redaction = self.redaction.clone();
        let read = tokio::task::spawn_blocking(move || {
            Settings::open(&folder).map(|settings| settings.teach(&redaction))
        })
        .await;
        let read = read.map_err(|error| SettingsError::Read {
            path: self.folder.clone(),
            source: io::Error::other(error),
        })??;
        let mut users = self.users();
        if users.len() >= MAX_USERS {
            // What somebody holds is being changed: a second one of it would undo that.
            users.retain(|_, settings| Arc::strong_count(settings) > 1);
        }
        // Another task may have read the same file meanwhile.
        Ok(users.entry(user.clone()).or_insert_with(|| Arc::new(read)).clone())
    }

    fn users(&self) -> MutexGuard<'_, HashMap<UserName, Arc<Settings>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const USERS: &str = "users";
/// Most settings in memory; those in use come on top.
const MAX_USERS: usize = 1_000;
