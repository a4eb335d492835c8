//! The log as its callers see it.

use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;
use crate::domain::{AgentState, EventId, Right, Share};
use crate::log::{Change, Commit, Direction};

mod crash;
mod failure;
mod tools;

fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

fn open(folder: &Path) -> SqliteLog {
    SqliteLog::open(folder, SqliteConfig::default()).unwrap()
}

async fn create(log: &SqliteLog, name: &str) -> ConversationKey {
    log.create(&id(name), name, None, Vec::new()).await.unwrap().metadata.key
}

async fn append(log: &SqliteLog, key: ConversationKey, text: &str) -> Result<EventId, LogError> {
    let events = log.append(key, vec![Draft::user_message(text)], None).await?;
    Ok(events[0].id)
}

fn forward(from: u64) -> PageOf {
    PageOf {
        from: Position(from),
        direction: Direction::Forward,
        max_events: 1000,
        max_bytes: usize::MAX,
    }
}

async fn ids(log: &SqliteLog, key: ConversationKey, page: PageOf) -> (Vec<u64>, bool) {
    let page = log.read(key, page).await.unwrap();
    (page.events.iter().map(|event| event.id.0).collect(), page.more)
}

/// A feed that holds up the writer until the sender is dropped, and says when it began to.
fn blocking_feed() -> (Feed, std_mpsc::Receiver<()>, std_mpsc::Sender<()>) {
    let (entered, has_entered) = std_mpsc::channel();
    let (release, released) = std_mpsc::channel::<()>();
    let released = Mutex::new(released);
    let feed = Box::new(move |_: &Commit| {
        let _ = entered.send(());
        let _ = released.lock().unwrap().recv();
    });
    (feed, has_entered, release)
}

