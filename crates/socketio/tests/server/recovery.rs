//! Connection state recovery: what a client missed, and the cases the reference loses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socketio::server::{Config, ConnectError, DisconnectReason, Recovery, Server, Socket};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::common::{Client, connected, next, serve, value};

struct World {
    server: Server,
    address: String,
    sockets: UnboundedReceiver<Socket>,
}

impl World {
    async fn new(change: impl FnOnce(&mut Recovery)) -> Self {
        let mut config = Config::default();
        let mut recovery = Recovery::default();
        change(&mut recovery);
        config.recovery = Some(recovery);
        let server = Server::new(config);
        let sockets = connected(&server);
        let address = serve(&server).await;
        Self { server, address, sockets }
    }

    /// A client that joins with this CONNECT; its answer, and its socket.
    async fn join(&mut self, connect: &str) -> (Client, String, Socket) {
        let mut client = Client::open(&self.address).await;
        client.send(connect).await;
        let answer = client.recv().await;
        let socket = next(&mut self.sockets).await;
        assert_eq!(value(&answer, "sid").unwrap(), socket.id().as_str());
        (client, answer, socket)
    }

    /// A client that comes back.
    async fn back(&mut self, pid: &str, offset: Option<&str>) -> (Client, String, Socket) {
        let offset = offset.map(|offset| format!(r#","offset":"{offset}""#)).unwrap_or_default();
        self.join(&format!(r#"0{{"pid":"{pid}"{offset}}}"#)).await
    }
}

/// Waits until what was sent has left.
async fn writable(socket: &Socket) {
    while !socket.is_writable() {
        tokio::task::yield_now().await;
    }
}

/// The last argument of an event: a string.
fn offset(event: &str) -> String {
    event.rsplit('"').nth(1).unwrap().to_owned()
}

/// The event without its offset.
fn plain(event: &str) -> String {
    format!("{}]", &event[..event.rfind(',').unwrap()])
}

#[tokio::test]
async fn a_lost_client_gets_its_socket_back_and_what_it_missed() {
    let mut world = World::new(|_| {}).await;
    let (mut client, answer, socket) = world.join("0").await;
    let pid = value(&answer, "pid").unwrap();
    assert!(!socket.recovered());
    socket.join("room").unwrap();
    socket.insert(5_u8);
    socket.set_data(&"d").unwrap();
    world.server.emit("seen", &1).unwrap();
    let seen = client.recv().await;
    assert_eq!(plain(&seen), r#"2["seen",1]"#);
    client.cut();
    let reason = socket.disconnected().await;
    assert!(reason.is_recoverable(), "{reason}");
    world.server.to("room").emit("room", &()).unwrap();
    world.server.to("elsewhere").emit("not for it", &()).unwrap();
    world.server.except("room").emit("not for it", &()).unwrap();
    // A handle to the lost socket still sends to the client that came back.
    socket.emit("direct", &bytes::Bytes::from_static(b"b")).unwrap();

    let (mut client, answer, back) = world.back(&pid, Some(&offset(&seen))).await;
    assert!(back.recovered());
    assert_eq!(back.id(), socket.id());
    assert_eq!(value(&answer, "pid").unwrap(), pid);
    assert_eq!(plain(&client.recv().await), r#"2["room"]"#);
    let direct = client.recv().await;
    assert_eq!(plain(&direct), r#"51-["direct",{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.recv_binary().await, b"b");
    client.assert_quiet().await;
    assert_eq!(back.rooms(), [back.id().as_str().into(), "room".into()]);
    assert_eq!(back.get::<u8>().as_deref(), Some(&5));
    assert_eq!(back.data().unwrap().as_bytes(), br#""d""#);
    socket.emit("old handle", &()).unwrap();
    assert_eq!(plain(&client.recv().await), r#"2["old handle"]"#);
    assert_eq!(world.server.counts().recovered, 1);
}

#[tokio::test]
async fn a_client_that_has_received_nothing_recovers() {
    let mut world = World::new(|_| {}).await;
    world.server.emit("before it came", &()).unwrap();
    let (client, answer, socket) = world.join("0").await;
    client.cut();
    socket.disconnected().await;
    world.server.emit("missed", &()).unwrap();
    let (mut client, _, back) = world.back(&value(&answer, "pid").unwrap(), None).await;
    assert!(back.recovered());
    assert_eq!(plain(&client.recv().await), r#"2["missed"]"#);
    client.assert_quiet().await;
}

#[tokio::test]
async fn recovery_works_again_and_again_with_nothing_lost_or_twice() {
    let mut world = World::new(|_| {}).await;
    let (mut client, answer, mut socket) = world.join("0").await;
    let pid = value(&answer, "pid").unwrap();
    let (mut last, mut received) = (None, Vec::new());
    for round in 0..5 {
        world.server.emit("n", &(round * 3)).unwrap();
        let event = client.recv().await;
        received.push(plain(&event));
        last = Some(offset(&event));
        // Sent, and lost with the connection.
        client.cut();
        world.server.emit("n", &(round * 3 + 1)).unwrap();
        socket.disconnected().await;
        world.server.emit("n", &(round * 3 + 2)).unwrap();
        let (mut again, _, back) = world.back(&pid, last.as_deref()).await;
        assert!(back.recovered(), "round {round}");
        for _ in 0..2 {
            let event = again.recv().await;
            received.push(plain(&event));
            last = Some(offset(&event));
        }
        (client, socket) = (again, back);
    }
    let expected: Vec<_> = (0..15).map(|n| format!(r#"2["n",{n}]"#)).collect();
    assert_eq!(received, expected);
    assert!(last.is_some());
    client.assert_quiet().await;
}

#[tokio::test]
async fn a_connection_that_has_not_timed_out_is_taken_over() {
    let mut world = World::new(|_| {}).await;
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let (first, second) = (Arc::clone(&reasons), Arc::clone(&reasons));
    world
        .server
        .of("/")
        .unwrap()
        .on_disconnecting(move |socket, reason| {
            first.lock().unwrap().push((socket.rooms().len(), reason));
            std::future::ready(())
        })
        .on_disconnect(move |socket, reason| {
            second.lock().unwrap().push((socket.rooms().len(), reason));
            std::future::ready(())
        });
    let (mut old, answer, socket) = world.join("0").await;
    socket.join("r").unwrap();
    world.server.emit("on its way", &()).unwrap();
    let (mut client, _, back) = world.back(&value(&answer, "pid").unwrap(), None).await;
    assert!(back.recovered());
    assert_eq!((back.id(), back.rooms().len()), (socket.id(), 2));
    assert_eq!(socket.disconnected().await, DisconnectReason::TakenOver);
    assert_eq!(plain(&client.recv().await), r#"2["on its way"]"#);
    old.closed().await;
    world.server.to("r").emit("once", &()).unwrap();
    assert_eq!(plain(&client.recv().await), r#"2["once"]"#);
    client.assert_quiet().await;
    let told = [(2, DisconnectReason::TakenOver), (0, DisconnectReason::TakenOver)];
    assert_eq!(*reasons.lock().unwrap(), told);
    assert_eq!(world.server.of("/").unwrap().sockets().len(), 1);
}

#[tokio::test]
async fn volatile_events_and_acks_are_not_logged_and_spoil_no_offset() {
    let mut world = World::new(|_| {}).await;
    let (mut client, answer, socket) = world.join("0").await;
    world.server.emit("logged", &()).unwrap();
    let logged = client.recv().await;
    writable(&socket).await;
    socket.volatile().emit("v", &1).unwrap();
    assert_eq!(client.recv().await, r#"2["v",1]"#);
    writable(&socket).await;
    // The reference's client takes any last string for an offset.
    socket.volatile().emit("v", &"text").unwrap();
    let volatile = client.recv().await;
    assert_eq!(volatile, format!(r#"2["v","text","{}"]"#, offset(&logged)));
    drop(world.server.emit_with_ack("asked", &()).unwrap());
    assert_eq!(client.recv().await, r#"20["asked"]"#);
    client.cut();
    socket.disconnected().await;
    let pid = value(&answer, "pid").unwrap();
    let (mut client, _, back) = world.back(&pid, Some(&offset(&volatile))).await;
    assert!(back.recovered());
    client.assert_quiet().await;
}

#[tokio::test]
async fn rooms_count_as_they_were_when_an_event_was_sent() {
    let mut world = World::new(|_| {}).await;
    let (client, answer, socket) = world.join("0").await;
    client.cut();
    // The server has not noticed: what is sent now is lost.
    world.server.to("later").emit("too early", &()).unwrap();
    socket.join(["later", "left"]).unwrap();
    world.server.to("left").emit("was in", &()).unwrap();
    socket.leave("left");
    world.server.to("left").emit("too late", &()).unwrap();
    world.server.except("left").emit("left again", &()).unwrap();
    socket.disconnected().await;
    let (mut client, _, back) = world.back(&value(&answer, "pid").unwrap(), None).await;
    assert!(back.recovered());
    assert_eq!(plain(&client.recv().await), r#"2["was in"]"#);
    assert_eq!(plain(&client.recv().await), r#"2["left again"]"#);
    client.assert_quiet().await;
}

#[tokio::test]
async fn what_was_dropped_from_the_log_is_never_passed_over_in_silence() {
    let mut world = World::new(|recovery| recovery.max_events = 2).await;
    let (client, answer, socket) = world.join("0").await;
    let (idle_client, idle_answer, idle) = world.join("0").await;
    idle.join("idle").unwrap();
    // Not for the idle one: what is dropped does not matter to it.
    for n in 0..5 {
        world.server.except("idle").emit("n", &n).unwrap();
    }
    client.cut();
    idle_client.cut();
    socket.disconnected().await;
    idle.disconnected().await;
    let (mut client, _, fresh) = world.back(&value(&answer, "pid").unwrap(), None).await;
    assert!(!fresh.recovered());
    assert_ne!(fresh.id(), socket.id());
    client.assert_quiet().await;
    world.server.emit("last", &()).unwrap();
    let (mut client, _, back) = world.back(&value(&idle_answer, "pid").unwrap(), None).await;
    assert!(back.recovered());
    assert_eq!(plain(&client.recv().await), r#"2["last"]"#);
    assert_eq!(world.server.counts().not_recovered, 1);
}

#[tokio::test]
async fn sessions_are_kept_for_a_time_and_up_to_a_number() {
    for change in [
        (|recovery| recovery.window = Duration::ZERO) as fn(&mut Recovery),
        |recovery| recovery.max_sessions = 0,
        |recovery| recovery.max_bytes = 0,
    ] {
        let mut world = World::new(change).await;
        let (client, answer, socket) = world.join("0").await;
        client.cut();
        world.server.emit("missed", &()).unwrap();
        socket.disconnected().await;
        let (mut client, again, fresh) = world.back(&value(&answer, "pid").unwrap(), None).await;
        assert!(!fresh.recovered());
        assert_ne!(value(&again, "pid"), value(&answer, "pid"));
        client.assert_quiet().await;
    }
}

#[tokio::test]
async fn whoever_left_or_was_disconnected_does_not_recover() {
    let mut world = World::new(|_| {}).await;
    let (mut client, answer, socket) = world.join("0").await;
    client.send("1").await;
    assert!(!socket.disconnected().await.is_recoverable());
    let (mut again, second, next_socket) = world.back(&value(&answer, "pid").unwrap(), None).await;
    assert!(!next_socket.recovered());
    next_socket.disconnect();
    assert_eq!(again.recv().await, "1");
    let (_client, _, third) = world.back(&value(&second, "pid").unwrap(), None).await;
    assert!(!third.recovered());
}

#[tokio::test]
async fn nonsense_in_place_of_a_claim_gives_a_fresh_session() {
    let mut world = World::new(|_| {}).await;
    let (_old, answer, socket) = world.join("0").await;
    let pid = value(&answer, "pid").unwrap();
    for connect in [
        r#"0{"pid":5,"offset":"1"}"#.to_owned(),
        r#"0{"pid":"unknown","offset":"1"}"#.to_owned(),
        format!(r#"0{{"offset":"{pid}"}}"#),
    ] {
        let (_client, _, fresh) = world.join(&connect).await;
        assert!(!fresh.recovered());
    }
    assert!(socket.is_connected());
    // An offset from the future: the session is gone with it, the client is not.
    let (_client, _, fresh) = world.back(&pid, Some("99")).await;
    assert!(!fresh.recovered());
}

#[tokio::test]
async fn middlewares_are_skipped_or_not_as_configured() {
    for (skip, runs) in [(true, 1), (false, 2)] {
        let mut world = World::new(|recovery| recovery.skip_middlewares = skip).await;
        let count = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&count);
        world.server.of("/").unwrap().with(move |_| {
            *counted.lock().unwrap() += 1;
            std::future::ready(Ok::<(), ConnectError>(()))
        });
        let (client, answer, socket) = world.join("0").await;
        client.cut();
        socket.disconnected().await;
        let (_client, _, back) = world.back(&value(&answer, "pid").unwrap(), None).await;
        assert!(back.recovered());
        assert_eq!(*count.lock().unwrap(), runs);
    }
}
