//! Clients that ask too often, and what they are told.

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo};

use super::auth::{Keyed, ask, conversation, keyed, with_key};
use super::{query, rest};

fn message(text: &str) -> Value {
    json!(["oh_user_action", {"action": "message", "args": {"content": text}}])
}

async fn metric(server: &OpenHands, key: &str, reason: &str) -> bool {
    let text = ask(server, key, "GET", "/metrics", "").await.1;
    let line = format!("openhands_refusals_total{{reason=\"{reason}\"}}");
    text.as_str().unwrap().contains(&line)
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_when_to_come_back() {
    let flags = ["--agent", "none", "--max-requests-per-second", "3", "--behind-proxy"];
    let server = OpenHands::start(&flags).await;
    let host = server.address();
    let from = |address: &str| format!("host: {host}\r\nx-forwarded-for: 1.1.1.1, {address}\r\n");
    let mut refused = None;
    for _ in 0..40 {
        let (head, body) = rest::answer(&server, "GET", "/alive", &from("192.0.2.1"), "").await;
        if !head.starts_with("HTTP/1.1 200") {
            refused = Some((head, body));
            break;
        }
    }
    let (head, body) = refused.expect("a refusal");
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert_eq!(body, r#"{"message":"Too many requests"}"#);
    let other = rest::answer(&server, "GET", "/alive", &from("192.0.2.2"), "").await;
    assert!(other.0.starts_with("HTTP/1.1 200"), "others are not counted with it: {}", other.0);
    let page = rest::answer(&server, "GET", "/assets/x.js", &from("192.0.2.1"), "").await;
    assert!(page.0.starts_with("HTTP/1.1 404"), "files of a page are not counted: {}", page.0);
    assert!(metric(&server, "", "too_many_requests").await);
}

#[tokio::test]
async fn an_address_that_connects_too_often_is_refused_with_the_reason() {
    let server = OpenHands::start(&["--agent", "none", "--max-connects-per-minute", "2"]).await;
    let mut client = SocketIo::start();
    for name in ["one", "two"] {
        client.open(name, &server.url(), query("c", &[])).await;
        client.expect(name, "connect").await;
    }
    client.open("three", &server.url(), query("c", &[])).await;
    let error = client.expect("three", "connect_error").await;
    let text = error["message"].as_str().unwrap();
    assert!(text.starts_with("too many connects: 2 a minute for one address"), "{text}");
    let seconds = error["data"]["retry_after"].as_u64().unwrap();
    assert!((1..=30).contains(&seconds), "{error}");
    assert!(metric(&server, "", "too_many_connects").await);
}

/// Sends ten actions at once. Returns how many were accepted, and what the others were told.
async fn ten(client: &mut SocketIo, socket: &str) -> (usize, Vec<String>) {
    client.ask_at_once(socket, (0..10).map(|n| message(&n.to_string())).collect()).await;
    let (mut acks, mut told, mut taken, mut refused) = (0, 0, 0, Vec::new());
    while acks < 10 || told < refused.len() {
        match client.next(socket).await {
            (kind, ack) if kind == "ack" => {
                acks += 1;
                match ack[0]["error"].as_str() {
                    Some(error) => refused.push(error.to_owned()),
                    None => taken += 1,
                }
            }
            (_, event) => told += usize::from(event[1]["error"] == true),
        }
    }
    (taken, refused)
}

#[tokio::test]
async fn a_connection_that_acts_too_often_is_told_by_ack_and_event() {
    let server = OpenHands::start(&["--agent", "none", "--max-actions-per-second", "1"]).await;
    let mut client = SocketIo::start();
    for socket in ["one", "two"] {
        client.open(socket, &server.url(), query(socket, &[])).await;
        client.expect(socket, "connect").await;
        let (taken, refused) = ten(&mut client, socket).await;
        assert!(taken >= 2 && refused.len() >= 2, "{taken} taken, {refused:?}");
        let text = "too many actions: 1 a second for one connection is the limit; try again in 1 s";
        assert_eq!(refused[0], text);
    }
    assert!(metric(&server, "", "too_many_actions").await);
}

#[tokio::test]
async fn a_user_that_acts_too_often_is_refused_on_every_way_in() {
    let Keyed { server, alice, bob, root, .. } =
        keyed(&["--max-user-actions-per-second", "1"]).await;
    let mut client = SocketIo::start();
    client.open("one", &server.url(), with_key("one", &alice)).await;
    client.expect("one", "connect").await;
    let (_, refused) = ten(&mut client, "one").await;
    let text = "too many actions: 1 a second for one user is the limit; try again in 1 s";
    assert_eq!(refused[0], text);
    let key = format!("x-session-api-key: {alice}\r\nhost: {}\r\n", server.address());
    let mut head = String::new();
    for _ in 0..20 {
        let path = "/api/conversations/one/message";
        let (answer, body) = rest::answer(&server, "POST", path, &key, r#"{"message":"x"}"#).await;
        head = answer;
        if head.starts_with("HTTP/1.1 429") {
            assert_eq!(body, json!({"message": text}).to_string());
            break;
        }
    }
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    // Reading is not an action, and other users have their own limit.
    assert_eq!(ask(&server, &alice, "GET", "/api/conversations/one/events", "").await.0, 200);
    conversation(&server, &bob).await;
    assert!(metric(&server, &root, "too_many_actions").await);
}
