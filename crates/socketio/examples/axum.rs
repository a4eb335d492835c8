//! Socket.IO beside other routes of an axum app.
//!
//! `cargo run -p socketio --example axum`, then point a client at `http://127.0.0.1:3000`.

use axum::{Router, routing::get};
use socketio::server::{Ack, Data, Server, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = Server::default();
    io.of("/")?
        .on_connect(|socket: Socket| async move {
            let _ = socket.emit("welcome", &socket.id().as_str());
        })
        .on("say", |socket: Socket, Data(text): Data<String>| async move {
            socket.namespace().emit("said", &text).map_err(|error| error.to_string())
        })
        .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) });

    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .nest_service("/socket.io", io.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
