//! Either side closes, and the other is told why.

use engineio::proto::Message;
use engineio::server::{Config, Server, Socket};
use serde_json::json;
use tests::{Host, Script, within};
use tokio::sync::mpsc;

async fn the_server_speaks_first_and_closes_after_what_it_sent(transports: &str) {
    let server = Server::new(Config::default(), |socket: Socket| async move {
        for number in 0..100 {
            socket.send(number.to_string().as_str()).expect("room for all");
        }
    });
    let host = Host::engineio(&server).await;
    let mut client = Script::node("engineio/listen.mjs", &[&host.url(), transports]);
    client.expect("open").await;
    for number in 0..100 {
        assert_eq!(client.expect("message").await, number.to_string());
    }
    assert_eq!(client.expect("close").await, "transport close");
    client.finish().await;
}

#[tokio::test]
async fn the_server_speaks_first_and_closes_after_what_it_sent_over_polling() {
    the_server_speaks_first_and_closes_after_what_it_sent("polling").await;
}

#[tokio::test]
async fn the_server_speaks_first_and_closes_after_what_it_sent_over_websocket() {
    the_server_speaks_first_and_closes_after_what_it_sent("websocket").await;
}

async fn what_a_client_sent_before_it_closed_arrives(transports: &str) {
    let (heard, mut all) = mpsc::unbounded_channel();
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let heard = heard.clone();
        async move {
            while let Some(message) = socket.recv().await {
                let Message::Text(text) = message else { return };
                let _ = heard.send(text.as_str().to_owned());
            }
            let reason = socket.close_reason().map(|reason| reason.as_str().to_owned());
            let _ = heard.send(reason.unwrap_or_default());
        }
    });
    let host = Host::engineio(&server).await;
    let mut client = Script::node("engineio/listen.mjs", &[&host.url(), transports]);
    client.expect("open").await;
    client.tell(&json!(["send", "last words"])).await;
    client.tell(&json!(["close"])).await;
    assert_eq!(client.expect("close").await, "forced close");
    for expected in ["last words", "transport close"] {
        let heard = within(expected, all.recv()).await;
        assert_eq!(heard.as_deref(), Some(expected));
    }
    client.finish().await;
}

#[tokio::test]
async fn what_a_client_sent_before_it_closed_arrives_over_polling() {
    what_a_client_sent_before_it_closed_arrives("polling").await;
}

#[tokio::test]
async fn what_a_client_sent_before_it_closed_arrives_over_websocket() {
    what_a_client_sent_before_it_closed_arrives("websocket").await;
}
