//! A client whose connection is lost comes back by itself.

use std::time::Duration;

use crate::Way;
use serde_json::{Value, json};
use socketio::server::{Ack, Server, Socket};
use tests::{Host, Link, SocketIo, within};
use tokio::sync::mpsc;

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    a_client_that_the_server_closed_is_told_and_stays_away
    a_client_comes_back_after_its_link_was_cut
}

pub(crate) fn quick(mut options: Value) -> Value {
    options["reconnectionDelay"] = json!(10);
    options["reconnectionDelayMax"] = json!(50);
    options
}

fn server(way: Way) -> Server {
    let mut config = way.config();
    // When a poll is cut on its way to the server, only the heartbeat tells that the client is gone.
    config.engine.session.ping_interval = Duration::from_secs(3);
    config.engine.session.ping_timeout = Duration::from_secs(5);
    let server = Server::new(config);
    server
        .of("/")
        .expect("a name")
        .on("hang up", |socket: Socket| async move { socket.close() })
        .on("hello", |socket: Socket| async move { Ack(socket.id().as_str().to_owned()) });
    server
}

/// Checks that the client is back under another id, and that what it sent meanwhile arrives.
async fn comes_back(client: &mut SocketIo, first: Value) {
    let second = loop {
        match client.next("it").await {
            (kind, id) if kind == "connect" => break id,
            (kind, _) if kind == "connect_error" => {}
            (kind, value) => panic!("{kind} {value} before the client is back"),
        }
    };
    assert_ne!(first, second);
    client.ask("it", json!(["hello"])).await;
    assert_eq!(client.expect("it", "ack").await, json!([second]));
}

/// Cuts the link and gives the reason that the client names. A client between two polls notices
/// nothing; then it is cut again.
pub(crate) async fn cut_until_noticed(link: &Link, client: &mut SocketIo) -> Value {
    loop {
        link.cut();
        match tokio::time::timeout(Duration::from_millis(100), client.next("it")).await {
            Ok((kind, reason)) if kind == "disconnect" => return reason,
            // Socket.IO 2 may call the fault of an open connection so, before it says the reason.
            Ok((kind, _)) if kind == "connect_error" => {}
            Ok((kind, value)) => panic!("{kind} {value} though the link was cut"),
            Err(_) => {}
        }
    }
}

async fn a_client_that_the_server_closed_is_told_and_stays_away(way: Way, client: &mut SocketIo) {
    let server = server(way);
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), quick(way.options())).await;
    client.expect("it", "connect").await;
    if way.upgrades() {
        client.upgraded("it").await;
    }

    client.emit("it", json!(["hang up"])).await;
    // As after the reference's `disconnect(true)`: a client that was told does not reconnect.
    assert_eq!(client.expect("it", "disconnect").await, "io server disconnect");
    client.clear().await;
}

async fn a_client_comes_back_after_its_link_was_cut(way: Way, client: &mut SocketIo) {
    let (left, mut reasons) = mpsc::unbounded_channel();
    let server = server(way);
    server.of("/").expect("a name").on_disconnect(move |socket: Socket, _| {
        let _ = left.send(socket.id().as_str().to_owned());
        std::future::ready(())
    });
    let host = Host::socketio(&server).await;
    let link = Link::to(host.address()).await;
    client.open("it", &link.url(), quick(way.options())).await;
    let first = client.expect("it", "connect").await;
    if way.upgrades() {
        client.upgraded("it").await;
    }

    let reason = within("disconnect", cut_until_noticed(&link, client)).await;
    assert!(reason == "transport close" || reason == "transport error", "{reason}");
    let gone = within("disconnect on the server", reasons.recv()).await;
    assert_eq!(gone.as_deref(), first.as_str());
    comes_back(client, first).await;
    client.clear().await;
}
