//! Limits of the server; those of a session are tested in the protocol.

use tokio::io::duplex;

use super::*;
use crate::server::AllowRequest;

/// A hook that never decides.
fn undecided(timeout: Duration) -> Config {
    Config {
        allow_request: Some(AllowRequest::new(|_| std::future::pending())),
        max_handshakes: 1,
        handshake_timeout: timeout,
        ..Config::default()
    }
}

#[tokio::test]
async fn one_handshake_in_progress_too_many_is_answered_503() {
    let server = Server::new(undecided(Duration::from_secs(60)), echo);
    let address = serve(&server).await;
    let waiting = tokio::spawn({
        let address = address.clone();
        async move { request(&address, OPEN, "").await }
    });
    while server.stats().handshakes == 0 {
        tokio::task::yield_now().await;
    }
    let answer = request(&address, &upgrade_request(""), "").await;
    assert_eq!(status(&answer), "503");
    assert_eq!(body(&answer), "the server has reached its limit of 1 handshakes in progress");
    assert!(answer.contains("retry-after: "), "{answer}");
    waiting.abort();
    while server.stats().handshakes > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_hook_that_does_not_decide_in_time_is_answered_503() {
    let server = Server::new(undecided(Duration::from_millis(20)), echo);
    let answer = request(&serve(&server).await, OPEN, "").await;
    assert_eq!(status(&answer), "503");
    assert_eq!(body(&answer), "the application did not decide within 20 ms");
    assert_eq!((server.stats().handshakes, server.sessions()), (0, 0));
}

#[tokio::test]
async fn a_websocket_that_does_not_open_in_time_ends_its_session() {
    let config = Config { handshake_timeout: Duration::from_millis(50), ..Config::default() };
    let server = Server::new(config, echo);
    // A client that does not read its 101, and a connection that holds less than that.
    let (mut client, connection) = duplex(64);
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(connection), server.service());
    tokio::spawn(connection.with_upgrades());
    client.write_all(format!("{}\r\n\r\n", upgrade_request("")).as_bytes()).await.unwrap();
    while server.stats().handshakes == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.sessions(), 1);
    while server.sessions() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.stats().closes.transport_error, 1);
    assert_eq!(server.stats().handshakes, 0);
}

#[tokio::test]
async fn handshakes_that_are_done_free_their_place() {
    let config = Config { max_handshakes: 1, ..Config::default() };
    let server = Server::new(config, echo);
    let address = serve(&server).await;
    for _ in 0..3 {
        open(&address).await;
        let mut socket = websocket(&address, "").await;
        assert!(text(&mut socket).await.starts_with("0{"));
    }
    assert_eq!((server.stats().handshakes, server.stats().opened), (0, 6));
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_answered_408() {
    let config = Config { body_timeout: Duration::from_millis(20), ..Config::default() };
    let server = Server::new(config, echo);
    let address = serve(&server).await;
    let sid = open(&address).await;
    let post = format!("{}\r\nhost: x\r\ncontent-length: 10", with_sid("POST", &sid));
    assert!(head(&address, &post).await.starts_with("HTTP/1.1 408"));
    while server.sessions() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.stats().closes.transport_error, 1);
}

#[tokio::test]
async fn a_host_that_hands_over_no_connections_is_answered_400() {
    let server = Server::new(Config::default(), echo);
    let mut request = http::Request::get("/?EIO=4&transport=websocket");
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        request = request.header(name, value);
    }
    let request = request.body(crate::server::Body::default()).unwrap();
    assert_eq!(server.service().answer(request).await.status(), 400);
    assert_eq!(server.sessions(), 0);
}
