//! Clients that do not read: waited for, dropped for, or closed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use serde::Serialize;
use socketio::proto::{Encoded, NamespaceName, encode};
use socketio::server::{Config, EmitError, Recovery, Server, SlowConsumer, Socket};

use crate::common::{Client, PATIENCE, Poller, connected, next, serve};

/// A client that reads nothing, until its socket's outbox is full.
async fn stuffed(server: &Server) -> (Client, Socket) {
    let mut sockets = connected(server);
    let address = serve(server).await;
    let (client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    fill(&socket).await;
    (client, socket)
}

/// Sends to a client that reads nothing until the outbox is full.
pub(crate) async fn fill(socket: &Socket) {
    let filler = "x".repeat(64 << 10);
    let mut full = 0;
    // The system's buffers take some first, and the driver needs time to fill them.
    while full < 10 {
        match socket.emit("fill", &filler) {
            Ok(()) => full = 0,
            Err(EmitError::Full(error)) => {
                assert!(error.waiting_bytes <= error.max_bytes);
                full += 1;
            }
            Err(other) => panic!("{other}"),
        }
        tokio::task::yield_now().await;
    }
}

fn server(slow_consumer: SlowConsumer) -> Server {
    let mut config = Config::default();
    config.engine.session.limits.outbox_bytes = 256 << 10;
    config.slow_consumer = slow_consumer;
    Server::new(config)
}

#[tokio::test]
async fn a_full_outbox_can_be_waited_for() {
    let server = server(SlowConsumer::Close);
    let (mut client, socket) = stuffed(&server).await;
    assert!(!socket.is_writable());
    let reading = async {
        loop {
            if client.recv().await == r#"2["room again"]"# {
                return;
            }
        }
    };
    let sending = async {
        socket.ready().await;
        socket.emit("room again", &()).unwrap();
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(reading, sending) }).await.unwrap();
}

