//! Events as they are stored and shared.

use std::sync::OnceLock;

use bytes::Bytes;
use socketio::proto::Encoded;

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
    /// The same bytes within the [`Envelope`] that they were read into, where that makes a packet of
    /// them.
    pub wrapped: Option<Encoded>,
    /// The packet that clients get, made once by whoever sends it first.
    pub frame: OnceLock<Encoded>,
}

impl StoredEvent {
    /// An event that nobody has sent yet.
    pub fn new(id: EventId, kind: Kind, source: Source, json: Bytes) -> Self {
        Self { id, kind, source, json, wrapped: None, frame: OnceLock::new() }
    }
}

/// What a log puts around each event of the pages that it reads, so that they can be sent as they
/// are, without a copy. By default nothing.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Before the JSON.
    pub before: Bytes,
    /// Behind it.
    pub after: Bytes,
}
