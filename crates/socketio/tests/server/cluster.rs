//! The trait `Adapter` carries a cluster: two servers of one process, joined by an adapter that
//! each hands the other what it is told, as a network would.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio::proto::Sid;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use socketio::proto::{Args, Encoded, RawJson};
use socketio::server::adapter::{Adapter, AdapterError, Adapters, BroadcastOptions, MemoryAdapter};
use socketio::server::{
    BroadcastAck, Config, Data, LocalSockets, RestoredSession, Room, Server, Socket, SocketInfo,
    StoredSession, TooManyRooms,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::common::{Client, connected, next, serve};

/// All nodes of a namespace, and the targets they were told.
#[derive(Clone, Default)]
struct Bus {
    nodes: Arc<Mutex<Vec<LocalSockets>>>,
    told: Arc<Mutex<Vec<BroadcastOptions>>>,
}

struct Node {
    own: MemoryAdapter,
    index: usize,
    bus: Bus,
}

impl Bus {
    fn adapters(&self) -> Adapters {
        let bus = self.clone();
        Adapters::new(move |local| {
            let mut nodes = bus.nodes.lock().unwrap();
            nodes.push(local.clone());
            Node { own: MemoryAdapter::new(local), index: nodes.len() - 1, bus: bus.clone() }
        })
    }
}

impl Node {
    fn others(&self, options: &BroadcastOptions) -> Vec<LocalSockets> {
        self.bus.told.lock().unwrap().push(options.clone());
        let nodes = self.bus.nodes.lock().unwrap();
        let others = nodes.iter().enumerate().filter(|(index, _)| *index != self.index);
        others.map(|(_, node)| node.clone()).collect()
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.index)
    }
}

impl Adapter for Node {
    fn add(&self, socket: Sid, rooms: &[Room]) -> Result<(), TooManyRooms> {
        self.own.add(socket, rooms)
    }

    fn del(&self, socket: Sid, room: &str) {
        self.own.del(socket, room);
    }

    fn del_all(&self, socket: Sid) {
        self.own.del_all(socket);
    }

    fn broadcast(&self, packet: &Encoded, options: &BroadcastOptions) -> Result<(), AdapterError> {
        self.others(options).iter().for_each(|node| node.broadcast(packet, options));
        self.own.broadcast(packet, options)
    }

    fn broadcast_with_ack(
        &self,
        packet: &Encoded,
        options: &BroadcastOptions,
        within: Duration,
    ) -> BoxStream<'static, BroadcastAck> {
        let others = self.others(options);
        let theirs = others.iter().map(|node| node.broadcast_with_ack(packet, options, within));
        let theirs = theirs.map(|acks| acks.boxed()).collect::<Vec<_>>();
        let own = self.own.broadcast_with_ack(packet, options, within);
        futures_util::stream::select_all(theirs.into_iter().chain([own])).boxed()
    }

    fn sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<Sid>, AdapterError>> {
        let theirs: Vec<_> =
            self.others(options).iter().flat_map(|node| node.ids(options)).collect();
        self.own.sockets(options).map(|own| Ok([own?, theirs].concat())).boxed()
    }

    fn fetch_sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, AdapterError>> {
        let theirs: Vec<_> =
            self.others(options).iter().flat_map(|node| node.fetch_sockets(options)).collect();
        self.own.fetch_sockets(options).map(|own| Ok([own?, theirs].concat())).boxed()
    }

    fn add_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError> {
        self.others(options).iter().for_each(|node| node.add_sockets(options, rooms));
        self.own.add_sockets(options, rooms)
    }

    fn del_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError> {
        self.others(options).iter().for_each(|node| node.del_sockets(options, rooms));
        self.own.del_sockets(options, rooms)
    }

    fn disconnect_sockets(
        &self,
        options: &BroadcastOptions,
        close: bool,
    ) -> Result<(), AdapterError> {
        self.others(options).iter().for_each(|node| node.disconnect_sockets(options, close));
        self.own.disconnect_sockets(options, close)
    }

    fn server_side_emit(&self, args: &Args) -> Result<(), AdapterError> {
        for node in self.others(&BroadcastOptions::default()) {
            tokio::spawn(node.server_side_event(args.clone()));
        }
        Ok(())
    }

    fn server_side_emit_with_ack(
        &self,
        args: &Args,
    ) -> BoxFuture<'static, Result<Vec<RawJson>, AdapterError>> {
        let others = self.others(&BroadcastOptions::default());
        let answers = others.iter().map(|node| node.server_side_event(args.clone()));
        futures_util::future::join_all(answers)
            .map(|answers| Ok(answers.into_iter().flatten().collect()))
            .boxed()
    }

    fn server_count(&self) -> BoxFuture<'static, Result<usize, AdapterError>> {
        ready(Ok(self.bus.nodes.lock().unwrap().len())).boxed()
    }

    fn persist_session(&self, session: StoredSession) {
        self.own.persist_session(session);
    }

    fn restore_session(
        &self,
        pid: &str,
        offset: Option<&str>,
    ) -> BoxFuture<'static, Option<RestoredSession>> {
        self.own.restore_session(pid, offset)
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.own.close()
    }
}

