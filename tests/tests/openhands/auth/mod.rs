//! Keys: who is let in, who sees what, and what everybody else is told.

mod keys;
mod owners;

use std::path::Path;

use serde_json::{Value, json};
use tests::{OpenHands, within};

use super::{query, rest};

const NO_AGENT: [&str; 2] = ["--agent", "none"];

/// A server with keys, and the keys it has.
pub(super) struct Keyed {
    pub(super) server: OpenHands,
    pub(super) alice: String,
    pub(super) bob: String,
    bot: String,
    pub(super) root: String,
}

pub(super) async fn keyed(flags: &[&str]) -> Keyed {
    let data = tempfile::tempdir().unwrap();
    let alice = add(data.path(), "alice", "user").await;
    let bob = add(data.path(), "bob", "user").await;
    let bot = add(data.path(), "bot", "agent").await;
    let root = add(data.path(), "root", "admin").await;
    let server = OpenHands::start_in(data, &[], &[&NO_AGENT, flags].concat()).await;
    Keyed { server, alice, bob, bot, root }
}

/// Runs `openhands key …`; what it prints.
async fn key(data: &Path, args: &[&str]) -> String {
    let mut command = OpenHands::command();
    command.arg("key").args(args).arg("--data-dir").arg(data);
    let output = within("end of openhands key", command.output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn add(data: &Path, user: &str, role: &str) -> String {
    key(data, &["add", user, "--role", role]).await
}

/// A request with a key.
pub(super) async fn ask(
    server: &OpenHands,
    key: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, Value) {
    let headers = format!("x-session-api-key: {key}\r\ncontent-type: application/json\r\n");
    rest::request(server, method, path, &headers, body).await
}

/// Options of a client with a key.
pub(super) fn with_key(conversation: &str, key: &str) -> Value {
    query(conversation, &[("session_api_key", key)])
}

/// A conversation of whose key this is.
pub(super) async fn conversation(server: &OpenHands, key: &str) -> String {
    let (status, created) =
        ask(server, key, "POST", "/api/conversations", r#"{"initial_user_msg":"mine"}"#).await;
    assert_eq!(status, 200, "{created}");
    created["conversation_id"].as_str().unwrap().to_owned()
}

/// What a stranger is told, on REST.
fn not_allowed(user: &str, id: &str) -> (u16, Value) {
    let text = format!("User {user} is not allowed to join conversation {id}");
    (403, json!({"detail": text}))
}
