//! Starting, and failures to start: one line, an exit code, nothing damaged.

use std::path::Path;

use serde_json::json;
use tests::{OpenHands, within};
use tokio::io::{AsyncBufReadExt as _, BufReader};

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

#[tokio::test]
async fn an_environment_variable_that_is_empty_counts_as_absent() {
    let names = [
        "CONFIG",
        "LISTEN",
        "DATA_DIR",
        "AGENT",
        "ALLOW_ORIGIN",
        "ALLOW_EVERYONE_WITHOUT_A_KEY",
        "CREATE_ON_JOIN",
        "STATIC_DIR",
        "MAX_CONNECTIONS",
        "MAX_REQUESTS_PER_SECOND",
        "MAX_CONNECTS_PER_MINUTE",
        "MAX_ACTIONS_PER_SECOND",
        "MAX_USER_ACTIONS_PER_SECOND",
        "BEHIND_PROXY",
        "LOG",
        "LOG_FORMAT",
        "RETAIN_DAYS",
        "RETAIN_BYTES",
    ];
    let mut names: Vec<String> = names.iter().map(|name| format!("OPENHANDS_{name}")).collect();
    names.push("SESSION_API_KEY".to_owned());
    // A variable that the program reads and this list lacks is one that nobody tried.
    let help = OpenHands::command().arg("--help").output().await.unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for read in help.split("[env: ").skip(1).filter_map(|rest| rest.split('=').next()) {
        assert!(names.iter().any(|name| name == read), "{read} is not tried");
    }
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let server = OpenHands::start_in(tempfile::tempdir().unwrap(), &empty, &[]).await;
    assert_eq!(super::rest::get(&server, "/api/conversations").await.0, 200);
}

#[tokio::test]
async fn an_origin_that_no_browser_sends_is_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let (code, said) = ends(&["--allow-origin", "chat.example.org"], data.path()).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("write it as https://chat.example.org"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn the_address_it_prints_is_one_that_answers() {
    let mut command = OpenHands::command();
    let data = tempfile::tempdir().unwrap();
    command.args(["--listen", "0.0.0.0:0", "--allow-everyone-without-a-key", "--data-dir"]);
    let mut child = command.arg(data.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let web = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("an address before the end");
            if let Some((_, address)) = line.split_once("web        http://") {
                break address.trim_end_matches('/').to_owned();
            }
        }
    };
    let address = within("address", web).await;
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    within("connection", tokio::net::TcpStream::connect(&address)).await.unwrap();
    child.kill().await.unwrap();
}
