//! Typed acks, both ways: the client asks the server, and the server asks its clients.
//!
//! `cargo run -p socketio --example acks`

use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize};
use socketio::server::{Ack, Data, HandlerError, Server, Socket, State};

#[derive(Deserialize)]
struct Order {
    item: String,
    count: u32,
}

#[derive(Serialize)]
struct Receipt {
    item: String,
    total: u32,
}

struct Prices {
    each: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::default();
    server.insert_state(Prices { each: 3 });
    // A client that sends something else than an order hears so by its ack; so does this hook.
    server.on_error(|socket: &Socket, error: &HandlerError| eprintln!("{}: {error}", socket.id()));
    server.of("/")?.on("order", order).on("vote", vote);

    let app = Router::new().nest_service("/socket.io", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// `await socket.emitWithAck("order", {item: "tea", count: 2})` gives `{item: "tea", total: 6}`, or
/// `{error: …}`.
async fn order(prices: State<Prices>, Data(order): Data<Order>) -> Result<Ack<Receipt>, String> {
    let total = order.count.checked_mul(prices.each).ok_or("too many")?;
    Ok(Ack(Receipt { item: order.item, total }))
}

/// Asks everybody else; gives how many said yes.
async fn vote(socket: Socket, Data(question): Data<String>) -> Result<Ack<usize>, String> {
    let everybody = socket.broadcast().timeout(Duration::from_secs(5));
    let acks = everybody.emit_with_ack("question", &question).map_err(|error| error.to_string())?;
    let answers = acks.gather().await;
    let yes = answers.iter().filter_map(|answer| answer.result.as_ref().ok()?.parse().ok());
    Ok(Ack(yes.filter(|yes: &bool| *yes).count()))
}
