//! What an operator sees: counters and log lines.

use serde_json::json;
use tests::{OpenHands, SocketIo, within};

use super::query;
use super::rest::get;

#[tokio::test]
async fn connects_refusals_and_closes_are_counted_and_logged() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    client.open("bad", &server.url(), query("", &[])).await;
    client.expect("bad", "connect_error").await;
    client.open("s", &server.url(), query("c", &[])).await;
    client.expect("s", "connect").await;
    let secret = json!({"action": "message", "args": {"content": "my secret"}});
    client.ask("s", json!(["oh_user_action", secret])).await;
    // The ack and the echo come in either order.
    for _ in 0..2 {
        client.next("s").await;
    }
    let text = get(&server, "/metrics").await.1;
    let text = text.as_str().unwrap();
    for line in [
        "openhands_connections 1",
        "openhands_conversations 1",
        "openhands_events_in_total 1",
        "openhands_events_out_total 1",
        "openhands_append_seconds_count 1",
        "openhands_append_queue_commands 0",
        "openhands_append_queue_bytes 0",
        "openhands_clients_behind 0",
        "openhands_replay_lag_events_max 0",
        "openhands_refusals_total{reason=\"no_conversation_id\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    for gauge in ["openhands_sessions", "openhands_log_file_bytes"] {
        let shown = text.lines().find_map(|line| line.strip_prefix(gauge)?.trim().parse().ok());
        assert!(shown.is_some_and(|count: u64| count > 0), "{gauge} in {text}");
    }
    super::rest::post(&server, "/api/conversations/c/stop", &json!({})).await;
    client.expect("s", "disconnect").await;
    let closed = async {
        while !server.said().contains("disconnected") {
            tokio::task::yield_now().await;
        }
    };
    within("line of the close", closed).await;
    let said = server.said();
    for part in
        ["connect refused", "no_conversation_id", " connected", "server namespace disconnect"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("my secret"), "{said}");
    let text = get(&server, "/metrics").await.1;
    assert!(text.as_str().unwrap().contains("openhands_connections 0\n"), "{text}");
}

#[tokio::test]
async fn log_lines_are_json_when_asked_for() {
    let server = OpenHands::start(&["--agent", "none", "--log-format", "json"]).await;
    let started = async {
        loop {
            let said = server.said();
            match said.lines().find(|line| line.starts_with('{')) {
                Some(line) => return serde_json::from_str::<serde_json::Value>(line).unwrap(),
                None => tokio::task::yield_now().await,
            }
        }
    };
    let line = within("first line of the log", started).await;
    assert_eq!((&line["level"], &line["message"]), (&json!("INFO"), &json!("started")));
    assert_eq!(line["address"], server.address().to_string());
}
