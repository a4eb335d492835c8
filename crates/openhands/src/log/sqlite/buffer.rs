//! Buffers for the events of a page: reading a page allocates a few times, not once per event.

use std::sync::Arc;

use bytes::Bytes;

use super::readers::HeadOf;
use crate::log::{Envelope, StoredEvent};

/// The events of a page that is being read, each inside the envelope. They lie one after another in
/// a few shared buffers; an event is a slice of one.
#[derive(Debug)]
pub(super) struct PageBuffer<'a> {
    envelope: &'a Envelope,
    /// Whether there is an envelope, and UTF-8 inside it stays UTF-8.
    keeps_text: bool,
    events: Vec<Arc<StoredEvent>>,
    /// What the next ones are written into.
    buffer: Vec<u8>,
    parts: Vec<Part>,
}

/// An event in the buffer. It begins where the one before it ends.
#[derive(Debug)]
struct Part {
    head: HeadOf,
    end: usize,
    is_text: bool,
}

impl<'a> PageBuffer<'a> {
    pub(super) fn new(envelope: &'a Envelope) -> Self {
        let Envelope { before, after } = envelope;
        let keeps_text = *envelope != Envelope::default() && is_text(before) && is_text(after);
        let (events, buffer, parts) = (Vec::new(), Vec::new(), Vec::new());
        Self { envelope, keeps_text, events, buffer, parts }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len() + self.parts.len()
    }

    /// Adds an event; `more` of its size may follow.
    pub(super) fn push(&mut self, head: HeadOf, json: &[u8], more: usize) {
        let Envelope { before, after } = self.envelope;
        let len = before.len() + json.len() + after.len();
        if self.buffer.capacity() - self.buffer.len() < len {
            self.seal();
            let room = len.saturating_mul(more.saturating_add(1)).min(BUFFER).max(len);
            self.buffer.reserve_exact(room);
        }
        for part in [before, json, after] {
            self.buffer.extend_from_slice(part);
        }
        self.parts.push(Part { head, end: self.buffer.len(), is_text: is_text(json) });
    }

    /// The events.
    pub(super) fn events(mut self) -> Vec<Arc<StoredEvent>> {
        self.seal();
        self.events
    }

    /// Makes events of what is in the buffer, which they share.
    fn seal(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        // Events may wait in a client's outbox for long, and hold all of the buffer meanwhile.
        if buffer.len() < buffer.capacity() / 8 * 7 {
            buffer.shrink_to_fit();
        }
        let buffer = Bytes::from(buffer);
        let Envelope { before, after } = self.envelope;
        let mut start = 0;
        for Part { head: (id, kind, source), end, is_text } in self.parts.drain(..) {
            let json = buffer.slice(start + before.len()..end - after.len());
            let enveloped = (is_text && self.keeps_text).then(|| buffer.slice(start..end));
            let event = StoredEvent { enveloped, ..StoredEvent::new(id, kind, source, json) };
            self.events.push(Arc::new(event));
            start = end;
        }
    }
}

/// Whether these bytes are UTF-8. Most are ASCII, and that is told sooner.
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// Bytes of a buffer, unless one event has more. The allocator of the system takes and gives back
/// 128 KiB and more by the page, each of which then faults.
const BUFFER: usize = 60 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ActionKind, EventId, Kind, Source};

    fn read(envelope: &Envelope, all: &[&[u8]]) -> Vec<Arc<StoredEvent>> {
        let head = |id| (EventId(id), Kind::Action(ActionKind::Think), Source::Agent);
        let mut buffer = PageBuffer::new(envelope);
        for (id, json) in (0..).zip(all) {
            buffer.push(head(id), json, all.len());
        }
        assert_eq!(buffer.len(), all.len());
        let events = buffer.events();
        assert!(events.iter().map(|event| event.id.0).eq(0..all.len() as u64));
        assert!(events.iter().map(|event| &event.json).eq(all));
        events
    }

    fn enveloped(event: &StoredEvent) -> Option<&[u8]> {
        event.enveloped.as_deref()
    }

    #[test]
    fn events_share_a_buffer_with_or_without_an_envelope() {
        let all: [&[u8]; 3] = [b"{}", b"", "[1,\u{e9},3]".as_bytes()];
        let envelope = Envelope { before: "4<".into(), after: ">".into() };
        let events = read(&envelope, &all);
        for (event, json) in events.iter().zip(all) {
            assert_eq!(enveloped(event), Some(&[b"4<", json, b">"].concat()[..]));
        }
        let at = |event: &StoredEvent| event.json.as_ptr().addr();
        assert_eq!(at(&events[1]) - at(&events[0]), all[0].len() + 3);
        let bare = read(&Envelope::default(), &all);
        assert!(bare.iter().all(|event| event.enveloped.is_none()));
    }

    #[test]
    fn what_is_not_text_is_in_no_envelope() {
        let framed = |before: &'static [u8], all: &[&[u8]]| {
            let envelope = Envelope { before: before.into(), after: ">".into() };
            read(&envelope, all).iter().map(|event| enveloped(event).is_some()).collect::<Vec<_>>()
        };
        let late = [&[b'x'; 100][..], b"\xff"].concat();
        assert_eq!(framed(b"4<", &[b"{}", b"\xff", b"[]", &late]), [true, false, true, false]);
        assert_eq!(framed(b"\xff<", &[b"{}"]), [false]);
    }

    #[test]
    fn buffers_are_bounded_and_events_of_any_size_follow_one_another() {
        let large = vec![b'x'; 3 * BUFFER];
        let (half, small) = (&large[..BUFFER / 2], &large[..100]);
        let all = [small, half, half, &large, small, small, half, half];
        let events = read(&Envelope::default(), &all);
        let at = |event: &StoredEvent| event.json.as_ptr().addr();
        let together = |two: &[Arc<StoredEvent>]| at(&two[0]) + two[0].json.len() == at(&two[1]);
        let together: Vec<bool> = events.windows(2).map(together).collect();
        assert_eq!(together, [false, true, false, false, true, false, true]);
    }
}
