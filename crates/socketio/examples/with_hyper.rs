//! Without a web framework: the service on bare hyper, and a shutdown on Ctrl-C.
//!
//! `cargo run -p socketio --example with_hyper`

use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use socketio::engineio::server::Cork;
use socketio::server::{Server, Socket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::default();
    server.of("/")?.on("ping", |socket: Socket| async move {
        let _ = socket.emit("pong", &());
    });

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = tokio::signal::ctrl_c() => break,
        };
        // It looks at the query only: every path is served, `/socket.io/` among them.
        // Corked, a websocket's 101 and its open packet leave in one write.
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(Cork::new(stream)), server.service());
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                eprintln!("{error}");
            }
        });
    }
    let left = server.shutdown(Duration::from_secs(5)).await;
    println!("{left} connections did not end in time");
    Ok(())
}
