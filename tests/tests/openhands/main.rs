//! The `openhands` server as a program, with the clients that its users have.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod auth;
mod faults;
mod files;
mod guide;
mod history;
mod inbound;
mod lifecycle;
mod limits;
mod openapi;
mod page;
mod refusals;
mod replay;
mod rest;
mod retention;
mod scripts;
mod startup;
mod tools;
mod transfer;
mod watch;

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo};

/// Options of a client of this conversation, with more in its query.
fn query(conversation: &str, more: &[(&str, &str)]) -> Value {
    let mut query = json!({"conversation_id": conversation});
    for (key, value) in more {
        query[key] = json!(value);
    }
    json!({"transports": ["websocket"], "query": query, "forceNew": true, "reconnection": false})
}

/// The next event with an id, as an object.
async fn event(client: &mut SocketIo, socket: &str) -> Value {
    loop {
        let mut args = client.expect(socket, "event").await;
        assert_eq!(args[0], "oh_event");
        if !args[1]["id"].is_null() {
            return args[1].take();
        }
    }
}

/// A server without an agent, and a conversation with this many messages of the user.
async fn with_messages(count: usize) -> (OpenHands, SocketIo) {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = SocketIo::start();
    client.open("writer", &server.url(), query("c", &[])).await;
    client.expect("writer", "connect").await;
    for number in 0..count {
        let action = json!({"action": "message", "args": {"content": format!("message {number}")}});
        client.ask("writer", json!(["oh_user_action", action])).await;
        // The ack and the echo come in either order.
        for _ in 0..2 {
            let (kind, value) = client.next("writer").await;
            assert!(kind == "event" || (kind == "ack" && value == json!([])), "{kind} {value}");
        }
    }
    (server, client)
}
