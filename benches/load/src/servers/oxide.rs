//! `socketioxide`, as its users write it.

use std::sync::Arc;

use bytes::Bytes;
use engineioxide::service::NotFoundService;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::service::SocketIoService;

use super::events::BURST;
use crate::wire::{self, FIRST};

pub(crate) fn service(room: Option<usize>) -> SocketIoService<NotFoundService> {
    let mut builder = SocketIo::builder();
    if let Some(room) = room {
        builder = builder.max_buffer_size(room);
    }
    let (service, io) = builder.build_svc();
    let news = Arc::new(wire::numbered());
    io.ns("/", move |socket: SocketRef, io: SocketIo| {
        let news = Arc::clone(&news);
        async move {
            // It has no raw form of arguments: what costs it least is a value.
            for name in ["echo", "value"] {
                socket.on(name, async |Data::<Value>(data), ack: AckSender| {
                    let _ = ack.send(&data);
                });
            }
            socket.on("bin", async |socket: SocketRef, Data::<Bytes>(data)| {
                let _ = socket.emit("bin", &data);
            });
            socket.on("cast", move |_: SocketRef| {
                let (io, news) = (io.clone(), Arc::clone(&news));
                async move {
                    let _ = io.emit("news", &*news).await;
                }
            });
            socket.on("burst", async |socket: SocketRef| {
                let mut event = wire::numbered();
                for id in FIRST..FIRST + BURST {
                    event.id = id;
                    let _ = socket.emit("oh_event", &event);
                }
            });
        }
    });
    service
}