/// A server of the cluster, a client that has joined it, and its socket.
async fn node(bus: &Bus) -> (Server, Client, Socket) {
    let mut config = Config::default();
    config.adapters = bus.adapters();
    let server = Server::new(config);
    let mut sockets: UnboundedReceiver<Socket> = connected(&server);
    let address = serve(&server).await;
    let (client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    (server, client, socket)
}

#[tokio::test]
async fn broadcasts_reach_other_nodes_unless_they_are_local() {
    let bus = Bus::default();
    let (server, mut a, sa) = node(&bus).await;
    let (_other, mut b, sb) = node(&bus).await;
    server.local().emit("local", &()).unwrap();
    server.compress(false).emit("all", &1).unwrap();
    sa.broadcast().emit("others", &()).unwrap();
    server.to(sb.id()).emit("private", &()).unwrap();
    assert_eq!([a.recv().await, a.recv().await], [r#"2["local"]"#, r#"2["all",1]"#]);
    for event in [r#"2["all",1]"#, r#"2["others"]"#, r#"2["private"]"#] {
        assert_eq!(b.recv().await, event);
    }
    a.assert_quiet().await;
    let told = bus.told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert!(!told[0].flags.compress && told[1].flags.compress);
    assert_eq!(told[1].except, [sa.id().as_str().into()]);
}

#[tokio::test]
async fn acks_and_sockets_are_gathered_from_all_nodes() {
    let bus = Bus::default();
    let (server, mut a, sa) = node(&bus).await;
    let (_other, mut b, sb) = node(&bus).await;
    let acks = server.emit_with_ack("q", &()).unwrap();
    for client in [&mut a, &mut b] {
        assert_eq!(client.recv().await, r#"20["q"]"#);
        client.send("30[1]").await;
    }
    let mut acked: Vec<_> = acks.gather().await.iter().map(|ack| ack.socket.unwrap()).collect();
    acked.sort();
    let mut ids = [sa.id(), sb.id()];
    ids.sort();
    assert_eq!(acked, ids);
    server.sockets_join("room").unwrap();
    assert_eq!(sb.rooms().len(), 2);
    let fetched = server.to("room").fetch_sockets().await.unwrap();
    assert_eq!(fetched.len(), 2);
    let remote = fetched.iter().find(|socket| socket.id() == sb.id()).unwrap();
    remote.emit("hi", &()).unwrap();
    assert_eq!(b.recv().await, r#"2["hi"]"#);
    remote.disconnect(false).unwrap();
    assert_eq!(b.recv().await, "1");
    assert_eq!(server.to("room").sockets().await.unwrap(), [sa.id()]);
}

#[tokio::test]
async fn servers_tell_each_other_and_never_themselves() {
    let bus = Bus::default();
    let (server, _a, _) = node(&bus).await;
    let (other, _b, _) = node(&bus).await;
    for (server, name) in [(&server, "asks"), (&other, "answers")] {
        server.of("/").unwrap().on_server_side_emit("who", move |args: Args| async move {
            let n: u8 = args.parse().unwrap();
            (name, n)
        });
    }
    let root = server.of("/").unwrap();
    let answers = root.server_side_emit_with_ack("who", &7).await.unwrap();
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(answer.as_bytes(), br#"["answers",7]"#);
    assert!(root.server_side_emit_with_ack("unknown", &()).await.unwrap().is_empty());
    // On a single node there are no other servers.
    let alone = Server::default().of("/").unwrap();
    alone.server_side_emit("who", &1).unwrap();
    assert!(alone.server_side_emit_with_ack("who", &1).await.unwrap().is_empty());
}

#[tokio::test]
async fn handlers_reach_other_nodes_too() {
    let bus = Bus::default();
    let (server, mut a, _) = node(&bus).await;
    let (_other, mut b, sb) = node(&bus).await;
    sb.join("r").unwrap();
    server.of("/").unwrap().on("say", |socket: Socket, Data(text): Data<String>| async move {
        socket.to("r").emit("said", &text).map_err(|error| error.to_string())
    });
    a.send(r#"2["say","hello"]"#).await;
    assert_eq!(b.recv().await, r#"2["said","hello"]"#);
}
