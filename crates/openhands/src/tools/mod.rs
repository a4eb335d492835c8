//! The commands of the program: what they print, and their exit codes.

mod progress;
mod prune;
mod transfer;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::auth::tool::{self as key_tool, KeyError};
use crate::config::{Command, Config};
use crate::hub::HubError;
use crate::log::LogError;
use crate::log::sqlite::{self, BackupError, OpenError};
use crate::settings::SettingsError;
use crate::transfer::{ExportError, ImportError};
use progress::Progress;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("nothing to prune by: give --retain-days, --retain-bytes, or both")]
    NoRetention,
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Does what was asked for in the data folder of `config`.
pub(crate) fn run(command: Command, config: &Config) -> Result<ExitCode, ToolError> {
    let folder = &config.data_dir;
    match command {
        Command::Backup { file } => backup(folder, &file),
        Command::Check => check(folder),
        Command::Key { command } => {
            key_tool::run(folder, command, io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Import { folder: store } => transfer::import(&store, folder),
        Command::Export { id, format, output } => transfer::export(folder, &id, format, output),
        Command::Prune { dry_run } => prune::prune(config, dry_run),
    }
}

/// Copies the event log; tells how far it is where a person looks on.
fn backup(folder: &Path, file: &Path) -> Result<ExitCode, ToolError> {
    let mut progress = Progress::new("pages");
    let bytes = sqlite::backup(folder, file, |done, all| progress.is_at(done, all))?;
    progress.end();
    say(&format!("{}: {bytes} bytes", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Tells each fault in a line, and in the end what was looked at.
fn check(folder: &Path) -> Result<ExitCode, ToolError> {
    let checked = sqlite::check(folder, say)?;
    say(&format!(
        "{} conversations, {} events, {} faults",
        checked.conversations, checked.events, checked.faults
    ));
    Ok(if checked.faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Nobody may be reading: a closed pipe changes nothing of the result.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
