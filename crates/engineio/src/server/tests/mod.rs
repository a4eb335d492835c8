//! The server on a real socket, spoken to by hand.

#[cfg(feature = "compression")]
mod compression;
mod connections;
mod endings;
mod handshake;
mod limits;
mod mount;
mod shutdown;
mod stats;
mod tasks;
mod turns;
mod v3;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Config, Cork, Origins, Server, Socket};

/// A server on a free port; the address.
async fn serve(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = server.service();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(Cork::new(stream)), service.clone())
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    address
}

async fn echo(mut socket: Socket) {
    while let Some(message) = socket.recv().await {
        socket.ready().await;
        let _ = socket.send(message);
    }
}

/// One request on its own connection; status line, headers and body.
async fn request(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

const OPEN: &str = "GET /?EIO=4&transport=polling HTTP/1.1";

async fn open(address: &str) -> String {
    let answer = request(address, OPEN, "").await;
    body(&answer).split('"').nth(3).unwrap().to_owned()
}

fn with_sid(method: &str, sid: &str) -> String {
    format!("{method} /?EIO=4&transport=polling&sid={sid} HTTP/1.1")
}

/// The request that asks to become a websocket, up to its empty line.
fn upgrade_request(query: &str) -> String {
    format!(
        "GET /?EIO=4&transport=websocket{query} HTTP/1.1\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nhost: x"
    )
}

/// The head of the answer to a request that is answered by more than a body.
async fn head(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}

async fn websocket(address: &str, query: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/?EIO=4&transport=websocket{query}");
    tokio_tungstenite::client_async(url, stream).await.unwrap().0
}

async fn text(socket: &mut WebSocketStream<TcpStream>) -> String {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_by_polling_echoes() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let sid = open(&address).await;
    let answer = request(&address, &with_sid("POST", &sid), "4hello\x1ebAQID").await;
    assert_eq!((status(&answer), body(&answer)), ("200", "ok"));
    let answer = request(&address, &with_sid("GET", &sid), "").await;
    assert_eq!(body(&answer), "4hello\x1ebAQID");
    assert!(answer.contains("content-type: text/plain; charset=UTF-8"), "{answer}");
}

#[tokio::test]
async fn what_is_sent_in_one_write_is_answered_in_full_and_in_order() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    for number in 0..1000 {
        socket.feed(Message::text(format!("4{number}"))).await.unwrap();
    }
    socket.flush().await.unwrap();
    for number in 0..1000 {
        assert_eq!(text(&mut socket).await, format!("4{number}"));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_echo_and_loses_nothing() {
    let mut config = Config::default();
    config.session.limits.outbox_bytes = 64 << 10;
    let address = serve(&Server::new(config, echo)).await;
    let socket = websocket(&address, "").await;
    let (mut sink, mut stream) = socket.split();
    let sent = tokio::spawn(async move {
        for number in 0..400 {
            let text = format!("4{number:06}{}", "x".repeat(60_000));
            sink.send(Message::text(text)).await.unwrap();
        }
        sink
    });
    // The echo stands still: buffers of this size cannot hold 24 MB.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!sent.is_finished(), "the server must stop reading");
    stream.next().await;
    for number in 0..400 {
        let Some(Ok(Message::Text(text))) = stream.next().await else { panic!("{number}") };
        assert!(text.starts_with(&format!("4{number:06}")));
    }
    drop(sent.await.unwrap());
}

#[tokio::test]
async fn a_message_too_large_closes_with_1009_and_a_post_too_large_is_413() {
    let mut config = Config::default();
    config.session.limits.max_payload = 100;
    let server = Server::new(config, echo);
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    text(&mut socket).await;
    socket.send(Message::text("4".repeat(101))).await.unwrap();
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1009),
        other => panic!("{other:?}"),
    }

    let sid = open(&address).await;
    let answer = request(&address, &with_sid("POST", &sid), &"4".repeat(101)).await;
    assert_eq!(status(&answer), "413");
    let answer = request(&address, &with_sid("POST", &sid), "4still here").await;
    assert_eq!(body(&answer), "ok");
}

