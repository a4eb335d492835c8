//! Every reader sees every event once, in order, whatever else happens.

use super::*;

/// A small generator: the same numbers in every run of one task.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

const WRITERS: u64 = 4;
const APPENDS: u64 = 400;

/// Writers append in batches of 1 to 4; readers join anywhere, give up in the middle of a read,
/// leave and come back; whoever leaves lets the conversation be dropped and loaded again.
async fn torture(config: HubConfig, reader_count: u64, evict: bool) -> u32 {
    let folder = config.workspaces.parent().unwrap().to_owned();
    let log = open(&folder);
    let hub = Hub::new(log.clone(), Arc::new(OneAgent::new(NoAgent)), config);
    let (metadata, _) = hub.create(&id("a"), "a", None).await.unwrap();
    let key = metadata.key;
    let mut total = 0;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let mut dice = Dice(writer + 1);
            let sizes: Vec<u64> = (0..APPENDS).map(|_| 1 + dice.roll(4)).collect();
            total += sizes.iter().sum::<u64>();
            let log = log.clone();
            tokio::spawn(async move {
                for size in sizes {
                    let drafts = (0..size).map(|_| Draft::think("x")).collect();
                    log.append(key, drafts, None).await.unwrap();
                    if dice.roll(8) == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let drops = evict.then(Arc::<AtomicU32>::default);
    let readers: Vec<_> = (0..reader_count)
        .map(|reader| tokio::spawn(read_all(hub.clone(), total, Dice(reader + 100), drops.clone())))
        .collect();
    for task in writers.into_iter().chain(readers) {
        tokio::time::timeout(Duration::from_secs(120), task).await.unwrap().unwrap();
    }
    drops.map_or(0, |drops| drops.load(Ordering::SeqCst))
}

async fn read_all(hub: Arc<Hub>, total: u64, mut dice: Dice, drops: Option<Arc<AtomicU32>>) {
    // A third knows nothing, the others come with some id from earlier or from too far ahead.
    let mut next = None;
    while next.is_none_or(|next| next < total) {
        let conversation = hub.conversation(&id("a"), Create::No).await.unwrap();
        let from = next.unwrap_or_else(|| if dice.roll(3) == 0 { 0 } else { dice.roll(total) });
        let mut cursor = conversation.subscribe(Position(from));
        drop(conversation);
        // Ahead of the end, it starts at the head of that moment.
        let mut expected = cursor.place().0;
        assert!(expected <= from && (next.is_none() || expected == from));
        for _ in 0..=dice.roll(12) {
            if expected >= total {
                break;
            }
            let page = if dice.roll(4) == 0 {
                // Polled once and dropped.
                match tokio::time::timeout(Duration::ZERO, cursor.next_page()).await {
                    Ok(page) => page,
                    Err(_) => continue,
                }
            } else {
                cursor.next_page().await
            };
            let Next::Events(events) = page.unwrap() else { panic!("deleted") };
            assert!(!events.is_empty());
            for event in events {
                assert_eq!(event.id.0, expected);
                expected += 1;
            }
        }
        next = Some(expected);
        drop(cursor);
        if let Some(drops) = &drops {
            hub.registry.sweep(true);
            drops.fetch_add(u32::from(hub.conversations_loaded() == 0), Ordering::SeqCst);
        }
    }
    assert_eq!(next, Some(total));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_every_event_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    torture(config(folder.path()), 24, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_every_event_once_in_order_when_the_tail_is_tiny() {
    // Nothing is kept, or some pages, or all that was read.
    for kept_bytes in [0, 5_000, 1 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let tiny = HubConfig { tail_events: 3, page_events: 2, kept_bytes, ..config };
        torture(tiny, 24, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_every_event_once_in_order_while_it_is_dropped_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = HubConfig { tail_events: 16, page_events: 4, ..config(folder.path()) };
    let drops = torture(tiny, 1, true).await;
    assert!(drops > 20, "it was dropped {drops} times");
}

#[tokio::test]
async fn a_reader_that_never_reads_delays_nobody_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = HubConfig { tail_events: 4, page_events: 7, ..config(folder.path()) };
    let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(NoAgent)), config);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    let mut slow = conversation.subscribe(Position::START);
    let mut fast = conversation.subscribe(Position::START);
    for text in 0..100 {
        let text = format!("number {text}.");
        conversation.append_one(Draft::user_message(&text)).await.unwrap();
        assert_eq!(read_until(&mut fast, &text).await.len(), 1);
    }
    assert_eq!(read_until(&mut slow, "number 99.").await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_in_the_tail_are_shared_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    let appended = conversation.append_one(Draft::user_message("x")).await.unwrap();
    for _ in 0..3 {
        let next = conversation.subscribe(Position::START).next_page().await.unwrap();
        let Next::Events(events) = next else { panic!("deleted") };
        assert!(Arc::ptr_eq(&events[0], &appended));
    }
}

#[tokio::test]
async fn pages_of_the_log_are_read_once_for_all_who_are_as_far_behind() {
    let folder = tempfile::tempdir().unwrap();
    let config = HubConfig { tail_events: 1, page_events: 4, ..config(folder.path()) };
    let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(NoAgent)), config);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append((0..10).map(|_| Draft::think("x")).collect()).await.unwrap();
    let page = async |from| {
        let next = conversation.subscribe(Position(from)).next_page().await.unwrap();
        let Next::Events(events) = next else { panic!("deleted") };
        events
    };
    let first = page(0).await;
    assert_eq!(first.len(), 4);
    assert!(Arc::ptr_eq(&page(0).await[3], &first[3]));
    let from_within = page(2).await;
    assert_eq!(from_within.len(), 2);
    assert!(Arc::ptr_eq(&from_within[0], &first[2]));
}

#[tokio::test]
async fn a_place_beyond_the_end_gets_nothing_old_and_then_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("old")).await.unwrap();
    let mut cursor = conversation.subscribe(Position(5000));
    let waiting = tokio::time::timeout(Duration::from_millis(20), cursor.next_page());
    assert!(waiting.await.is_err());
    conversation.append_one(Draft::user_message("new")).await.unwrap();
    assert_eq!(read_until(&mut cursor, "new").await, [1]);
}

#[tokio::test]
async fn commits_told_twice_or_by_their_head_only_leave_no_gap_and_no_duplicate() {
    use crate::log::{Change, Commit, Head};
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let hub = Hub::new(log.clone(), Arc::new(OneAgent::new(NoAgent)), config(folder.path()));
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    let key = conversation.core.key;
    let tell = |change| {
        hub.registry.cores.commit(&Commit { conversation: id("a"), key, change });
    };
    let mut cursor = conversation.subscribe(Position::START);
    let events = conversation.append(vec![Draft::think("0"), Draft::think("1")]).await.unwrap();
    tell(Change::Appended { events, agent_cursor: Position::START });
    // Another node appended: only the head is known here.
    log.follow(Box::new(|_| {}));
    log.append(key, vec![Draft::think("2"), Draft::think("3")], None).await.unwrap();
    tell(Change::Moved(Head { position: Position(4), ..Head::default() }));
    tell(Change::Moved(Head { position: Position(3), ..Head::default() }));
    let events = log.append(key, vec![Draft::think("last")], None).await.unwrap();
    tell(Change::Appended { events, agent_cursor: Position::START });
    assert_eq!(read_until(&mut cursor, "last").await, [0, 1, 2, 3, 4]);
}
