//! Messages sent while a session moves from polling to websocket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engineio::proto::{Message, Transport};
use engineio::server::{Config, Server, Socket};
use serde_json::json;
use tests::{DEADLINE, Host, Script};

const CLIENTS: usize = 200;

/// Sends numbers from 0 on until the client says "end", and answers how many those were and how
/// many of the client's numbers came in order.
async fn count(mut socket: Socket, by_websocket: Arc<AtomicUsize>) {
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    let (mut sent, mut received) = (0_u64, 0_u64);
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Message::Text(text)) if text.as_str() == "end" => break,
                Some(Message::Text(text)) if text.as_str() == received.to_string() => received += 1,
                _ => return,
            },
            _ = pace.tick() => {
                socket.ready().await;
                if socket.send(sent.to_string().as_str()).is_err() {
                    return;
                }
                sent += 1;
            }
        }
    }
    if socket.transport() == Transport::Websocket {
        by_websocket.fetch_add(1, Ordering::Relaxed);
    }
    let _ = socket.send(format!("end {sent} {received}").as_str());
    while socket.recv().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_upgrades_at_once_lose_nothing_and_keep_the_order() {
    let by_websocket = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&by_websocket);
    let mut config = Config::default();
    // The client never polls again when its upgrade fails at the last step; on a busy machine that
    // many upgrades at once take longer than the usual 10 s.
    config.session.upgrade_timeout = DEADLINE;
    let server = Server::new(config, move |socket| count(socket, Arc::clone(&counter)));
    let host = Host::engineio(&server).await;
    let clients = CLIENTS.to_string();
    let mut script = Script::node("engineio/upgrade.mjs", &[&host.url(), &clients]);

    let mut seen = script.expect("clients").await;
    let before = seen["messagesBeforeUpgrade"].take().as_u64();
    assert!(before >= Some(CLIENTS as u64), "messages before the upgrade: {before:?}");
    let all = json!({
        "upgraded": CLIENTS, "lost": [], "sent": CLIENTS, "received": CLIENTS, "messagesBeforeUpgrade": null,
    });
    assert_eq!(seen, all);
    assert_eq!(by_websocket.load(Ordering::Relaxed), CLIENTS);
    script.finish().await;
}