#[tokio::test]
async fn a_poll_that_is_aborted_ends_the_session() {
    let server = Server::new(Config::default(), echo);
    let address = serve(&server).await;
    let sid = open(&address).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!("{}\r\nhost: x\r\n\r\n", with_sid("GET", &sid));
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.sessions(), 1);
    drop(stream);
    while server.sessions() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = request(&address, &with_sid("GET", &sid), "").await;
    assert_eq!(body(&answer), r#"{"code":1,"message":"Session ID unknown"}"#);
}

#[tokio::test]
async fn a_poll_whose_connection_ends_right_behind_it_ends_the_session_too() {
    let server = Server::new(Config::default(), echo);
    let address = serve(&server).await;
    for _ in 0..20 {
        let sid = open(&address).await;
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("{}\r\nhost: x\r\n\r\n", with_sid("GET", &sid));
        stream.write_all(head.as_bytes()).await.unwrap();
        drop(stream);
        let closed = async {
            while server.sessions() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap();
    }
}

#[tokio::test]
async fn foreign_pages_are_refused_on_both_transports() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let head = format!("{OPEN}\r\norigin: http://evil.example");
    let answer = request(&address, &head, "").await;
    assert_eq!((status(&answer), body(&answer)), ("403", r#"{"code":4,"message":"Forbidden"}"#));

    let config = Config { origins: Origins::Any, ..Config::default() };
    let address = serve(&Server::new(config, echo)).await;
    let answer = request(&address, &head, "").await;
    assert!(answer.contains("access-control-allow-origin: http://evil.example"), "{answer}");
    let preflight = "OPTIONS /?EIO=4&transport=polling HTTP/1.1\r\norigin: http://evil.example\r\n\
                     access-control-request-method: POST";
    assert_eq!(status(&request(&address, preflight, "").await), "204");
}

#[tokio::test]
async fn a_full_server_and_one_that_shuts_down_answer_503() {
    let config = Config { max_sessions: 1, ..Config::default() };
    let server = Server::new(config, echo);
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    text(&mut socket).await;
    let answer = request(&address, OPEN, "").await;
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("retry-after: "), "{answer}");

    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.shutdown(Duration::from_secs(5)).await }
    });
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    drop(socket);
    assert_eq!(closing.await.unwrap(), 0);
    assert_eq!(status(&request(&address, OPEN, "").await), "503");
}

#[tokio::test]
async fn a_second_websocket_of_a_session_is_closed_and_the_first_lives() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let sid = open(&address).await;
    let mut first = websocket(&address, &format!("&sid={sid}")).await;
    first.send(Message::text("2probe")).await.unwrap();
    assert_eq!(text(&mut first).await, "3probe");
    let mut second = websocket(&address, &format!("&sid={sid}")).await;
    assert!(matches!(second.next().await, Some(Ok(Message::Close(_)))));
    first.send(Message::text("5")).await.unwrap();
    first.send(Message::text("4a")).await.unwrap();
    assert_eq!(text(&mut first).await, "4a");
}

#[tokio::test]
async fn an_application_that_turns_away_from_what_waits_is_not_spun() {
    let polls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&polls);
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let count = Arc::clone(&count);
        async move {
            // Registers as a reader, then waits for something else for ever.
            let _ = tokio::time::timeout(Duration::from_millis(20), socket.recv()).await;
            std::future::poll_fn(|_| {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                std::task::Poll::<()>::Pending
            })
            .await;
        }
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    text(&mut socket).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    socket.send(Message::text("4a")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(polls.load(std::sync::atomic::Ordering::Relaxed) < 10);
}

#[tokio::test]
async fn a_panic_in_the_application_closes_its_session_alone() {
    let server = Server::new(Config::default(), |mut socket: Socket| async move {
        let message = socket.recv().await;
        assert_ne!(message, Some("panic".into()), "as asked");
        let _ = socket.send(message.unwrap());
        socket.recv().await;
    });
    let address = serve(&server).await;
    let mut victim = websocket(&address, "").await;
    let mut other = websocket(&address, "").await;
    text(&mut victim).await;
    text(&mut other).await;
    victim.send(Message::text("4panic")).await.unwrap();
    assert!(matches!(victim.next().await, Some(Ok(Message::Close(_)))));
    other.send(Message::text("4a")).await.unwrap();
    assert_eq!(text(&mut other).await, "4a");
}
