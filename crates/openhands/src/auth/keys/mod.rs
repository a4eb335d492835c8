//! The keys that a server knows now, and the caller that a key stands for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::file::{self, Entry};
use super::{KeyFileError, KeyId};
use crate::domain::{
    Access, ActionError, ConversationId, Draft, Right, UserName, Viewer, parse_agent_event,
    parse_user_action,
};

/// The environment variable of OpenHands 0.62 that holds its one key. Here it is an admin's.
pub const SERVER_KEY: &str = "SESSION_API_KEY";

/// The keys of a server: those of `keys.json` in its data folder as it is now, and the one of
/// [`SERVER_KEY`].
///
/// Without the file and without that variable the server is open. Once it has known a key it stays
/// closed until it ends, whatever becomes of the file.
pub struct Keys {
    file: PathBuf,
    server_key: Option<Entry>,
    known: watch::Sender<Arc<Known>>,
    /// What the file looked like when it was read.
    seen: Mutex<Option<Stamp>>,
}

/// The keys of one moment.
pub(crate) struct Known {
    is_open: bool,
    entries: Vec<Entry>,
}

impl Keys {
    /// Reads the keys of a data folder.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is damaged.
    pub fn open(folder: &Path, server_key: Option<&str>) -> Result<Arc<Self>, KeyFileError> {
        let file = file::path(folder);
        let server_key = server_key.filter(|key| !key.is_empty()).map(|key| Entry {
            user: server_user(),
            role: Role::Admin,
            sha256: KeyId::of(key),
            created_at: String::new(),
        });
        let stamp = stamp(&file);
        let entries = file::read(&file)?;
        let is_open = entries.is_none() && server_key.is_none();
        let entries = server_key.iter().cloned().chain(entries.unwrap_or_default()).collect();
        let known = watch::Sender::new(Arc::new(Known { is_open, entries }));
        Ok(Arc::new(Self { file, server_key, known, seen: Mutex::new(stamp) }))
    }

    /// Whether everybody is let in.
    pub fn is_open(&self) -> bool {
        self.known.borrow().is_open
    }

    /// The caller that a key stands for.
    ///
    /// # Errors
    /// [`Refused`] when no user has the key, or no key came and one is needed.
    pub(crate) fn caller(&self, key: Option<&str>) -> Result<Caller, Refused> {
        let known = self.known.borrow().clone();
        if known.is_open {
            return Ok(Caller::anybody());
        }
        let id = KeyId::of(key.ok_or(Refused::Missing)?);
        // Every entry is compared, and each takes as long as any other.
        let found = known.entries.iter().fold(None, |found, entry| match entry.sha256 == id {
            true => Some(entry),
            false => found,
        });
        let entry = found.ok_or(Refused::Invalid)?;
        Ok(Caller::new(entry.user.clone(), entry.role, id))
    }

    /// Whether a caller that was let in would be let in again, as the same user.
    pub(crate) fn knows(&self, caller: &Caller) -> bool {
        let known = self.known.borrow();
        match (caller.user(), caller.key()) {
            (Some(user), Some(key)) => known.entries.iter().any(|entry| {
                entry.sha256 == *key && entry.user == *user && entry.role == caller.role()
            }),
            _ => known.is_open,
        }
    }

