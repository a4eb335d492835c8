//! The workspace as one zip file, made while it is sent.

use std::io::{self, Read as _, Write};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::walk::{WalkEntry, walk};
use super::{FileError, FileLimits, Workspace};

/// The bytes of an archive of `workspace`; of an empty one when there is none yet. A thread makes
/// them, a few pieces ahead of the reader, and holds `permit` as long. Blocks while it counts.
///
/// What an agent changes meanwhile may be missing; a file that grew ends where it ended when it was
/// counted. When reading fails, or nobody takes the pieces, the stream ends with an error. Needs a
/// tokio runtime.
///
/// # Errors
/// When there is too much.
pub(crate) fn zip(
    workspace: Option<Workspace>,
    limits: &FileLimits,
    permit: OwnedSemaphorePermit,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, FileError> {
    let found = match &workspace {
        Some(workspace) => walk(workspace, limits)?,
        None => Vec::new(),
    };
    let bytes = found.iter().map(|entry| entry.bytes).sum::<u64>();
    if bytes > limits.archive_bytes {
        let (name, max) = ("workspace".to_owned(), limits.archive_bytes);
        return Err(FileError::TooLarge { name, len: bytes, max });
    }
    let (pieces, taken) = mpsc::channel(PIECES);
    let stall = limits.archive_stall;
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut out = Out { pieces, runtime, stall, piece: Vec::new() };
        if let Err(error) = write(workspace.as_ref(), &found, &mut out) {
            // The head of the answer is out: only a broken body can tell.
            tracing::debug!(%error, "archive cut short");
            let _ = out.send(Err(error));
        }
    });
    Ok(futures_util::stream::unfold(taken, |mut taken| async move {
        taken.recv().await.map(|piece| (piece, taken))
    }))
}

fn write(workspace: Option<&Workspace>, found: &[WalkEntry], out: &mut Out) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(out);
    let options = SimpleFileOptions::default();
    for entry in found {
        let name = name(&entry.path);
        if entry.is_folder {
            zip.add_directory(name, options)?;
            continue;
        }
        let Some(Ok(file)) = workspace.map(|workspace| workspace.file(&entry.path, &name)) else {
            continue;
        };
        zip.start_file(name, options.large_file(entry.bytes >= LARGE))?;
        io::copy(&mut file.take(entry.bytes), &mut zip)?;
    }
    zip.finish()?.into_inner().flush()
}

/// As archives write it.
fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Gathers what the archive writes, and waits until it is taken.
struct Out {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    stall: Duration,
    piece: Vec<u8>,
}

impl Out {
    fn send(&self, piece: io::Result<Bytes>) -> io::Result<()> {
        let sent = async { tokio::time::timeout(self.stall, self.pieces.send(piece)).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(PIECE)];
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.send(Ok(piece.into()))
    }
}

/// Bytes from which on a piece is sent.
const PIECE: usize = 64 << 10;
/// Pieces that wait to be taken.
const PIECES: usize = 4;
/// From here on an archive needs wide numbers; compression may make a file a little larger.
const LARGE: u64 = 0xff00_0000;
