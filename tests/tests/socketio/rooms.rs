//! Rooms, and broadcasts with acks, between clients.

use bytes::Bytes;
use serde_json::json;
use socketio::server::{Ack, Data, Socket};
use tests::{Host, SocketIo, bytes};

use crate::Way;

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    rooms_hear_what_is_for_them
    a_broadcast_gathers_the_acks_of_its_clients
}

/// Three clients of a server, each in the rooms it was given.
async fn three(way: Way, client: &mut SocketIo, rooms: [&[&str]; 3]) -> (Host, [String; 3]) {
    let server = way.server();
    server
        .of("/")
        .expect("a name")
        .on("join", |socket: Socket, Data(rooms): Data<Vec<String>>| async move {
            socket.join(rooms).map(|()| Ack(socket.id().as_str().to_owned()))
        })
        .on("say", |socket: Socket, Data((room, text)): Data<(String, String)>| async move {
            socket.to(room).emit("said", &text).map_err(|error| error.to_string())
        })
        .on("show", |socket: Socket, Data(picture): Data<Bytes>| async move {
            let everyone = socket.namespace().except("blind");
            everyone.emit("shown", &(picture,)).map_err(|error| error.to_string())
        })
        .on("ask", |socket: Socket, Data(question): Data<(u32, Bytes)>| async move {
            let acks = socket.broadcast().emit_with_ack("asked", &question);
            let acks = acks.map_err(|error| error.to_string())?.gather().await;
            let answers = acks.iter().filter_map(|ack| ack.result.as_ref().ok()?.parse().ok());
            let mut answers: Vec<(u32, Bytes)> = answers.collect();
            answers.sort();
            Ok::<_, String>(Ack(answers))
        });
    let host = Host::socketio(&server).await;
    let mut ids = [const { String::new() }; 3];
    for (name, (rooms, id)) in ["a", "b", "c"].into_iter().zip(rooms.into_iter().zip(&mut ids)) {
        client.open(name, &host.url(), way.options()).await;
        client.expect(name, "connect").await;
        client.ask(name, json!(["join", rooms])).await;
        *id = client.expect(name, "ack").await[0].as_str().unwrap_or_default().to_owned();
    }
    (host, ids)
}

async fn rooms_hear_what_is_for_them(way: Way, client: &mut SocketIo) {
    let rooms: [&[&str]; 3] = [&["red"], &["red", "blue"], &["blue", "blind"]];
    let (_host, [a, ..]) = three(way, client, rooms).await;
    for (by, room, hearers) in [
        ("a", "red", &["b"][..]),
        ("a", "blue", &["b", "c"]),
        ("c", &a, &["a"]),
        ("b", "none", &[]),
    ] {
        client.ask(by, json!(["say", room, "é"])).await;
        assert_eq!(client.expect(by, "ack").await, json!([]));
        for hearer in hearers {
            assert_eq!(client.expect(hearer, "event").await, json!(["said", "é"]));
        }
    }
    client.emit("c", json!(["show", bytes(&[7, 8])])).await;
    for hearer in ["a", "b"] {
        assert_eq!(client.expect(hearer, "event").await, json!(["shown", bytes(&[7, 8])]));
    }
    client.clear().await;
}

async fn a_broadcast_gathers_the_acks_of_its_clients(way: Way, client: &mut SocketIo) {
    let (_host, _) = three(way, client, [&[], &[], &[]]).await;
    let question = [json!(7), bytes(&[1, 2])];
    client.ask("b", json!(["ask", question[0], question[1]])).await;
    for asked in ["a", "c"] {
        let event = client.expect(asked, "event").await;
        assert_eq!(event, json!(["asked", question[0], question[1]]));
    }
    assert_eq!(client.expect("b", "ack").await, json!([[question, question]]));
    client.clear().await;
}