    /// Changes whenever the keys do.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Known>> {
        self.known.subscribe()
    }

    /// Reads the file again if it is another than last time. Blocks on the disk. A file that cannot
    /// be read changes nothing, and is tried again at the next call.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub(crate) fn reload(&self) -> Result<bool, KeyFileError> {
        let now = stamp(&self.file);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(false);
        }
        let read = file::read(&self.file)?;
        *seen = now;
        let is_open = self.is_open() && read.is_none();
        let entries = self.server_key.iter().cloned().chain(read.unwrap_or_default()).collect();
        self.known.send_replace(Arc::new(Known { is_open, entries }));
        Ok(true)
    }

    /// Reads the file again whenever it changes; ends when the keys are dropped.
    pub async fn watch(keys: Weak<Self>) {
        let mut ticks = tokio::time::interval(LOOK_AGAIN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut complained = false;
        loop {
            ticks.tick().await;
            let Some(keys) = keys.upgrade() else { return };
            let looked = tokio::task::spawn_blocking(move || {
                keys.reload().map(|changed| changed.then(|| keys.known.borrow().entries.len()))
            });
            match looked.await {
                Ok(Ok(None)) | Err(_) => {}
                Ok(Ok(Some(keys))) => {
                    complained = false;
                    tracing::warn!(keys, "the keys were changed");
                }
                Ok(Err(error)) => {
                    if !std::mem::replace(&mut complained, true) {
                        tracing::error!(%error, "the keys stay as they were");
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// A person: uses their own conversations, and those shared with them
    User,
    /// An operator: uses every conversation, and the metrics
    Admin,
    /// A program that works in conversations shared with it; what it appends is the agent's
    Agent,
}

impl Role {
    /// Its name, as on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }
}

/// The user of a request, or of a socket. Holds the digest of the key and not the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Nobody in particular on a server without keys.
    known: Option<Identity>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    user: UserName,
    role: Role,
    key: KeyId,
}

impl Caller {
    /// The caller on a server without keys: may do everything.
    pub(crate) fn anybody() -> Self {
        Self { known: None }
    }

    /// A user with this key.
    pub(crate) fn new(user: UserName, role: Role, key: KeyId) -> Self {
        Self { known: Some(Identity { user, role, key }) }
    }

    /// Their name; `None` on a server without keys.
    pub(crate) fn user(&self) -> Option<&UserName> {
        self.known.as_ref().map(|known| &known.user)
    }

    /// Their role; anybody is an admin.
    pub(crate) fn role(&self) -> Role {
        self.known.as_ref().map_or(Role::Admin, |known| known.role)
    }

    /// The key they came with.
    pub(crate) fn key(&self) -> Option<&KeyId> {
        self.known.as_ref().map(|known| &known.key)
    }

    /// The viewer that lists are filtered for; `None` for a caller that sees everything.
    pub(crate) fn viewer(&self) -> Option<Viewer> {
        let known = self.known.as_ref().filter(|known| known.role != Role::Admin)?;
        Some(Viewer { user: known.user.clone(), is_agent: known.role == Role::Agent })
    }

    /// Whether they may do this with a conversation of this access. The one place that decides it.
    pub(crate) fn may(&self, right: Right, access: &Access) -> bool {
        self.viewer().is_none_or(|viewer| access.right_of(&viewer) >= Some(right))
    }

    /// What they append, from what they sent: an agent's events are the agent's, all others a user's.
    ///
    /// # Errors
    /// [`ActionError`] tells what to send instead.
    pub(crate) fn draft(&self, json: &[u8]) -> Result<Draft, ActionError> {
        match self.role() {
            Role::Agent => parse_agent_event(json),
            Role::User | Role::Admin => parse_user_action(json),
        }
    }

    /// A message of theirs.
    pub(crate) fn message(&self, text: &str) -> Draft {
        match self.role() {
            Role::Agent => Draft::agent_message(text, false),
            Role::User | Role::Admin => Draft::user_message(text),
        }
    }

    /// What they are told when they may not, in the words of OpenHands' hosted server.
    pub(crate) fn not_allowed(&self, conversation: &ConversationId) -> String {
        let user = self.user().map_or("anybody", UserName::as_str);
        format!("User {user} is not allowed to join conversation {conversation}")
    }

    /// Whether they may make conversations: an agent is given them.
    pub(crate) fn may_create(&self) -> bool {
        self.role() != Role::Agent
    }
}

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refused {
    /// No key came.
    #[error("a key is needed, none came")]
    Missing,
    /// No user has this key.
    #[error("the key is nobody's")]
    Invalid,
}

impl Refused {
    /// In a word, for metrics and log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing_key",
            Self::Invalid => "invalid_key",
        }
    }
}

/// What tells one state of the file from another: it is always replaced, never written in place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: metadata.modified().ok(), len: metadata.len(), inode })
}

fn server_user() -> UserName {
    // A literal that the rules of names allow.
    UserName::new("session").unwrap_or_else(|error| unreachable!("{error}"))
}

/// Time between two looks at the file.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
