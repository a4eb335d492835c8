//! A store of the original in, a log and a store out.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::import::Imported;
use super::*;
use crate::domain::{AgentState, ConversationId, Draft, EventId, Position, Redaction, RunResult};
use crate::log::sqlite::{SqliteConfig, SqliteLog, check};
use crate::log::{Direction, EventLog as _, Metadata, PageOf};

fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A file as the original writes it.
fn message(id: u64, content: &str) -> String {
    text::pythonic(
        &json!({"id": id, "timestamp": format!("2026-01-02T03:04:{id:02}.000001"),
            "source": "user", "message": content, "action": "message",
            "args": {"content": content, "file_urls": null, "image_urls": [],
                "wait_for_response": false, "security_risk": -1}})
        .to_string(),
    )
}

fn metadata(created_at: &str) -> String {
    json!({"conversation_id": "ignored", "selected_repository": null, "user_id": null,
        "title": "Fibonacci Helper", "last_updated_at": "2026-01-02T03:05:00.5Z",
        "trigger": "gui", "pr_number": [], "created_at": created_at})
    .to_string()
}

/// Imports, and gives the lines of what was skipped below the sum.
fn imported(root: &Path, data: &Path) -> (Imported, Vec<String>) {
    let (mut skipped, mut done, mut files) = (Vec::new(), 0, 0);
    let sum = import(root, data, Redaction::default(), |told| match told {
        Told::Skipped { path, why } => {
            skipped.push(format!("{}: {why}", path.strip_prefix(root).unwrap().display()));
        }
        Told::Found { files: all, .. } => files = all,
        Told::Files(more) => done += more,
        Told::Conversation => {}
    })
    .unwrap();
    assert_eq!(done, files, "the progress comes to its end");
    let checked = check(data, |fault| panic!("{fault}")).unwrap();
    assert_eq!(checked.faults, 0);
    (sum, skipped)
}

async fn stored(data: &Path, name: &str) -> (Metadata, Vec<Value>) {
    let log = SqliteLog::open(data, SqliteConfig::default()).unwrap();
    let metadata = log.conversation(&id(name)).await.unwrap().unwrap();
    let page = PageOf {
        from: Position::START,
        direction: Direction::Forward,
        max_events: 1000,
        max_bytes: usize::MAX,
    };
    let events = log.read(metadata.key, page).await.unwrap().events;
    let events = events.iter().map(|event| serde_json::from_slice(&event.json).unwrap()).collect();
    assert_eq!(log.unread(10).await.unwrap(), [], "no agent answers what is long past");
    log.close().await;
    (metadata, events)
}

#[tokio::test]
async fn both_layouts_come_in_with_ids_times_and_titles() {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = root.path();
    for number in 0..30 {
        let file = format!("sessions/new/events/{number}.json");
        write(root.join(file), &message(number, "caf\u{e9}"));
    }
    write(root.join("sessions/new/metadata.json"), &metadata("2026-02-01T00:00:00.000000Z"));
    write(root.join("sessions/new/agent_state.pkl"), "not looked at");
    let old = "users/alice/conversations/old";
    write(root.join(old).join("metadata.json"), &metadata("2026-01-01T00:00:00+00:00"));
    let (sum, skipped) = imported(root, data.path());
    assert_eq!(skipped, [""; 0]);
    assert_eq!(sum, Imported { conversations: 2, events: 30, ..Imported::default() });
    let (new, events) = stored(data.path(), "new").await;
    assert_eq!((new.title.as_str(), events.len()), ("Fibonacci Helper", 30));
    assert_eq!(new.created_at, "2026-02-01T00:00:00.000000Z");
    assert_eq!(new.updated_at, "2026-01-02T03:05:00.500000Z");
    assert_eq!(events[7]["timestamp"], "2026-01-02T03:04:07.000001");
    assert_eq!((&events[7]["message"], &events[7]["type"]), (&json!("café"), &json!("message")));
    let (old, events) = stored(data.path(), "old").await;
    assert_eq!((new.access.owner, old.access.owner), (None, Some("alice".parse().unwrap())));
    assert!(events.is_empty() && old.key < new.key, "in the order in which they were created");

    let (sum, skipped) = imported(root, data.path());
    assert_eq!((sum.conversations, sum.present, sum.events), (0, 2, 0));
    assert!(skipped.is_empty() && sum.to_string().starts_with("0 conversations imported, 2 were"));
}

