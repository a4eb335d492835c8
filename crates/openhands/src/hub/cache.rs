//! Pages that were read from the log lately, kept for others who read the same.
//!
//! Clients that come together, as after a restart, read each page once. Events never change, so
//! what is kept is never wrong; it goes when others need the room, or with its conversation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{EventId, Position, Source};
use crate::log::{ConversationKey, LogError, StoredEvent};

/// The kept pages of all conversations, bounded in bytes.
#[derive(Debug)]
pub(super) struct PageCache {
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<Place, Kept>,
    /// The same pages, by when they were last used.
    used: BTreeMap<u64, Place>,
    uses: u64,
    bytes: usize,
}

/// A conversation, and the first event of a page of it.
type Place = (ConversationKey, EventId);

#[derive(Debug)]
struct Kept {
    /// Ids rising by one.
    events: Vec<Arc<StoredEvent>>,
    bytes: usize,
    used: u64,
}

impl PageCache {
    pub(super) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, state: Mutex::default() })
    }

    /// Events after `from`, if a page with the first of them is kept.
    fn find(&self, key: ConversationKey, from: Position) -> Option<Vec<Arc<StoredEvent>>> {
        let state = &mut *self.lock();
        let places = (key, EventId(0))..=(key, EventId(from.0));
        let (place, kept) = state.pages.range_mut(places).next_back()?;
        let skip = usize::try_from(from.0.checked_sub(place.1.0)?).ok()?;
        let events = kept.events.get(skip..).filter(|events| !events.is_empty())?.to_vec();
        state.uses += 1;
        state.used.remove(&kept.used);
        state.used.insert(state.uses, *place);
        kept.used = state.uses;
        Some(events)
    }

    /// Keeps a page; drops those that were not used for longest.
    fn keep(&self, key: ConversationKey, events: &[Arc<StoredEvent>]) {
        let Some(first) = events.first() else { return };
        let is_dense = events.iter().zip(first.id.0..).all(|(event, id)| event.id.0 == id);
        let bytes = events.iter().map(|event| size(event)).sum();
        if !is_dense || bytes > self.max_bytes {
            return;
        }
        let mut state = self.lock();
        // Dropped after the lock: freeing pages takes time that other readers need not wait for.
        let mut gone = vec![state.remove((key, first.id))];
        while state.bytes + bytes > self.max_bytes
            && let Some((_, place)) = state.used.pop_first()
        {
            gone.push(state.remove(place));
        }
        state.uses += 1;
        let (used, place) = (state.uses, (key, first.id));
        state.used.insert(used, place);
        state.pages.insert(place, Kept { events: events.to_vec(), bytes, used });
        state.bytes += bytes;
        drop(state);
        drop(gone);
    }

    fn forget(&self, key: ConversationKey) {
        let mut state = self.lock();
        let all = (key, EventId(0))..=(key, EventId(u64::MAX));
        let places: Vec<Place> = state.pages.range(all).map(|(place, _)| *place).collect();
        let gone: Vec<_> = places.into_iter().map(|place| state.remove(place)).collect();
        drop(state);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, place: Place) -> Option<Kept> {
        let kept = self.pages.remove(&place)?;
        self.used.remove(&kept.used);
        self.bytes -= kept.bytes;
        Some(kept)
    }
}

/// The kept pages of one conversation. They go when this is dropped.
#[derive(Debug)]
pub(super) struct CachedPages {
    pages: Arc<PageCache>,
    key: ConversationKey,
    /// One reader of the log at a time: the others then find its page in the cache.
    reading: tokio::sync::Mutex<()>,
}

impl CachedPages {
    pub(super) fn new(pages: Arc<PageCache>, key: ConversationKey) -> Self {
        Self { pages, key, reading: tokio::sync::Mutex::default() }
    }

    /// Events after `from`: those that are kept, else what `read` brings.
    pub(super) async fn page(
        &self,
        from: Position,
        read: impl Future<Output = Result<Vec<Arc<StoredEvent>>, LogError>>,
    ) -> Result<Vec<Arc<StoredEvent>>, LogError> {
        if let Some(events) = self.pages.find(self.key, from) {
            // A reader that never waits lets others run.
            tokio::task::coop::consume_budget().await;
            return Ok(events);
        }
        let _reading = self.reading.lock().await;
        if let Some(events) = self.pages.find(self.key, from) {
            return Ok(events);
        }
        let events = read.await?;
        self.pages.keep(self.key, &events);
        Ok(events)
    }
}

impl Drop for CachedPages {
    fn drop(&mut self) {
        self.pages.forget(self.key);
    }
}

