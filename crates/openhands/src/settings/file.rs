//! The file: read whole, written beside and renamed, readable by its owner only.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Map, Value};

use super::SettingsError;

pub(super) fn read(file: &Path) -> Result<Map<String, Value>, SettingsError> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(source) => return Err(SettingsError::Read { path: file.to_owned(), source }),
    };
    serde_json::from_slice(&bytes).map_err(|error| SettingsError::Damaged {
        path: file.to_owned(),
        line: error.line(),
        column: error.column(),
    })
}

/// Either the old or the new settings are there, whenever the power goes.
pub(super) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("json.new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut new = options.open(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    drop(new);
    std::fs::rename(&beside, file)?;
    // The rename lasts when the folder is flushed.
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
