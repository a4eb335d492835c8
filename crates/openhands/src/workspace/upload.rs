//! One file on its way into a workspace: it has a temporary name until it is whole.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::fs::{Dir, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::walk::walk;
use super::{FileError, FileLimits, Workspace};

impl Workspace {
    /// Bytes of all its files.
    ///
    /// # Errors
    /// When there are too many to be counted.
    pub(crate) fn size(&self, limits: &FileLimits) -> Result<u64, FileError> {
        Ok(walk(self, limits)?.iter().map(|entry| entry.bytes).sum())
    }

    /// Begins a file at this path, which is one of [`upload_path`].
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) async fn upload(self: &Arc<Self>, name: &str) -> Result<Upload, FileError> {
        let mut entropy = [0; 8];
        getrandom::fill(&mut entropy)
            .map_err(|error| FileError::io(name, io::Error::other(error)))?;
        let beside = format!(".upload-{:016x}", u64::from_ne_bytes(entropy));
        let (workspace, made) = (Arc::clone(self), beside.clone());
        let file = blocking(name, move || {
            workspace.dir.open_with(made, OpenOptions::new().write(true).create_new(true))
        })
        .await?;
        Ok(Upload {
            workspace: Arc::clone(self),
            name: name.to_owned(),
            beside: Beside::There(beside),
            file: tokio::fs::File::from_std(file.into_std()),
            len: 0,
        })
    }
}

/// A file that is not whole yet. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    workspace: Arc<Workspace>,
    name: String,
    beside: Beside,
    file: tokio::fs::File,
    len: u64,
}

#[derive(Debug)]
enum Beside {
    There(String),
    Moved,
}

impl Upload {
    /// Adds to it.
    ///
    /// # Errors
    /// When it is larger than `max`, or the disk refuses.
    pub(crate) async fn write(&mut self, bytes: &Bytes, max: u64) -> Result<(), FileError> {
        self.len += bytes.len() as u64;
        if self.len > max {
            return Err(FileError::TooLarge { name: self.name.clone(), len: self.len, max });
        }
        self.file.write_all(bytes).await.map_err(|error| FileError::of(&self.name, error))
    }

    /// Gives it its name, in the place of a file that has it already, and makes the folders above it;
    /// says how many bytes it has. Ready when it is on disk.
    ///
    /// # Errors
    /// When the disk refuses, or a folder has the name.
    pub(crate) async fn finish(mut self) -> Result<u64, FileError> {
        let flushed = async {
            self.file.flush().await?;
            self.file.sync_all().await
        };
        flushed.await.map_err(|error| FileError::of(&self.name, error))?;
        let Beside::There(beside) = &self.beside else { return Ok(self.len) };
        let (workspace, from, to) =
            (Arc::clone(&self.workspace), beside.clone(), self.name.clone());
        blocking(&self.name, move || {
            if let Some((folders, _)) = to.rsplit_once('/') {
                workspace.dir.create_dir_all(folders)?;
            }
            workspace.dir.rename(from, &workspace.dir, to)
        })
        .await?;
        self.beside = Beside::Moved;
        Ok(self.len)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Beside::There(beside) = &self.beside {
            let _ = Dir::remove_file(&self.workspace.dir, beside);
        }
    }
}

async fn blocking<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, FileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).and_then(|done| done).map_err(|error| FileError::of(name, error))
}

/// The path below the workspace for a file that a browser names so, with `/` between its parts;
/// `None` when it can be none. Browsers name the files of a folder by their path in it.
///
/// A path of another machine loses its root: `/etc/a` becomes `etc/a`, and `C:\a` becomes `a`.
/// `/workspace/a` is `a`, as for the other routes. `..` takes the part before it away, at most up to
/// the workspace.
pub(crate) fn upload_path(given: &str) -> Option<String> {
    let given = given.trim().replace('\\', "/");
    let given = given.strip_prefix("/workspace/").unwrap_or(&given);
    let mut path: Vec<&str> = Vec::new();
    for (at, part) in given.split('/').map(str::trim).enumerate() {
        match part {
            "" | "." => {}
            ".." => _ = path.pop(),
            drive if at == 0 && is_drive(drive) => {}
            part => path.push(part),
        }
    }
    let is_name = |part: &&str| part.len() <= NAME_BYTES && !part.contains(char::is_control);
    let is_file =
        !given.ends_with(['/', '.']) || path.last().is_some_and(|name| given.ends_with(name));
    let fits = !path.is_empty() && path.len() <= DEPTH && path.iter().all(is_name);
    (is_file && fits).then(|| path.join("/")).filter(|path| path.len() <= PATH_BYTES)
}

fn is_drive(part: &str) -> bool {
    matches!(part.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

/// Most bytes of a file's name on usual systems.
const NAME_BYTES: usize = 255;
/// Most folders above an uploaded file and itself; what an archive holds by default.
const DEPTH: usize = 64;
/// Most bytes of an uploaded file's path.
const PATH_BYTES: usize = 1024;
