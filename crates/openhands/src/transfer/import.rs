//! A store of the original, conversation by conversation, into the log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::event::{self, Fault, Original};
use super::store::{self, Cache, Found};
use crate::domain::{ConversationId, EventId, Redaction, RedactionError, UserName};
use crate::log::LogError;
use crate::log::sqlite::{ConversationImport, ImportedConversation, Importer, OpenError};

/// Why an import ended early. Conversations that were told to be imported are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ImportError {
    /// The store cannot be read.
    #[error("cannot read the store {}: {source}", path.display())]
    Store {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be written.
    #[error("{error}, in conversation {id}")]
    Write {
        /// The conversation that was not imported.
        id: ConversationId,
        /// Why.
        error: LogError,
    },
    /// The store's secrets cannot be hidden.
    #[error(transparent)]
    Secrets(#[from] RedactionError),
}

/// What an import came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    /// Conversations that are in the log now and were not before.
    pub conversations: u64,
    /// Conversations that were in the log before, and stayed as they were.
    pub present: u64,
    /// Events of the imported conversations, without placeholders.
    pub events: u64,
    /// Ids without an event, or with one that was skipped: null events stand in their places.
    pub gaps: u64,
    /// Events found in the original's cache only.
    pub from_cache: u64,
    /// Events of kinds that no client is sent.
    pub unknown: u64,
    /// Events in which halves of characters were replaced.
    pub mended: u64,
    /// Events in which secrets of the store were hidden.
    pub redacted: u64,
    /// What was skipped: a line each was told.
    pub skipped: u64,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversations, present, events, skipped, .. } = self;
        write!(f, "{conversations} conversations imported, {present} were there already; ")?;
        write!(f, "{events} events, {skipped} skipped")?;
        for (count, what) in [
            (self.gaps, "ids filled with null events"),
            (self.from_cache, "from the cache"),
            (self.unknown, "of unknown kinds"),
            (self.mended, "with broken characters or numbers"),
            (self.redacted, "with secrets hidden"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// What is told during an import.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Told<'a> {
    /// So many files of events were found.
    Found {
        /// Files of events.
        files: u64,
    },
    /// So many more files are done with.
    Files(u64),
    /// One more conversation is done with.
    Conversation,
    /// Something was skipped, or is not as it was.
    Skipped {
        /// Where in the store.
        path: &'a Path,
        /// Why.
        why: &'a str,
    },
}

/// Imports the store in `root` into the log in `data`, which no server uses meanwhile. A conversation
/// is imported wholly or not at all, and one that is in the log already stays as it is: so an
/// import can be run again, also after it was interrupted. Nothing in the store is changed.
///
/// An event keeps its id. Ids without an event get null events, which are never sent to clients.
/// Memory holds one event, one page of the original's cache, and the ids of one conversation.
/// Secrets that `redaction` knows are hidden, and those that the store keeps for its users.
///
/// # Errors
/// [`ImportError`].
pub(crate) fn import(
    root: &Path,
    data: &Path,
    redaction: Redaction,
    mut tell: impl FnMut(Told<'_>),
) -> Result<Imported, ImportError> {
    let failed = |source| ImportError::Store { path: root.to_owned(), source };
    let shelves = store::shelves(root).map_err(failed)?;
    redaction.learn("store", store::secrets(root))?;
    let mut log = Importer::open(data)?;
    let mut run = Run { tell: &mut tell, redaction, sum: Imported::default() };
    let mut all = Vec::new();
    for (shelf, owner) in shelves {
        for name in store::names(&shelf).map_err(failed)? {
            run.look(shelf.join(&name), &name, owner.clone(), &mut all);
        }
    }
    // The log lists conversations in the order in which they came to it.
    all.sort_by(|a, b| a.created_at.cmp(&b.created_at));
    (run.tell)(Told::Found { files: all.iter().map(|found| found.files).sum() });
    for found in all {
        let id = found.id.clone();
        run.conversation(&mut log, &found).map_err(|error| ImportError::Write { id, error })?;
        (run.tell)(Told::Conversation);
    }
    Ok(run.sum)
}

struct Run<'a> {
    tell: &'a mut dyn FnMut(Told<'_>),
    redaction: Redaction,
    sum: Imported,
}