#[tokio::test]
async fn a_reopened_log_has_everything_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let first = vec![Draft::agent_state_changed(AgentState::AwaitingUserInput, "", None)];
    let created = log.create(&id("a"), "Title", None, first).await.unwrap();
    assert!(created.is_new);
    assert_eq!(created.metadata.head.position, Position(1));
    let key = created.metadata.key;
    let drafts = vec![Draft::user_message("é"), Draft::think("hm")];
    let appended = log.append(key, drafts, Some(Position(2))).await.unwrap();
    assert!(log.set_title(&id("a"), "Other").await.unwrap());
    log.close().await;

    let log = open(folder.path());
    let metadata = log.conversation(&id("a")).await.unwrap().unwrap();
    assert_eq!((metadata.title.as_str(), metadata.key), ("Other", key));
    assert_eq!(metadata.head, Head { position: Position(3), agent_cursor: Position(2) });
    assert_eq!(log.head(key).await.unwrap(), metadata.head);
    let page = log.read(key, forward(1)).await.unwrap();
    for (read, written) in page.events.iter().zip(&appended) {
        assert_eq!((read.id, read.kind, read.source), (written.id, written.kind, written.source));
        assert_eq!(read.json, written.json);
    }
    assert_eq!(append(&log, key, "next").await.unwrap(), EventId(3));
    let again = log.create(&id("a"), "ignored", None, vec![Draft::think("x")]).await.unwrap();
    assert!(!again.is_new && again.metadata.title == "Other");
    assert_eq!(again.metadata.head.position, Position(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_together_is_committed_together() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    let (feed, entered, release) = blocking_feed();
    log.follow(feed);
    let before = log.stats();
    let mut first = append(&log, key, "first").boxed();
    assert!((&mut first).now_or_never().is_none());
    entered.recv().unwrap();
    let mut waiting: Vec<_> = (0..40).map(|_| append(&log, key, "x").boxed()).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    drop(release);
    first.await.unwrap();
    let mut ids: Vec<u64> = join_all(waiting).await.into_iter().map(|id| id.unwrap().0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=40).collect::<Vec<_>>());
    let after = log.stats();
    assert_eq!((after.orders - before.orders, after.commits - before.commits), (41, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_makes_appends_wait() {
    let folder = tempfile::tempdir().unwrap();
    for config in [
        SqliteConfig { queue_commands: 1, ..SqliteConfig::default() },
        SqliteConfig { queue_bytes: 300, ..SqliteConfig::default() },
    ] {
        let log = SqliteLog::open(folder.path(), config).unwrap();
        let key = create(&log, "a").await;
        let (feed, entered, release) = blocking_feed();
        log.follow(feed);
        let mut first = append(&log, key, "1").boxed();
        assert!((&mut first).now_or_never().is_none());
        entered.recv().unwrap();
        let mut others: Vec<_> = (0..3).map(|_| append(&log, key, "x").boxed()).collect();
        for one in &mut others {
            assert!(one.now_or_never().is_none());
        }
        assert!(log.queue().commands() <= 1, "{} are queued", log.queue().commands());
        drop(release);
        first.await.unwrap();
        assert!(join_all(others).await.iter().all(Result::is_ok));
        log.close().await;
    }
}

#[tokio::test]
async fn the_feed_comes_in_id_order_and_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(folder.path()));
    let key = create(&log, "a").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let feed_seen = seen.clone();
    log.follow(Box::new(move |commit| {
        if let Change::Appended { events, .. } = &commit.change {
            feed_seen.lock().unwrap().extend(events.iter().map(|event| event.id));
        }
    }));
    let appends = (0..50).map(|_| async {
        let id = append(&log, key, "x").await.unwrap();
        assert!(seen.lock().unwrap().contains(&id));
    });
    join_all(appends).await;
    assert_eq!(*seen.lock().unwrap(), (0..50).map(EventId).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_end_at_their_limits() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let (other, key) = (create(&log, "other").await, create(&log, "a").await);
    append(&log, other, "x").await.unwrap();
    for text in ["0", "1", "2", "3"] {
        append(&log, key, text).await.unwrap();
    }
    let len = log.read(key, forward(0)).await.unwrap().events[0].json.len();
    assert_eq!(ids(&log, key, forward(0)).await, (vec![0, 1, 2, 3], false));
    assert_eq!(ids(&log, key, forward(4)).await, (vec![], false));
    assert_eq!(ids(&log, key, forward(u64::MAX)).await, (vec![], false));
    let two = PageOf { max_events: 2, ..forward(1) };
    assert_eq!(ids(&log, key, two).await, (vec![1, 2], true));
    let bytes = PageOf { max_bytes: 2 * len, ..forward(0) };
    assert_eq!(ids(&log, key, bytes).await, (vec![0, 1], true));
    let one_too_large = PageOf { max_bytes: 1, ..forward(2) };
    assert_eq!(ids(&log, key, one_too_large).await, (vec![2], true));
    let back = |from| PageOf { direction: Direction::Backward, max_events: 2, ..forward(from) };
    assert_eq!(ids(&log, key, back(4)).await, (vec![3, 2], true));
    assert_eq!(ids(&log, key, back(2)).await, (vec![1, 0], false));
    assert_eq!(ids(&log, key, back(u64::MAX)).await, (vec![3, 2], true));
    assert_eq!(ids(&log, key, back(0)).await, (vec![], false));
}

#[tokio::test]
async fn the_newest_of_a_sort_is_found_before_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    let state = |state| Draft::agent_state_changed(state, "", None);
    let drafts = vec![
        state(AgentState::Running),
        Draft::user_message("x"),
        state(AgentState::Finished),
        Draft::think("y"),
    ];
    log.append(key, drafts, None).await.unwrap();
    for (sort, before, found) in [
        (Sort::AgentState, 4, Some(2)),
        (Sort::AgentState, 2, Some(0)),
        (Sort::AgentState, 0, None),
        (Sort::FromUser, u64::MAX, Some(1)),
        (Sort::FromUser, 1, None),
    ] {
        let newest = log.newest(key, sort, Position(before)).await.unwrap();
        assert_eq!(newest.map(|event| event.id.0), found, "{sort:?} before {before}");
    }
}

#[tokio::test]
async fn conversations_are_listed_newest_first_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for name in ["a", "b", "c"] {
        create(&log, name).await;
    }
    let names = |listing: &Listing| {
        listing.conversations.iter().map(|c| c.title.clone()).collect::<Vec<_>>()
    };
    let page = log.list(None, None, 2).await.unwrap();
    assert_eq!(names(&page), ["c", "b"]);
    let page = log.list(None, page.next, 2).await.unwrap();
    assert_eq!((names(&page), page.next), (vec!["a".to_owned()], None));
}

