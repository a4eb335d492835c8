//! What clients send: two dialects, and an answer to everything else.

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo, bytes};

use super::{event, query};

async fn joined() -> (OpenHands, SocketIo) {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    client.open("s", &server.url(), query("c", &[])).await;
    client.expect("s", "connect").await;
    (server, client)
}

/// Asks, and gives the ack and the event that came with it.
async fn ask(client: &mut SocketIo, args: Value) -> (Value, Value) {
    client.ask("s", args).await;
    let (mut ack, mut event) = (Value::Null, Value::Null);
    for _ in 0..2 {
        match client.next("s").await {
            (kind, value) if kind == "ack" => ack = value,
            (kind, mut value) if kind == "event" => event = value[1].take(),
            other => panic!("{other:?}"),
        }
    }
    (ack, event)
}

#[tokio::test]
async fn both_dialects_and_the_old_name_are_taken() {
    let (_server, mut client) = joined().await;
    let original = json!({"action": "message", "args": {"content": "a", "image_urls": [],
        "file_urls": [], "timestamp": "2026-11-22T00:00:00.000Z"}, "timestamp": 1});
    let guide = json!({"type": "message", "source": "user", "message": "b"});
    for (id, (name, action, text)) in [
        ("oh_user_action", &original, "a"),
        ("oh_action", &original, "a"),
        ("oh_user_action", &guide, "b"),
    ]
    .into_iter()
    .enumerate()
    {
        let (ack, event) = ask(&mut client, json!([name, action])).await;
        assert_eq!(ack, json!([]));
        assert_eq!(event["id"], id);
        assert_eq!(event["source"], "user");
        assert_eq!(event["action"], "message");
        assert_eq!(event["type"], "message");
        assert_eq!(event["message"], text);
        assert_eq!(event["args"]["content"], text);
    }
}

#[tokio::test]
async fn everything_else_is_refused_with_the_reason_and_the_connection_lives_on() {
    let (_server, mut client) = joined().await;
    for (args, reason) in [
        (json!(["oh_user_action"]), "one object"),
        (json!(["oh_user_action", {}, {}]), "one object"),
        (json!(["oh_user_action", "hello"]), "object"),
        (json!(["oh_user_action", {"hello": 1}]), "action"),
        (json!(["oh_user_action", {"action": "fly", "args": {}}]), "fly"),
        (json!(["oh_user_action", {"action": "message"}]), "args"),
        (json!(["oh_user_action", {"action": "message", "args": {"content": 1}}]), "content"),
        (json!(["oh_user_action", {"id": 3, "action": "message", "args": {"content": "x"}}]), "id"),
        (json!(["oh_user_action", {"type": "shout", "message": "x"}]), "type"),
        (
            json!(["oh_user_action", {"type": "message", "source": "agent", "message": "x"}]),
            "source",
        ),
        (json!(["oh_user_action", {"observation": "run", "content": "x"}]), "observation"),
        (
            json!(["oh_user_action", {"action": "message", "args": {"content": bytes(b"x")}}]),
            "binary",
        ),
        (json!(["oh_nothing", {}]), "oh_nothing"),
    ] {
        let (ack, event) = ask(&mut client, args.clone()).await;
        let error = ack[0]["error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{args}: {ack}");
        assert_eq!(event, json!({"error": true, "message": error}), "{args}");
    }
    let (ack, event) = ask(
        &mut client,
        json!(["oh_user_action", {"action": "message", "args": {"content": "still here"}}]),
    )
    .await;
    assert_eq!((ack, &event["id"]), (json!([]), &json!(0)));
    assert_eq!(event["message"], "still here");
}

#[tokio::test]
async fn clients_of_a_conversation_see_one_another() {
    let (server, mut client) = joined().await;
    client.open("other", &server.url(), query("c", &[])).await;
    client.open("elsewhere", &server.url(), query("d", &[])).await;
    client.expect("other", "connect").await;
    client.expect("elsewhere", "connect").await;
    let action = json!({"type": "message", "message": "hi"});
    client.emit("s", json!(["oh_user_action", action])).await;
    assert_eq!(event(&mut client, "s").await, event(&mut client, "other").await);
    // Nothing came to the other conversation: its first event is its own.
    client
        .emit("elsewhere", json!(["oh_user_action", {"type": "message", "message": "own"}]))
        .await;
    assert_eq!(event(&mut client, "elsewhere").await["message"], "own");
}

#[tokio::test]
async fn the_demo_agent_shows_each_kind_of_event_of_the_guide() {
    let server = OpenHands::start(&[]).await;
    let mut client = SocketIo::start();
    for (socket, schema) in [("original", "openhands"), ("guide", "guide")] {
        client.open(socket, &server.url(), query("c", &[("event_schema", schema)])).await;
        client.expect(socket, "connect").await;
    }
    client.emit("guide", json!(["oh_user_action", {"type": "message", "message": "hi"}])).await;
    let mut seen = Vec::new();
    loop {
        let event = event(&mut client, "original").await;
        let name = event["action"].as_str().or(event["observation"].as_str());
        seen.push((event["source"].clone(), name.unwrap().to_owned()));
        if event["args"]["wait_for_response"] == true {
            break;
        }
    }
    let names: Vec<_> = seen.iter().map(|(_, name)| name.as_str()).collect();
    for name in ["message", "think", "run", "write", "edit"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let first_write = names.iter().position(|name| *name == "write").unwrap();
    assert_eq!(names[first_write + 1], "write", "an action, then its observation");

    let allowed = ["id", "source", "timestamp", "message", "type", "action", "args", "result"];
    let mut actions = Vec::new();
    loop {
        let event = event(&mut client, "guide").await;
        let event = event.as_object().unwrap();
        assert!(event.keys().all(|key| allowed.contains(&key.as_str())), "{event:?}");
        assert!(event["id"].is_string(), "{event:?}");
        assert!(event["source"] == "user" || event["source"] == "agent", "{event:?}");
        actions.extend(event.get("action").and_then(Value::as_str).map(str::to_owned));
        if event.get("type") == Some(&json!("message")) && event["source"] == "agent" {
            break;
        }
    }
    assert_eq!(actions, ["think", "run", "write", "edit"]);
}
