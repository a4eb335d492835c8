//! An echo server with the settings that the official Engine.IO test suites expect.
//!
//! `cargo run -p engineio --example suite -- 3000`, and `--allow-eio3` behind the port for
//! clients of protocol 3, those that poll by scripts included.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use engineio::server::{Config, Origins, Server, Socket};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (flags, ports): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let port: u16 = ports.first().map_or("3000", String::as_str).parse()?;
    let mut config = Config::default();
    config.allow_eio3 = flags.iter().any(|flag| flag == "--allow-eio3");
    config.jsonp = config.allow_eio3;
    // The suite of protocol 4 asks that a request without `EIO` is refused.
    config.assume_eio3 = false;
    config.session.ping_interval = Duration::from_millis(300);
    config.session.ping_timeout = Duration::from_millis(200);
    config.origins = Origins::Any;
    let service = Server::new(config, echo).service();

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(Paced { stream, pause: None }), service.clone())
            .with_upgrades();
        tokio::spawn(connection);
    }
}

async fn echo(mut socket: Socket) {
    while let Some(message) = socket.recv().await {
        socket.ready().await;
        if socket.send(message).is_err() {
            return;
        }
    }
}

/// A connection that pauses behind `101 Switching Protocols`.
///
/// The suite of protocol 3 begins to wait for the first frame a turn of its event loop after the
/// websocket opened, and misses one that comes in the same read. No client of a user does that.
struct Paced {
    stream: TcpStream,
    pause: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        if buf.starts_with(b"HTTP/1.1 101 ") {
            self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(10))));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
