//! The end of a server.

use super::*;
use crate::server::Drained;

#[tokio::test]
async fn a_shutdown_drains_those_who_read_and_cuts_off_the_rest() {
    let server = Server::new(Config::default(), |mut socket: Socket| async move {
        let _ = socket.send("last words");
        socket.recv().await;
    });
    let address = serve(&server).await;
    let mut reader = websocket(&address, "").await;
    assert!(text(&mut reader).await.starts_with("0{"));
    // Polls once, and never comes back.
    open(&address).await;
    let drain = tokio::spawn({
        let server = server.clone();
        async move { server.drain(Duration::from_millis(200)).await }
    });
    assert_eq!(text(&mut reader).await, "4last words");
    assert!(matches!(reader.next().await, Some(Ok(Message::Close(_)))));
    drop(reader);
    assert_eq!(drain.await.unwrap(), Drained { drained: 1, cut: 1 });
    while server.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.stats().closes.forced_close, 2);
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_up_a_shutdown() {
    let server = Server::new(Config::default(), |mut socket: Socket| async move {
        while socket.send("x".repeat(100_000).as_str()).is_ok() {}
        socket.recv().await;
    });
    let address = serve(&server).await;
    let _deaf = websocket(&address, "").await;
    while server.sessions() == 0 {
        tokio::task::yield_now().await;
    }
    // What was queued passes the buffers of this machine's loopback many times over or not at
    // all; either way the session is gone after the deadline.
    let drained = server.drain(Duration::from_millis(50)).await;
    assert_eq!(drained.drained + drained.cut, 1);
    while server.sessions() > 0 {
        tokio::task::yield_now().await;
    }
}
