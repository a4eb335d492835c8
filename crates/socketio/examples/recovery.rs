//! Clients that lose their connection for a while get their rooms back, and what they missed.
//!
//! `cargo run -p socketio --example recovery`; in the client `socket.recovered` says so, and
//! `socket.io.engine.close()` cuts the connection to try it.

use std::time::Duration;

use axum::Router;
use socketio::server::{Config, Recovery, Server, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut recovery = Recovery::default();
    recovery.window = Duration::from_secs(60);
    let mut config = Config::default();
    config.recovery = Some(recovery);
    let server = Server::new(config);
    server.of("/")?.on_connect(|socket: Socket| async move {
        if socket.recovered() {
            println!("{} is back in {:?}", socket.id(), socket.rooms());
        } else if let Err(error) = socket.join("news") {
            println!("{}: {error}", socket.id());
        }
    });
    let news = server.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(1));
        for number in 0_u64.. {
            every.tick().await;
            // Kept for clients that are away; a volatile event would not be.
            if let Err(error) = news.to("news").emit("tick", &number) {
                println!("{error}");
            }
        }
    });

    let app = Router::new().nest_service("/socket.io", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
