//! Events as they are stored and shared.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::domain::{EventId, Kind, Source};

/// An event of the log: its JSON, and what one must know without parsing it.
#[derive(Debug)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// What it is.
    pub kind: Kind,
    /// Who it is from.
    pub source: Source,
    /// The event as JSON, id and timestamp included.
    pub json: Bytes,
    /// The event in the form it has on the wire, made once by whoever sends it first.
    pub frame: OnceLock<Bytes>,
}

impl StoredEvent {
    /// An event that nobody has sent yet.
    pub fn new(id: EventId, kind: Kind, source: Source, json: Bytes) -> Self {
        Self { id, kind, source, json, frame: OnceLock::new() }
    }
}
