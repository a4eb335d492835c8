use std::num::NonZeroU32;
use std::path::Path;

use super::*;
use crate::agent::{NoAgent, OneAgent};
use crate::domain::{ConversationId, Draft};
use crate::hub::{Create, HubConfig};
use crate::log::sqlite::{SqliteConfig, SqliteLog};

fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

fn open(folder: &Path) -> Arc<Hub> {
    let log = SqliteLog::open(folder, SqliteConfig::default()).unwrap();
    Hub::new(Arc::new(log), Arc::new(OneAgent::new(NoAgent)), HubConfig::new(folder.join("w")))
}

/// Conversations of this name, of 100 kB each, the first the oldest; none in memory.
async fn filled(folder: &Path, names: &[&str]) -> Arc<Hub> {
    let hub = open(folder);
    for name in names {
        let conversation = hub.conversation(&id(name), Create::Yes).await.unwrap();
        conversation.append_one(Draft::user_message(&"x".repeat(100_000))).await.unwrap();
    }
    hub.shutdown().await;
    open(folder)
}

async fn swept(hub: &Hub, retention: Retention, now: Timestamp) -> Vec<(String, Why)> {
    let mut gone = Vec::new();
    let count = sweep(hub, retention, now, |one| {
        assert!(one.bytes > 100_000);
        gone.push((one.metadata.id.to_string(), one.why));
    });
    assert_eq!(count.await.unwrap(), gone.len() as u64);
    gone
}

fn days(days: u32) -> Retention {
    Retention { days: NonZeroU32::new(days), bytes: None }
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn what_is_too_old_goes_and_what_is_not_stays() {
    let folder = tempfile::tempdir().unwrap();
    let hub = filled(folder.path(), &["a", "b"]).await;
    assert_eq!(swept(&hub, Retention::default(), in_days(10_000)).await, []);
    assert_eq!(swept(&hub, days(30), in_days(29)).await, []);
    let gone = swept(&hub, days(30), in_days(31)).await;
    assert_eq!(gone, [("a".to_owned(), Why::Age), ("b".to_owned(), Why::Age)]);
    assert_eq!(hub.metadata(&id("a")).await.unwrap(), None);
    assert_eq!(swept(&hub, days(30), in_days(31)).await, []);
}

#[tokio::test]
async fn the_oldest_go_until_the_log_is_small_enough() {
    let folder = tempfile::tempdir().unwrap();
    let hub = filled(folder.path(), &["a", "b", "c", "d"]).await;
    // The oldest is the one that changed least recently, not the one that was made first.
    hub.set_title(&id("a"), "new").await.unwrap();
    let used = hub.oldest(1).await.unwrap().used;
    let retention = Retention { days: None, bytes: Some(used - 250_000) };
    let mut planned = Vec::new();
    let look = Snapshot::open(folder.path()).unwrap();
    rehearse(&look, retention, in_days(1), |one| {
        planned.push((one.metadata.id.to_string(), one.why));
    })
    .unwrap();
    assert_eq!(swept(&hub, retention, Timestamp::now()).await, [], "all changed a moment ago");
    let gone = swept(&hub, retention, in_days(1)).await;
    assert_eq!(gone, [("b".to_owned(), Why::Size), ("c".to_owned(), Why::Size)]);
    assert_eq!(planned, gone);
    let now = hub.oldest(1).await.unwrap().used;
    assert!(now <= used - 250_000, "{now} of {used}");
}

#[tokio::test]
async fn what_runs_stays_and_the_next_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let hub = filled(folder.path(), &["a", "b", "c"]).await;
    let running = hub.conversation(&id("a"), Create::No).await.unwrap();
    let stopped = hub.conversation(&id("b"), Create::No).await.unwrap();
    stopped.stop().await.unwrap();
    let held = [("c".to_owned(), Why::Age)];
    assert_eq!(swept(&hub, days(1), in_days(2)).await, held, "both are in use");
    drop((running, stopped));
    assert_eq!(swept(&hub, days(1), in_days(2)).await, [("b".to_owned(), Why::Age)]);
    assert!(hub.stop(&id("a")).await.unwrap());
    assert_eq!(swept(&hub, days(1), in_days(2)).await, [("a".to_owned(), Why::Age)]);
}

#[tokio::test]
async fn what_changed_after_the_look_stays() {
    let folder = tempfile::tempdir().unwrap();
    let hub = filled(folder.path(), &["a"]).await;
    let seen = hub.metadata(&id("a")).await.unwrap().unwrap();
    hub.set_title(&id("a"), "new").await.unwrap();
    assert!(!hub.delete_unused(&seen).await.unwrap());
    let seen = hub.metadata(&id("a")).await.unwrap().unwrap();
    assert!(hub.delete_unused(&seen).await.unwrap());
    assert!(!hub.delete_unused(&seen).await.unwrap());
    // It can be created again at once, as another one.
    let again = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    assert_eq!(again.head().0, 0);
}
