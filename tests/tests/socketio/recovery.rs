//! A client whose network was cut gets its session back, and what it missed, once and in order.

use std::time::Duration;

use serde_json::{Value, json};
use socketio::server::{Recovery, Server, Socket};
use tests::{Host, Link, SocketIo, within};

use crate::Way;
use crate::reconnect::{cut_until_noticed, quick};

scenarios! {
    [v4_8 v4_6]
    a_client_that_was_cut_off_recovers_again_and_again
}

/// The numbers of these events, in the order they came.
async fn expect_numbers(client: &mut SocketIo, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let event = client.expect("it", "event").await;
        assert_eq!((&event[0], &event[1]), (&json!("n"), &json!(n)));
        assert!(event[2].is_string(), "no offset in {event}");
    }
}

async fn connect(client: &mut SocketIo) -> (Value, Value) {
    loop {
        match client.next("it").await {
            (kind, value) if kind == "connect" => break (value[0].clone(), value[1].clone()),
            (kind, _) if kind == "connect_error" => {}
            (kind, value) => panic!("{kind} {value} before the client is back"),
        }
    }
}

async fn a_client_that_was_cut_off_recovers_again_and_again(way: Way, client: &mut SocketIo) {
    let mut config = way.config();
    config.recovery = Some(Recovery::default());
    config.engine.session.ping_interval = Duration::from_secs(3);
    config.engine.session.ping_timeout = Duration::from_secs(5);
    let server = Server::new(config);
    server.of("/").expect("a name").on_connect(|socket: Socket| async move {
        if !socket.recovered() {
            socket.join("numbers").expect("room");
        }
    });
    let host = Host::socketio(&server).await;
    let link = Link::to(host.address()).await;
    let mut options = quick(way.options());
    options["tellRecovered"] = json!(true);
    client.open("it", &link.url(), options).await;
    let (id, recovered) = connect(client).await;
    assert_eq!(recovered, false);
    if way.upgrades() {
        client.upgraded("it").await;
    }

    let mut sent = 0;
    // The first time it has received nothing at all.
    for turn in 0..3 {
        within("disconnect", cut_until_noticed(&link, client)).await;
        for n in sent..sent + 5 {
            server.to("numbers").emit("n", &n).expect("JSON");
        }
        assert_eq!(connect(client).await, (id.clone(), json!(true)), "turn {turn}");
        expect_numbers(client, sent..sent + 5).await;
        sent += 5;
        server.to("numbers").emit("n", &sent).expect("JSON");
        expect_numbers(client, sent..sent + 1).await;
        sent += 1;
    }
    assert_eq!(server.counts().recovered, 3);
    client.clear().await;
}