/// Bytes that an event takes, about, once it has its frame: that of the environment is a copy, for it
/// names another source.
fn size(event: &StoredEvent) -> usize {
    let copies = if event.source == Source::Environment { 2 } else { 1 };
    copies * event.json.len() + EVENT_BYTES
}

/// Bytes that an event takes in addition to its JSON, about.
const EVENT_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::domain::{ActionKind, Kind};

    const KEY: ConversationKey = ConversationKey(7);

    fn page(ids: std::ops::Range<u64>, len: usize) -> Vec<Arc<StoredEvent>> {
        let kind = Kind::Action(ActionKind::Think);
        let event = |id| StoredEvent::new(EventId(id), kind, Source::Agent, vec![b'x'; len].into());
        ids.map(|id| Arc::new(event(id))).collect()
    }

    fn found(pages: &PageCache, from: u64) -> Option<(u64, usize)> {
        let events = pages.find(KEY, Position(from))?;
        Some((events[0].id.0, events.len()))
    }

    #[test]
    fn a_page_serves_whoever_stands_in_it() {
        let pages = PageCache::new(1 << 20);
        pages.keep(KEY, &page(10..20, 1));
        pages.keep(ConversationKey(8), &page(2..5, 1));
        assert_eq!(found(&pages, 10), Some((10, 10)));
        assert_eq!(found(&pages, 17), Some((17, 3)));
        assert_eq!((found(&pages, 9), found(&pages, 20)), (None, None));
        for from in [0, 3] {
            assert!(pages.find(ConversationKey(9), Position(from)).is_none());
        }
        assert!(pages.find(ConversationKey(8), Position(3)).is_some());
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_the_limit_holds() {
        let each = 100 + EVENT_BYTES;
        let pages = PageCache::new(3 * each);
        for first in [0, 1, 2] {
            pages.keep(KEY, &page(first..first + 1, 100));
        }
        assert_eq!(found(&pages, 0), Some((0, 1)));
        pages.keep(KEY, &page(3..4, 100));
        let kept = |pages: &PageCache| [0, 1, 2, 3].map(|from| found(pages, from).is_some());
        assert_eq!(kept(&pages), [true, false, true, true]);
        // The same page again takes no more; one that is too large is not kept.
        pages.keep(KEY, &page(3..4, 100));
        pages.keep(KEY, &page(9..10, 3 * each));
        assert_eq!(kept(&pages), [true, false, true, true]);
        assert_eq!(pages.lock().bytes, 3 * each);
        pages.keep(KEY, &page(5..6, 3 * each - EVENT_BYTES));
        assert_eq!((kept(&pages), found(&pages, 5)), ([false; 4], Some((5, 1))));
        assert_eq!(pages.lock().used.len(), 1);
    }

    #[test]
    fn an_event_of_the_environment_counts_with_the_copy_in_its_frame() {
        let mut events = page(0..1, 100);
        for (source, bytes) in [(Source::Agent, 100), (Source::Environment, 200)] {
            events[0] = Arc::new(StoredEvent::new(
                EventId(0),
                events[0].kind,
                source,
                events[0].json.clone(),
            ));
            let pages = PageCache::new(1 << 20);
            pages.keep(KEY, &events);
            assert_eq!(pages.lock().bytes, bytes + EVENT_BYTES);
        }
    }

    #[test]
    fn a_page_with_a_gap_is_not_kept() {
        let pages = PageCache::new(1 << 20);
        let events = [page(0..2, 1), page(3..4, 1)].concat();
        pages.keep(KEY, &events);
        assert_eq!(found(&pages, 0), None);
    }

    #[tokio::test]
    async fn those_at_one_place_read_once_and_a_failed_read_is_tried_again() {
        let pages = PageCache::new(1 << 20);
        let cached = CachedPages::new(Arc::clone(&pages), KEY);
        let reads = AtomicU32::new(0);
        let failed = cached.page(Position(0), async { Err(LogError::Closed) }).await;
        assert!(failed.is_err());
        let read = || async {
            tokio::task::yield_now().await;
            reads.fetch_add(1, Ordering::SeqCst);
            Ok(page(0..3, 1))
        };
        let all = join_all((0..20).map(|_| cached.page(Position(0), read()))).await;
        assert_eq!(reads.into_inner(), 1);
        let first = all[0].as_ref().unwrap();
        for events in &all {
            assert!(Arc::ptr_eq(&events.as_ref().unwrap()[2], &first[2]));
        }
        drop(cached);
        assert_eq!(found(&pages, 0), None, "they went with their conversation");
        assert_eq!(pages.lock().bytes, 0);
    }
}
