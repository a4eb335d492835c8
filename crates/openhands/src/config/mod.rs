//! Configuration. Flags, the environment and a TOML file have the same options; a flag overrides the
//! environment, which overrides the file.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use engineio::server::{Origin, OriginError};
use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use serde::{Deserialize, Serialize};

use crate::auth::tool::KeyCommand;
use crate::build;
use crate::domain::ConversationId;
use crate::limits::LimitsConfig;

/// The options of the server. Each is a flag, a variable of the environment or a line of the file.
#[derive(Clone, Debug, Default, Parser, Serialize, Deserialize)]
#[command(name = "openhands", version, max_term_width = 100)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Options {
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

    /// The agent that answers users [default: demo]
    #[arg(long, env = "OPENHANDS_AGENT", value_name = "AGENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentChoice>,

    /// Accept pages of this origin, for example `https://chat.example.org`; may be given several
    /// times. Pages served from this machine are always accepted
    #[arg(long, env = "OPENHANDS_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_origin: Option<Vec<String>>,

    /// Accept every client without a key, on non-loopback addresses too
    #[arg(
        long,
        env = "OPENHANDS_ALLOW_EVERYONE_WITHOUT_A_KEY",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_everyone_without_a_key: Option<bool>,

    /// Create a conversation when a client joins an id that does not exist [default: true]
    #[arg(long, env = "OPENHANDS_CREATE_ON_JOIN", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_on_join: Option<bool>,

    /// Serve the built page in this folder; its index is `index.html`
    #[arg(long, env = "OPENHANDS_STATIC_DIR", value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub static_dir: Option<PathBuf>,

    /// Maximum number of connections at once; further ones wait [default: 10000]
    #[arg(long, env = "OPENHANDS_MAX_CONNECTIONS", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,

    /// Maximum REST requests per second and address, with bursts of twice that; 0 for no limit
    /// [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_REQUESTS_PER_SECOND", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests_per_second: Option<u32>,

    /// Maximum connects per minute and address; 0 for no limit [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_CONNECTS_PER_MINUTE", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connects_per_minute: Option<u32>,

    /// Maximum actions per second and connection, with bursts of twice that; 0 for no limit
    /// [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_ACTIONS_PER_SECOND", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_actions_per_second: Option<u32>,

    /// Maximum actions per second and user, over all their connections and requests; 0 for no limit
    /// [default: 0]
    #[arg(long, env = "OPENHANDS_MAX_USER_ACTIONS_PER_SECOND", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_user_actions_per_second: Option<u32>,

    /// Take the client's address from the last entry of X-Forwarded-For or Forwarded, as a reverse
    /// proxy sets it
    #[arg(
        long,
        env = "OPENHANDS_BEHIND_PROXY",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_proxy: Option<bool>,

    /// What to log, for example `warn` or `info,openhands=debug,socketio=trace` [default: info]
    #[arg(long, env = "OPENHANDS_LOG", value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,

    /// Format of log lines [default: text]
    #[arg(long, env = "OPENHANDS_LOG_FORMAT", value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// Delete conversations without a new event for this many days [default: never]
    #[arg(long, env = "OPENHANDS_RETAIN_DAYS", value_name = "DAYS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_days: Option<NonZeroU32>,

    /// Delete the oldest conversations while the event log is larger than this [default: never]
    #[arg(long, env = "OPENHANDS_RETAIN_BYTES", value_name = "BYTES", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_bytes: Option<u64>,
}

