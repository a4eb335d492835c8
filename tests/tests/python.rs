//! `python-socketio` of PyPI against the server of `socketio`.

use bytes::Bytes;
use serde_json::{Value, json};
use socketio::proto::Args;
use socketio::server::{Ack, ConnectError, Data, Server, Socket};
use tests::{Host, Script, bytes};

fn server() -> Server {
    let server = Server::default();
    server
        .of("/")
        .expect("a name")
        .with(|socket: Socket| async move {
            let auth: Value = socket.auth_as().expect("an object");
            if auth["token"] == "right" { Ok(()) } else { Err(ConnectError::new("wrong token")) }
        })
        .on("echo", |args: Args| async move { args })
        .on("there", |socket: Socket, args: Args| async move {
            socket.emit_args("back", &args).expect("an open socket");
        })
        .on("ask me", |socket: Socket| async move {
            let answer = socket.emit_with_ack("question", &41).await.expect("an ack");
            Ack(answer.parse::<(i64, Bytes)>().expect("a number and bytes"))
        })
        .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) });
    server
}

async fn one_of_everything(transports: &str) {
    let host = Host::socketio(&server()).await;
    let mut client = Script::python("client.py", &[&host.url(), transports]);

    assert_eq!(client.expect("connect_error").await, json!({ "message": "wrong token" }));
    client.expect("refused").await;
    client.expect("connect").await;
    let echo = json!([1, "é 😀", null, { "a": [bytes(&[0, 255]), bytes(&[])] }]);
    assert_eq!(client.expect("ack").await, echo);
    let back = json!(["x".repeat(100_000), [bytes(&[1])]]);
    assert_eq!(client.expect("back").await, back);
    assert_eq!(client.expect("asked").await, json!([42, bytes(&[2])]));
    let refusal = client.expect("refused by ack").await;
    assert!(refusal["error"].as_str().is_some_and(|why| why.contains("invalid type")), "{refusal}");
    assert_eq!(client.expect("disconnect").await, "client disconnect");
    client.finish().await;
}

#[tokio::test]
async fn one_of_everything_over_websocket() {
    one_of_everything("websocket").await;
}

#[tokio::test]
async fn one_of_everything_over_polling() {
    one_of_everything("polling").await;
}

#[tokio::test]
async fn one_of_everything_over_polling_first() {
    one_of_everything("polling,websocket").await;
}
