//! Configuration: flags, environment and a TOML file say the same things, in this order of weight.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use serde::{Deserialize, Serialize};

use crate::auth::tool::KeyCommand;
use crate::build;
use crate::domain::ConversationId;
use crate::limits::LimitsConfig;

/// The server for the documented OpenHands WebSocket API: conversations routed, events stored and
/// replayed over Socket.IO.
///
/// Every flag can also stand in the environment, as `OPENHANDS_LISTEN`, or in the file named by
/// --config, as `listen = "127.0.0.1:3000"`. A flag outweighs the environment, which outweighs
/// the file.
#[derive(Clone, Debug, Default, Parser, Serialize, Deserialize)]
#[command(name = "openhands", version, max_term_width = 100)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Options {
    /// Read a TOML file.
    #[arg(long, env = "OPENHANDS_CONFIG", value_name = "FILE", global = true)]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Address and port to serve on; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, env = "OPENHANDS_LISTEN", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,

    /// Folder of the event log and the agents' workspaces [default: the platform's data folder]
    #[arg(long, env = "OPENHANDS_DATA_DIR", value_name = "FOLDER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// Who answers users [default: demo]
    #[arg(long, env = "OPENHANDS_AGENT", value_name = "AGENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentChoice>,

    /// Let pages of this origin connect, as `https://chat.example.org`; may be given several times.
    /// Pages served from this machine are always let in
    #[arg(long, env = "OPENHANDS_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_origin: Option<Vec<String>>,

    /// Let everybody who reaches the server do everything, on other addresses than loopback too
    #[arg(long, env = "OPENHANDS_ALLOW_EVERYONE_WITHOUT_A_KEY", action = clap::ArgAction::SetTrue)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_everyone_without_a_key: bool,

    /// Whether joining a conversation that does not exist creates it [default: true]
    #[arg(long, env = "OPENHANDS_CREATE_ON_JOIN", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_on_join: Option<bool>,

    /// Serve the built page in this folder, whose index is `index.html`
    #[arg(long, env = "OPENHANDS_STATIC_DIR", value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub static_dir: Option<PathBuf>,

    /// Most connections at once; further ones wait [default: 10000]
    #[arg(long, env = "OPENHANDS_MAX_CONNECTIONS", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,

    /// Most REST requests of one address in a second, twice that at once; 0 for no limit [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_REQUESTS_PER_SECOND", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests_per_second: Option<u32>,

    /// Most connects of one address in a minute; 0 for no limit [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_CONNECTS_PER_MINUTE", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connects_per_minute: Option<u32>,

    /// Most actions of one connection in a second, twice that at once; 0 for no limit [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_ACTIONS_PER_SECOND", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_actions_per_second: Option<u32>,

    /// The same for all connections and requests of one user; 0 for no limit [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_USER_ACTIONS_PER_SECOND", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_user_actions_per_second: Option<u32>,

    /// A reverse proxy stands in front: a client's address is the last of X-Forwarded-For
    #[arg(long, env = "OPENHANDS_BEHIND_PROXY", action = clap::ArgAction::SetTrue)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind_proxy: bool,

    /// What to log, as `warn` or `info,openhands=debug,socketio=trace` [default: info]
    #[arg(long, env = "OPENHANDS_LOG", value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,

    /// How log lines look [default: text]
    #[arg(long, env = "OPENHANDS_LOG_FORMAT", value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// Delete conversations to which nothing was written for so many days [default: none]
    #[arg(long, env = "OPENHANDS_RETAIN_DAYS", value_name = "DAYS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_days: Option<NonZeroU32>,

    /// Delete the oldest conversations while the event log has more bytes [default: none]
    #[arg(long, env = "OPENHANDS_RETAIN_BYTES", value_name = "BYTES", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_bytes: Option<u64>,
}

/// The command line: without a command the server runs.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "openhands",
    version,
    long_version = build::FACTS,
    about,
    long_about,
    max_term_width = 100
)]
pub struct CommandLine {
    /// For the server, and for commands the data folder.
    #[command(flatten)]
    pub options: Options,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done with the data folder, also while a server uses it.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Copy the event log to a file that does not exist yet
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Look for damage in the event log: a line for each fault, and exit code 1 if there is any
    Check,
    /// Make, list and remove the keys of users; a running server notices
    Key {
        /// What to do
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Bring in the conversations of an OpenHands 0.62 file store, while no server runs; exit code 3
    /// if some of it was skipped
    Import {
        /// The store's folder, with `sessions` or `users` in it; nothing in it is changed
        folder: PathBuf,
    },
    /// Write one conversation as a trajectory, or as the files of OpenHands 0.62
    Export {
        /// The conversation's id
        id: ConversationId,
        /// In which form
        #[arg(long, value_enum, default_value_t = ExportFormat::Trajectory)]
        format: ExportFormat,
        /// A new file for a trajectory [default: standard output], or the store's folder for files
        #[arg(long, short, value_name = "PATH", required_if_eq("format", "files"))]
        output: Option<PathBuf>,
    },
    /// Delete what --retain-days and --retain-bytes ask for, while no server runs
    Prune {
        /// Only tell what would be deleted; a server may run
        #[arg(long)]
        dry_run: bool,
    },
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON document, as `GET /api/conversations/{id}/trajectory` answers
    Trajectory,
    /// `sessions/ID` with `metadata.json` and a file for each event
    Files,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object a line
    Json,
}

/// Which conversations are deleted by themselves; by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those to which nothing was written for so many days.
    pub days: Option<NonZeroU32>,
    /// The oldest, while the event log has more bytes in use.
    pub bytes: Option<u64>,
}

