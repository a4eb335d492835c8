//! Secrets that users name: kept, listed by name, and never shown again.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::SettingsError;
use super::document::Document;
use crate::domain::Redaction;

/// The secrets of one data folder.
pub(crate) struct Secrets {
    document: Document,
}

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name, by which it is asked for.
    pub name: String,
    /// What it is for.
    pub description: String,
}

impl Secrets {
    pub(super) fn open(folder: &Path) -> Result<Self, SettingsError> {
        Ok(Self { document: Document::open(folder.join(FILE), values)? })
    }

    pub(super) fn teach(&mut self, redaction: &Redaction) {
        self.document.teach(redaction);
    }

    /// All of them, in the order in which they were named.
    pub(crate) fn named(&self) -> Vec<Named> {
        let stored = self.document.now();
        let named = stored.iter().map(|(name, secret)| {
            let description = secret.get("description").and_then(Value::as_str).unwrap_or_default();
            Named { name: name.clone(), description: description.to_owned() }
        });
        named.collect()
    }

    /// Adds one. Ready when it is on disk.
    ///
    /// # Errors
    /// When the name is taken, or it cannot be stored.
    pub(crate) async fn add(&self, named: Named, value: &str) -> Result<(), SecretsError> {
        self.document
            .change(|all| {
                if all.contains_key(&named.name) {
                    return Err(SecretsError::Taken(named.name));
                }
                let secret = json!({"secret": value, "description": named.description});
                all.insert(named.name, secret);
                Ok(())
            })
            .await
    }

    /// Gives the one called `name` another name and description; it keeps its value.
    ///
    /// # Errors
    /// When there is none, the new name is taken, or it cannot be stored.
    pub(crate) async fn rename(&self, name: &str, named: Named) -> Result<(), SecretsError> {
        self.document
            .change(|all| {
                if named.name != name && all.contains_key(&named.name) {
                    return Err(SecretsError::Taken(named.name));
                }
                let mut found = false;
                let renamed = std::mem::take(all).into_iter().map(|(key, mut secret)| {
                    if key != name {
                        return (key, secret);
                    }
                    found = true;
                    secret["description"] = named.description.as_str().into();
                    (named.name.clone(), secret)
                });
                *all = renamed.collect::<Map<_, _>>();
                if found { Ok(()) } else { Err(SecretsError::Unknown(name.to_owned())) }
            })
            .await
    }

    /// Forgets the one called `name`.
    ///
    /// # Errors
    /// When there is none, or that cannot be stored.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), SecretsError> {
        self.document
            .change(|all| match all.shift_remove(name) {
                Some(_) => Ok(()),
                None => Err(SecretsError::Unknown(name.to_owned())),
            })
            .await
    }
}

fn values(stored: &Map<String, Value>) -> Vec<String> {
    stored.values().filter_map(|secret| Some(secret.get("secret")?.as_str()?.to_owned())).collect()
}

/// Why a secret was not changed. No variant holds a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SecretsError {
    /// Another one has this name.
    #[error("Secret {0} already exists")]
    Taken(String),
    /// There is none of this name.
    #[error("Secret with ID {0} not found")]
    Unknown(String),
    /// Not stored.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

const FILE: &str = "secrets.json";
