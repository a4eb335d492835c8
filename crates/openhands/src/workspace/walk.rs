//! Every file and folder of a workspace, without following a link.

use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use super::{FileError, FileLimits, Workspace};

/// One file or folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WalkEntry {
    pub(super) path: PathBuf,
    pub(super) is_folder: bool,
    pub(super) bytes: u64,
}

/// All files and folders in the order of names, each folder before its contents. Links, pipes and devices are
/// left out.
///
/// # Errors
/// When there is too much, or the system refuses.
pub(super) fn walk(
    workspace: &Workspace,
    limits: &FileLimits,
) -> Result<Vec<WalkEntry>, FileError> {
    let dir = workspace.dir.try_clone().map_err(|error| FileError::io("workspace", error))?;
    let mut found = Vec::new();
    folder(&dir, Path::new(""), 0, limits, &mut found)?;
    Ok(found)
}

fn folder(
    dir: &Dir,
    path: &Path,
    depth: usize,
    limits: &FileLimits,
    found: &mut Vec<WalkEntry>,
) -> Result<(), FileError> {
    if depth > limits.archive_depth {
        let max = limits.archive_depth;
        return Err(FileError::TooMany { what: "folders in one another", max });
    }
    let wrong = |error| FileError::of(&path.to_string_lossy(), error);
    let mut names = Vec::new();
    for entry in dir.entries().map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        names.push(entry.file_name());
        if found.len() + names.len() > limits.archive_entries {
            let max = limits.archive_entries;
            return Err(FileError::TooMany { what: "files in the workspace", max });
        }
    }
    names.sort();
    for name in names {
        // An agent may remove it meanwhile.
        let Ok(metadata) = dir.symlink_metadata(&name) else { continue };
        let is_folder = metadata.is_dir();
        if !is_folder && !metadata.is_file() {
            continue;
        }
        let path = path.join(&name);
        let bytes = if is_folder { 0 } else { metadata.len() };
        found.push(WalkEntry { path: path.clone(), is_folder, bytes });
        if is_folder && let Ok(inner) = dir.open_dir(&name) {
            folder(&inner, &path, depth + 1, limits, found)?;
        }
    }
    Ok(())
}
