//! One conversation out of the log: as a trajectory, or in the layout of the original.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::event::written;
use crate::domain::trajectory::{is_hidden, without_blobs};
use crate::domain::{ConversationId, Position};
use crate::log::sqlite::{OpenError, Snapshot};
use crate::log::{Direction, LogError, Metadata, PageOf, StoredEvent};

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExportError {
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is none of this id.
    #[error("there is no conversation {id}")]
    NoConversation {
        /// The id.
        id: ConversationId,
    },
    /// An export never replaces anything.
    #[error("{} is there already: choose another place", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The log holds something that is not JSON.
    #[error("event {id} of the log is damaged: {source}")]
    Damaged {
        /// The event.
        id: u64,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Writes `{"trajectory":[…]}`, as the REST route answers it, to `out`, which `name` is for errors.
/// Says how many events there are in the conversation. A server may run.
///
/// # Errors
/// [`ExportError`]; a part may be written.
pub(crate) fn export_trajectory(
    data: &Path,
    id: &ConversationId,
    out: &mut dyn Write,
    name: &Path,
) -> Result<u64, ExportError> {
    let (log, metadata) = open(data, id)?;
    let failed = |source| ExportError::Write { path: name.to_owned(), source };
    let mut between = "{\"trajectory\":[";
    each(&log, &metadata, |event| {
        if is_hidden(event.kind, &event.json) {
            return Ok(());
        }
        out.write_all(between.as_bytes()).map_err(failed)?;
        between = ",";
        match without_blobs(event.kind, &event.json) {
            Some(json) => out.write_all(json.as_bytes()),
            None => out.write_all(&event.json),
        }
        .map_err(failed)
    })?;
    if between != "," {
        out.write_all(between.as_bytes()).map_err(failed)?;
    }
    out.write_all(b"]}").and_then(|()| out.flush()).map_err(failed)?;
    Ok(metadata.head.position.0)
}

/// Writes `sessions/ID` below `root` as OpenHands 0.62 has it, without its cache, which it makes
/// anew. Says how many events it has. It has its name when it is whole. A server may run.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn export_files(
    data: &Path,
    id: &ConversationId,
    root: &Path,
) -> Result<u64, ExportError> {
    let (log, metadata) = open(data, id)?;
    let folder = root.join("sessions").join(id.as_str());
    let part = root.join("sessions").join(format!("{id}.part"));
    if let Some(path) = [&folder, &part].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(ExportError::Exists { path: path.clone() });
    }
    let events = part.join("events");
    write(&events, |events| fs::create_dir_all(events))?;
    each(&log, &metadata, |event| {
        let text = written(&event.json)
            .map_err(|source| ExportError::Damaged { id: event.id.0, source })?;
        write(&events.join(format!("{}.json", event.id)), |file| fs::write(file, text))
    })?;
    let text = metadata_json(&metadata);
    write(&part.join("metadata.json"), |file| fs::write(file, text))?;
    write(&folder, |folder| fs::rename(&part, folder))?;
    Ok(metadata.head.position.0)
}

fn write(path: &Path, how: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), ExportError> {
    how(path).map_err(|source| ExportError::Write { path: path.to_owned(), source })
}

fn open(data: &Path, id: &ConversationId) -> Result<(Snapshot, Metadata), ExportError> {
    let log = Snapshot::open(data)?;
    let metadata = log.conversation(id)?;
    let metadata = metadata.ok_or_else(|| ExportError::NoConversation { id: id.clone() })?;
    Ok((log, metadata))
}

/// Every event in order, read page by page.
fn each(
    log: &Snapshot,
    metadata: &Metadata,
    mut event: impl FnMut(&StoredEvent) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut place = Position::START;
    while place < metadata.head.position {
        let page = PageOf {
            from: place,
            direction: Direction::Forward,
            max_events: PAGE_EVENTS,
            max_bytes: PAGE_BYTES,
        };
        let events = log.page(metadata.key, page)?.events;
        let found = events.first().map(|first| first.id);
        if found != Some(place.next()) {
            return Err(LogError::Gap { expected: place.next(), found }.into());
        }
        for one in &events {
            event(one)?;
            place = Position::after(one.id);
        }
    }
    Ok(())
}

/// With every key of the original; the log knows only the title and the times.
fn metadata_json(metadata: &Metadata) -> String {
    json!({
        "conversation_id": metadata.id,
        "selected_repository": null,
        "user_id": metadata.access.owner,
        "selected_branch": null,
        "git_provider": null,
        "title": metadata.title,
        "last_updated_at": metadata.updated_at,
        "trigger": null,
        "pr_number": [],
        "created_at": metadata.created_at,
        "llm_model": null,
        "accumulated_cost": 0.0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "sandbox_id": null,
        "conversation_version": null,
    })
    .to_string()
}

/// Most events, and most bytes but for a single event, in memory at once.
const PAGE_EVENTS: usize = 500;
const PAGE_BYTES: usize = 1 << 20;
