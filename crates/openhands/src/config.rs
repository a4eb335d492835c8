//! Configuration: flags, environment and a TOML file say the same things, in this order of weight.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use etcetera::{AppStrategy as _, AppStrategyArgs, choose_app_strategy};
use serde::{Deserialize, Serialize};

use crate::build;
use crate::domain::ConversationId;

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
    /// See [`Options::create_on_join`].
    pub create_on_join: bool,
    /// See [`Options::static_dir`].
    pub static_dir: Option<PathBuf>,
    /// See [`Options::max_connections`].
    pub max_connections: usize,
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
            create_on_join: options.create_on_join.unwrap_or(true),
            static_dir: options.static_dir,
            max_connections: options.max_connections.unwrap_or(10_000).max(1),
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
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Options {
        Options::parse_from(std::iter::once(&"openhands").chain(args))
    }

    #[test]
    fn a_flag_outweighs_the_file_and_the_file_the_default() {
        let file = "listen = \"127.0.0.1:4000\"\nagent = \"none\"\nallow-origin = [\"http://a\"]";
        let options = options(&["--listen", "127.0.0.1:5000", "--data-dir", "x"]);
        let config = options.over(file, Path::new("f")).unwrap().resolve().unwrap();
        assert_eq!(config.listen.port(), 5000);
        assert_eq!(config.agent, AgentChoice::None);
        assert_eq!(config.allow_origin, ["http://a"]);
        assert_eq!(config.data_dir, Path::new("x"));
        assert!(config.create_on_join);
    }

    #[test]
    fn a_wrong_file_is_one_line_that_names_the_key() {
        for (file, named) in
            [("lisen = 1", "lisen"), ("listen = 1", "listen"), ("agent = \"x\"", "demo")]
        {
            let error = options(&[]).over(file, Path::new("f.toml")).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("f.toml"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        CommandLine::command().debug_assert();
        let line = ["openhands", "backup", "f", "--data-dir", "d"];
        let line = CommandLine::try_parse_from(line).unwrap();
        assert_eq!(line.command, Some(Command::Backup { file: "f".into() }));
        assert_eq!(line.options.data_dir.as_deref(), Some(Path::new("d")));
        assert_eq!(CommandLine::try_parse_from(["openhands"]).unwrap().command, None);
    }
}
