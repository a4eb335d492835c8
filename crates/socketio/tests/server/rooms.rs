//! Rooms and broadcasts: which sockets get an event, and which do not.

use std::sync::{Arc, Mutex};

use crate::common::{Client, connected, next, serve};
use socketio::server::{Config, Data, RoomEvent, Server, Socket, TooManyRooms};
use tokio::sync::mpsc;

/// Clients that have joined, and their sockets.
async fn clients<const N: usize>(server: &Server) -> ([Client; N], [Socket; N]) {
    let address = serve(server).await;
    let mut sockets = connected(server);
    let (mut clients, mut joined) = (Vec::new(), Vec::new());
    for _ in 0..N {
        let (client, sid) = Client::join(&address).await;
        let socket = next(&mut sockets).await;
        assert_eq!(socket.id().as_str(), sid);
        clients.push(client);
        joined.push(socket);
    }
    (clients.try_into().ok().unwrap(), joined.try_into().ok().unwrap())
}

#[tokio::test]
async fn an_event_to_rooms_reaches_each_member_once() {
    let server = Server::default();
    let ([mut a, mut b, mut c], sockets) = clients(&server).await;
    sockets[0].join(["red", "blue"]).unwrap();
    sockets[1].join("red").unwrap();
    server.to(["red", "blue"]).emit("e", &1).unwrap();
    assert_eq!(a.recv().await, r#"2["e",1]"#);
    assert_eq!(b.recv().await, r#"2["e",1]"#);
    for client in [&mut a, &mut b, &mut c] {
        client.assert_quiet().await;
    }
}

#[tokio::test]
async fn a_socket_leaves_itself_out_and_except_leaves_out_rooms() {
    let server = Server::default();
    let ([mut a, mut b, mut c], sockets) = clients(&server).await;
    sockets[0].broadcast().emit("others", &()).unwrap();
    sockets[2].join("mute").unwrap();
    sockets[0].except("mute").emit("not mute", &()).unwrap();
    server.except([&sockets[0], &sockets[1]].map(Socket::id)).emit("only c", &()).unwrap();
    sockets[0].to(sockets[1].id()).emit("private", &()).unwrap();
    server.emit("all", &()).unwrap();
    assert_eq!(a.recv().await, r#"2["all"]"#);
    for text in [r#"2["others"]"#, r#"2["not mute"]"#, r#"2["private"]"#, r#"2["all"]"#] {
        assert_eq!(b.recv().await, text);
    }
    for text in [r#"2["others"]"#, r#"2["only c"]"#, r#"2["all"]"#] {
        assert_eq!(c.recv().await, text);
    }
}

#[tokio::test]
async fn whoever_left_a_room_or_the_server_is_in_it_no_more() {
    let server = Server::default();
    let ([mut a, b], [sa, sb]) = clients(&server).await;
    for socket in [&sa, &sb] {
        socket.join(["x", "y"]).unwrap();
    }
    assert_eq!(sa.rooms(), [sa.id().as_str().into(), "x".into(), "y".into()]);
    sa.leave("x");
    assert_eq!(sa.rooms(), [sa.id().as_str().into(), "y".into()]);
    b.cut();
    sb.disconnected().await;
    sb.join("z").unwrap();
    assert_eq!(server.of("/").unwrap().local_sockets().rooms(), ["y".into()]);
    server.to("x").emit("gone", &()).unwrap();
    a.assert_quiet().await;
    assert_eq!(server.to("y").sockets().await.unwrap(), [sa.id()]);
}

#[tokio::test]
async fn rooms_are_told_when_they_come_and_go() {
    let server = Server::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    server.of("/").unwrap().on_room(move |event| heard.lock().unwrap().push(event.clone()));
    let ([_a, b], [sa, sb]) = clients(&server).await;
    sa.join("r").unwrap();
    sa.join("r").unwrap();
    sb.join("r").unwrap();
    sa.leave("r");
    b.cut();
    sb.disconnected().await;
    let room: Arc<str> = "r".into();
    let expected = [
        RoomEvent::Created(room.clone()),
        RoomEvent::Joined(room.clone(), sa.id()),
        RoomEvent::Joined(room.clone(), sb.id()),
        RoomEvent::Left(room.clone(), sa.id()),
        RoomEvent::Left(room.clone(), sb.id()),
        RoomEvent::Deleted(room),
    ];
    // The end of `disconnected` may come before the rooms are left.
    while told.lock().unwrap().len() < expected.len() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test]
async fn one_room_too_many_is_refused_with_both_numbers() {
    let mut config = Config::default();
    config.max_rooms = 2;
    let server = Server::new(config);
    let ([_a], [socket]) = clients(&server).await;
    socket.join(["a", "b", "a"]).unwrap();
    assert_eq!(socket.join(["b", "c"]), Err(TooManyRooms { rooms: 3, max: 2 }));
    assert_eq!(socket.rooms().len(), 3);
    socket.leave(["a", "b"]);
    socket.join(["c", "d"]).unwrap();
}

#[tokio::test]
async fn binary_data_reaches_every_receiver() {
    let server = Server::default();
    let ([mut a, mut b], _) = clients(&server).await;
    server.emit("bytes", &(bytes::Bytes::from_static(b"\x01\x02"), 3)).unwrap();
    for client in [&mut a, &mut b] {
        let text = client.recv().await;
        assert_eq!(text, r#"51-["bytes",{"_placeholder":true,"num":0},3]"#);
        assert_eq!(client.recv_binary().await, [1, 2]);
    }
}

#[tokio::test]
async fn sockets_are_moved_and_disconnected_from_outside() {
    let server = Server::default();
    let ([mut a, mut b], [sa, sb]) = clients(&server).await;
    server.to(sa.id()).sockets_join(["in", "out"]).unwrap();
    server.to("in").sockets_leave("out").unwrap();
    assert_eq!(sa.rooms(), [sa.id().as_str().into(), "in".into()]);
    server.to("in").disconnect_sockets(false).unwrap();
    assert_eq!(a.recv().await, "1");
    assert_eq!(sa.disconnected().await.as_str(), "server namespace disconnect");
    // The connection is still open; the other one is closed.
    a.send("0").await;
    assert!(a.recv().await.starts_with("0{"));
    server.except(sa.id()).to(sb.id()).disconnect_sockets(true).unwrap();
    assert_eq!(b.recv().await, "1");
    b.closed().await;
}

#[tokio::test]
async fn what_is_known_of_sockets_can_be_fetched() {
    let server = Server::default();
    let address = serve(&server).await;
    let mut sockets = connected(&server);
    let (mut client, sid) = Client::join_by(&address, r#"0{"token":"t"}"#).await;
    let socket = next(&mut sockets).await;
    socket.join("r").unwrap();
    socket.set_data(&("level", 3)).unwrap();
    let fetched = server.to("r").fetch_sockets().await.unwrap();
    let [remote] = &fetched[..] else { panic!("{fetched:?}") };
    assert_eq!(remote.id().as_str(), sid);
    assert_eq!(remote.rooms(), [sid.as_str().into(), "r".into()]);
    assert_eq!(remote.data().unwrap().as_bytes(), br#"["level",3]"#);
    let handshake = remote.handshake();
    assert_eq!(handshake.auth.as_ref().unwrap().as_bytes(), br#"{"token":"t"}"#);
    assert_eq!(handshake.query.get("transport").map(String::as_str), Some("websocket"));
    assert!(handshake.headers.contains_key("host") && handshake.issued > 0);
    remote.emit("hi", &()).unwrap();
    assert_eq!(client.recv().await, r#"2["hi"]"#);
    remote.leave("r").unwrap();
    assert_eq!(socket.rooms().len(), 1);
}

#[tokio::test]
async fn a_handler_broadcasts_in_the_order_of_events() {
    let server = Server::default();
    let (tx, mut seen) = mpsc::unbounded_channel();
    server.of("/").unwrap().on("say", move |socket: Socket, Data(n): Data<u32>| {
        let tx = tx.clone();
        async move {
            socket.broadcast().emit("said", &n).unwrap();
            let _ = tx.send(n);
        }
    });
    let ([mut a, mut b], _) = clients(&server).await;
    for n in 0..50 {
        a.send(&format!(r#"2["say",{n}]"#)).await;
    }
    for n in 0..50 {
        assert_eq!(next(&mut seen).await, n);
        assert_eq!(b.recv().await, format!(r#"2["said",{n}]"#));
    }
    a.assert_quiet().await;
}

#[tokio::test]
async fn rooms_joined_in_a_middleware_are_there_when_the_client_is_in() {
    let mut config = Config::default();
    config.max_rooms = 2;
    let server = Server::new(config);
    let refused = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&refused);
    server.of("/").unwrap().with(move |socket: Socket| {
        let tell = Arc::clone(&tell);
        async move {
            socket.join(["red", "blue"]).unwrap();
            *tell.lock().unwrap() = socket.join("green").err();
            socket.leave("blue");
            assert_eq!(socket.rooms(), ["red".into()]);
            Ok(())
        }
    });
    let ([mut a], [socket]) = clients(&server).await;
    assert_eq!(*refused.lock().unwrap(), Some(TooManyRooms { rooms: 3, max: 2 }));
    assert_eq!(socket.rooms(), [socket.id().as_str().into(), "red".into()]);
    server.to("blue").emit("nobody", &()).unwrap();
    server.to("red").emit("red", &()).unwrap();
    assert_eq!(a.recv().await, r#"2["red"]"#);
}
