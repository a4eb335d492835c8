//! An event is encoded once, however many receive it, and compressed only if it may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engineio::server::Compression;
use serde::{Serialize, Serializer};
use socketio::server::{Config, Server};

use crate::common::{Client, Poller, connected, next, serve};

/// Data that counts how often it is written.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("data")
    }
}

#[tokio::test]
async fn an_event_is_encoded_once_however_many_receive_it() {
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let (mut clients, mut pollers) = (Vec::new(), Vec::new());
    for n in 0..6 {
        match n % 2 {
            0 => clients.push(Client::join(&address).await.0),
            _ => pollers.push(Poller::join(&address).await),
        }
        next(&mut sockets).await.join(["red", "blue"]).unwrap();
    }
    let counted = Counted::default();
    server.emit("all", &counted).unwrap();
    assert_eq!(counted.take(), 1);
    // A tuple is spread over arguments; its parts are also written once.
    server.to(["red", "blue"]).emit("rooms", &(1, &counted)).unwrap();
    assert_eq!(counted.take(), 1);
    let acks = server.to("red").emit_with_ack("asked", &(&counted,)).unwrap();
    assert_eq!(counted.take(), 1);
    drop(acks);
    let events = [r#"2["all","data"]"#, r#"2["rooms",1,"data"]"#, r#"20["asked","data"]"#];
    for client in &mut clients {
        for event in events {
            assert_eq!(client.recv().await, event);
        }
    }
    for poller in &pollers {
        let payload = events.map(|event| format!("4{event}")).join("\x1e");
        let answer = poller.get("").await;
        assert!(answer.ends_with(&format!("\r\n{payload}")), "{answer}");
    }
    assert_eq!(counted.take(), 0, "nothing is written when it leaves");
}

#[tokio::test]
async fn an_event_that_may_not_be_compressed_is_not() {
    let mut config = Config::default();
    config.engine.compression = Some(Compression::default());
    let server = Server::new(config);
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let poller = Poller::join(&address).await;
    let socket = next(&mut sockets).await;
    let text = "x".repeat(4_096);
    let coded = async || {
        let answer = poller.get("accept-encoding: gzip\r\n").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_ne!(head.contains("content-encoding: gzip"), body.contains(&text), "{head}");
        head.contains("content-encoding: gzip")
    };
    socket.emit("e", &text).unwrap();
    assert!(coded().await);
    socket.compress(false).emit("e", &text).unwrap();
    assert!(!coded().await);
    server.compress(false).emit("e", &text).unwrap();
    assert!(!coded().await);
    // As in the reference: one packet that may be compressed takes the others along.
    server.compress(false).emit("e", &1).unwrap();
    server.emit("e", &text).unwrap();
    assert!(coded().await);
}
