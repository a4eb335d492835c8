//! The demo agent in a hub, with logs that fail at any step.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use super::*;
use crate::agent::OneAgent;
use crate::domain::{Access, ConversationId, UserName, Viewer, parse_user_action};
use crate::hub::{Conversation, Create, Hub, HubConfig, Next};
use crate::log::sqlite::{SqliteConfig, SqliteLog};
use crate::log::{
    ConversationKey, Created, EventLog, Feed, Head, Listing, LogError, Metadata, Oldest, Page,
    PageOf, Sort,
};

const TURN: [&str; 11] = [
    "agent_state_changed running",
    "think",
    "think",
    "run",
    "run",
    "write",
    "write",
    "edit",
    "edit",
    "message",
    "agent_state_changed awaiting_user_input",
];

fn hub(log: Arc<dyn EventLog>, folder: &Path) -> Arc<Hub> {
    let config = HubConfig {
        agent_backoff: Duration::from_millis(1),
        ..HubConfig::new(folder.join("workspaces"))
    };
    Hub::new(log, Arc::new(OneAgent::new(DemoAgent)), config)
}

fn open(folder: &Path) -> Arc<SqliteLog> {
    Arc::new(SqliteLog::open(folder, SqliteConfig::default()).unwrap())
}

fn id() -> ConversationId {
    "a".parse().unwrap()
}

/// All events from the start, as soon as `done` says so.
async fn read_until(
    conversation: &Arc<Conversation>,
    done: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let mut cursor = conversation.subscribe(Position::START);
    let mut events = Vec::new();
    while !done(&events) {
        let next = tokio::time::timeout(Duration::from_secs(30), cursor.next_page()).await;
        let Next::Events(page) = next.expect("an event").unwrap() else { panic!("deleted") };
        events.extend(page.iter().map(|event| parsed(event)));
    }
    events
}

/// That this many turns are over. A new conversation awaits the user once before the first.
fn turns(count: usize) -> impl Fn(&[Value]) -> bool {
    move |events| names(events).iter().filter(|name| *name == TURN[10]).count() == count + 1
}

fn names(events: &[Value]) -> Vec<String> {
    let name = |event: &Value| match event["extras"]["agent_state"].as_str() {
        Some(state) => format!("agent_state_changed {state}"),
        None => event["type"].as_str().unwrap().to_owned(),
    };
    events.iter().map(name).collect()
}

fn check_turn(events: &[Value], message: u64, text: &str) {
    assert_eq!(names(events), TURN);
    let first = events[0]["id"].as_u64().unwrap();
    assert_eq!(events[0]["cause"], message);
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["id"], first + at as u64);
        assert_eq!(event["source"], "agent");
        if [2, 4, 6, 8].contains(&at) {
            assert_eq!(event["cause"], first + at as u64 - 1);
        }
    }
    assert_eq!(events[4]["success"], true);
    assert!(events[4]["content"].as_str().unwrap().starts_with("total "));
    assert_eq!(events[8]["extras"]["diff"].as_str().unwrap().lines().count(), 5);
    assert!(events[9]["message"].as_str().unwrap().contains(text));
    assert_eq!(events[9]["args"]["wait_for_response"], true);
}

#[tokio::test]
async fn each_message_gets_one_whole_turn() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(open(folder.path()), folder.path());
    let conversation = hub.conversation(&id(), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("hello there")).await.unwrap();
    conversation.append_one(Draft::user_message("and again")).await.unwrap();
    let events = read_until(&conversation, turns(2)).await;
    assert_eq!(names(&events[..2]), ["agent_state_changed awaiting_user_input", "message"]);
    let agents: Vec<_> =
        events[1..].iter().filter(|event| event["source"] == "agent").cloned().collect();
    let second = agents
        .iter()
        .position(|event| event["cause"] == 2)
        .or_else(|| agents.iter().rposition(|event| event["extras"]["agent_state"] == "running"));
    assert_eq!(second, Some(TURN.len()));
    assert_eq!(names(&agents), [TURN, TURN].concat());
    let workspace = std::fs::read_dir(folder.path().join("workspaces")).unwrap().next();
    let file = workspace.unwrap().unwrap().path().join("answer.md");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "Status: done\n\nand again\n");
}

#[tokio::test]
async fn a_turn_that_fails_anywhere_is_finished_and_nothing_is_doubled() {
    for stored in [false, true] {
        for fail_at in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            // The first append is the user's.
            let countdown = AtomicI32::new(fail_at + 1);
            let log = Flaky { log: open(folder.path()), countdown, stored };
            let hub = hub(Arc::new(log), folder.path());
            let conversation = hub.conversation(&id(), Create::Yes).await.unwrap();
            let mut statuses = conversation.statuses();
            conversation.append_one(Draft::user_message("hello")).await.unwrap();
            let events = read_until(&conversation, turns(1)).await;
            check_turn(&events[2..], 1, "hello");
            // The failure was real, except that a stored answer ends the turn with it.
            let status = tokio::time::timeout(Duration::from_secs(30), statuses.recv()).await;
            assert!(status.is_ok(), "no failure at {fail_at}");
            conversation.append_one(Draft::user_message("next")).await.unwrap();
            let events = read_until(&conversation, turns(2)).await;
            check_turn(&events[14..], 13, "next");
        }
    }
}

