//! The hub as the live layer uses it.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use futures_util::future::BoxFuture;

use super::*;
use crate::agent::{Agent, AgentError, NoAgent, OneAgent, Seat};
use crate::domain::{Audience, Draft, Position, Right, Share, Source};
use crate::log::sqlite::{SqliteConfig, SqliteLog};
use crate::log::{Direction, Head, LogError, PageOf};

mod agents;
mod cursors;

fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

fn open(folder: &Path) -> Arc<SqliteLog> {
    Arc::new(SqliteLog::open(folder, SqliteConfig::default()).unwrap())
}

fn config(folder: &Path) -> HubConfig {
    HubConfig { agent_backoff: Duration::from_millis(1), ..HubConfig::new(folder.join("w")) }
}

fn hub(folder: &Path, agent: impl Agent + 'static) -> Arc<Hub> {
    Hub::new(open(folder), Arc::new(OneAgent::new(agent)), config(folder))
}

/// Reads until the text is in an event; gives all ids read on the way.
async fn read_until(cursor: &mut Cursor, text: &str) -> Vec<u64> {
    let mut ids = Vec::new();
    loop {
        let Next::Events(events) = cursor.next_page().await.unwrap() else {
            panic!("deleted before {text}")
        };
        ids.extend(events.iter().map(|event| event.id.0));
        let found = |json: &[u8]| String::from_utf8_lossy(json).contains(text);
        if events.iter().any(|event| found(&event.json)) {
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_load_serves_all_who_ask_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    let asks = (0..50).map(|_| async { hub.conversation(&id("a"), Create::Yes).await.unwrap() });
    let all = join_all(asks).await;
    assert!(all.iter().all(|one| Arc::ptr_eq(one, &all[0])));
    assert_eq!(hub.metadata(&id("a")).await.unwrap().unwrap().title, "Conversation a");
}

#[tokio::test]
async fn an_unknown_conversation_is_refused_or_created() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    let refused = hub.conversation(&id("a"), Create::No).await;
    assert!(matches!(refused, Err(HubError::NoConversation)));
    assert_eq!(hub.conversations_loaded(), 0);
    assert!(hub.conversation(&id("a"), Create::Yes).await.is_ok());
    assert!(hub.conversation(&id("a"), Create::No).await.is_ok());
}

#[tokio::test]
async fn a_share_reaches_who_holds_the_conversation_and_who_loads_it_later() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    assert_eq!(hub.access(&id("a")).await.unwrap(), None);
    assert!(!hub.set_access(&id("a"), Access::default()).await.unwrap());
    let alice: UserName = "alice".parse().unwrap();
    let conversation = hub.conversation(&id("a"), Create::For(alice.clone())).await.unwrap();
    let mut changes = conversation.access_changes();
    assert_eq!(*changes.current(), Access::of(Some(alice.clone())));
    // Whoever comes later finds it, and owns nothing by that.
    let found = hub.conversation(&id("a"), Create::For("bob".parse().unwrap())).await.unwrap();
    assert_eq!(found.access().owner, Some(alice.clone()));

    let share = Share { with: Audience::Everyone, right: Right::Read };
    let shared = Access { owner: Some(alice), shares: vec![share] };
    assert!(hub.set_access(&id("a"), shared.clone()).await.unwrap());
    changes.changed().await;
    assert_eq!((&*changes.current(), &*conversation.access()), (&shared, &shared));
    // What was read while it was loaded is older than what a commit told since.
    conversation.core.merge(Head::default(), Access::default(), None);
    assert_eq!(*conversation.access(), shared);
    drop((conversation, found));
    hub.registry.sweep(true);
    assert!(hub.loaded(&id("a")).is_none());
    assert_eq!(hub.access(&id("a")).await.unwrap().as_deref(), Some(&shared));
    assert_eq!(*hub.conversation(&id("a"), Create::No).await.unwrap().access(), shared);
}

#[tokio::test]
async fn what_nobody_uses_is_dropped_after_two_sweeps_and_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    let cursor = conversation.subscribe(Position::START);
    drop(conversation);
    hub.registry.sweep(false);
    hub.registry.sweep(false);
    assert_eq!(hub.conversations_loaded(), 1, "a cursor uses it");
    drop(cursor);
    hub.registry.sweep(false);
    drop(hub.conversation(&id("a"), Create::No).await.unwrap());
    hub.registry.sweep(false);
    assert_eq!(hub.conversations_loaded(), 1, "it was used since the last sweep");
    hub.registry.sweep(false);
    assert_eq!(hub.conversations_loaded(), 0);
    let conversation = hub.conversation(&id("a"), Create::No).await.unwrap();
    assert_eq!(conversation.head(), Position(1));
}

