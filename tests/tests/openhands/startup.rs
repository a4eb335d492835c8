//! Starting, and failures to start: one line, an exit code, nothing damaged.

use std::path::Path;

use serde_json::json;
use tests::{OpenHands, within};

/// Runs the program to its end. Returns the exit code and what it printed on standard error.
async fn ends(args: &[&str], data: &Path) -> (Option<i32>, String) {
    let mut command = OpenHands::command();
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(args);
    let output = within("end of openhands", command.output()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn it_says_what_runs_where() {
    let mut server = OpenHands::start(&[]).await;
    let said = server.said();
    // The rest of the lines follows the address at once.
    let try_line = async {
        while !server.said().contains("  try ") {
            tokio::task::yield_now().await;
        }
    };
    within("first thing to try", try_line).await;
    for part in [
        format!("web        http://{}/", server.address()),
        format!("Socket.IO  ws://{}/socket.io/", server.address()),
        server.data().display().to_string(),
        "agent      demo".to_owned(),
        "/api/conversations".to_owned(),
    ] {
        assert!(server.said().contains(&part), "{part} in {said}");
    }
    assert!(server.stop().await.success(), "SIGTERM is a clean end");
}

#[tokio::test]
async fn what_an_agent_left_unanswered_is_answered_after_a_restart() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let path = "/api/conversations";
    super::rest::post(&server, path, &json!({"initial_user_msg": "hello"})).await;
    let before = super::rest::get(&server, path).await.1["results"][0]["last_updated_at"].clone();
    let server = server.restart(&["--agent", "demo"]).await;
    // The list does not load a conversation, so only the server itself can wake the agent.
    let answered = async {
        let updated = |list: &serde_json::Value| list["results"][0]["last_updated_at"].clone();
        while updated(&super::rest::get(&server, path).await.1) == before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("answer of the agent", answered).await;
}

#[tokio::test]
async fn an_address_or_a_folder_in_use_is_one_line() {
    let server = OpenHands::start(&[]).await;
    let other = tempfile::tempdir().unwrap();
    let address = server.address().to_string();
    let (code, said) = ends(&["--listen", &address], other.path()).await;
    // The later flag counts.
    assert_eq!(code, Some(2), "{said}");
    let mut command = OpenHands::command();
    command.args(["--listen", &address, "--data-dir"]).arg(other.path());
    let output = within("end of openhands", command.output()).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("is in use") && said.contains("--listen"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let (code, said) = ends(&[], server.data()).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("another server uses the data folder"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn a_damaged_file_is_one_line_and_stays_as_it_was() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("openhands.db");
    let garbage = b"this is no database, however long one looks at it".repeat(100);
    std::fs::write(&file, &garbage).unwrap();
    let (code, said) = ends(&[], data.path()).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("is not a database"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), garbage);

    std::fs::write(data.path().join("file"), b"").unwrap();
    let (code, said) = ends(&[], &data.path().join("file")).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot write in the data folder"), "{said}");
}

#[tokio::test]
async fn flags_environment_and_file_say_the_same_things() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openhands.toml");
    std::fs::write(&file, "agent = \"none\"\ncreate-on-join = false\n").unwrap();
    let server = OpenHands::start(&["--config", file.to_str().unwrap()]).await;
    assert!(server.said().contains("openhands "), "{}", server.said());
    let agent = async {
        while !server.said().contains("agent      none") {
            tokio::task::yield_now().await;
        }
    };
    within("the file's agent", agent).await;

    std::fs::write(&file, "agnet = \"none\"\n").unwrap();
    let (code, said) = ends(&["--config", file.to_str().unwrap()], folder.path()).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("agnet"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let mut command = OpenHands::command();
    command.args(["--listen", "127.0.0.1:0"]).env("OPENHANDS_AGENT", "nobody");
    let output = within("end of openhands", command.output()).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("demo"), "{said}");
}
