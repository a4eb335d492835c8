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
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
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
}
