//! An echo server with the settings that the official Engine.IO test suites expect.
//!
//! `cargo run -p engineio --example conformance -- 3000`

use std::time::Duration;

use engineio::server::{Config, Origins, Server, Socket};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned()).parse()?;
    let mut config = Config::default();
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
            .serve_connection(TokioIo::new(stream), service.clone())
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
