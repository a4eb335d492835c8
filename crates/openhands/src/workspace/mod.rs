//! A conversation's workspace: the folder its agent works in, as REST shows it.
//!
//! An agent or a user put everything there, links included, and may change it while it is read. So the
//! system itself walks every path from an open folder (`openat2`, by cap-std); no path is put together
//! and checked. Nothing outside can be reached: not by `..`, not by a link, and not by exchanging a link
//! during a read.
//!
//! All but [`Upload`] and [`git`] block: call them where blocking is allowed.

mod archive;
mod error;
pub(crate) mod git;
mod ignored;
mod limits;
mod upload;
mod walk;

use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _};

pub(crate) use archive::zip;
pub(crate) use error::FileError;
pub use limits::FileLimits;
pub(crate) use upload::upload_path;

/// An open workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    dir: Dir,
}

impl Workspace {
    /// The workspace in `folder`; `None` before its agent made it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, FileError> {
        match Dir::open_ambient_dir(folder, ambient_authority()) {
            Ok(dir) => Ok(Some(Self { dir })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::io("workspace", error)),
        }
    }

    /// The workspace in `folder`, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn create(folder: &Path) -> Result<Self, FileError> {
        Dir::create_ambient_dir_all(folder, ambient_authority())
            .and_then(|()| Dir::open_ambient_dir(folder, ambient_authority()))
            .map(|dir| Self { dir })
            .map_err(|error| FileError::io("workspace", error))
    }

    /// The names in a folder, each with the folder's path in front. Folders come first and end with `/`.
    /// Left out are files that no user looks for, and those that the workspace's `.gitignore` names.
    ///
    /// # Errors
    /// When there is no such folder, or it holds too much.
    pub(crate) fn list(&self, path: &str, limits: &FileLimits) -> Result<Vec<String>, FileError> {
        let folder = relative(path)?;
        let entries = match folder.as_os_str().is_empty() {
            true => self.dir.entries(),
            false => self.dir.read_dir(&folder),
        };
        let mut found = Vec::new();
        for entry in entries.map_err(|error| FileError::of(path, error))? {
            let entry = entry.map_err(|error| FileError::of(path, error))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            // A name that is not UTF-8 could not be asked for again.
            let Ok(name) = entry.file_name().into_string() else { continue };
            found.push((!is_folder, name));
            if found.len() > limits.list_entries {
                let max = limits.list_entries;
                return Err(FileError::TooMany { what: "entries of a folder", max });
            }
        }
        found.sort_by_cached_key(|(is_file, name)| (*is_file, name.to_lowercase(), name.clone()));
        let ignored = ignored::Ignored::of(self);
        let prefix = folder.to_string_lossy();
        let shown = found.into_iter().filter(|(is_file, name)| {
            !ignored::NEVER_SHOWN.contains(&(name.as_str(), !is_file))
                && !ignored.matches(&folder.join(name), !is_file)
        });
        let slash = |is_file: bool| if is_file { "" } else { "/" };
        Ok(shown
            .map(|(is_file, name)| match prefix.is_empty() {
                true => format!("{name}{}", slash(is_file)),
                false => format!("{prefix}/{name}{}", slash(is_file)),
            })
            .collect())
    }

    /// The text of a file.
    ///
    /// # Errors
    /// When there is no such file, it is too large, or not UTF-8.
    pub(crate) fn read(&self, path: &str, limits: &FileLimits) -> Result<String, FileError> {
        let bytes = self.bytes(&relative(path)?, path, limits.read_bytes)?;
        String::from_utf8(bytes).map_err(|_| FileError::Binary(path.to_owned()))
    }

    /// A file's bytes, at most `max`.
    fn bytes(&self, path: &Path, shown: &str, max: u64) -> Result<Vec<u8>, FileError> {
        let mut file = self.file(path, shown)?;
        let mut bytes = Vec::new();
        let read = file.by_ref().take(max + 1).read_to_end(&mut bytes);
        read.map_err(|error| FileError::of(shown, error))?;
        if bytes.len() as u64 <= max {
            return Ok(bytes);
        }
        let len = file.metadata().map_or(max + 1, |metadata| metadata.len());
        Err(FileError::TooLarge { name: shown.to_owned(), len, max })
    }

    /// An open file: no folder, no pipe, no device.
    fn file(&self, path: &Path, shown: &str) -> Result<File, FileError> {
        let mut options = OpenOptions::new();
        // A pipe without a writer would hold us for ever.
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = self.dir.open_with(path, &options);
        let file = file.map_err(|error| FileError::of(shown, error))?;
        let metadata = file.metadata().map_err(|error| FileError::of(shown, error))?;
        match metadata.is_file() {
            true => Ok(file),
            false => Err(FileError::NoFile(shown.to_owned())),
        }
    }
}

/// A path as clients write it, from the workspace on. `/workspace` is the name of the folder in
/// OpenHands 0.62 and is taken off.
fn relative(path: &str) -> Result<PathBuf, FileError> {
    let inner = match path.strip_prefix("/workspace") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    };
    let mut found = PathBuf::new();
    for part in Path::new(inner).components() {
        match part {
            Component::Normal(name) => found.push(name),
            Component::CurDir => {}
            _ => return Err(FileError::Outside(path.to_owned())),
        }
    }
    if inner.contains('\0') {
        return Err(FileError::NotFound(path.to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
