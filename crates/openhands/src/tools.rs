//! Commands beside the server: what they say, and their exit codes.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::log::sqlite::{self, BackupError, OpenError};

/// Copies the event log; tells how far it is where a person looks on.
pub(crate) fn backup(folder: &Path, file: &Path) -> Result<ExitCode, BackupError> {
    let is_watched = io::stderr().is_terminal();
    let bytes = sqlite::backup(folder, file, |done, all| {
        if is_watched {
            let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
            eprint!("\r{done} of {all} pages, {percent} %");
        }
    });
    if is_watched {
        eprintln!();
    }
    say(&format!("{}: {} bytes", file.display(), bytes?));
    Ok(ExitCode::SUCCESS)
}

/// Tells each fault in a line, and in the end what was looked at.
pub(crate) fn check(folder: &Path) -> Result<ExitCode, OpenError> {
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
