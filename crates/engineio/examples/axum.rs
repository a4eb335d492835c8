//! A chat room of one page's worth, beside other routes of an axum app.
//!
//! `cargo run -p engineio --example axum`

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use engineio::server::{Config, Server, Socket};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (room, _) = broadcast::channel(64);
    let server = Server::new(Config::default(), move |socket| chat(socket, room.clone()));
    let app = Router::new()
        .route("/", get(async || "hello"))
        .route(
            "/stats",
            get({
                let server = server.clone();
                async move || format!("{:#?}", server.stats())
            }),
        )
        .route_service("/engine.io/", server.service());

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            let _ = tokio::signal::ctrl_c().await;
            println!("{:?}", server.drain(Duration::from_secs(10)).await);
        })
        .await
}

/// Every message to everybody. Who reads too slowly misses the oldest.
async fn chat(mut socket: Socket, room: broadcast::Sender<engineio::proto::Message>) {
    let mut said = room.subscribe();
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(message) => drop(room.send(message)),
                None => return,
            },
            message = said.recv() => match message {
                Ok(message) => {
                    socket.ready().await;
                    if socket.send(message).is_err() {
                        return;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}
