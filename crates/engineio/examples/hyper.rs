//! Bare hyper: other paths beside the engine's, limits of the host, TCP and a Unix socket.
//!
//! `cargo run -p engineio --example hyper`, or with the path of a Unix socket behind it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use engineio::server::{Config, Cork, Mount, Server, Socket};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let service = Server::new(Config::default(), echo).service();
    let mount = service.with_fallback("/engine.io", service_fn(other));
    #[cfg(unix)]
    if let Some(path) = std::env::args().nth(1) {
        let listener = tokio::net::UnixListener::bind(&path)?;
        println!("listening on {path}");
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, mount.clone()));
        }
    }
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, mount.clone()));
    }
}

/// One connection: whatever reads and writes, a TLS stream too.
async fn serve<I, S, F>(io: I, mount: Mount<S>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<Full<Bytes>>,
            Error = Infallible,
            Future = F,
        > + Send
        + 'static,
    F: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(15))
        .max_buf_size(64 << 10)
        // Corked, a websocket's 101 and its open packet leave in one write.
        .serve_connection(TokioIo::new(Cork::new(io)), mount)
        .with_upgrades();
    if let Err(error) = connection.await {
        eprintln!("{error}");
    }
}

async fn other(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match request.uri().path() {
        "/" => (StatusCode::OK, "hello\n"),
        _ => (StatusCode::NOT_FOUND, "not here\n"),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}

async fn echo(mut socket: Socket) {
    while let Some(message) = socket.recv().await {
        socket.ready().await;
        if socket.send(message).is_err() {
            return;
        }
    }
}
