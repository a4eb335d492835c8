//! Settings that a page keeps on the server: JSON files of each user; secrets are never shown again.

mod document;
mod secrets;
mod users;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::domain::Redaction;
use document::Document;
pub(crate) use secrets::{Named, Secrets, SecretsError};
pub use users::UserSettings;

/// The settings in one folder, with the keys of OpenHands 0.62.
pub(crate) struct Settings {
    document: Document,
    secrets: Secrets,
}

impl Settings {
    /// Reads `settings.json` and `secrets.json` in `folder`; what was never stored has its default.
    ///
    /// # Errors
    /// When a file is there and cannot be read, or is not a JSON object.
    pub(crate) fn open(folder: &Path) -> Result<Self, SettingsError> {
        let document = Document::open(folder.join(FILE), secrets_among)?;
        Ok(Self { document, secrets: Secrets::open(folder)? })
    }

    /// Tells `redaction` the secrets of these settings, now and after each change.
    pub(crate) fn teach(mut self, redaction: &Redaction) -> Self {
        self.document.teach(redaction);
        self.secrets.teach(redaction);
        self
    }

    /// The secrets that are kept with them.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// All of them, without the secrets: those are null, and a flag tells whether one is stored.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        let stored = self.document.now();
        let is_set = |key| stored.get(key).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
        let mut shown = Map::new();
        for Field { key, kind, default } in FIELDS {
            let value = match kind {
                Kind::Secret => Value::Null,
                _ => stored.get(*key).cloned().unwrap_or_else(|| default.value()),
            };
            shown.insert((*key).to_owned(), value);
            if *key == "llm_base_url" {
                shown.insert("remote_runtime_resource_factor".to_owned(), Value::Null);
                shown.insert("secrets_store".to_owned(), json!({"provider_tokens": {}}));
            }
        }
        shown.insert("provider_tokens_set".to_owned(), json!({}));
        shown.insert("llm_api_key_set".to_owned(), is_set("llm_api_key").into());
        shown.insert("search_api_key_set".to_owned(), is_set("search_api_key").into());
        shown
    }

    /// Stores what is given and keeps the rest. A secret that is null keeps its value, an empty one
    /// is removed; any other null is the default again. Keys nobody knows are left out, as in the
    /// original. Ready when it is on disk.
    ///
    /// # Errors
    /// Then nothing was changed.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the change may have reached the disk and be seen after a restart.
    pub(crate) async fn change(&self, changes: Map<String, Value>) -> Result<(), SettingsError> {
        self.document
            .change(|next| {
                for (key, value) in changes {
                    let Some(field) = FIELDS.iter().find(|field| field.key == key) else {
                        continue;
                    };
                    let is_secret = matches!(field.kind, Kind::Secret);
                    match value {
                        Value::Null if is_secret => {}
                        Value::String(text) if is_secret && text.is_empty() => {
                            drop(next.remove(&key));
                        }
                        Value::Null => drop(next.remove(&key)),
                        value if field.kind.takes(&value) => drop(next.insert(key, value)),
                        _ => {
                            let expected = field.kind.name();
                            return Err(SettingsError::WrongType { key: field.key, expected });
                        }
                    }
                }
                Ok(())
            })
            .await
    }
}

fn secrets_among(stored: &Map<String, Value>) -> Vec<String> {
    let secrets = FIELDS.iter().filter(|field| matches!(field.kind, Kind::Secret));
    secrets.filter_map(|field| Some(stored.get(field.key)?.as_str()?.to_owned())).collect()
}

impl fmt::Debug for Settings {
    // Without the values: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("file", &self.document.file()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Why settings were not read or stored. No variant holds a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value of the wrong type. The client's fault.
    #[error("the setting {key:?} is no {expected}")]
    WrongType {
        /// The setting.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// More than the file may hold. The client's fault.
    #[error("settings of {len} bytes, the limit is {max}")]
    TooLarge {
        /// Bytes they would have.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a JSON object.
    #[error("the settings in {} are damaged at line {line}, column {column}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Where in it.
        column: usize,
    },
    /// The file cannot be written.
    #[error("cannot write the settings to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

struct Field {
    key: &'static str,
    kind: Kind,
    default: IfUnset,
}

enum Kind {
    Text,
    Bool,
    Integer,
    Number,
    Object,
    Secret,
}

impl Kind {
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Secret => value.is_string(),
            Self::Bool => value.is_boolean(),
            Self::Integer => value.is_i64(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "string",
            Self::Bool => "bool",
            Self::Integer => "int",
            Self::Number => "float",
            Self::Object => "dict",
        }
    }
}

/// The value of a setting that was never stored.
enum IfUnset {
    Null,
    Bool(bool),
    Text(&'static str),
}

impl IfUnset {
    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => (*flag).into(),
            Self::Text(text) => (*text).into(),
        }
    }
}

const fn field(key: &'static str, kind: Kind, default: IfUnset) -> Field {
    Field { key, kind, default }
}

/// In the order of OpenHands 0.62.
const FIELDS: &[Field] = &[
    field("language", Kind::Text, IfUnset::Text("en")),
    field("agent", Kind::Text, IfUnset::Text("CodeActAgent")),
    field("max_iterations", Kind::Integer, IfUnset::Null),
    field("security_analyzer", Kind::Text, IfUnset::Null),
    field("confirmation_mode", Kind::Bool, IfUnset::Bool(false)),
    field("llm_model", Kind::Text, IfUnset::Null),
    field("llm_api_key", Kind::Secret, IfUnset::Null),
    field("llm_base_url", Kind::Text, IfUnset::Null),
    field("enable_default_condenser", Kind::Bool, IfUnset::Bool(true)),
    field("enable_sound_notifications", Kind::Bool, IfUnset::Bool(false)),
    field("enable_proactive_conversation_starters", Kind::Bool, IfUnset::Bool(true)),
    field("enable_solvability_analysis", Kind::Bool, IfUnset::Bool(true)),
    // The original asks the user; here nothing is ever sent anywhere.
    field("user_consents_to_analytics", Kind::Bool, IfUnset::Bool(false)),
    field("sandbox_base_container_image", Kind::Text, IfUnset::Null),
    field("sandbox_runtime_container_image", Kind::Text, IfUnset::Null),
    field("mcp_config", Kind::Object, IfUnset::Null),
    field("search_api_key", Kind::Secret, IfUnset::Null),
    field("sandbox_api_key", Kind::Secret, IfUnset::Null),
    field("max_budget_per_task", Kind::Number, IfUnset::Null),
    field("condenser_max_size", Kind::Integer, IfUnset::Null),
    field("email", Kind::Text, IfUnset::Null),
    field("email_verified", Kind::Bool, IfUnset::Null),
    field("git_user_name", Kind::Text, IfUnset::Null),
    field("git_user_email", Kind::Text, IfUnset::Null),
];
const FILE: &str = "settings.json";

#[cfg(test)]
mod tests;
