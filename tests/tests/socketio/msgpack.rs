//! Clients with `socket.io-msgpack-parser`.

use serde_json::json;
use socketio::proto::{Args, Codec};
use socketio::server::{Ack, Server, Socket};
use tests::{Host, SocketIo, bytes};

use crate::Way;

scenarios! {
    [v4_8 v4_0 v3_1]
    events_and_acks_travel_packed
}

async fn events_and_acks_travel_packed(way: Way, client: &mut SocketIo) {
    let mut config = way.config();
    config.connection.codec = Codec::MessagePack;
    let server = Server::new(config);
    server
        .of("/")
        .expect("a name")
        .on("there", |socket: Socket, args: Args| async move {
            socket.emit_args("back", &args).map_err(|error| error.to_string())
        })
        .on("echo", |args: Args| async move { args })
        .on("ask me", |socket: Socket, args: Args| async move {
            let answer = socket.emit_args_with_ack("question", &args).await;
            answer.map_err(|error| error.to_string())
        });
    server.of("/other").expect("a name").on("who", || async { Ack("other") });
    let host = Host::socketio(&server).await;
    let mut options = way.options();
    options["parser"] = json!("socket.io-msgpack-parser");
    client.open("it", &host.url(), options.clone()).await;
    client.expect("it", "connect").await;

    let large: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for args in [
        json!([]),
        json!([null, true, "é 漢字 😀", 0, -1, 1.5, 4_294_967_296_u64, -70_000]),
        json!(["x".repeat(70_000), [[[]]], { "b": { "": [1] }, "a": 2 }]),
        json!([bytes(&[]), { "in": [bytes(&large), { "it": bytes(&[0]) }] }]),
    ] {
        let named = |name: &str| {
            let mut event = args.clone();
            event.as_array_mut().expect("an array").insert(0, json!(name));
            event
        };
        client.emit("it", named("there")).await;
        assert_eq!(client.expect("it", "event").await, named("back"));
        client.ask("it", named("echo")).await;
        assert_eq!(client.expect("it", "ack").await, args);
        client.ask("it", named("ask me")).await;
        assert_eq!(client.expect("it", "event").await, named("question"));
        assert_eq!(client.expect("it", "ack").await, args);
    }

    client.open("other", &format!("{}/other", host.url()), options.clone()).await;
    client.expect("other", "connect").await;
    client.ask("other", json!(["who"])).await;
    assert_eq!(client.expect("other", "ack").await, json!(["other"]));
    client.open("nowhere", &format!("{}/nowhere", host.url()), options).await;
    let refusal = client.expect("nowhere", "connect_error").await;
    assert_eq!(refusal, json!({ "message": "Invalid namespace" }));
    client.clear().await;
}
