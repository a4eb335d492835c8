//! What is stored: an event as readers get it, and what a row holds of it in addition to the JSON.
//!
//! In come events on their way to a database and rows on their way back. It knows no database: a log in
//! another one stores the same texts and numbers. Start with [`StoredEvent`] and [`row_of`].

use std::sync::OnceLock;

use bytes::Bytes;

use super::LogError;
use crate::domain::{
    Access, ActionKind, EventId, Kind, ObservationKind, Position, Right, Share, Source, UserName,
};

/// An event of the log: its JSON, and what one must know without parsing it.
#[derive(Debug)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// What it is.
    pub kind: Kind,
    /// Its source.
    pub source: Source,
    /// The event as JSON, id and timestamp included.
    pub json: Bytes,
    /// The same bytes inside the [`Envelope`] of the log, if they were read into one and are UTF-8.
    pub enveloped: Option<Bytes>,
    /// A form of the event that one reader made and all readers share. The log leaves it empty, and
    /// does not know what it is.
    pub form: OnceLock<Bytes>,
}

impl StoredEvent {
    /// An event outside an envelope, of which nobody has made another form yet.
    pub fn new(id: EventId, kind: Kind, source: Source, json: Bytes) -> Self {
        Self { id, kind, source, json, enveloped: None, form: OnceLock::new() }
    }
}

/// Bytes that a reader wants around each event of a page. The log reads events from the disk
/// straight between them, so that the reader needs no copy of its own. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Before the JSON.
    pub before: Bytes,
    /// After it.
    pub after: Bytes,
}

/// The log's own number for one life of a conversation: a conversation that was deleted and created
/// again has the same id and another key, so nobody mixes the two up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey(pub u32);

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// The place after the last event.
    pub position: Position,
    /// The place after the last event that the agent has dealt with.
    pub agent_cursor: Position,
}

/// Where an event stands: the conversation's key in the upper 32 bits, the id in the lower ones.
/// Callers keep the id within [`MAX_ID`].
pub(super) fn row_of(key: ConversationKey, id: u64) -> i64 {
    (i64::from(key.0) << 32) | i64::try_from(id & MAX_ID).unwrap_or(0)
}

/// The id in the number of a row.
pub(super) fn id_of(row: i64) -> EventId {
    EventId(u64::try_from(row).unwrap_or(0) & MAX_ID)
}

/// The largest id: it has 32 bits of the row's number.
pub(super) const MAX_ID: u64 = u32::MAX as u64;
/// The largest key: the row's number has a sign.
pub(super) const MAX_KEY: u32 = u32::MAX >> 1;

/// A kind as it is stored, for example `action:run`.
pub(super) fn kind_text(kind: Kind) -> String {
    let class = match kind {
        Kind::Action(_) => "action:",
        Kind::Observation(_) => "observation:",
    };
    [class, kind.name()].concat()
}

/// The kind of this text.
pub(super) fn kind_from(text: &str) -> Option<Kind> {
    match text.split_once(':')? {
        ("action", name) => ActionKind::from_name(name).map(Kind::Action),
        ("observation", name) => ObservationKind::from_name(name).map(Kind::Observation),
        _ => None,
    }
}

/// Reads stored kinds and sources. It remembers those of a page: they are few, and each belongs to
/// many events.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Name>);

#[derive(Debug)]
struct Name {
    kind: Vec<u8>,
    source: Vec<u8>,
    means: (Kind, Source),
}

impl Names {
    pub(super) fn read(&mut self, kind: &[u8], source: &[u8]) -> Result<(Kind, Source), LogError> {
        let known = self.0.iter().find(|name| name.kind == kind && name.source == source);
        if let Some(name) = known {
            return Ok(name.means);
        }
        let means = meaning(kind, source).ok_or_else(|| {
            let text = String::from_utf8_lossy;
            let found = format!("{} {}", text(source), text(kind));
            LogError::Damaged { found, expected: "an event's source and kind" }
        })?;
        self.0.push(Name { kind: kind.to_vec(), source: source.to_vec(), means });
        Ok(means)
    }
}

fn meaning(kind: &[u8], source: &[u8]) -> Option<(Kind, Source)> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((kind_from(text(kind)?)?, Source::from_name(text(source)?)?))
}

/// The owner and the shares of a conversation. Each share is a line, the right first: no name has a
/// blank.
pub(super) fn access(owner: Option<&str>, shares: Option<&str>) -> Result<Access, LogError> {
    parse_access(owner, shares).ok_or_else(|| {
        let found = format!("{owner:?} {shares:?}");
        LogError::Damaged { found, expected: "an owner and shares" }
    })
}

fn parse_access(owner: Option<&str>, shares: Option<&str>) -> Option<Access> {
    let owner = owner.map(UserName::new).transpose().ok()?;
    let shares = shares.unwrap_or_default().lines().map(|line| {
        let (right, with) = line.split_once(' ')?;
        Some(Share { with: with.parse().ok()?, right: Right::from_name(right)? })
    });
    Some(Access { owner, shares: shares.collect::<Option<_>>()? })
}
