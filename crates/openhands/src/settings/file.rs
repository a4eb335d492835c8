//! Reading the file.

use std::io;
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
