//! A chat with rooms. Clients `join` and `leave` rooms, and `say` something in one.
//!
//! `cargo run -p socketio --example chat`

use axum::Router;
use serde::Serialize;
use socketio::server::{Ack, Data, DisconnectReason, Server, Socket};

/// What a room hears.
#[derive(Serialize)]
struct Said<'a> {
    room: &'a str,
    by: &'a str,
    text: &'a str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::default();
    server
        .of("/")?
        .on("join", join)
        .on("leave", |socket: Socket, Data(room): Data<String>| async move { socket.leave(room) })
        .on("say", say)
        .on("who", |socket: Socket, Data(room): Data<String>| async move {
            let there = socket.namespace().to(room).fetch_sockets().await;
            let there = there.map_err(|error| error.to_string())?;
            let ids: Vec<_> = there.iter().map(|socket| socket.id().to_string()).collect();
            Ok::<_, String>(Ack(ids))
        })
        .on_disconnecting(goodbye);

    let app = Router::new().nest_service("/socket.io", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// The error's text is the client's ack: it may be in so many rooms only.
async fn join(socket: Socket, Data(room): Data<String>) -> Result<(), String> {
    socket.join(&room).map_err(|error| error.to_string())?;
    let _ = socket.to(&room).emit("joined", &(&room, socket.id().as_str()));
    Ok(())
}

async fn say(socket: Socket, Data((room, text)): Data<(String, String)>) -> Result<(), String> {
    if !socket.rooms().iter().any(|joined| **joined == *room) {
        return Err(format!("join {room:?} first"));
    }
    let id = socket.id();
    let said = Said { room: &room, by: id.as_str(), text: &text };
    // Whoever said it hears so by its ack.
    socket.to(&room).emit("said", &said).map_err(|error| error.to_string())
}

async fn goodbye(socket: Socket, _: DisconnectReason) {
    for room in socket.rooms() {
        let _ = socket.to(room.clone()).emit("left", &(&*room, socket.id().as_str()));
    }
}
