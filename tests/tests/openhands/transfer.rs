//! Conversations of the original brought in, joined by its old clients, and written out again.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo};

use super::rest::get;
use super::tools::run;
use super::{event, query};

fn write(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn message(id: u64) -> String {
    json!({"id": id, "timestamp": format!("2026-01-02T03:04:{id:02}.000001"), "source": "user",
        "message": format!("message {id}"), "action": "message",
        "args": {"content": format!("message {id}"), "file_urls": null, "image_urls": null,
            "wait_for_response": false, "security_risk": -1}})
    .to_string()
}

/// A store with one conversation: ids 0 to 9, of which 4 was assigned but not stored, and 6 was half written.
pub(super) fn store(root: &Path, conversation: &str) {
    let folder = root.join("sessions").join(conversation);
    for id in [0, 1, 2, 3, 5, 7, 8, 9] {
        write(folder.join(format!("events/{id}.json")), &message(id));
    }
    write(folder.join("events/6.json"), &message(6)[..50]);
    let metadata = json!({"conversation_id": conversation, "title": "Old times",
        "created_at": "2026-01-02T03:04:00.000000Z",
        "last_updated_at": "2026-01-02T03:04:09.000001Z"});
    write(folder.join("metadata.json"), &metadata.to_string());
}

#[tokio::test]
async fn an_old_client_goes_on_where_it_was_and_an_export_is_the_same() {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(root.path(), "c");
    let folder = root.path().to_str().unwrap();
    let (code, said, error) = run(&["import", folder], data.path()).await;
    assert_eq!((code, &*error), (Some(3), ""), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("skipped sessions/c/events/6.json: no JSON"), "{said}");
    let sum = "1 conversations imported, 0 were there already; 8 events, 1 skipped, 2 ids filled \
               with null events";
    assert_eq!(lines[1..], [sum]);
    let (code, said, _) = run(&["import", folder], data.path()).await;
    let sum = "0 conversations imported, 1 were there already; 0 events, 0 skipped\n";
    assert_eq!((code, &*said), (Some(0), sum));

    let server = OpenHands::start_in(data, &[], &["--agent", "none"]).await;
    let mut client = SocketIo::start();
    client.open("old", &server.url(), query("c", &[("latest_event_id", "5")])).await;
    client.expect("old", "connect").await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(event(&mut client, "old").await["id"].as_u64().unwrap());
    }
    assert_eq!(seen, [7, 8, 9], "what stands for event 6 is not sent");
    client.ask("old", json!(["oh_user_action", {"type": "message", "message": "new"}])).await;
    let mut next = client.next("old").await;
    if next.0 == "ack" {
        next = client.next("old").await;
    }
    assert_eq!(next.1[1]["id"], 10);
    assert_eq!(get(&server, "/api/conversations/c").await.1["title"], "Old times");

    let (code, refused, error) = run(&["import", folder], server.data()).await;
    assert_eq!((code, &*refused), (Some(1), ""));
    assert!(error.contains("another server uses the data folder"), "{error}");
    let (code, said, error) = run(&["export", "c"], server.data()).await;
    assert_eq!((code, &*error), (Some(0), "conversation c: 11 events\n"));
    let trajectory: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(trajectory, get(&server, "/api/conversations/c/trajectory").await.1);

    let (out, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = ["export", "c", "--format", "files", "-o", out.path().to_str().unwrap()];
    assert_eq!(run(&files, server.data()).await.0, Some(0));
    let (code, said, _) = run(&["import", out.path().to_str().unwrap()], again.path()).await;
    assert_eq!((code, said.contains("11 events, 0 skipped")), (Some(0), true), "{said}");
    let (_, said, _) = run(&["export", "c"], again.path()).await;
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), trajectory);
}

#[tokio::test]
async fn an_export_replaces_nothing_and_names_what_is_missing() {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(root.path(), "c");
    run(&["import", root.path().to_str().unwrap()], data.path()).await;
    let file = root.path().join("t.json");
    let export = ["export", "c", "-o", file.to_str().unwrap()];
    assert_eq!(run(&export, data.path()).await.0, Some(0));
    let whole = fs::read_to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&whole).unwrap()["trajectory"][9]["id"], 9);
    for (args, part) in [
        (&export[..], "is there already"),
        (&["export", "none"], "there is no conversation none"),
        (&["export", "../x"], "does not contain"),
        (&["export", "c", "--format", "files"], "--output"),
        (&["import", "/nowhere/at/all"], "cannot read the store"),
    ] {
        let (code, said, error) = run(args, data.path()).await;
        assert!(matches!(code, Some(1 | 2)) && said.is_empty(), "{args:?}: {said}");
        assert!(error.contains(part), "{args:?}: {error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
}
