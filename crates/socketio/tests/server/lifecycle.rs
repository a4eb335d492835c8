//! Joining, refusing, leaving, shutting down: what each side learns.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socketio::proto;
use socketio::server::{Ack, Config, ConnectError, DisconnectReason, Server, Socket};
use tokio::sync::mpsc;

use crate::common::{Client, connected, next, serve};

#[tokio::test]
async fn a_middleware_refuses_with_a_message_and_data() {
    let server = Server::default();
    server.of("/").unwrap().with(|socket: Socket| async move {
        let token: Option<String> = socket.auth().and_then(|auth| {
            auth.parse::<serde_json::Value>().ok()?.get("token")?.as_str().map(str::to_owned)
        });
        match token.as_deref() {
            Some("good") => Ok(()),
            Some("panic") => panic!("expected in this test"),
            _ => Err(ConnectError::new("not you").with_data(&("code", 401)).unwrap()),
        }
    });
    let address = serve(&server).await;
    let mut client = Client::open(&address).await;
    client.send("0").await;
    assert_eq!(client.recv().await, r#"4{"message":"not you","data":["code",401]}"#);
    client.send(r#"0{"token":"panic"}"#).await;
    assert_eq!(client.recv().await, r#"4{"message":"Server error"}"#);
    client.send(r#"0{"token":"good"}"#).await;
    assert!(client.recv().await.starts_with(r#"0{"sid":""#));
}

#[tokio::test]
async fn disconnecting_still_sees_the_rooms_and_disconnect_does_not() {
    let server = Server::default();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (first, second) = (Arc::clone(&log), Arc::clone(&log));
    let (tx, mut done) = mpsc::unbounded_channel();
    server
        .of("/")
        .unwrap()
        .on_disconnecting(move |socket, reason| {
            let rooms = socket.rooms().len();
            first.lock().unwrap().push(format!("disconnecting {rooms} {reason}"));
            async { panic!("expected in this test") }
        })
        .on_disconnect(move |socket, reason| {
            let rooms = socket.rooms().len();
            second.lock().unwrap().push(format!("disconnect {rooms} {reason}"));
            let _ = tx.send(());
            std::future::ready(())
        });
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    socket.join("r").unwrap();
    client.send("1").await;
    next(&mut done).await;
    assert_eq!(
        *log.lock().unwrap(),
        ["disconnecting 2 client namespace disconnect", "disconnect 0 client namespace disconnect"]
    );
    assert_eq!(socket.disconnected().await, DisconnectReason::Client);
    assert_eq!(server.counts().panics, 1);
}

#[tokio::test]
async fn reasons_say_what_the_client_did_wrong() {
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    for (packet, name, detail) in [
        (
            "2/other,[\"e\"]",
            "forced server close",
            "EVENT not expected: its namespace is not joined",
        ),
        ("0", "forced server close", "CONNECT not expected: its namespace is taken"),
        ("2{}", "forced close", "invalid payload: EVENT needs an array"),
        ("9", "forced close", "unknown packet type Some('9')"),
    ] {
        let (mut client, _) = Client::join(&address).await;
        let socket = next(&mut sockets).await;
        client.send(packet).await;
        let reason = socket.disconnected().await;
        assert_eq!(reason.as_str(), name);
        assert_eq!(reason.to_string(), format!("{name}: {detail}"));
        let (DisconnectReason::ForcedServerClose(error) | DisconnectReason::ForcedClose(error)) =
            reason
        else {
            panic!("{reason}")
        };
        assert!(matches!(error, proto::Error::Peer(_)));
        client.closed().await;
    }
}

#[tokio::test]
async fn disconnect_leaves_one_namespace_and_close_all_of_them() {
    let server = Server::default();
    let mut sockets = connected(&server);
    server.of("/other").unwrap().on("e", || async { Ack("still here") });
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    client.send("0/other,").await;
    assert!(client.recv().await.starts_with("0/other,"));
    next(&mut sockets).await.disconnect();
    assert_eq!(client.recv().await, "1");
    client.send(r#"2/other,1["e"]"#).await;
    assert_eq!(client.recv().await, r#"3/other,1["still here"]"#);
    client.send("0").await;
    assert!(client.recv().await.starts_with("0{"));
    let again = next(&mut sockets).await;
    let other = server.of("/other").unwrap().sockets().remove(0);
    again.close();
    let mut told = [client.recv().await, client.recv().await];
    told.sort();
    assert_eq!(told, ["1", "1/other,"]);
    client.closed().await;
    assert_eq!(again.disconnected().await, DisconnectReason::Server);
    assert_eq!(other.disconnected().await, DisconnectReason::Server);
}

#[tokio::test]
async fn a_shutdown_tells_clients_or_lets_them_come_back() {
    for (tells, first) in [(true, "1"), (false, "frame ")] {
        let mut config = Config::default();
        config.disconnect_on_shutdown = tells;
        let server = Server::new(config);
        let mut sockets = connected(&server);
        let address = serve(&server).await;
        let (mut client, _) = Client::join(&address).await;
        let socket = next(&mut sockets).await;
        socket.emit("last words", &()).unwrap();
        let left = tokio::spawn({
            let server = server.clone();
            async move { server.shutdown(Duration::from_secs(20)).await }
        });
        assert_eq!(client.recv().await, r#"2["last words"]"#);
        let told = client.recv().await;
        assert!(told.starts_with(first), "{told}");
        client.closed().await;
        assert_eq!(left.await.unwrap(), 0);
        assert_eq!(socket.disconnected().await, DisconnectReason::ShuttingDown);
    }
}

#[tokio::test]
async fn who_joins_nothing_in_time_is_closed() {
    let mut config = Config::default();
    config.connection.connect_timeout = Duration::from_millis(50);
    let server = Server::new(config);
    server.of("/").unwrap();
    let address = serve(&server).await;
    let mut silent = Client::open(&address).await;
    let mut refused = Client::open(&address).await;
    refused.send("0/nowhere,").await;
    assert_eq!(refused.recv().await, r#"4/nowhere,{"message":"Invalid namespace"}"#);
    silent.closed().await;
    refused.closed().await;
}

#[tokio::test]
async fn a_client_that_is_disconnected_by_a_middleware_is_refused() {
    let server = Server::default();
    server.of("/").unwrap().with(|socket: Socket| async move {
        socket.disconnect();
        tokio::task::yield_now().await;
        Ok(())
    });
    let address = serve(&server).await;
    let mut client = Client::open(&address).await;
    client.send("0").await;
    assert!(client.recv().await.starts_with(r#"4{"message":"#));
    assert!(server.of("/").unwrap().sockets().is_empty());
}

#[tokio::test]
async fn tasks_of_a_socket_end_with_it_and_their_panics_stay_theirs() {
    struct Ends(mpsc::UnboundedSender<&'static str>);
    impl Drop for Ends {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    let (tx, mut rx) = mpsc::unbounded_channel();
    socket.spawn(async { panic!("expected in this test") });
    socket.spawn(async move {
        let ends = Ends(tx);
        let _ = ends.0.send("runs");
        std::future::pending::<()>().await;
    });
    assert_eq!(next(&mut rx).await, "runs");
    client.assert_quiet().await;
    client.send("1").await;
    assert_eq!(next(&mut rx).await, "dropped");
    assert_eq!(server.counts().panics, 1);
}

#[tokio::test]
async fn a_socket_that_is_gone_keeps_nothing_that_keeps_it() {
    struct Holder(#[allow(dead_code, reason = "held")] Socket, Arc<()>);
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    let alive = Arc::new(());
    socket.insert(Holder(socket.clone(), Arc::clone(&alive)));
    let held = Holder(socket.clone(), Arc::clone(&alive));
    socket.on("e", move || {
        let count = Arc::strong_count(&held.1);
        async move { Ack(count) }
    });
    client.send(r#"21["e"]"#).await;
    assert_eq!(client.recv().await, "31[3]");
    client.send("1").await;
    socket.disconnected().await;
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn hooks_that_panic_take_nobody_with_them() {
    let server = Server::default();
    let namespace = server.of("/").unwrap();
    namespace
        .on_connect(|socket: Socket| {
            assert!(socket.auth().is_some(), "expected in this test");
            std::future::ready(())
        })
        .on_room(|_| panic!("expected in this test"));
    namespace.on("join", |socket: Socket| async move {
        socket.join("r").map_err(|error| error.to_string())
    });
    server.of_matching(|_, _| panic!("expected in this test"));
    server.of_pattern("/p-{n}").unwrap();
    server.on_namespace(|_| panic!("expected in this test"));
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    client.send(r#"21["join"]"#).await;
    assert_eq!(client.recv().await, "31[]");
    client.send("0/p-1,").await;
    assert!(client.recv().await.starts_with("0/p-1,{"));
    client.send("1").await;
    client.send("0").await;
    assert!(client.recv().await.starts_with("0{"), "the connection lives on");
    client.assert_quiet().await;
    // Two connects, two rooms' words for each of joining and leaving, a predicate, a namespace.
    assert_eq!(server.counts().panics, 2 + 4 + 1 + 1);
}
