//! Clients that are refused, and what they are told.

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo};

use super::query;

async fn refused(client: &mut SocketIo, server: &OpenHands, name: &str, options: Value) -> Value {
    client.open(name, &server.url(), options).await;
    client.expect(name, "connect_error").await
}

#[tokio::test]
async fn ids_that_are_none_are_refused_with_the_reason() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    let long = "x".repeat(101);
    for (number, (id, message)) in [
        ("", "No conversation_id in query params"),
        ("../../etc/passwd", "does not contain"),
        ("a/b", "does not contain"),
        ("a\\b", "does not contain"),
        (".hidden", "does not begin with '.'"),
        ("a\u{0}b", "control"),
        (&long, "at most 100 characters, this one has 101"),
    ]
    .into_iter()
    .enumerate()
    {
        let error = refused(&mut client, &server, &number.to_string(), query(id, &[])).await;
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(message), "{id:?}: {said}");
    }
    let known = query("c", &[("event_schema", "other")]);
    let error = refused(&mut client, &server, "schema", known).await;
    assert!(error["message"].as_str().unwrap().contains("\"guide\""), "{error}");
    // None of these requests created a conversation.
    let list = super::rest::get(&server, "/api/conversations").await;
    assert_eq!(list.1["results"], json!([]));
}

#[tokio::test]
async fn an_unknown_conversation_is_created_unless_that_is_turned_off() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    client.open("s", &server.url(), query("new", &[])).await;
    client.expect("s", "connect").await;

    let server = OpenHands::start(&["--agent", "none", "--create-on-join", "false"]).await;
    let error = refused(&mut client, &server, "t", query("new", &[])).await;
    assert_eq!(error["message"], "Conversation new not found");
    assert_eq!(error["data"], json!({"msg_id": "CONVERSATION$NOT_FOUND"}));
}

#[tokio::test]
async fn auth_data_and_any_provider_are_no_reason_to_refuse() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    let mut options = query("c", &[("providers_set", "github,nobody")]);
    options["auth"] = json!({"token": "x"});
    client.open("s", &server.url(), options).await;
    client.expect("s", "connect").await;
}

#[tokio::test]
async fn another_namespace_is_refused() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    let url = format!("{}/other", server.url());
    client.open("s", &url, query("c", &[])).await;
    assert_eq!(client.expect("s", "connect_error").await["message"], "Invalid namespace");
}
