//! A server with the settings and handlers that the official Socket.IO test suite expects.
//!
//! `cargo run -p socketio --example suite_v5 -- 3000`
//!
//! Flags: `--allow-eio3` for clients of Socket.IO 2, `--recovery` for connection state recovery, and
//! `--msgpack` (with the feature `msgpack`) for `socket.io-msgpack-parser`.

use std::time::Duration;

use axum::Router;
use engineio::server::Origins;
use socketio::proto::Args;
use socketio::server::{Config, Recovery, Server, Socket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut port = 3000;
    let mut config = Config::default();
    config.engine.session.ping_interval = Duration::from_millis(300);
    config.engine.session.ping_timeout = Duration::from_millis(200);
    config.engine.origins = Origins::Any;
    config.connection.connect_timeout = Duration::from_millis(1000);
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--allow-eio3" => {
                config.engine.allow_eio3 = true;
                config.engine.jsonp = true;
            }
            "--recovery" => config.recovery = Some(Recovery::default()),
            #[cfg(feature = "msgpack")]
            "--msgpack" => config.connection.codec = socketio::proto::Codec::MessagePack,
            arg => port = arg.parse().map_err(|_| format!("{arg:?} is neither flag nor port"))?,
        }
    }

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
