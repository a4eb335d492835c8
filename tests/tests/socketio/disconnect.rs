//! Either side disconnects, and both are told why.

use std::time::Duration;

use crate::Way;
use serde_json::json;
use socketio::server::{Config, Server, Socket};
use tests::{Host, SocketIo, within};
use tokio::sync::mpsc;

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    a_client_that_disconnects
    a_client_that_goes_away
    a_server_that_disconnects_the_socket
}

/// A server that tells why sockets left it.
fn server(config: Config) -> (Server, mpsc::UnboundedReceiver<String>) {
    let (left, reasons) = mpsc::unbounded_channel();
    let server = Server::new(config);
    server
        .of("/")
        .expect("a name")
        .on("leave me", |socket: Socket| async move { socket.disconnect() })
        .on_disconnect(move |_, reason| {
            let _ = left.send(reason.as_str().to_owned());
            std::future::ready(())
        });
    (server, reasons)
}

async fn reason(reasons: &mut mpsc::UnboundedReceiver<String>) -> String {
    within("disconnect on the server", reasons.recv()).await.unwrap_or_default()
}

async fn a_client_that_disconnects(way: Way, client: &mut SocketIo) {
    let (server, mut reasons) = server(way.config());
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    client.disconnect("it").await;
    assert_eq!(client.expect("it", "disconnect").await, "io client disconnect");
    assert_eq!(reason(&mut reasons).await, "client namespace disconnect");
    client.clear().await;
}

async fn a_client_that_goes_away(way: Way, _: &mut SocketIo) {
    let mut config = way.config();
    config.engine.session.ping_interval = Duration::from_secs(1);
    config.engine.session.ping_timeout = Duration::from_secs(1);
    let (server, mut reasons) = server(config);
    let host = Host::socketio(&server).await;
    let mut client = SocketIo::of(way.release);
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    drop(client);
    // The reason depends on whether the connection ends or is reset; and a client that
    // goes between two polls is only missed.
    let reason = reason(&mut reasons).await;
    let known = ["transport close", "transport error", "ping timeout"];
    assert!(known.contains(&&*reason), "{reason}");
}

async fn a_server_that_disconnects_the_socket(way: Way, client: &mut SocketIo) {
    let (server, mut reasons) = server(way.config());
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    client.emit("it", json!(["leave me"])).await;
    assert_eq!(client.expect("it", "disconnect").await, "io server disconnect");
    assert_eq!(reason(&mut reasons).await, "server namespace disconnect");
    client.clear().await;
}