#[tokio::test]
async fn a_volatile_event_is_dropped_and_that_is_no_error() {
    let server = server(SlowConsumer::Close);
    let (mut client, socket) = stuffed(&server).await;
    socket.volatile().emit("v", &1).unwrap();
    server.volatile().emit("v", &2).unwrap();
    assert!(server.volatile().emit_with_ack("v", &3).unwrap().gather().await.is_empty());
    let within = Duration::from_millis(1);
    assert!(socket.volatile().timeout(within).emit_with_ack("v", &4).await.is_err());
    assert_eq!(server.counts().volatile_dropped, 4);
    assert!(socket.is_connected());
    while !socket.is_writable() {
        client.recv().await;
    }
    socket.volatile().emit("v", &5).unwrap();
    loop {
        let event = client.recv().await;
        if !event.contains("fill") {
            break assert_eq!(event, r#"2["v",5]"#);
        }
    }
}

#[tokio::test]
async fn a_slow_consumer_is_closed_rather_than_miss_an_event() {
    let server = server(SlowConsumer::Close);
    let (_client, socket) = stuffed(&server).await;
    server.emit("big", &"x".repeat(64 << 10)).unwrap();
    assert_eq!(socket.disconnected().await.as_str(), "forced close");
    assert_eq!(server.counts().slow_closed, 1);
}

#[tokio::test]
async fn or_it_misses_the_event_and_that_is_counted() {
    let server = server(SlowConsumer::Drop);
    let (_client, socket) = stuffed(&server).await;
    server.emit("big", &"x".repeat(64 << 10)).unwrap();
    assert!(socket.is_connected());
    assert_eq!(server.counts().slow_dropped, 1);
}

#[tokio::test]
async fn a_volatile_event_for_a_client_that_polls_needs_a_get_that_waits() {
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let poller = Poller::join(&address).await;
    let socket = next(&mut sockets).await;
    assert!(!socket.is_writable());
    socket.volatile().emit("v", &1).unwrap();
    let getting = poller.get("");
    let sending = async {
        while !socket.is_writable() {
            tokio::task::yield_now().await;
        }
        socket.volatile().emit("v", &2).unwrap();
        // The transport takes one at a time, as in the reference.
        assert!(!socket.is_writable());
        socket.volatile().emit("v", &3).unwrap();
    };
    let (answer, ()) = tokio::join!(getting, sending);
    assert!(answer.ends_with("\r\n42[\"v\",2]"), "{answer}");
    assert_eq!(server.counts().volatile_dropped, 2);
}

/// A client that polls and holds no GET, of a server whose outboxes have room for 1,000 bytes.
async fn small(change: impl FnOnce(&mut Config)) -> (Server, Poller, Socket) {
    let mut config = Config::default();
    config.engine.session.limits.outbox_bytes = 1_000;
    change(&mut config);
    let server = Server::new(config);
    let mut sockets = connected(&server);
    let poller = Poller::join(&serve(&server).await).await;
    let socket = next(&mut sockets).await;
    (server, poller, socket)
}

fn packet<T: Serialize + ?Sized>(name: &str, args: &T) -> Encoded {
    encode::event(&NamespaceName::default(), None, name, args).unwrap()
}

#[tokio::test]
async fn room_is_waited_for_until_what_was_refused_fits() {
    let (_server, poller, socket) = small(|_| {}).await;
    socket.emit("first", &"x".repeat(300)).unwrap();
    assert!(socket.ready().now_or_never().is_some());
    let large = "x".repeat(800);
    assert!(matches!(socket.emit("large", &large), Err(EmitError::Full(_))));
    // Less than half is taken: a sender that tried again at once would try for ever.
    assert!(socket.ready().now_or_never().is_none());
    let (answer, ()) = tokio::join!(poller.get(""), async {
        socket.ready().await;
        socket.emit("large", &large).unwrap();
    });
    assert!(answer.contains("first"), "{answer}");
    assert!(poller.get("").await.contains("large"));
}

#[tokio::test]
async fn of_several_packets_as_many_are_sent_as_there_is_room_for() {
    for recovery in [None, Some(Recovery::default())] {
        let has_recovery = recovery.is_some();
        let (_server, poller, socket) = small(|config| config.recovery = recovery).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        socket.on_outgoing(move |_, args| told.lock().unwrap().push(args.name().into_owned()));
        let filler = "x".repeat(300);
        let packets = ["a", "b", "c", "d"].map(|name| packet(name, &filler));
        assert_eq!(socket.send_some(&packets).unwrap(), 3, "recovery {has_recovery}");
        assert_eq!(socket.send_some(&packets[3..]).unwrap(), 0);
        assert!(socket.ready().now_or_never().is_none());
        let answer = poller.get("").await;
        let names: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .filter(|name| answer.contains(&format!("42[\"{name}\",")))
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        socket.ready().await;
        assert_eq!(socket.send_some(&packets[3..]).unwrap(), 1);
        assert_eq!(*seen.lock().unwrap(), ["a", "b", "c", "d"]);
        // With recovery each event ends in its offset.
        assert_eq!(answer.contains("x\"]"), !has_recovery, "{answer}");
    }
}

#[tokio::test]
async fn a_packet_and_its_attachments_are_sent_together_or_not_at_all() {
    let (_server, poller, socket) = small(|_| {}).await;
    let plain = packet("plain", &"x".repeat(300));
    let bytes = packet("bytes", &Bytes::from(vec![b'x'; 900]));
    assert_eq!(socket.send_some([&plain, &bytes, &plain]).unwrap(), 1);
    let answer = poller.get("").await;
    assert!(answer.ends_with("x\"]"), "{answer}");
    socket.ready().await;
    assert_eq!(socket.send_some([&bytes]).unwrap(), 1);
    assert!(poller.get("").await.contains("\u{1e}b"));
    drop(poller);
    socket.disconnect();
    assert!(matches!(socket.send_some([&plain]), Err(EmitError::Disconnected)));
}