#[tokio::test]
async fn a_viewer_is_listed_what_is_theirs_or_shared_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let share = |with: &str, right| Share { with: with.parse().unwrap(), right };
    for (name, owner, shares) in [
        ("nobodys", None, vec![]),
        ("bobs", Some("bob"), vec![share("alice", Right::Read)]),
        ("alices", Some("alice"), vec![]),
        ("all", Some("carol"), vec![share("*", Right::Read), share("alice", Right::Write)]),
        ("carols", Some("carol"), vec![share("bob", Right::Read)]),
    ] {
        let owner = owner.map(|owner| owner.parse().unwrap());
        log.create(&id(name), name, owner.as_ref(), Vec::new()).await.unwrap();
        assert!(log.set_access(&id(name), Access { owner, shares }).await.unwrap());
    }
    assert!(!log.set_access(&id("none"), Access::default()).await.unwrap());
    let viewer = |user: &str, is_agent| Viewer { user: user.parse().unwrap(), is_agent };
    for (viewer, expected) in [
        (Some(viewer("alice", false)), vec!["all", "alices", "bobs"]),
        (Some(viewer("alice", true)), vec!["all", "alices", "bobs"]),
        (Some(viewer("bob", true)), vec!["carols", "bobs"]),
        (Some(viewer("dora", false)), vec!["all"]),
        (Some(viewer("dora", true)), vec![]),
        (None, vec!["carols", "all", "alices", "bobs", "nobodys"]),
    ] {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = log.list(viewer.as_ref(), before, 2).await.unwrap();
            found.extend(page.conversations.iter().map(|one| one.title.clone()));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{viewer:?}");
    }
    let found = log.conversation(&id("all")).await.unwrap().unwrap().access;
    assert_eq!(found.owner, Some("carol".parse().unwrap()));
    assert_eq!(found.shares.len(), 2);
    assert!(log.delete(&id("all")).await.unwrap());
    let again = log.create(&id("all"), "all", None, Vec::new()).await.unwrap();
    assert_eq!(again.metadata.access, Access::default(), "shares end with the conversation");
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_and_its_key_is_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    append(&log, key, "x").await.unwrap();
    assert!(log.delete(&id("a")).await.unwrap());
    assert!(!log.delete(&id("a")).await.unwrap());
    assert!(!log.set_title(&id("a"), "x").await.unwrap());
    assert_eq!(log.conversation(&id("a")).await.unwrap(), None);
    let again = create(&log, "a").await;
    assert_ne!(again, key);
    assert!(matches!(append(&log, key, "x").await, Err(LogError::NoConversation)));
    assert!(matches!(log.head(key).await, Err(LogError::NoConversation)));
    assert_eq!(ids(&log, key, forward(0)).await, (vec![], false));
    assert_eq!(append(&log, again, "x").await.unwrap(), EventId(0));
}

#[tokio::test]
async fn times_never_go_back_within_a_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let minutes = Arc::new(Mutex::new(vec![3, 9, 7, 5]));
    let clock = Clock::new(move || {
        let minute = minutes.lock().unwrap().pop().unwrap();
        date(2026, 11, 22).at(1, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap()
    });
    let config = SqliteConfig { clock, ..SqliteConfig::default() };
    let log = SqliteLog::open(folder.path(), config).unwrap();
    let key = create(&log, "a").await;
    let mut times = Vec::new();
    for _ in 0..3 {
        let events = log.append(key, vec![Draft::think("x")], None).await.unwrap();
        let event: serde_json::Value = serde_json::from_slice(&events[0].json).unwrap();
        times.push(event["timestamp"].as_str().unwrap()[14..16].to_owned());
    }
    assert_eq!(times, ["07", "09", "09"]);
}

#[tokio::test]
async fn the_agent_cursor_moves_with_an_append_and_never_back_or_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    append(&log, key, "x").await.unwrap();
    for (cursor, stands) in [(Some(1), 1), (Some(0), 1), (None, 1), (Some(99), 5)] {
        let cursor = cursor.map(Position);
        log.append(key, vec![Draft::think("x")], cursor).await.unwrap();
        assert_eq!(log.head(key).await.unwrap().agent_cursor, Position(stands));
    }
    log.append(key, Vec::new(), Some(Position(5))).await.unwrap();
    assert_eq!(log.head(key).await.unwrap().position, Position(5));
}

#[tokio::test]
async fn a_closed_log_refuses_and_frees_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    log.close().await;
    assert!(matches!(append(&log, key, "x").await, Err(LogError::Closed)));
    tokio::time::timeout(Duration::from_secs(10), log.close()).await.unwrap();
    open(folder.path());
}

#[tokio::test]
async fn the_write_ahead_log_is_written_back_beside_the_appends() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    let file = folder.path().join("openhands.db");
    let before = std::fs::metadata(&file).unwrap().len();
    let text = "x".repeat(500);
    join_all((0..2100).map(|_| append(&log, key, &text))).await;
    let written_back = async {
        while std::fs::metadata(&file).unwrap().len() < before + 1_000_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), written_back).await.unwrap();
    log.close().await;
    assert!(!folder.path().join("openhands.db-wal").exists(), "nothing is left in it");
    assert_eq!(check(folder.path(), |fault| panic!("{fault}")).unwrap().events, 2100);
}

#[test]
fn events_show_local_time_and_metadata_utc_with_six_digits_each() {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let time = date(2026, 11, 22).at(6, 52, 24, 450_000_999).to_zoned(zone).unwrap();
    let now = Clock::new(move || time.clone()).now();
    assert_eq!(now.local, "2026-11-22T06:52:24.450000");
    assert_eq!(now.utc, "2026-11-22T04:52:24.450000Z");
}
