//! Handlers of one socket run one after the other; those of others do not wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Way;
use serde_json::json;
use socketio::proto::Args;
use socketio::server::{Ack, Socket};
use tests::{Host, SocketIo, bytes};
use tokio::sync::Notify;

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    a_fast_handler_waits_for_the_slow_one_before_it
    a_thousand_events_each_way_stay_in_order
}

async fn a_fast_handler_waits_for_the_slow_one_before_it(way: Way, client: &mut SocketIo) {
    let gate = Arc::new(Notify::new());
    let (slow, opened) = (Arc::clone(&gate), Arc::clone(&gate));
    let server = way.server();
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
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;
    client.open("other", &format!("{}/other", host.url()), way.options()).await;
    client.expect("other", "connect").await;

    client.emit("it", json!(["slow"])).await;
    client.emit("it", json!(["fast"])).await;
    assert_eq!(client.expect("it", "event").await, json!(["begun"]));
    client.ask("other", json!(["open"])).await;
    assert_eq!(client.expect("other", "ack").await, json!([]));
    for name in ["slow", "fast"] {
        assert_eq!(client.expect("it", "event").await, json!([name]));
    }
    client.clear().await;
}

async fn a_thousand_events_each_way_stay_in_order(way: Way, client: &mut SocketIo) {
    let server = way.server();
    let seen = AtomicU64::new(0);
    server.of("/").expect("a name").on("there", move |socket: Socket, args: Args| {
        let (n, _): (u64, Option<bytes::Bytes>) = args.parse().expect("a number");
        assert_eq!(n, seen.fetch_add(1, Ordering::Relaxed));
        socket.emit_args("back", &args).expect("an open socket");
        async {}
    });
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    // Some take several frames, which nothing may come between.
    let args = |name: &str, n: u64| match n % 40 {
        0 => json!([name, n, bytes(&[1, 2, 3])]),
        _ => json!([name, n]),
    };
    client.emit_at_once("it", (0..1_000).map(|n| args("there", n)).collect()).await;
    for n in 0..1_000 {
        assert_eq!(client.expect("it", "event").await, args("back", n));
    }
    client.clear().await;
}
