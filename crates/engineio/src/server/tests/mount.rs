//! Beside other routes, on HTTP/1 and HTTP/2, over any connection.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;

use super::*;

/// What answers all other paths.
async fn home<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("home")))
}

#[tokio::test]
async fn hyper_serves_both_sides_of_a_mount_over_a_unix_socket() {
    let server = Server::new(Config::default(), echo);
    let mount = server.service().with_fallback("/engine.io/", service_fn(home));
    let (client, connection) = tokio::net::UnixStream::pair().unwrap();
    let connection = http1::Builder::new().serve_connection(TokioIo::new(connection), mount);
    tokio::spawn(connection.with_upgrades());
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    for (path, begin) in [
        ("/", "home"),
        ("/engine.iox?EIO=4&transport=polling", "home"),
        ("/engine.io?EIO=4&transport=polling", "0{"),
        ("/engine.io/?EIO=4&transport=polling", "0{"),
        ("/engine.io/", "{\"code\":0"),
    ] {
        let request = Request::get(path).header("host", "x").body(Full::<Bytes>::default());
        let answer = client.send_request(request.unwrap()).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(begin.as_bytes()), "{path}: {body:?}");
    }
}

#[tokio::test]
async fn axum_serves_both_sides_of_a_mount_and_its_websockets() {
    let server = Server::new(Config::default(), echo);
    let home = axum::Router::new().route("/", axum::routing::get(async || "home"));
    let mount = server.service().with_fallback("/engine.io", home);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = axum::Router::new().fallback_service(mount);
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert_eq!(body(&request(&address, "GET / HTTP/1.1", "").await), "home");
    let stream = TcpStream::connect(&address).await.unwrap();
    let url = format!("ws://{address}/engine.io/?EIO=4&transport=websocket");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert!(text(&mut socket).await.starts_with("0{"));
    socket.send(Message::text("4a")).await.unwrap();
    assert_eq!(text(&mut socket).await, "4a");
}

#[tokio::test]
async fn polling_works_over_http_2() {
    let mut config = Config::default();
    config.session.limits.max_payload = 100;
    let server = Server::new(config, echo);
    let (client, connection) = tokio::io::duplex(64 << 10);
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(connection), server.service());
    tokio::spawn(connection);
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    tokio::spawn(connection);
    let ask = async |method: &str, query: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://x/engine.io/?EIO=4&transport=polling{query}"))
            .body(Full::<Bytes>::from(body.to_owned()));
        let answer = client.clone().send_request(request.unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let (_, open) = ask("GET", "", "").await;
    let query = format!("&sid={}", open.split('"').nth(3).unwrap());
    let (held, posted) = tokio::join!(ask("GET", &query, ""), ask("POST", &query, "4a"));
    assert_eq!((held, posted), ((200, "4a".to_owned()), (200, "ok".to_owned())));
    let (status, _) = ask("POST", &query, &"4".repeat(101)).await;
    assert_eq!(status, 413);
}
