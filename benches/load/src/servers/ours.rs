//! `socketio`, as its users write it.

use std::io;
use std::sync::{Arc, LazyLock};

use benches::data::OhEvent;
use engineio::proto::Text;
use serde_json::Value;
use socketio::proto::{Args, Encoded};
use socketio::server::{Ack, AckSender, Data, EmitError, Server, Socket};

use super::events::{self, BURST};
use crate::wire::{self, FIRST};

pub(crate) fn service() -> io::Result<engineio::server::Service> {
    let server = Server::default();
    let news = Arc::new(wire::numbered());
    let all = server.of("/").map_err(io::Error::other)?;
    all.on("echo", |args: Args, ack: AckSender| async move {
        let _ = ack.send_args(&args);
    })
    .on("value", |Data(value): Data<Value>| async move { Ack(value) })
    .on("bin", |socket: Socket, args: Args| async move {
        let _ = socket.emit_args("bin", &args);
    })
    .on("cast", move |socket: Socket| {
        let news = Arc::clone(&news);
        async move {
            let _ = socket.namespace().emit("news", &*news);
        }
    })
    .on("burst", |socket: Socket| burst(socket))
    .on("replay", |socket: Socket| async move {
        for packet in REPLAY.iter() {
            patiently(&socket, || socket.send(packet)).await;
        }
    });
    Ok(server.service())
}

async fn burst(socket: Socket) {
    let mut event = wire::numbered();
    for id in FIRST..FIRST + BURST {
        event.id = id;
        let event: &OhEvent = &event;
        patiently(&socket, || socket.emit("oh_event", event)).await;
    }
}

/// Again when there is room.
async fn patiently(socket: &Socket, emit: impl Fn() -> Result<(), EmitError>) {
    while let Err(EmitError::Full(_)) = emit() {
        socket.ready().await;
    }
}

/// Made when it is asked for, so that servers without a replay start as fast as they can.
static REPLAY: LazyLock<Vec<Encoded>> = LazyLock::new(|| {
    // It is made of UTF-8.
    let one = |wire: Vec<u8>| Text::from_wire(wire.into()).map(Encoded::from_text).ok();
    events::burst().filter_map(one).collect()
});
