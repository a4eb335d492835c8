//! What one client can make the server hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socketio::proto::Args;
use socketio::server::{Config, Server, Socket};
use tokio::sync::{Semaphore, mpsc};

use crate::common::{Client, connected, next, serve};

/// Waits until the engine has taken so many packets of clients, and its sessions were polled.
async fn taken(server: &Server, packets: u64) {
    while server.engine().stats().packets_in < packets {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_joins_and_leaves_on_and_on_waits_for_what_it_began() {
    let mut config = Config::default();
    config.connection.max_namespaces = 4;
    let server = Server::new(config);
    let (begun, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, wait) = (Arc::clone(&begun), Arc::clone(&gate));
    server.of("/").unwrap().with(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let gate = Arc::clone(&wait);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
    });
    let address = serve(&server).await;
    let mut client = Client::open(&address).await;
    for _ in 0..60 {
        client.send("0").await;
        client.send("1").await;
    }
    taken(&server, 120).await;
    assert_eq!(begun.load(Ordering::Relaxed), 4);
    gate.add_permits(1_000);
    while begun.load(Ordering::Relaxed) < 60 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn events_that_wait_for_a_handler_are_bounded_in_bytes() {
    let mut config = Config::default();
    config.handler_queue_bytes = 10_000;
    let server = Server::new(config);
    let seen = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let (count, wait) = (Arc::clone(&seen), Arc::clone(&gate));
    server
        .of("/")
        .unwrap()
        .on_incoming(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .on("slow", move |_: Args| {
            let gate = Arc::clone(&wait);
            async move { gate.acquire().await.unwrap().forget() }
        });
    let mut others = connected(&server);
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    next(&mut others).await;
    let event = format!(r#"2["slow","{}"]"#, "x".repeat(4_000));
    // One in the handler, three in the queue, and as much in the engine as its inbox holds.
    for _ in 0..12 {
        client.send(&event).await;
    }
    taken(&server, 13).await;
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    client.send(r#"0/nowhere,"#).await;
    taken(&server, 14).await;
    gate.add_permits(12);
    // After the events, since it was not read before.
    assert_eq!(client.recv().await, r#"4/nowhere,{"message":"Invalid namespace"}"#);
    assert!(seen.load(Ordering::Relaxed) >= 9, "{}", seen.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_handler_that_waits_for_the_end_hears_of_it_though_its_queue_is_full() {
    let mut config = Config::default();
    config.handler_queue = 2;
    config.engine.session.ping_interval = Duration::from_millis(50);
    config.engine.session.ping_timeout = Duration::from_millis(50);
    let server = Server::new(config);
    let (told, mut reasons) = mpsc::unbounded_channel();
    server.of("/").unwrap().on("wait", move |socket: Socket| {
        let told = told.clone();
        async move {
            let _ = told.send(socket.disconnected().await);
        }
    });
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    for _ in 0..9 {
        client.send(r#"2["wait"]"#).await;
    }
    client.cut();
    for _ in 0..9 {
        next(&mut reasons).await;
    }
}
