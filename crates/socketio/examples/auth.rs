//! Authentication: a middleware of the namespace checks the token of the CONNECT, and a middleware
//! of the socket checks every event.
//!
//! `cargo run -p socketio --example auth`, then `io("http://localhost:3000", {auth: {token: "…"}})`.

use axum::Router;
use serde::Deserialize;
use socketio::proto::Args;
use socketio::server::{Ack, ConnectError, Server, Socket};

#[derive(Deserialize)]
struct Auth {
    token: String,
}

/// Kept with the socket.
struct User {
    name: String,
    is_admin: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::default();
    server
        .of("/")?
        .with(authorize)
        .on_connect(|socket: Socket| async move {
            socket.with(guard);
        })
        .on("whoami", |socket: Socket| async move {
            Ack(socket.get::<User>().map(|user| user.name.clone()))
        })
        .on("admin:stats", |socket: Socket| async move { Ack(socket.namespace().sockets().len()) });

    let app = Router::new().nest_service("/socket.io", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// The client sees `err.message` and `err.data` of its `connect_error`.
async fn authorize(socket: Socket) -> Result<(), ConnectError> {
    let auth: Auth = socket.auth_as().map_err(|_| ConnectError::new("a token is needed"))?;
    let name = match auth.token.as_str() {
        "token of ann" => "ann",
        "token of bob" => "bob",
        _ => return Err(refuse("not a token of ours", 401)),
    };
    socket.insert(User { name: name.to_owned(), is_admin: name == "ann" });
    Ok(())
}

fn refuse(message: &str, code: u16) -> ConnectError {
    let refusal = ConnectError::new(message);
    refusal.clone().with_data(&code).unwrap_or(refusal)
}

/// Events that begin with `admin:` are for admins.
async fn guard(socket: Socket, args: Args) -> Result<(), &'static str> {
    let is_admin = socket.get::<User>().is_some_and(|user| user.is_admin);
    if args.name().starts_with("admin:") && !is_admin { Err("for admins") } else { Ok(()) }
}