#[tokio::test]
async fn what_is_broken_is_told_and_ids_stay() {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = root.path();
    let folder = root.join("sessions/c");
    write(folder.join("metadata.json"), "");
    write(folder.join("events/1.json"), &message(1, "one"));
    write(folder.join("events/3.json"), &message(3, "three")[..40]);
    write(folder.join("events/5.json"), &message(5, "five")[..40]);
    write(folder.join("events/6.json"), &message(7, "says it is 7"));
    let unknown = r#"{"id": 8, "source": "agent", "observation": "agent_ready", "content": "x"}"#;
    write(folder.join("events/8.json"), unknown);
    write(folder.join("events/9.json"), &message(9, "half \u{e9}").replace("00e9", "d83d"));
    write(folder.join("events/70000.json"), &message(70_000, "far"));
    write(folder.join("events/nine.json"), "{}");
    write(folder.join("events/01.json"), "{}");
    fs::create_dir_all(folder.join("events/10.json")).unwrap();
    // The page lacks the burnt id 2, so that its places are not its ids.
    let page: Vec<Value> =
        [0, 1, 3, 4].map(|id| serde_json::from_str(&message(id, "from the cache")).unwrap()).into();
    write(folder.join("event_cache/0-4.json"), &json!(page).to_string());
    write(folder.join("event_cache/25-50.json"), "[{");
    write(root.join("sessions/.dot/events/0.json"), &message(0, "x"));
    fs::create_dir_all(root.join("sessions/empty")).unwrap();
    write(root.join("sessions/a file"), "x");

    let (sum, skipped) = imported(root, data.path());
    let expected = [
        "sessions/.dot: a conversation id must not begin with a dot",
        "sessions/empty: neither metadata.json nor events in it",
        "sessions/c/metadata.json: no JSON: EOF",
        "sessions/c/events/01.json: no event's name",
        "sessions/c/events/nine.json: no event's name",
        "sessions/c/events/5.json: no JSON: EOF",
        "sessions/c/events/6.json: its id is 7",
        "sessions/c/events/10.json: no file",
        "sessions/c/events/70000.json: its id is 69989 beyond the event before it, the limit is",
    ];
    assert_eq!(skipped.len(), expected.len(), "{skipped:#?}");
    for (found, start) in skipped.iter().zip(expected) {
        let dot = start.contains(".dot") && found.starts_with("sessions/.dot: ");
        assert!(found.starts_with(start) || dot, "{found}\n{start}");
    }
    assert_eq!(
        sum,
        Imported {
            conversations: 1,
            events: 6,
            gaps: 5,
            from_cache: 3,
            unknown: 1,
            mended: 1,
            skipped: 9,
            ..Imported::default()
        }
    );
    let (metadata, events) = stored(data.path(), "c").await;
    assert_eq!(metadata.title, "Conversation c");
    let told: Vec<&str> =
        events.iter().map(|event| event["message"].as_str().unwrap_or("?")).collect();
    let null = "No observation";
    let cache = "from the cache";
    let half = "half \u{fffd}";
    assert_eq!(told, [cache, "one", null, cache, cache, null, null, null, "?", half, null]);
    assert_eq!(metadata.head.position, Position(11), "the next id is one that nobody has seen");
    assert_eq!(events[2]["timestamp"], "2026-01-02T03:04:03.000001", "that of the one behind it");
    assert_eq!(events[8]["observation"], "agent_ready");
}

#[tokio::test]
async fn secrets_of_the_store_stay_behind() {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = root.path();
    write(root.join("settings.json"), r#"{"llm_model": "gpt", "llm_api_key": "sk-llm"}"#);
    write(
        root.join("secrets.json"),
        r#"{"provider_tokens": {"github": {"token": "ghp_1", "user_id": "alice"}},
            "custom_secrets": {"DB": {"secret": "hunter2", "description": "the database"}}}"#,
    );
    let said = "sk-llm ghp_1 hunter2 alice gpt the database";
    write(root.join("sessions/c/events/0.json"), &message(0, said));
    let (sum, _) = imported(root, data.path());
    assert_eq!(sum.redacted, 1);
    let (_, events) = stored(data.path(), "c").await;
    let m = Redaction::MARK;
    assert_eq!(events[0]["args"]["content"], format!("{m} {m} {m} alice gpt the database"));
}

