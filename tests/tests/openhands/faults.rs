//! The disk is full, locked or read-only, or a file is cut short: clients are told, nothing is lost, and
//! the server recovers by itself when the cause is gone.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use tests::{OpenHands, SocketIo, within};

use super::rest::{get, post};
use super::tools::run;
use super::{event, query, with_messages};

/// Writes a message, and returns its ack.
async fn said(client: &mut SocketIo, text: &str) -> Value {
    let action = json!({"action": "message", "args": {"content": text}});
    client.ask("writer", json!(["oh_user_action", action])).await;
    // A refusal is also told by an event, and what is stored comes back: before or after the ack.
    let (mut ack, mut told) = (None, false);
    while ack.is_none() || !told {
        match client.next("writer").await {
            (kind, value) if kind == "ack" => ack = Some(value),
            (kind, value) => {
                assert_eq!(kind, "event");
                assert!(value[1]["error"] == true || value[1]["message"] == text, "{value}");
                told = true;
            }
        }
    }
    ack.unwrap()
}

fn refused(ack: &Value) {
    let why = ack[0]["error"].as_str().unwrap_or_default();
    assert_eq!(why, "the action was not stored: the event log could not write", "{ack}");
}

/// Reads a conversation from its start. Returns the ids, and the user's messages.
async fn replayed(client: &mut SocketIo, socket: &str, server: &OpenHands, events: usize) {
    client.open(socket, &server.url(), query("c", &[])).await;
    client.expect(socket, "connect").await;
    for id in 0..events {
        assert_eq!(event(client, socket).await["id"], id);
    }
}

async fn whole(server: &OpenHands, events: usize) {
    let (code, said, error) = run(&["check"], server.data()).await;
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains(&format!(" {events} events, 0 faults")), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let (server, mut client) = with_messages(3).await;
    server.limit_files(Some(0));
    for _ in 0..2 {
        refused(&said(&mut client, "no room").await);
    }
    let message = json!({"message": "no room"});
    let (status, body) = post(&server, "/api/conversations/c/message", &message).await;
    assert_eq!((status, &body["detail"]), (503, &json!("the event log could not write")));
    client.open("new", &server.url(), query("another", &[])).await;
    let error = client.expect("new", "connect_error").await;
    let text = "Failed to access conversation events: the event log could not write";
    assert_eq!(error["message"], text);
    // Stored events can be read.
    replayed(&mut client, "reader", &server, 3).await;
    let log = server.said();
    assert!(log.contains("ERROR") && log.contains("the event log could not commit"), "{log}");
    let metrics = get(&server, "/metrics").await.1;
    assert!(metrics.as_str().unwrap().contains("openhands_append_failures_total 3"), "{metrics}");

    server.limit_files(None);
    assert_eq!(said(&mut client, "room").await, json!([]));
    assert_eq!(event(&mut client, "reader").await["id"], 3, "no id was used by a refused one");
    whole(&server, 4).await;
    let server = server.restart(&["--agent", "none"]).await;
    replayed(&mut client, "after", &server, 4).await;
}

#[tokio::test]
async fn a_locked_database_refuses_writes_until_it_is_free() {
    let (server, mut client) = with_messages(2).await;
    let other = Connection::open(server.data().join("openhands.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    refused(&said(&mut client, "locked out").await);
    replayed(&mut client, "reader", &server, 2).await;
    assert!(server.said().contains("database is locked"), "{}", server.said());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(said(&mut client, "free").await, json!([]));
    assert_eq!(event(&mut client, "reader").await["id"], 2);
    whole(&server, 3).await;
}

#[tokio::test]
async fn a_database_that_is_cut_short_is_no_empty_one_and_works_when_it_is_back() {
    let (mut server, client) = with_messages(3).await;
    drop(client);
    let mut client = SocketIo::start();
    for (round, length) in [0, 4096].into_iter().enumerate() {
        // So that all events are in this one file, and none in memory.
        assert!(server.stop().await.success());
        let file = server.data().join("openhands.db");
        let db = Connection::open(&file).unwrap();
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(db);
        server = server.restart(&["--agent", "none"]).await;
        let bytes = fs::read(&file).unwrap();
        File::options().write(true).open(&file).unwrap().set_len(length).unwrap();
        let cut = format!("cut {round}");
        client.open(&cut, &server.url(), query("c", &[])).await;
        let error = client.expect(&cut, "connect_error").await;
        let text = error["message"].as_str().unwrap();
        assert!(text.starts_with("Failed to access conversation events: the event log"), "{text}");
        let (status, body) = get(&server, "/api/conversations/c").await;
        assert_eq!((status, &body["detail"]), (503, &json!("the event log could not read")));

        // In place: the server has the file open.
        fs::write(&file, &bytes).unwrap();
        replayed(&mut client, "writer", &server, 3 + round).await;
        assert_eq!(said(&mut client, "back").await, json!([]));
        whole(&server, 4 + round).await;
        client.disconnect("writer").await;
        client.expect("writer", "disconnect").await;
    }
}

/// Runs the program as somebody who may not write everywhere, until it ends.
async fn unprivileged(program: &Path, args: &[&str], data: &Path) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::new(program);
    command.args(args).arg("--data-dir").arg(data).env_clear();
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = within("end of openhands", command.output()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_read_only_folder_is_one_line_and_is_left_as_it_was() {
    let (root, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = root.path().join("openhands");
    let original = OpenHands::command().as_std().get_program().to_owned();
    fs::copy(original, &program).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(root.path(), 0o755);
    mode(data.path(), 0o555);
    for args in [&["--listen", "127.0.0.1:0"][..], &["prune", "--retain-days", "1"]] {
        let (code, error) = unprivileged(&program, args, data.path()).await;
        assert_eq!(code, Some(1), "{error}");
        assert!(error.starts_with("openhands: cannot write in the data folder"), "{error}");
        assert!(error.contains("ermission denied") && error.lines().count() == 1, "{error}");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    }
    mode(data.path(), 0o777);
    let (code, error) = unprivileged(&program, &["prune", "--retain-days", "1"], data.path()).await;
    assert_eq!((code, &*error), (Some(0), ""));
}

/// The user `nobody`.
const NOBODY: u32 = 65_534;
