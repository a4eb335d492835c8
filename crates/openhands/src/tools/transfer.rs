//! `import` and `export`.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Progress, ToolError, say};
use crate::config::ExportFormat;
use crate::domain::{ConversationId, Redaction};
use crate::settings::UserSettings;
use crate::transfer::{self, ExportError, Told};

/// A line for each thing that was skipped, and one in the end that counts.
pub(super) fn import(store: &Path, data: &Path) -> Result<ExitCode, ToolError> {
    let mut progress = Progress::new("events");
    let (mut done, mut all) = (0, 0);
    // What this server's own settings hold must not come in either.
    let redaction = Redaction::default();
    UserSettings::open_with(data, redaction.clone())?;
    let imported = transfer::import(store, data, redaction, |told| match told {
        Told::Found { files } => {
            all = files;
            progress.is_at(0, all);
        }
        Told::Files(files) => {
            done += files;
            progress.is_at(done, all);
        }
        Told::Conversation => {}
        Told::Skipped { path, why } => {
            let path = path.strip_prefix(store).unwrap_or(path);
            progress.beside(|| say(&format!("skipped {}: {why}", path.display())));
        }
    })?;
    progress.end();
    say(&imported.to_string());
    Ok(if imported.skipped == 0 { ExitCode::SUCCESS } else { ExitCode::from(SKIPPED) })
}

/// A trajectory goes to standard output, or to a new file, which is removed when it is not whole.
pub(super) fn export(
    data: &Path,
    id: &ConversationId,
    format: ExportFormat,
    output: Option<PathBuf>,
) -> Result<ExitCode, ToolError> {
    let events = match (format, output) {
        (ExportFormat::Trajectory, None) => {
            let mut out = BufWriter::new(io::stdout().lock());
            let events = transfer::export_trajectory(data, id, &mut out, Path::new("-"))?;
            let ended = out.write_all(b"\n").and_then(|()| out.flush());
            ended.map_err(|source| ToolError::Write { path: "-".into(), source })?;
            events
        }
        (ExportFormat::Trajectory, Some(file)) => trajectory_file(data, id, &file)?,
        // The command line asks for a folder.
        (ExportFormat::Files, folder) => {
            transfer::export_files(data, id, &folder.unwrap_or_else(|| ".".into()))?
        }
    };
    eprintln!("conversation {id}: {events} events");
    Ok(ExitCode::SUCCESS)
}

fn trajectory_file(data: &Path, id: &ConversationId, file: &Path) -> Result<u64, ToolError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists { path: file.to_owned() },
        _ => ExportError::Write { path: file.to_owned(), source },
    };
    let created = File::create_new(file).map_err(failed)?;
    let mut out = BufWriter::new(created);
    let written = transfer::export_trajectory(data, id, &mut out, file).and_then(|events| {
        out.get_ref().sync_all().map_err(failed)?;
        Ok(events)
    });
    if written.is_err() {
        // Half a document is of no use to anybody; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(file);
    }
    Ok(written?)
}

/// Exit code of an import that is done and has skipped something.
const SKIPPED: u8 = 3;
