//! Clients as people have written them against OpenHands 0.62: other names, more fields, keys in
//! headers, polling first.

use serde_json::{Value, json};
use tests::{Script, SocketIo};

use super::auth::{ask, conversation, keyed};
use super::event;

async fn a_bridge_comes_back_where_it_was(kind: &str) {
    let keyed = keyed(&[]).await;
    let mut bridge = Script::python("bridge.py", &[kind, &keyed.server.url(), &keyed.alice]);
    for (visit, ids) in [("first", json!([0, 1, 2])), ("second", json!([3, 4]))] {
        let expected = json!({ "ids": ids, "transport": "websocket" });
        assert_eq!(bridge.expect(visit).await, expected);
    }
    bridge.finish().await;
}

#[tokio::test]
async fn a_bridge_of_python_socketio_comes_back_where_it_was() {
    a_bridge_comes_back_where_it_was("sync").await;
}

#[tokio::test]
async fn an_async_bridge_of_python_socketio_comes_back_where_it_was() {
    a_bridge_comes_back_where_it_was("async").await;
}

/// A client in the terminal: its key in a header, either order of transports, no providers.
async fn a_terminal_client_talks(transports: Value) {
    let keyed = keyed(&[]).await;
    let id = conversation(&keyed.server, &keyed.alice).await;
    let mut client = SocketIo::start();
    let options = |latest: &str| {
        json!({
            "transports": transports,
            "extraHeaders": { "X-Session-API-Key": keyed.alice },
            "query": { "conversation_id": id, "latest_event_id": latest },
            "forceNew": true,
        })
    };
    client.open("one", &keyed.server.url(), options("-1")).await;
    client.expect("one", "connect").await;
    assert_eq!(event(&mut client, "one").await["id"], 0);
    let action = json!({
        "action": "message", "source": "user", "id": null, "cause": null,
        "args": { "content": "hi", "image_urls": [], "wait_for_response": false },
        "llm_metrics": { "accumulated_cost": 0.0 },
    });
    for (expected, name) in [(1, "oh_action"), (2, "oh_user_action")] {
        client.emit("one", json!([name, action])).await;
        let seen = event(&mut client, "one").await;
        assert_eq!((&seen["id"], &seen["args"]["content"]), (&json!(expected), &json!("hi")));
    }
    client.disconnect("one").await;
    client.expect("one", "disconnect").await;

    let path = format!("/api/conversations/{id}/events");
    let stop = r#"{"action":"change_agent_state","args":{"agent_state":"paused"}}"#;
    assert_eq!(ask(&keyed.server, &keyed.alice, "POST", &path, stop).await.0, 200);
    client.open("two", &keyed.server.url(), options("2")).await;
    client.expect("two", "connect").await;
    let seen = event(&mut client, "two").await;
    assert_eq!((&seen["id"], &seen["action"]), (&json!(3), &json!("change_agent_state")));
    client.disconnect("two").await;
}

#[tokio::test]
async fn a_terminal_client_talks_over_websocket_first() {
    a_terminal_client_talks(json!(["websocket", "polling"])).await;
}

#[tokio::test]
async fn a_terminal_client_talks_over_polling_first() {
    a_terminal_client_talks(json!(["polling", "websocket"])).await;
}
