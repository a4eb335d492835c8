//! What a client brings when it connects, and how it is let in or refused.

use crate::Way;
use serde_json::{Value, json};
use socketio::server::{ConnectError, Socket};
use tests::{Host, SocketIo};

scenarios! {
    [v4_8 v4_0 v3_1]
    auth_and_query_reach_the_server
    a_refusal_gives_its_message_and_data
}

scenarios! {
    [v2_5]
    a_client_of_v2_brings_its_data_in_the_query
}

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    an_unknown_namespace_is_refused
}

fn with(mut options: Value, key: &str, value: Value) -> Value {
    options[key] = value;
    options
}

async fn auth_and_query_reach_the_server(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on_connect(|socket: Socket| async move {
        let auth: Value = socket.auth_as().expect("an object");
        let sent = socket.emit("welcome", &(auth, socket.query("room"), socket.id().as_str()));
        sent.expect("an open socket");
    });
    let host = Host::socketio(&server).await;
    let auth = json!({ "token": "s3cret é", "roles": ["a", 1, null] });
    let options =
        with(with(way.options(), "auth", auth.clone()), "query", json!({ "room": "a b&c=é" }));

    client.open("it", &host.url(), options).await;
    let id = client.expect("it", "connect").await;
    let welcome = client.expect("it", "event").await;
    assert_eq!(welcome, json!(["welcome", auth, "a b&c=é", id]));
    client.clear().await;
}

async fn a_refusal_gives_its_message_and_data(way: Way, client: &mut SocketIo) {
    let server = way.server();
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

    client.open("none", &host.url(), way.options()).await;
    assert_eq!(client.expect("none", "connect_error").await, json!({ "message": "no token" }));

    let wrong = with(way.options(), "auth", json!({ "token": "wrong" }));
    client.open("wrong", &host.url(), wrong).await;
    let refusal = client.expect("wrong", "connect_error").await;
    let data = json!({ "code": 7, "hint": "“try again”" });
    assert_eq!(refusal, json!({ "message": "wrong token", "data": data }));

    let right = with(way.options(), "auth", json!({ "token": "right" }));
    client.open("right", &host.url(), right).await;
    client.expect("right", "connect").await;
    client.clear().await;
}

async fn a_client_of_v2_brings_its_data_in_the_query(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name");
    server
        .of("/admin")
        .expect("a name")
        .with(|socket: Socket| async move {
            let auth: Value = socket.auth_as().expect("an object");
            if auth["token"] == "a b" { Ok(()) } else { Err(ConnectError::new("wrong token")) }
        })
        .on_connect(|socket: Socket| async move {
            socket.emit("welcome", &socket.query("token")).expect("an open socket");
        });
    let host = Host::socketio(&server).await;

    client.open("it", &format!("{}/admin?token=a%20b", host.url()), way.options()).await;
    client.expect("it", "connect").await;
    // It gives the query of the URL to the handshake's request too.
    assert_eq!(client.expect("it", "event").await, json!(["welcome", "a b"]));

    client.open("wrong", &format!("{}/admin?token=x", host.url()), way.options()).await;
    assert_eq!(client.expect("wrong", "connect_error").await, json!({ "message": "wrong token" }));
    client.clear().await;
}

async fn an_unknown_namespace_is_refused(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name");
    let host = Host::socketio(&server).await;

    client.open("it", &format!("{}/nowhere", host.url()), way.options()).await;
    let refusal = client.expect("it", "connect_error").await;
    assert_eq!(refusal, json!({ "message": "Invalid namespace" }));
    client.clear().await;
}