/// Serve the OpenHands Socket.IO API: route conversations and replay their events.
///
/// Each option can also be set in the environment, for example `OPENHANDS_LISTEN`, or in the file
/// named by --config, for example `listen = "127.0.0.1:3000"`. A flag overrides the environment, the
/// environment overrides the file.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "openhands",
    version,
    long_version = build::FACTS,
    about,
    long_about,
    max_term_width = 100
)]
pub(crate) struct CommandLine {
    /// Options of the server; commands use the data folder.
    #[command(flatten)]
    pub options: Options,
    /// A command to run instead of the server.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl CommandLine {
    /// What this process was started with: its arguments and its environment. An environment
    /// variable that is empty counts as absent, as compose files set them. Ends the process with a
    /// message when the command line is wrong, or only asks for help.
    pub(crate) fn of_process() -> Self {
        let empty = |arg: &clap::Arg| {
            arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
        };
        let command = Self::command().mut_args(|arg| match empty(&arg) {
            true => arg.env(clap::builder::Resettable::Reset),
            false => arg,
        });
        let matches = command.get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Commands that work on the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Copy the event log to a file that does not exist yet
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Look for damage in the event log: print a line for each fault, and exit with 1 if there is any
    Check,
    /// Add, list and remove the keys of users; a running server notices
    Key {
        /// What to do
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Import the conversations of an OpenHands 0.62 file store, while no server runs; exit with 3 if
    /// anything was skipped
    Import {
        /// The folder of the store, which contains `sessions` or `users`; it is not changed
        folder: PathBuf,
    },
    /// Write one conversation as a trajectory, or as the files of OpenHands 0.62
    Export {
        /// The conversation's id
        id: ConversationId,
        /// The form of the export
        #[arg(long, value_enum, default_value_t = ExportFormat::Trajectory)]
        format: ExportFormat,
        /// A new file for a trajectory [default: standard output], or the store's folder for files
        #[arg(long, short, value_name = "PATH", required_if_eq("format", "files"))]
        output: Option<PathBuf>,
    },
    /// Delete conversations as --retain-days and --retain-bytes say, while no server runs
    Prune {
        /// Only print what would be deleted; a server may run
        #[arg(long)]
        dry_run: bool,
    },
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON document, as `GET /api/conversations/{id}/trajectory` answers
    Trajectory,
    /// The folder `sessions/ID`, with `metadata.json` and a file for each event
    Files,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object a line
    Json,
}

/// Which conversations the server deletes. Default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Those without a new event for this many days.
    pub days: Option<NonZeroU32>,
    /// The oldest, while the event log has more bytes in use.
    pub bytes: Option<u64>,
}

impl Retention {
    /// Whether anything is ever deleted.
    pub(crate) fn is_on(self) -> bool {
        self.days.is_some() || self.bytes.is_some()
    }
}

/// The agent that answers users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentChoice {
    /// A harmless agent that shows every kind of event and works in its own folder
    Demo,
    /// No agent: events come from clients and over HTTP only
    None,
}

/// What the server runs with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// See [`Options::listen`].
    pub listen: SocketAddr,
    /// See [`Options::data_dir`].
    pub data_dir: PathBuf,
    /// See [`Options::agent`].
    pub agent: AgentChoice,
    /// See [`Options::allow_origin`].
    pub allow_origin: Vec<Origin>,
    /// See [`Options::allow_everyone_without_a_key`].
    pub allow_everyone_without_a_key: bool,
    /// See [`Options::create_on_join`].
    pub create_on_join: bool,
    /// See [`Options::static_dir`].
    pub static_dir: Option<PathBuf>,
    /// See [`Options::max_connections`].
    pub max_connections: usize,
    /// See [`Options::max_requests_per_second`] and the options after it.
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
    pub(crate) fn workspaces(&self) -> PathBuf {
        self.data_dir.join("workspaces")
    }
}

impl Options {
    /// Adds what the file says, and the defaults.
    ///
    /// # Errors
    /// [`ConfigError`], in one line.
    pub(crate) fn resolve(self) -> Result<Config, ConfigError> {
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
            allow_origin: origins(&options.allow_origin.unwrap_or_default())?,
            allow_everyone_without_a_key: options.allow_everyone_without_a_key.unwrap_or(false),
            create_on_join: options.create_on_join.unwrap_or(true),
            static_dir: options.static_dir,
            max_connections: options.max_connections.unwrap_or(10_000).max(1),
            limits: LimitsConfig {
                requests_per_second: options.max_requests_per_second.unwrap_or(0),
                connects_per_minute: options.max_connects_per_minute.unwrap_or(0),
                actions_per_second: options.max_actions_per_second.unwrap_or(0),
                user_actions_per_second: options.max_user_actions_per_second.unwrap_or(0),
                behind_proxy: options.behind_proxy.unwrap_or(false),
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

/// The origins as they are compared. A browser never sends what is not one, so that would allow
/// nobody: it is refused at once.
fn origins(list: &[String]) -> Result<Vec<Origin>, ConfigError> {
    // In the environment and on the command line commas divide; in a file people write them too.
    let each = list.iter().flat_map(|text| text.split(',')).map(str::trim);
    let parse = |text: &str| {
        // A trailing slash is how browsers show the address of a site.
        let bare = text.strip_suffix('/').unwrap_or(text);
        bare.parse().map_err(|why| ConfigError::Origin { text: text.to_owned(), why })
    };
    each.filter(|text| !text.is_empty()).map(parse).collect()
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
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The content of the file is wrong.
    #[error("configuration file {}: {text}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        text: String,
    },
    /// What should be an origin is not one.
    #[error(
        "--allow-origin {text}: {why}; write it as https://chat.example.org or http://chat.example.org:8080"
    )]
    Origin {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: OriginError,
    },
    /// There is no home folder to put the data in.
    #[error("no home folder found: name a data folder with --data-dir")]
    NoHome,
}

#[cfg(test)]
mod tests;
