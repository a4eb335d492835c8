//! How a websocket ends, and what each side is told of it. [RFC 6455, 7.4.1]

use tokio::sync::mpsc;

use super::*;
use crate::proto::CloseReason;

/// A server, and the reasons for which its sessions close.
fn watched() -> (Server, mpsc::UnboundedReceiver<Option<CloseReason>>) {
    let (tell, told) = mpsc::unbounded_channel();
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let tell = tell.clone();
        async move {
            while socket.recv().await.is_some() {}
            let _ = tell.send(socket.close_reason());
        }
    });
    (server, told)
}

/// A masked frame whose mask is all zeros: its payload stands as it is.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

async fn raw(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{}\r\n\r\n", upgrade_request("")).as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    // The 101, then the open packet: a text frame, whose JSON ends by `}`.
    while seen.last() != Some(&b'}') {
        seen.push(stream.read_u8().await.unwrap());
    }
    stream
}

#[tokio::test]
async fn what_breaks_rfc_6455_is_told_by_its_close_code() {
    for (bytes, code) in [
        // A text that is no UTF-8.
        (frame(0x81, b"4\xff"), 1007_u16),
        // An opcode that is reserved.
        (frame(0x83, b"4a"), 1002),
        // A frame without a mask.
        (vec![0x81, 2, b'4', b'a'], 1002),
        // The continuation of nothing.
        (frame(0x80, b"a"), 1002),
    ] {
        let (server, mut reasons) = watched();
        let mut stream = raw(&serve(&server).await).await;
        stream.write_all(&bytes).await.unwrap();
        let mut end = Vec::new();
        stream.read_to_end(&mut end).await.unwrap();
        assert_eq!(end[..4], [0x88, 2, (code >> 8) as u8, code as u8], "{bytes:x?}");
        let reason = reasons.recv().await.flatten().unwrap();
        assert_eq!(reason.to_string(), "transport error: the websocket failed");
    }
}

#[tokio::test]
async fn a_connection_that_ends_without_a_word_is_a_transport_close() {
    let (server, mut reasons) = watched();
    drop(raw(&serve(&server).await).await);
    assert_eq!(reasons.recv().await, Some(Some(CloseReason::TransportClose)));
}

#[tokio::test]
async fn a_goodbye_is_answered_and_is_a_transport_close() {
    let (server, mut reasons) = watched();
    let mut stream = raw(&serve(&server).await).await;
    stream.write_all(&frame(0x88, &1001_u16.to_be_bytes())).await.unwrap();
    let mut end = Vec::new();
    stream.read_to_end(&mut end).await.unwrap();
    assert_eq!(end[..2], [0x88, 2]);
    assert_eq!(reasons.recv().await, Some(Some(CloseReason::TransportClose)));
    // Both have said goodbye: the connection is gone, not kept until the client ends it too.
    let gone = async { while stream.write(b"x").await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(1), gone).await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_at_the_deadline() {
    let mut config = Config::default();
    config.session.limits.outbox_bytes = 64 << 20;
    let server = Server::new(config, async |socket: Socket| {
        // More than the buffers of a connection hold.
        for _ in 0..32 {
            let _ = socket.send("x".repeat(1 << 20).as_str());
        }
        std::future::pending().await
    });
    let mut stream = raw(&serve(&server).await).await;
    // The first bytes are on the way, so the rest waits for this client.
    stream.read_u8().await.unwrap();
    let ended = server.drain(Duration::from_millis(50)).await;
    assert_eq!((ended.drained, ended.cut), (0, 1));
    while server.sessions() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_pings_and_does_not_read_costs_no_memory() {
    let (server, _reasons) = watched();
    let mut stream = raw(&serve(&server).await).await;
    let pings = frame(0x89, &[b'p'; 125]).repeat(8_000);
    let (mut read, mut write) = stream.split();
    let writing = async {
        for _ in 0..64 {
            write.write_all(&pings).await.unwrap();
        }
        write.write_all(&frame(0x88, &[])).await.unwrap();
    };
    // Pongs that nobody reads fill the connection; the server reads on, and keeps the newest.
    writing.await;
    let mut pongs = Vec::new();
    read.read_to_end(&mut pongs).await.unwrap();
    assert!(pongs.starts_with(&[0x8a, 125]) && pongs.len() < 64 * pings.len());
}
