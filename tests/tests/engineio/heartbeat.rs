//! Heartbeats keep a session open, and end one whose client is gone.

use std::time::Duration;

use engineio::server::{Config, Server, Socket};
use tests::{Host, Link, Script, within};
use tokio::sync::mpsc;

fn quick() -> Config {
    let mut config = Config::default();
    config.session.ping_interval = Duration::from_millis(100);
    config
}

async fn heartbeats_keep_an_idle_session_open(transport: &str) {
    let server =
        Server::new(
            quick(),
            |mut socket: Socket| async move { while socket.recv().await.is_some() {} },
        );
    let host = Host::engineio(&server).await;
    let mut client = Script::node("engineio/listen.mjs", &[&host.url(), transport]);
    client.expect("open").await;
    for _ in 0..5 {
        client.expect("ping").await;
    }
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn heartbeats_keep_an_idle_session_open_over_polling() {
    heartbeats_keep_an_idle_session_open("polling").await;
}

#[tokio::test]
async fn heartbeats_keep_an_idle_session_open_over_websocket() {
    heartbeats_keep_an_idle_session_open("websocket").await;
}

#[tokio::test]
async fn a_session_whose_link_is_cut_ends() {
    let (ended, mut reasons) = mpsc::channel(1);
    let mut config = quick();
    config.session.ping_timeout = Duration::from_millis(200);
    let server = Server::new(config, move |mut socket: Socket| {
        let ended = ended.clone();
        async move {
            while socket.recv().await.is_some() {}
            let reason = socket.close_reason();
            let _ = ended.send(reason.map(|reason| reason.as_str().to_owned())).await;
        }
    });
    let host = Host::engineio(&server).await;
    let link = Link::to(host.address()).await;
    let mut client = Script::node("engineio/listen.mjs", &[&link.url(), "websocket"]);
    client.expect("open").await;
    link.cut();
    let reason = within("end of the session", reasons.recv()).await.flatten();
    assert_eq!(reason.as_deref(), Some("transport close"));
    assert_eq!(client.expect("close").await, "transport close");
    client.finish().await;
}
