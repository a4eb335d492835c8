//! Clients that speak MessagePack: handlers see the same data.

use std::collections::BTreeMap;

use bytes::Bytes;
use socketio::proto::{Codec, ConnectionConfig as Limits, NamespaceName, encode, msgpack};
use socketio::server::{Ack, Config, Data, EmitError, Recovery, Server, Socket};
use tokio::sync::mpsc;

use crate::backpressure::fill;
use crate::common::{Client, connected, next, serve};

async fn recv(client: &mut Client) -> (String, Vec<Bytes>) {
    let packet = client.recv_binary().await.into();
    let (text, attachments) = msgpack::decode(&packet, &Limits::default()).unwrap();
    (text.as_str().to_owned(), attachments)
}

/// A server of this parser, its address, and a client that has joined.
async fn joined(recovery: Option<Recovery>) -> (Server, Client, Socket) {
    let mut config = Config::default();
    config.recovery = recovery;
    config.connection.codec = Codec::MessagePack;
    let server = Server::new(config);
    let mut sockets = connected(&server);
    let mut client = Client::open(&serve(&server).await).await;
    client.send_binary(&b"\x82\xa4type\x00\xa3nsp\xa1/"[..]).await;
    let (answer, _) = recv(&mut client).await;
    let socket = next(&mut sockets).await;
    assert!(answer.starts_with(&format!(r#"0{{"sid":"{}""#, socket.id())), "{answer}");
    (server, client, socket)
}

#[tokio::test]
async fn events_to_one_socket_are_the_same_whoever_else_looks_at_them() {
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    for (listens, recovers) in [(false, false), (true, false), (false, true)] {
        let (_server, mut client, socket) = joined(recovers.then(Recovery::default)).await;
        let (told, mut outgoing) = mpsc::unbounded_channel();
        if listens {
            socket.on_outgoing(move |_, args| drop(told.send(args.name().into_owned())));
        }
        let offset = |at: u64| match recovers {
            true => format!(",\"{at}\""),
            false => String::new(),
        };
        socket.emit("one", &(1, Bytes::from("b"))).unwrap();
        let first = format!(r#"51-["one",1,{placeholder}{}]"#, offset(1));
        assert_eq!(recv(&mut client).await, (first, vec!["b".into()]));
        socket.compress(false).emit("two", &()).unwrap();
        assert_eq!(recv(&mut client).await, (format!(r#"2["two"{}]"#, offset(2)), vec![]));
        // A client that waits for nothing else: it is writable.
        while !socket.is_writable() {
            tokio::task::yield_now().await;
        }
        socket.volatile().emit("three", &[0.5]).unwrap();
        assert_eq!(recv(&mut client).await, (r#"2["three",0.5]"#.into(), vec![]));
        let asking = socket.clone();
        let asked = tokio::spawn(async move { asking.emit_with_ack("four", "?").await });
        let (question, _) = recv(&mut client).await;
        let id = question.strip_prefix('2').unwrap().strip_suffix(r#"["four","?"]"#).unwrap();
        let answer = msgpack::ack(&NamespaceName::default(), id.parse().unwrap(), "!").unwrap();
        client.send_binary(answer).await;
        assert_eq!(asked.await.unwrap().unwrap().parse::<String>().unwrap(), "!");
        let error = socket.emit("five", &BTreeMap::from([((), 1)])).unwrap_err();
        assert!(matches!(error, EmitError::Encode(_)), "{error:?}");
        if listens {
            for name in ["one", "two", "three", "four"] {
                assert_eq!(outgoing.try_recv().as_deref(), Ok(name));
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_room_is_refused_and_if_volatile_dropped() {
    let (server, _client, socket) = joined(None).await;
    fill(&socket).await;
    let error = socket.emit("e", &"x".repeat(64 << 10)).unwrap_err();
    assert!(matches!(error, EmitError::Full(_)), "{error:?}");
    socket.volatile().emit("v", &1).unwrap();
    assert_eq!(server.counts().volatile_dropped, 1);
}

#[tokio::test]
async fn events_acks_and_broadcasts_travel_packed() {
    let (server, mut client, socket) = joined(None).await;
    server
        .of("/")
        .unwrap()
        .on("echo", |Data((n, bytes)): Data<(u8, Bytes)>| async move { Ack((bytes, n)) });
    let packet = encode::event(&"/".parse().unwrap(), Some(5), "echo", &(7, Bytes::from("b")));
    client.send_binary(msgpack::encode(&packet.unwrap()).unwrap()).await;
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(recv(&mut client).await, (format!("61-5[{placeholder},7]"), vec!["b".into()]));
    server.emit("all", &Bytes::from("x")).unwrap();
    let expected = (format!(r#"51-["all",{placeholder}]"#), vec!["x".into()]);
    assert_eq!(recv(&mut client).await, expected);
    // Text is for the other parser.
    client.send(r#"2["echo"]"#).await;
    assert_eq!(socket.disconnected().await.as_str(), "forced close");
}
