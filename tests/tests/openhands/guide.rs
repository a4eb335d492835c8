//! The public guide's examples, as a reader of it would run them.

use std::process::Stdio;

use serde_json::{Value, json};
use tests::{OpenHands, Script, Tool, install, within};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

fn options(transports: &[&str], schema: Option<&str>) -> String {
    let mut query = json!({
        "conversation_id": "your-conversation-id",
        "latest_event_id": -1,
        "providers_set": "github,gitlab,nobody",
    });
    if let Some(schema) = schema {
        query["event_schema"] = json!(schema);
    }
    json!({"transports": transports, "query": query}).to_string()
}

#[tokio::test]
async fn the_example_prints_the_command_and_what_the_agent_says() {
    for transports in [&["websocket"][..], &["polling", "websocket"], &["polling"]] {
        let server = OpenHands::start(&[]).await;
        let options = options(transports, None);
        let mut page = Script::node("openhands/guide.mjs", &[&server.url(), &options, "Hello!"]);
        page.expect("connected").await;
        let run = page.expect("command executed").await;
        assert_eq!(run, json!({"command": "ls -la", "result": null}), "{transports:?}");
        let says = page.expect("agent says").await;
        assert!(says.as_str().is_some_and(|text| text.contains("Hello!")), "{says}");
        assert_eq!(page.expect("disconnected").await, "io client disconnect");
        page.finish().await;
    }
}

#[tokio::test]
async fn with_the_guides_schema_it_prints_the_result_too() {
    let server = OpenHands::start(&[]).await;
    let options = options(&["websocket"], Some("guide"));
    let mut page = Script::node("openhands/guide.mjs", &[&server.url(), &options, "Hello!"]);
    page.expect("connected").await;
    let run = page.expect("command executed").await;
    assert_eq!(run["command"], "ls -la");
    assert!(run["result"].as_str().is_some_and(|text| text.starts_with("total ")), "{run}");
    page.expect("agent says").await;
    page.expect("disconnected").await;
    page.finish().await;
}

#[tokio::test]
async fn a_missing_conversation_is_a_connection_error() {
    let server = OpenHands::start(&[]).await;
    let options = json!({"transports": ["websocket"], "query": {"latest_event_id": -1}});
    let options = options.to_string();
    let mut page = Script::node("openhands/guide.mjs", &[&server.url(), &options, "Hello!"]);
    let error = page.expect("connection error").await;
    assert_eq!(error, "No conversation_id in query params");
}

/// `echo LINE | websocat URL`: what it prints until it ends.
async fn websocat(server: &OpenHands, line: &str) -> Vec<String> {
    let mut child = Command::new(install(Tool::Websocat))
        .arg(websocat_url(server))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    drop(stdin);
    let output = within("end of websocat", child.wait_with_output()).await.unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn websocat_url(server: &OpenHands) -> String {
    format!(
        "ws://{}/socket.io/?EIO=4&transport=websocket&conversation_id=your-conversation-id&latest_event_id=-1",
        server.address()
    )
}

const SAY: &str =
    r#"42["oh_user_action",{"type":"message","source":"user","message":"Hello, agent!"}]"#;

#[tokio::test]
async fn the_websocat_lines_connect_print_and_send() {
    let server = OpenHands::start(&[]).await;

    // A message without a CONNECT before it, and the end of input right behind.
    let lines = websocat(&server, SAY).await;
    assert!(lines[0].starts_with("0{\"sid\":"), "{lines:?}");
    assert!(lines[1].starts_with("40{\"sid\":"), "{lines:?}");

    // A persistent connection sees the turn to its end, whatever of it came before.
    let mut listener = Command::new(install(Tool::Websocat))
        .args(["-v", &websocat_url(&server)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    listener.stdin.as_mut().unwrap().write_all(b"40\n").await.unwrap();
    let mut printed = BufReader::new(listener.stdout.take().unwrap()).lines();
    let answer = loop {
        let line = within("line of websocat", printed.next_line()).await.unwrap().unwrap();
        if line.contains("\"wait_for_response\":true") {
            break line;
        }
    };
    assert!(answer.contains("Hello, agent!"), "{answer}");
    listener.kill().await.unwrap();

    // All messages received are printed although the client closes behind its CONNECT.
    let lines = websocat(&server, "40{}").await;
    let events: Vec<Value> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("42"))
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    let message = events.iter().find(|event| event[1]["type"] == "message").unwrap();
    assert_eq!(message[1]["message"], "Hello, agent!");
    assert!(events.iter().any(|event| event[1]["action"] == "run"), "{events:?}");
}