#[tokio::test]
async fn the_limit_of_conversations_drops_idle_ones_first() {
    let folder = tempfile::tempdir().unwrap();
    let config = HubConfig { conversations: 2, ..config(folder.path()) };
    let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(NoAgent)), config);
    let a = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    drop(hub.conversation(&id("b"), Create::Yes).await.unwrap());
    let c = hub.conversation(&id("c"), Create::Yes).await.unwrap();
    let error = hub.conversation(&id("d"), Create::Yes).await.unwrap_err();
    assert_eq!(error.to_string(), "2 conversations are in use, the limit is 2");
    drop((a, c));
    assert!(hub.conversation(&id("d"), Create::Yes).await.is_ok());
}

#[tokio::test]
async fn a_deleted_conversation_ends_its_cursors_and_comes_back_empty() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path(), NoAgent);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    let mut at_head = conversation.subscribe(Position(1));
    let mut behind = conversation.subscribe(Position(0));
    let waiting = tokio::spawn(async move { at_head.next_page().await });
    let path = workspace(&hub.config.workspaces, conversation.core.key, &id("a"));
    std::fs::create_dir_all(&path).unwrap();
    assert!(hub.delete(&id("a")).await.unwrap());
    assert!(!hub.delete(&id("a")).await.unwrap());
    assert!(matches!(waiting.await.unwrap(), Ok(Next::Deleted)));
    assert!(matches!(behind.next_page().await, Ok(Next::Deleted)));
    assert!(!path.exists());
    let refused = conversation.append_one(Draft::user_message("x")).await;
    assert!(matches!(refused, Err(LogError::NoConversation)));

    let again = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    assert_eq!(again.head(), Position(0));
    again.append_one(Draft::user_message("new")).await.unwrap();
    assert!(matches!(behind.next_page().await, Ok(Next::Deleted)));
}

#[tokio::test]
async fn statuses_are_lossy_for_slow_readers_and_stored_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let config = HubConfig { statuses: 2, ..config(folder.path()) };
    let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(NoAgent)), config);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    let mut statuses = conversation.statuses();
    for text in ["1", "2", "3"] {
        conversation.status(Ephemeral::info("STATUS$READY", text));
    }
    let lagged = tokio::sync::broadcast::error::RecvError::Lagged(1);
    assert_eq!(statuses.recv().await, Err(lagged));
    assert_eq!(statuses.recv().await, Ok(Ephemeral::info("STATUS$READY", "2")));
    hub.set_title(&id("a"), "New").await.unwrap();
    statuses.recv().await.unwrap();
    assert_eq!(statuses.recv().await, Ok(Ephemeral::title("a", "New")));
    assert_eq!(conversation.head(), Position(0));
}

#[tokio::test]
async fn single_events_and_states_are_found_in_the_tail_and_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let state = |state| Draft::agent_state_changed(state, "", None);
    let drafts = vec![
        state(crate::domain::AgentState::Running),
        Draft::think("a"),
        state(crate::domain::AgentState::Finished),
        Draft::think("b"),
    ];
    for tail_events in [1, 256] {
        let config = HubConfig { tail_events, ..config(folder.path()) };
        let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(NoAgent)), config);
        let name = id(&format!("a{tail_events}"));
        let conversation = hub.conversation(&name, Create::Yes).await.unwrap();
        conversation.append(drafts.clone()).await.unwrap();
        for (before, found) in [(4, Some(2)), (2, Some(0)), (0, None)] {
            let event = conversation.newest_agent_state(Position(before)).await.unwrap();
            assert_eq!(event.map(|event| event.id.0), found);
        }
        for wanted in 0..6 {
            let event = conversation.event(crate::domain::EventId(wanted)).await.unwrap();
            assert_eq!(event.map(|event| event.id.0), (wanted < 4).then_some(wanted));
        }
        hub.shutdown().await;
        let refused = hub.conversation(&name, Create::No).await;
        assert!(matches!(refused, Err(HubError::Closed)));
    }
}