#[tokio::test]
async fn an_export_comes_back_as_it_was() {
    let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let [data, root, again, root_again] = folders.each_ref().map(tempfile::TempDir::path);
    let log = SqliteLog::open(data, SqliteConfig::default()).unwrap();
    let first = vec![Draft::agent_state_changed(AgentState::Loading, "", None)];
    let key = log
        .create(&id("a b"), "Título", Some(&"bob".parse().unwrap()), first)
        .await
        .unwrap()
        .metadata
        .key;
    let ls = RunResult { command: "ls", output: "caf\u{e9}\n\u{1f600}", ..RunResult::default() };
    let drafts = vec![
        Draft::user_message("\u{7f}\"\\\u{1b} \u{2028}"),
        Draft::run("ls", ""),
        Draft::run_observation(EventId(2), &ls),
        Draft::error("", "", None),
        Draft::finish("done"),
    ];
    log.append(key, drafts, Some(Position(6))).await.unwrap();
    log.close().await;

    assert_eq!(export_files(data, &id("a b"), root).unwrap(), 6);
    let file = fs::read_to_string(root.join("sessions/a b/events/3.json")).unwrap();
    assert!(file.starts_with("{\"id\": 3, \"timestamp\": \"") && file.is_ascii(), "{file}");
    let (sum, skipped) = imported(root, again);
    assert_eq!((sum.events, sum.gaps, skipped.len()), (6, 0, 0), "{skipped:?}");
    let (before, after) = (stored(data, "a b").await, stored(again, "a b").await);
    assert_eq!(before, after);
    export_files(again, &id("a b"), root_again).unwrap();
    for name in ["metadata.json", "events/0.json", "events/1.json", "events/5.json"] {
        let file = |root: &Path| fs::read_to_string(root.join("sessions/a b").join(name)).unwrap();
        assert_eq!(file(root), file(root_again), "{name}");
    }

    let refused = export_files(data, &id("a b"), root).unwrap_err();
    assert!(matches!(refused, ExportError::Exists { .. }), "{refused}");
    let refused = export_files(data, &id("none"), root).unwrap_err();
    assert_eq!(refused.to_string(), "there is no conversation none");
}

#[tokio::test]
async fn a_trajectory_is_one_document_without_what_is_hidden() {
    let (data, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(root.path().join("sessions/c/events/0.json"), &message(0, "hi"));
    let hidden =
        r#"{"source": "agent", "action": "run", "args": {"command": "x", "hidden": true}}"#;
    write(root.path().join("sessions/c/events/1.json"), hidden);
    let browse = r#"{"source": "agent", "observation": "browse", "content": "page", "extras": {"url": "u", "screenshot": "large"}}"#;
    write(root.path().join("sessions/c/events/2.json"), browse);
    write(root.path().join("sessions/empty/metadata.json"), "{}");
    imported(root.path(), data.path());
    let exported = |name: &str| {
        let mut out = Vec::new();
        export_trajectory(data.path(), &id(name), &mut out, Path::new("-")).unwrap();
        serde_json::from_slice::<Value>(&out).unwrap()
    };
    let all = exported("c");
    let all = all["trajectory"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["message"], &all[1]["extras"]), (&json!("hi"), &json!({"url": "u"})));
    assert_eq!(exported("empty"), json!({"trajectory": []}));
}

#[test]
fn what_is_no_store_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let failed = |root: &Path| {
        import(root, folder.path(), Redaction::default(), |_| {}).unwrap_err().to_string()
    };
    assert!(failed(folder.path()).contains("neither \"sessions\" nor"));
    assert!(failed(&folder.path().join("none")).contains("cannot read the store"));
    assert!(!folder.path().join("openhands.db").exists(), "nothing was made");
}
