//! `openhands key …`: makes, lists and removes keys, also while a server runs.

use std::io::{self, Write};
use std::path::Path;

use clap::Subcommand;

use super::file::{self, Entry};
use super::key::new_key;
use super::{KeyFileError, KeyId, Role};
use crate::domain::UserName;

/// The commands on keys.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key for a user and print it; it is shown only once
    Add {
        /// The name of the user, who may have several keys
        user: UserName,
        /// What the key is for
        #[arg(long, value_enum, default_value = "user")]
        role: Role,
    },
    /// List the keys: id, role, user and time of creation
    List,
    /// Remove a key by its id, or all keys of a user
    Remove {
        /// The id of a key, or the name of a user
        which: String,
    },
}

/// Why a command did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum KeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// No random bytes.
    #[error("no random bytes for a key: {0}")]
    Entropy(getrandom::Error),
    /// No such key.
    #[error("no key has the id, and no user the name {0:?}")]
    Unknown(String),
    /// The output cannot be written.
    #[error("cannot print: {0}")]
    Print(io::Error),
}

/// Carries out a command on the keys of a folder, and prints its result to `out`.
pub(crate) fn run(folder: &Path, command: KeyCommand, mut out: impl Write) -> Result<(), KeyError> {
    match command {
        KeyCommand::Add { user, role } => {
            let key = new_key().map_err(KeyError::Entropy)?;
            let entry = Entry {
                user,
                role,
                sha256: KeyId::of(&key),
                created_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            };
            file::change(folder, |keys| keys.push(entry))?;
            writeln!(out, "{key}").map_err(KeyError::Print)
        }
        KeyCommand::List => {
            for entry in file::read(&file::path(folder))?.unwrap_or_default() {
                let Entry { user, role, sha256, created_at } = entry;
                let (id, role) = (sha256.short(), role.as_str());
                writeln!(out, "{id}  {role:<5}  {user}  {created_at}").map_err(KeyError::Print)?;
            }
            Ok(())
        }
        KeyCommand::Remove { which } => {
            let is = |entry: &Entry| entry.user.as_str() == which || entry.sha256.short() == which;
            let before = file::read(&file::path(folder))?.unwrap_or_default();
            if !before.iter().any(is) {
                return Err(KeyError::Unknown(which));
            }
            let (removed, left) = file::change(folder, |keys| {
                let before = keys.len();
                keys.retain(|entry| !is(entry));
                (before - keys.len(), keys.len())
            })?;
            writeln!(out, "{removed} removed, {left} left").map_err(KeyError::Print)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(folder: &Path, command: KeyCommand) -> Result<String, KeyError> {
        let mut out = Vec::new();
        run(folder, command, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_key_is_printed_once_listed_by_its_id_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let add = |user: &str, role| KeyCommand::Add { user: user.parse().unwrap(), role };
        let first = said(folder.path(), add("alice", Role::User)).unwrap();
        let second = said(folder.path(), add("alice", Role::Admin)).unwrap();
        said(folder.path(), add("bot", Role::Agent)).unwrap();
        let list = said(folder.path(), KeyCommand::List).unwrap();
        assert_eq!(list.lines().count(), 3);
        let id = KeyId::of(first.trim()).short();
        assert!(list.lines().next().unwrap().starts_with(&format!("{id}  user   alice  2")));
        let file = std::fs::read_to_string(folder.path().join("keys.json")).unwrap();
        for key in [&first, &second] {
            assert!(!file.contains(key.trim()) && !list.contains(key.trim()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let metadata = std::fs::metadata(folder.path().join("keys.json")).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }

        let remove = |which: &str| KeyCommand::Remove { which: which.to_owned() };
        assert_eq!(said(folder.path(), remove(&id)).unwrap(), "1 removed, 2 left\n");
        assert_eq!(said(folder.path(), remove("alice")).unwrap(), "1 removed, 1 left\n");
        let error = said(folder.path(), remove("alice")).unwrap_err().to_string();
        assert_eq!(error, "no key has the id, and no user the name \"alice\"");
    }
}
