//! A server with the settings and handlers that the official Socket.IO test suite expects.
//!
//! `cargo run -p socketio --example conformance -- 3000`

use std::time::Duration;

use axum::Router;
use engineio::server::Origins;
use socketio::proto::Args;
use socketio::server::{Config, Server, Socket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned()).parse()?;
    let mut config = Config::default();
    config.engine.session.ping_interval = Duration::from_millis(300);
    config.engine.session.ping_timeout = Duration::from_millis(200);
    config.engine.origins = Origins::Any;
    config.connection.connect_timeout = Duration::from_millis(1000);

    let server = Server::new(config);
    server
        .of("/")?
        .on_connect(emit_auth)
        .on("message", |socket: Socket, args: Args| async move {
            socket.emit_args("message-back", &args).map_err(|error| error.to_string())
        })
        .on("message-with-ack", |args: Args| async move { args })
        .on("emit-with-ack", |socket: Socket, args: Args| async move {
            let answer = socket.emit_args_with_ack("emit-with-ack", &args).await;
            let answer = answer.map_err(|error| error.to_string())?;
            socket.emit_args("emit-with-ack", &answer).map_err(|error| error.to_string())
        });
    server.of("/custom")?.on_connect(emit_auth);

    let app = Router::new().nest_service("/socket.io", server.service());
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn emit_auth(socket: Socket) {
    let auth: serde_json::Value = socket.auth_as().unwrap_or_default();
    let _ = socket.emit("auth", &auth);
}
