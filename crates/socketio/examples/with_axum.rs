//! Socket.IO next to the routes of an axum server.
//!
//! `cargo run -p socketio --example with_axum`, then `io("http://localhost:3000")` in a client.

use axum::{Router, routing::get};
use socketio::server::{Ack, Data, Server, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::default();
    server
        .of("/")?
        .on_connect(|socket: Socket| async move {
            let _ = socket.emit("welcome", &socket.id().as_str());
        })
        .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) });

    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .nest_service("/socket.io", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
