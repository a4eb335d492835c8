//! The hot tail: the last events of a conversation, shared by all its cursors.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::Position;
use crate::log::StoredEvent;

/// The last events, without a gap, up to the head.
#[derive(Debug)]
pub(super) struct Tail {
    events: VecDeque<Arc<StoredEvent>>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
}

impl Tail {
    pub(super) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, max_events, max_bytes }
    }

    /// Adds the event behind the last one and drops old ones beyond the limits.
    pub(super) fn push(&mut self, event: Arc<StoredEvent>) {
        debug_assert!(self.events.back().is_none_or(|last| last.id.0 + 1 == event.id.0));
        self.bytes += event.json.len();
        self.events.push_back(event);
        while self.events.len() > self.max_events || self.bytes > self.max_bytes {
            match self.events.pop_front() {
                Some(old) => self.bytes -= old.json.len(),
                None => break,
            }
        }
    }

    /// For when events are missing between the tail and the head.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
    }

    /// A page of events behind `from`; `None` when the first of them is not in the tail.
    pub(super) fn page(
        &self,
        from: Position,
        max_events: usize,
        max_bytes: usize,
    ) -> Option<Vec<Arc<StoredEvent>>> {
        let first = self.events.front()?.id.0;
        let skip = usize::try_from(from.0.checked_sub(first)?).ok()?;
        let mut bytes = 0_usize;
        let page: Vec<_> = self
            .events
            .iter()
            .skip(skip)
            .take(max_events.max(1))
            .enumerate()
            .take_while(|(i, event)| {
                bytes = bytes.saturating_add(event.json.len());
                *i == 0 || bytes <= max_bytes
            })
            .map(|(_, event)| event.clone())
            .collect();
        (!page.is_empty()).then_some(page)
    }

    /// The events, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Arc<StoredEvent>> {
        self.events.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ActionKind, EventId, Kind, Source};

    fn event(id: u64, len: usize) -> Arc<StoredEvent> {
        let kind = Kind::Action(ActionKind::Think);
        Arc::new(StoredEvent::new(EventId(id), kind, Source::Agent, vec![b'x'; len].into()))
    }

    fn ids(tail: &Tail, from: u64, max_events: usize, max_bytes: usize) -> Option<Vec<u64>> {
        let page = tail.page(Position(from), max_events, max_bytes)?;
        Some(page.iter().map(|event| event.id.0).collect())
    }

    #[test]
    fn it_holds_the_last_events_within_both_limits() {
        let mut tail = Tail::new(3, 100);
        for id in 10..15 {
            tail.push(event(id, 10));
        }
        assert_eq!(ids(&tail, 11, 9, 99), None);
        assert_eq!(ids(&tail, 12, 9, 99), Some(vec![12, 13, 14]));
        assert_eq!(ids(&tail, 15, 9, 99), None);
        tail.push(event(15, 95));
        assert_eq!(ids(&tail, 14, 9, 99), None);
        assert_eq!(ids(&tail, 15, 9, 99), Some(vec![15]));
        tail.push(event(16, 101));
        assert_eq!(ids(&tail, 16, 9, 99), None);
        tail.push(event(17, 1));
        assert_eq!(ids(&tail, 17, 9, 99), Some(vec![17]));
    }

    #[test]
    fn pages_end_at_their_limits_and_have_one_event_at_least() {
        let mut tail = Tail::new(10, 1000);
        for id in 0..4 {
            tail.push(event(id, 10));
        }
        assert_eq!(ids(&tail, 0, 2, 99), Some(vec![0, 1]));
        assert_eq!(ids(&tail, 1, 9, 20), Some(vec![1, 2]));
        assert_eq!(ids(&tail, 1, 9, 1), Some(vec![1]));
    }
}