impl Run<'_> {
    fn skip(&mut self, path: &Path, why: &dyn fmt::Display) {
        self.sum.skipped += 1;
        (self.tell)(Told::Skipped { path, why: &why.to_string() });
    }

    fn look(&mut self, folder: PathBuf, name: &str, owner: Option<UserName>, all: &mut Vec<Found>) {
        if !folder.is_dir() {
            return;
        }
        let id = match ConversationId::new(name) {
            Ok(id) => id,
            Err(error) => return self.skip(&folder, &error),
        };
        match store::look(folder.clone(), id, owner) {
            Ok(Some(found)) => all.push(found),
            Ok(None) => self.skip(&folder, &"neither metadata.json nor events in it"),
            Err(error) => self.skip(&folder, &Fault::from(error)),
        }
    }

    fn conversation(&mut self, log: &mut Importer, found: &Found) -> Result<(), LogError> {
        let past = ImportedConversation {
            id: found.id.clone(),
            title: match found.title.as_deref() {
                Some(title) if !title.is_empty() => title.to_owned(),
                _ => found.id.default_title(),
            },
            owner: found.owner.clone(),
            created_at: found.created_at.clone(),
            updated_at: found.updated_at.clone(),
        };
        let Some(mut filling) = log.begin(&past)? else {
            self.sum.present += 1;
            (self.tell)(Told::Files(found.files));
            return Ok(());
        };
        let (ids, strange) = match store::events(&found.folder) {
            Ok(events) => events,
            Err(fault) => {
                self.skip(&found.folder.join("events"), &fault);
                (self.tell)(Told::Files(found.files));
                return Ok(());
            }
        };
        if let Some(fault) = &found.fault {
            let why = format!("{fault}; title and times are defaults");
            self.skip(&found.folder.join("metadata.json"), &why);
        }
        for name in &strange {
            self.skip(&found.folder.join("events").join(name), &"no event's name");
        }
        (self.tell)(Told::Files(strange.len() as u64));
        let mut cache = Cache::new(&found.folder);
        for id in ids {
            self.event(&mut filling, &mut cache, &found.folder, id)?;
            (self.tell)(Told::Files(1));
        }
        filling.finish()?;
        self.sum.conversations += 1;
        Ok(())
    }

    /// Adds the event that has a file, and what is missing before it.
    fn event(
        &mut self,
        filling: &mut ConversationImport<'_>,
        cache: &mut Cache,
        folder: &Path,
        id: EventId,
    ) -> Result<(), LogError> {
        let path = folder.join("events").join(format!("{id}.json"));
        let gap = id.0.saturating_sub(filling.next().0);
        if gap > MAX_GAP {
            self.skip(&path, &Fault::FarAway { gap, max: MAX_GAP });
            return Ok(());
        }
        let time = filling.last_time().to_owned();
        let read = store::read(&path, MAX_EVENT).and_then(|bytes| event::read(&bytes, id, &time));
        let read = match read {
            Ok(original) => Some(original),
            Err(fault) => {
                let cached = self.cached(cache, id, &time);
                if cached.is_none() {
                    self.skip(&path, &fault);
                }
                cached
            }
        };
        // A missing event happened before the one that follows it.
        let following = read.as_ref().map_or(time, |original| original.time.clone());
        while filling.next().0 < id.0 {
            let missing = filling.next().next();
            match self.cached(cache, missing, &following) {
                Some(original) => self.push(filling, &original)?,
                None => self.fill(filling, missing, &following)?,
            }
        }
        match read {
            Some(original) => self.push(filling, &original),
            None => self.fill(filling, id, &following),
        }
    }

    fn cached(&mut self, cache: &mut Cache, id: EventId, time: &str) -> Option<Original> {
        let original = event::read(cache.event(id)?.get().as_bytes(), id, time).ok()?;
        self.sum.from_cache += 1;
        Some(original)
    }

    fn push(
        &mut self,
        filling: &mut ConversationImport<'_>,
        event: &Original,
    ) -> Result<(), LogError> {
        let json = self.redaction.event(&event.json);
        filling.push(event.kind, event.source, &event.time, &json)?;
        self.sum.events += 1;
        self.sum.unknown += u64::from(!event.is_known);
        self.sum.mended += u64::from(event.is_mended);
        self.sum.redacted += u64::from(*json != event.json);
        Ok(())
    }

    fn fill(
        &mut self,
        filling: &mut ConversationImport<'_>,
        id: EventId,
        time: &str,
    ) -> Result<(), LogError> {
        // The placeholder is ours; that it can be read is tested.
        if let Ok(null) = event::placeholder(id, time) {
            filling.push(null.kind, null.source, &null.time, &null.json)?;
        }
        self.sum.gaps += 1;
        Ok(())
    }
}

/// Most bytes of an event, as in the log.
const MAX_EVENT: u64 = 16 << 20;
/// Most ids in a row that are filled: one stray file must not make millions.
const MAX_GAP: u64 = 10_000;
