//! Old conversations are deleted by the server, by hand and by a DELETE, each time with their files.

use std::path::Path;

use serde_json::json;
use tests::{OpenHands, SocketIo, within};

use super::query;
use super::rest::{get, send};
use super::tools::run;
use super::transfer::store;

fn workspaces(data: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(data.join("workspaces")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A data folder with an old conversation that has a workspace. The conversation's key is 1.
async fn old() -> tempfile::TempDir {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(root.path(), "old");
    run(&["import", root.path().to_str().unwrap()], data.path()).await;
    let workspace = data.path().join("workspaces/1-old");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("notes.txt"), "x").unwrap();
    data
}

#[tokio::test]
async fn an_old_conversation_goes_with_its_files_and_a_new_one_stays() {
    let server = OpenHands::start_in(old().await, &[], &["--agent", "none"]).await;
    let mut client = SocketIo::start();
    client.open("s", &server.url(), query("new", &[])).await;
    client.expect("s", "connect").await;
    assert!(get(&server, "/api/conversations/old").await.1.is_object(), "off by default");
    let server = server.restart(&["--agent", "none", "--retain-days", "30"]).await;
    let gone = async {
        while !get(&server, "/api/conversations/old").await.1.is_null() {}
        while !server.said().contains("conversation=old") {
            tokio::task::yield_now().await;
        }
    };
    within("end of the old conversation", gone).await;
    assert_eq!(workspaces(server.data()), [""; 0]);
    assert!(get(&server, "/api/conversations/new").await.1.is_object());
    let text = get(&server, "/metrics").await.1;
    let line = "openhands_conversations_deleted_total{reason=\"age\"} 1";
    assert!(text.as_str().unwrap().contains(line), "{text}");
    let said = server.said();
    let line = said.lines().find(|line| line.contains("conversation=old")).unwrap();
    assert!(line.contains("INFO") && line.contains("why=age"), "{line}");
}

#[tokio::test]
async fn pruning_by_hand_tells_first_and_needs_the_folder() {
    let server = OpenHands::start_in(old().await, &[], &["--agent", "none"]).await;
    let (code, said, error) = run(&["prune"], server.data()).await;
    assert_eq!((code, &*said), (Some(1), ""));
    assert!(error.contains("--retain-days"), "{error}");
    let by_age = ["prune", "--retain-days", "30"];
    let (code, said, _) = run(&[&by_age[..], &["--dry-run"]].concat(), server.data()).await;
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("old: age, ") && lines[1].starts_with("1 conversations would be"));
    let (code, _, error) = run(&by_age, server.data()).await;
    assert!(code == Some(1) && error.contains("another server uses"), "{error}");

    let data = old().await;
    let (code, said, _) = run(&["prune", "--retain-bytes", "1"], data.path()).await;
    assert!(code == Some(0) && said.starts_with("old: size, "), "{said}");
    let (_, said, _) = run(&["check"], data.path()).await;
    assert_eq!(said, "0 conversations, 0 events, 0 faults\n");
    assert_eq!(workspaces(data.path()), [""; 0]);
}

#[tokio::test]
async fn a_delete_takes_rows_files_and_space() {
    let server = OpenHands::start(&["--agent", "demo"]).await;
    let large = "x".repeat(1 << 20);
    let body = json!({"initial_user_msg": "hello"}).to_string();
    let created = send(&server, "POST", "/api/conversations", &body).await.1;
    let path = format!("/api/conversations/{}", created["conversation_id"].as_str().unwrap());
    let worked = async { while workspaces(server.data()).is_empty() {} };
    within("workspace of the agent", async {
        worked.await;
        for _ in 0..4 {
            let body = json!({"message": large}).to_string();
            assert_eq!(send(&server, "POST", &format!("{path}/message"), &body).await.0, 200);
        }
    })
    .await;
    assert_eq!(send(&server, "DELETE", &path, "").await, (200, json!(true)));
    assert_eq!(workspaces(server.data()), [""; 0]);
    let (_, said, _) = run(&["check"], server.data()).await;
    assert_eq!(said, "0 conversations, 0 events, 0 faults\n");
    let file = server.data().join("openhands.db");
    let shrunk = async {
        while std::fs::metadata(&file).unwrap().len() > 1 << 20 {
            tokio::task::yield_now().await;
        }
    };
    within("space given back", shrunk).await;
}
