//! Binary data anywhere in what is sent: a client uploads chunks, and everybody else gets them.
//!
//! `cargo run -p socketio --example upload`

use axum::Router;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use socketio::server::{Ack, Config, Data, Server, Socket};

/// `{name: "cat.png", at: 0, data: <binary>}`, both ways.
#[derive(Deserialize, Serialize)]
struct Chunk {
    name: String,
    at: u64,
    data: Bytes,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.engine.session.limits.max_payload = 8 << 20;
    config.connection.max_attachment_bytes = 8 << 20;
    let server = Server::new(config);
    server.of("/")?.on("chunk", |socket: Socket, Data(chunk): Data<Chunk>| async move {
        let end = chunk.at + chunk.data.len() as u64;
        // A receiver that does not keep up is closed; this client waits for its ack meanwhile.
        socket.broadcast().emit("chunk", &chunk).map_err(|error| error.to_string())?;
        Ok::<_, String>(Ack(end))
    });

    let app = Router::new().nest_service("/socket.io", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
