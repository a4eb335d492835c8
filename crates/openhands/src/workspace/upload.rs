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

    /// Begins a file of this name, which is one of [`file_name`].
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

    /// Gives it its name, in the place of a file that has it already; says how many bytes it has.
    /// Ready when it is on disk.
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
        blocking(&self.name, move || workspace.dir.rename(from, &workspace.dir, to)).await?;
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

/// The last part of a path that a browser gave as a file's name; `None` when it can be none.
pub(crate) fn file_name(given: &str) -> Option<&str> {
    let name = given.rsplit(['/', '\\']).next()?.trim();
    let is_name = !name.is_empty()
        && name != "."
        && name != ".."
        && name.len() <= NAME_BYTES
        && !name.contains(char::is_control);
    is_name.then_some(name)
}

/// Most bytes of a file's name on usual systems.
const NAME_BYTES: usize = 255;
