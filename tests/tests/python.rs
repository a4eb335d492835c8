//! `python-socketio` of PyPI against the server of `socketio`.

use bytes::Bytes;
use serde_json::{Value, json};
use socketio::proto::Args;
use socketio::server::{Ack, Config, ConnectError, Data, Server, Socket};
use tests::{Host, Script, bytes};

fn server() -> Server {
    let mut config = Config::default();
    config.ack_refusals = true;
    let server = Server::new(config);
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
    server.of("/other").expect("a name").on(
        "join",
        |socket: Socket, Data(room): Data<String>| async move {
            socket.join(&room).map_err(|error| error.to_string())?;
            let namespace = socket.namespace();
            let said = namespace.to(&room).emit("said", &(&room, Bytes::from_static(&[3])));
            said.map_err(|error| error.to_string())?;
            Ok::<_, String>(Ack(socket.rooms().len()))
        },
    );
    server
}

async fn one_of_everything(kind: &str, transports: &str) {
    let host = Host::socketio(&server()).await;
    let mut client = Script::python("client.py", &[kind, &host.url(), transports]);

    assert_eq!(client.expect("connect_error").await, json!({ "message": "wrong token" }));
    client.expect("refused").await;
    client.expect("connect").await;
    let echo = json!([1, "é 😀", null, { "a": [bytes(&[0, 255]), bytes(&[])] }]);
    assert_eq!(client.expect("ack").await, echo);
    let back = json!(["x".repeat(900 << 10)]);
    assert!(client.expect("back").await == back, "other text came back");
    assert_eq!(client.expect("asked").await, json!([42, bytes(&[2])]));
    let refusal = client.expect("refused by ack").await;
    assert!(refusal["error"].as_str().is_some_and(|why| why.contains("invalid type")), "{refusal}");
    // The broadcast goes before the ack, which another thread of the client may report first.
    let mut heard = [client.report().await, client.report().await].map(Option::unwrap_or_default);
    heard.sort_by(|(a, _), (b, _)| a.cmp(b));
    let said = ("said".to_owned(), json!(["red", bytes(&[3])]));
    assert_eq!(heard, [("joined".to_owned(), json!(2)), said]);
    assert_eq!(client.expect("disconnect").await, "client disconnect");
    client.finish().await;
}

macro_rules! over_every_transport {
    ($($kind:ident $name:literal)*) => {$(
        mod $kind {
            #[tokio::test]
            async fn over_websocket() {
                super::one_of_everything($name, "websocket").await;
            }

            #[tokio::test]
            async fn over_polling() {
                super::one_of_everything($name, "polling").await;
            }

            #[tokio::test]
            async fn over_polling_first() {
                super::one_of_everything($name, "polling,websocket").await;
            }
        }
    )*};
}

over_every_transport! {
    one_of_everything_sync "sync"
    one_of_everything_async "async"
}
