//! One buffer for the events of a page: reading a page allocates once, not once per event.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{EventId, Kind, Source};
use crate::log::{Envelope, StoredEvent};

/// Events that are being read, each within the envelope.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    envelope: &'a Envelope,
    buffer: Vec<u8>,
    /// Each with the end of its part of the buffer.
    events: Vec<(EventId, Kind, Source, usize)>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(envelope: &'a Envelope) -> Self {
        Self { envelope, buffer: Vec::new(), events: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Adds an event; `more` of its size may follow.
    pub(super) fn push(&mut self, head: (EventId, Kind, Source), json: &[u8], more: usize) {
        let Envelope { before, after } = self.envelope;
        let len = before.len() + json.len() + after.len();
        if self.events.is_empty() {
            let room = len.saturating_mul(more.saturating_add(1));
            self.buffer.reserve_exact(room.min(AHEAD).max(len));
            self.events.reserve_exact(room.min(AHEAD) / len.max(1));
        }
        for part in [before, json, after] {
            self.buffer.extend_from_slice(part);
        }
        let (id, kind, source) = head;
        self.events.push((id, kind, source, self.buffer.len()));
    }

    /// The events, which share the buffer.
    pub(super) fn events(mut self) -> Vec<Arc<StoredEvent>> {
        self.buffer.shrink_to_fit();
        let Envelope { before, after } = self.envelope;
        let has_envelope = !before.is_empty() || !after.is_empty();
        let buffer = Bytes::from(self.buffer);
        let mut start = 0;
        let event = |(id, kind, source, end): (EventId, Kind, Source, usize)| {
            let json = buffer.slice(start + before.len()..end - after.len());
            let wrapped = has_envelope.then(|| buffer.slice(start..end));
            start = end;
            Arc::new(StoredEvent { wrapped, ..StoredEvent::new(id, kind, source, json) })
        };
        self.events.into_iter().map(event).collect()
    }
}

/// Most bytes that are allocated before it is known how many there are.
const AHEAD: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ActionKind;

    #[test]
    fn events_share_one_buffer_with_or_without_an_envelope() {
        let head = |id| (EventId(id), Kind::Action(ActionKind::Think), Source::Agent);
        for (before, after) in [("<<", ">"), ("", "")] {
            let envelope = Envelope { before: before.into(), after: after.into() };
            let mut sheet = Sheet::new(&envelope);
            for (id, json) in ["{}", "", "[1,2,3]"].iter().enumerate() {
                sheet.push(head(id as u64), json.as_bytes(), 2 - id);
            }
            assert_eq!(sheet.len(), 3);
            let events = sheet.events();
            for (event, json) in events.iter().zip(["{}", "", "[1,2,3]"]) {
                assert_eq!(event.json, json);
                let wrapped = format!("{before}{json}{after}");
                assert_eq!(event.wrapped.as_deref().unwrap_or(&event.json), wrapped.as_bytes());
                assert_eq!(event.wrapped.is_some(), !before.is_empty());
            }
            assert_eq!(events.iter().map(|event| event.id.0).collect::<Vec<_>>(), [0, 1, 2]);
        }
    }
}
