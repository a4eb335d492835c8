//! Handlers of one socket run one after the other; those of others do not wait for them.

use std::sync::Arc;

use serde_json::{Value, json};
use socketio::server::{Ack, Server, Socket};
use tests::{Host, SocketIo};
use tokio::sync::Notify;

over_every_transport! {
    a_fast_handler_waits_for_the_slow_one_before_it
}

async fn a_fast_handler_waits_for_the_slow_one_before_it(options: Value) {
    let gate = Arc::new(Notify::new());
    let (slow, opened) = (Arc::clone(&gate), Arc::clone(&gate));
    let server = Server::default();
    server
        .of("/")
        .expect("a name")
        .on("slow", move |socket: Socket| {
            let gate = Arc::clone(&slow);
            async move {
                socket.emit("begun", &()).expect("an open socket");
                gate.notified().await;
                socket.emit("slow", &()).expect("an open socket");
            }
        })
        .on("fast", |socket: Socket| async move {
            socket.emit("fast", &()).expect("an open socket");
        });
    server.of("/other").expect("a name").on("open", move || {
        opened.notify_one();
        async { Ack(()) }
    });
    let host = Host::socketio(&server).await;
    let mut client = SocketIo::start();
    client.open("it", &host.url(), options.clone()).await;
    client.expect("it", "connect").await;
    client.open("other", &format!("{}/other", host.url()), options).await;
    client.expect("other", "connect").await;

    client.emit("it", json!(["slow"])).await;
    client.emit("it", json!(["fast"])).await;
    assert_eq!(client.expect("it", "event").await, json!(["begun"]));
    client.ask("other", json!(["open"])).await;
    assert_eq!(client.expect("other", "ack").await, json!([]));
    for name in ["slow", "fast"] {
        assert_eq!(client.expect("it", "event").await, json!([name]));
    }
    client.finish().await;
}