#[tokio::test]
async fn a_turn_cut_off_by_the_end_of_the_server_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    for steps in [0, 1, 4, 7] {
        let first = hub(open(folder.path()), folder.path());
        let conversation = first.conversation(&id(), Create::Yes).await.unwrap();
        let message = conversation.append_one(Draft::user_message("hello")).await.unwrap().id.0;
        read_until(&conversation, |events| events.len() as u64 > message + steps).await;
        first.shutdown().await;
        drop((conversation, first));

        let second = hub(open(folder.path()), folder.path());
        let conversation = second.conversation(&id(), Create::No).await.unwrap();
        let answers = 2 + message as usize / 12;
        let done = |events: &[Value]| turns(answers - 1)(events);
        let events = read_until(&conversation, done).await;
        check_turn(&events[message as usize + 1..], message, "hello");
        second.shutdown().await;
    }
}

#[tokio::test]
async fn a_stop_behind_a_message_prevents_its_turn_and_is_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(open(folder.path()), folder.path());
    let conversation = hub.conversation(&id(), Create::Yes).await.unwrap();
    let user = |json: &str| parse_user_action(json.as_bytes()).unwrap();
    let stop = r#"{"action":"change_agent_state","args":{"agent_state":"stopped"}}"#;
    let drafts = vec![Draft::user_message("1"), Draft::user_message("2"), user(stop)];
    conversation.append(drafts).await.unwrap();
    let stopped = |events: &[Value]| names(events).iter().any(|n| n.ends_with(" stopped"));
    assert_eq!(read_until(&conversation, stopped).await[4]["cause"], 3);
    conversation.append_one(Draft::user_message("3")).await.unwrap();
    let events = read_until(&conversation, turns(1)).await;
    let (four, rest) = events.split_at(4);
    assert!(four[1..].iter().all(|event| event["source"] == "user"));
    let answers: Vec<_> = rest.iter().filter(|event| event["source"] == "agent").cloned().collect();
    assert_eq!(names(&answers[..1]), ["agent_state_changed stopped"]);
    assert_eq!(names(&answers[1..]), TURN);
}

#[tokio::test]
async fn other_actions_of_the_user_are_answered_too() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(open(folder.path()), folder.path());
    let conversation = hub.conversation(&id(), Create::Yes).await.unwrap();
    for (json, answers) in [
        (
            r#"{"action":"change_agent_state","args":{"agent_state":"paused"}}"#,
            &["agent_state_changed paused"][..],
        ),
        (
            r#"{"action":"change_agent_state","args":{"agent_state":"running"}}"#,
            &["agent_state_changed running", "agent_state_changed awaiting_user_input"],
        ),
        (r#"{"action":"run","args":{"command":"rm -rf ."}}"#, &["error"]),
    ] {
        let action = parse_user_action(json.as_bytes()).unwrap();
        let at = conversation.append_one(action).await.unwrap().id.0 as usize;
        let events = read_until(&conversation, |events| events.len() > at + answers.len()).await;
        assert_eq!(names(&events[at + 1..]), answers);
        assert_eq!(events[at + 1]["cause"], at);
    }
}

/// A log whose n-th append fails, after it was stored or instead.
#[derive(Debug)]
struct Flaky {
    log: Arc<SqliteLog>,
    countdown: AtomicI32,
    stored: bool,
}

impl EventLog for Flaky {
    fn create<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
        owner: Option<&'a UserName>,
        first: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Created, LogError>> {
        self.log.create(id, title, owner, first)
    }

    fn conversation<'a>(
        &'a self,
        id: &'a ConversationId,
    ) -> BoxFuture<'a, Result<Option<Metadata>, LogError>> {
        self.log.conversation(id)
    }

    fn list<'a>(
        &'a self,
        viewer: Option<&'a Viewer>,
        before: Option<ConversationKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Listing, LogError>> {
        self.log.list(viewer, before, limit)
    }

    fn unread(&self, limit: usize) -> BoxFuture<'_, Result<Vec<ConversationId>, LogError>> {
        self.log.unread(limit)
    }

    fn set_title<'a>(
        &'a self,
        id: &'a ConversationId,
        title: &'a str,
    ) -> BoxFuture<'a, Result<bool, LogError>> {
        self.log.set_title(id, title)
    }

    fn set_access<'a>(
        &'a self,
        id: &'a ConversationId,
        access: Access,
    ) -> BoxFuture<'a, Result<bool, LogError>> {
        self.log.set_access(id, access)
    }

    fn delete<'a>(&'a self, id: &'a ConversationId) -> BoxFuture<'a, Result<bool, LogError>> {
        self.log.delete(id)
    }

    fn append(
        &self,
        key: ConversationKey,
        drafts: Vec<Draft>,
        agent_cursor: Option<Position>,
    ) -> BoxFuture<'_, Result<Vec<Arc<StoredEvent>>, LogError>> {
        async move {
            let fails = self.countdown.fetch_sub(1, Ordering::SeqCst) == 0;
            if !fails || self.stored {
                let stored = self.log.append(key, drafts, agent_cursor).await;
                if !fails {
                    return stored;
                }
            }
            Err(LogError::Write(Arc::new(std::io::Error::other("flaky"))))
        }
        .boxed()
    }

    fn read(&self, key: ConversationKey, page: PageOf) -> BoxFuture<'_, Result<Page, LogError>> {
        self.log.read(key, page)
    }

    fn head(&self, key: ConversationKey) -> BoxFuture<'_, Result<Head, LogError>> {
        self.log.head(key)
    }

    fn newest(
        &self,
        key: ConversationKey,
        sort: Sort,
        before: Position,
    ) -> BoxFuture<'_, Result<Option<Arc<StoredEvent>>, LogError>> {
        self.log.newest(key, sort, before)
    }

    fn oldest(&self, limit: usize) -> BoxFuture<'_, Result<Oldest, LogError>> {
        self.log.oldest(limit)
    }

    fn size(&self, key: ConversationKey) -> BoxFuture<'_, Result<u64, LogError>> {
        self.log.size(key)
    }

    fn follow(&self, feed: Feed) {
        self.log.follow(feed);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.log.close()
    }
}
