//! Conversations in the file layout of OpenHands 0.62: read into the log, and written from it.
//!
//! ```text
//! sessions/ID/, users/USER/conversations/ID/
//!     metadata.json               title and times
//!     events/N.json               one event, its id is N
//!     event_cache/FROM-TO.json    lists of 25 events, looked into only for what is missing
//! ```

mod event;
mod export;
mod import;
mod store;
mod text;

pub(crate) use export::{ExportError, export_files, export_trajectory};
pub(crate) use import::{ImportError, Told, import};

#[cfg(test)]
mod tests;
