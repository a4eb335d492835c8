//! What a client brings when it connects, and how it is let in or refused.

use serde_json::{Value, json};
use socketio::server::{ConnectError, Server, Socket};
use tests::{Host, SocketIo};

over_every_transport! {
    auth_and_query_reach_the_server
    a_refusal_gives_its_message_and_data
    an_unknown_namespace_is_refused
}

fn with(mut options: Value, key: &str, value: Value) -> Value {
    options[key] = value;
    options
}

async fn auth_and_query_reach_the_server(options: Value) {
    let server = Server::default();
    server.of("/").expect("a name").on_connect(|socket: Socket| async move {
        let auth: Value = socket.auth_as().expect("an object");
        let sent = socket.emit("welcome", &(auth, socket.query("room"), socket.id().as_str()));
        sent.expect("an open socket");
    });
    let host = Host::socketio(&server).await;
    let mut client = SocketIo::start();
    let auth = json!({ "token": "s3cret é", "roles": ["a", 1, null] });
    let options = with(with(options, "auth", auth.clone()), "query", json!({ "room": "a b&c=é" }));

    client.open("it", &host.url(), options).await;
    let id = client.expect("it", "connect").await;
    let welcome = client.expect("it", "event").await;
    assert_eq!(welcome, json!(["welcome", auth, "a b&c=é", id]));
    client.finish().await;
}

async fn a_refusal_gives_its_message_and_data(options: Value) {
    let server = Server::default();
    server.of("/").expect("a name").with(|socket: Socket| async move {
        let auth: Value = socket.auth_as().expect("an object");
        match auth["token"].as_str() {
            Some("right") => Ok(()),
            Some(_) => Err(ConnectError::new("wrong token")
                .with_data(&json!({ "code": 7, "hint": "“try again”" }))
                .expect("JSON")),
            None => Err(ConnectError::new("no token")),
        }
    });
    let host = Host::socketio(&server).await;
    let mut client = SocketIo::start();

    client.open("none", &host.url(), options.clone()).await;
    assert_eq!(client.expect("none", "connect_error").await, json!({ "message": "no token" }));

    let wrong = with(options.clone(), "auth", json!({ "token": "wrong" }));
    client.open("wrong", &host.url(), wrong).await;
    let refusal = client.expect("wrong", "connect_error").await;
    let data = json!({ "code": 7, "hint": "“try again”" });
    assert_eq!(refusal, json!({ "message": "wrong token", "data": data }));

    let right = with(options, "auth", json!({ "token": "right" }));
    client.open("right", &host.url(), right).await;
    client.expect("right", "connect").await;
    client.finish().await;
}

async fn an_unknown_namespace_is_refused(options: Value) {
    let server = Server::default();
    server.of("/").expect("a name");
    let host = Host::socketio(&server).await;
    let mut client = SocketIo::start();

    client.open("it", &format!("{}/nowhere", host.url()), options).await;
    let refusal = client.expect("it", "connect_error").await;
    assert_eq!(refusal, json!({ "message": "Invalid namespace" }));
    client.finish().await;
}