impl Retention {
    /// Whether anything is ever deleted.
    pub fn is_on(self) -> bool {
        self.days.is_some() || self.bytes.is_some()
    }
}

/// Who answers users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentChoice {
    /// A harmless agent that shows every kind of event, in a folder of its own
    Demo,
    /// Nobody: events come from clients and over HTTP only
    None,
}

/// What the server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// See [`Options::listen`].
    pub listen: SocketAddr,
    /// See [`Options::data_dir`].
    pub data_dir: PathBuf,
    /// See [`Options::agent`].
    pub agent: AgentChoice,
    /// See [`Options::allow_origin`].
    pub allow_origin: Vec<String>,
    /// See [`Options::allow_everyone_without_a_key`].
    pub allow_everyone_without_a_key: bool,
    /// See [`Options::create_on_join`].
    pub create_on_join: bool,
    /// See [`Options::static_dir`].
    pub static_dir: Option<PathBuf>,
    /// See [`Options::max_connections`].
    pub max_connections: usize,
    /// See [`Options::max_requests_per_second`] and those behind it.
    pub limits: LimitsConfig,
    /// See [`Options::log`].
    pub log: String,
    /// See [`Options::log_format`].
    pub log_format: LogFormat,
    /// See [`Options::retain_days`] and [`Options::retain_bytes`].
    pub retention: Retention,
}

impl Config {
    /// The folder of the agents' workspaces.
    pub fn workspaces(&self) -> PathBuf {
        self.data_dir.join("workspaces")
    }
}

impl Options {
    /// Adds what the file says, and the defaults.
    ///
    /// # Errors
    /// [`ConfigError`], in one line.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let options = match &self.config {
            Some(path) => self.over(&read(path)?, path)?,
            None => self,
        };
        let data_dir = match options.data_dir {
            Some(folder) => folder,
            None => default_data_dir()?,
        };
        Ok(Config {
            listen: options.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000))),
            data_dir,
            agent: options.agent.unwrap_or(AgentChoice::Demo),
            allow_origin: options.allow_origin.unwrap_or_default(),
            allow_everyone_without_a_key: options.allow_everyone_without_a_key,
            create_on_join: options.create_on_join.unwrap_or(true),
            static_dir: options.static_dir,
            max_connections: options.max_connections.unwrap_or(10_000).max(1),
            limits: LimitsConfig {
                requests_per_second: options.max_requests_per_second.unwrap_or(0),
                connects_per_minute: options.max_connects_per_minute.unwrap_or(0),
                actions_per_second: options.max_actions_per_second.unwrap_or(0),
                user_actions_per_second: options.max_user_actions_per_second.unwrap_or(0),
                behind_proxy: options.behind_proxy,
            },
            log: options.log.unwrap_or_else(|| "info".to_owned()),
            log_format: options.log_format.unwrap_or(LogFormat::Text),
            retention: Retention { days: options.retain_days, bytes: options.retain_bytes },
        })
    }

    /// These options, and those of a file where there are none.
    fn over(&self, file: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |text: String| ConfigError::File {
            path: path.to_owned(),
            // The first line says what, the others draw where.
            text: text.lines().filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" "),
        };
        // Read once for its own sake, so that an error names the file's line.
        toml::from_str::<Self>(file).map_err(|error| wrong(error.to_string()))?;
        let mut table: toml::Table = toml::from_str(file).map_err(|e| wrong(e.to_string()))?;
        let own = toml::Table::try_from(self).map_err(|error| wrong(error.to_string()))?;
        table.extend(own);
        table.try_into().map_err(|error: toml::de::Error| wrong(error.to_string()))
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn default_data_dir() -> Result<PathBuf, ConfigError> {
    let names = AppStrategyArgs {
        top_level_domain: "org".to_owned(),
        author: "openhands".to_owned(),
        app_name: "openhands-server".to_owned(),
    };
    let strategy = choose_app_strategy(names).map_err(|_| ConfigError::NoHome)?;
    Ok(strategy.data_dir())
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("configuration file {}: {text}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        text: String,
    },
    /// There is no home folder to put the data in.
    #[error("no home folder found: say where the data go with --data-dir")]
    NoHome,
}

#[cfg(test)]
mod tests;
