//! Messages of every kind come back as they were sent, also over TLS.

use engineio::server::{Config, Server, Socket};
use serde_json::json;
use tests::{Host, Script, tls};

pub(crate) async fn echo(mut socket: Socket) {
    while let Some(message) = socket.recv().await {
        socket.ready().await;
        if socket.send(message).is_err() {
            return;
        }
    }
}

async fn every_message_comes_back(transports: &str) {
    comes_back(transports, "engine.io-client").await;
}

async fn every_message_of_protocol_3_comes_back(transports: &str) {
    comes_back(transports, "engine.io-client-3").await;
}

async fn comes_back(transports: &str, client: &str) {
    let mut config = Config::default();
    if client == "engine.io-client-3" {
        config.allow_eio3 = true;
        // It knows no maxPayload, and sends all that waits in one POST.
        config.session.limits.max_payload = 10 << 20;
    }
    let server = Server::new(config, echo);
    let host = Host::engineio(&server).await;
    let client = Script::node("engineio/echo.mjs", &[&host.url(), transports, client]);
    expect_all(client, transports).await;
}

/// What the script reports when every message came back.
async fn expect_all(mut client: Script, transports: &str) {
    let first = transports.split(',').next();
    assert_eq!(client.expect("open").await, json!(first));
    for kind in [
        "text",
        "empty text",
        "unicode",
        "json",
        "binary",
        "large text",
        "large unicode",
        "large binary",
        "empty binary",
    ] {
        assert_eq!(client.expect(kind).await, true, "{kind}");
    }
    assert_eq!(client.expect("close").await, "forced close");
    client.finish().await;
}

#[tokio::test]
async fn every_message_comes_back_over_polling() {
    every_message_comes_back("polling").await;
}

#[tokio::test]
async fn every_message_comes_back_over_websocket() {
    every_message_comes_back("websocket").await;
}

#[tokio::test]
async fn every_message_comes_back_across_an_upgrade() {
    every_message_comes_back("polling,websocket").await;
}

#[tokio::test]
async fn every_message_of_protocol_3_comes_back_over_polling() {
    every_message_of_protocol_3_comes_back("polling").await;
}

#[tokio::test]
async fn every_message_of_protocol_3_comes_back_over_websocket() {
    every_message_of_protocol_3_comes_back("websocket").await;
}

#[tokio::test]
async fn every_message_of_protocol_3_comes_back_across_an_upgrade() {
    every_message_of_protocol_3_comes_back("polling,websocket").await;
}

async fn every_message_comes_back_over_tls(transports: &str) {
    let server = Server::new(Config::default(), echo);
    let (listener, certificate) = tls::listen().await;
    let host = Host::engineio_on(listener, &server);
    let url = format!("https://localhost:{}", host.address().port());
    let path = certificate.path().to_string_lossy();
    let args = [&url, transports, "engine.io-client", &path];
    expect_all(Script::node("engineio/echo.mjs", &args), transports).await;
}

#[tokio::test]
async fn every_message_comes_back_over_polling_and_tls() {
    every_message_comes_back_over_tls("polling").await;
}

#[tokio::test]
async fn every_message_comes_back_over_websocket_and_tls() {
    every_message_comes_back_over_tls("websocket").await;
}

#[tokio::test]
async fn every_message_comes_back_across_an_upgrade_and_tls() {
    every_message_comes_back_over_tls("polling,websocket").await;
}
