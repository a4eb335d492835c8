//! Clients of Socket.IO 2: protocol v4 over Engine.IO v3.

use socketio::proto::Version;
use socketio::server::{Ack, Config, ConnectError, Data, Recovery, Server, Socket};

use crate::common::{Client, connected, next, serve, serve_as_it_is};

fn server() -> Server {
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    // Recovery does not apply to such a client, and does not disturb it.
    config.recovery = Some(Recovery::default());
    Server::new(config)
}

#[tokio::test]
async fn the_root_namespace_is_joined_by_opening_the_connection() {
    let server = server();
    let mut sockets = connected(&server);
    server.of("/").unwrap().on("add", |Data((a, b)): Data<(u8, u8)>| async move { Ack(a + b) });
    let address = serve(&server).await;
    let (mut client, sid) = Client::open_v3(&address).await;
    assert_eq!(client.recv().await, "0");
    let socket = next(&mut sockets).await;
    assert_eq!((socket.version(), socket.id().as_str()), (Version::V4, &sid[..]));
    client.send(r#"21["add",1,2]"#).await;
    assert_eq!(client.recv().await, "31[3]");
    server.to(&*sid).emit_with_ack("asked", &()).unwrap();
    assert_eq!(client.recv().await, r#"20["asked"]"#);
    // Some other clients send a CONNECT for it nevertheless.
    client.send("0").await;
    assert_eq!(client.recv().await, "0");
    socket.disconnect();
    assert_eq!(client.recv().await, "1");
}

#[tokio::test]
async fn other_namespaces_are_joined_with_a_query() {
    let server = server();
    server.of("/").unwrap();
    server.of("/admin").unwrap().with(|socket: Socket| async move {
        let auth: serde_json::Value = socket.auth_as().unwrap();
        match auth["token"].as_str() {
            Some("a b") => Ok(()),
            Some("data") => Err(ConnectError::new("no").with_data(&auth["more"]).unwrap()),
            _ => Err(ConnectError::new("no token")),
        }
    });
    let address = serve(&server).await;
    let (mut client, _) = Client::open_v3(&address).await;
    assert_eq!(client.recv().await, "0");
    client.send("0/nowhere,").await;
    assert_eq!(client.recv().await, r#"4/nowhere,"Invalid namespace""#);
    client.send("0/admin,").await;
    assert_eq!(client.recv().await, r#"4/admin,"no token""#);
    client.send("0/admin?token=data&more=1&more=2,").await;
    assert_eq!(client.recv().await, r#"4/admin,["1","2"]"#);
    client.send(&format!("0/admin?token=a%20b&long={},", "x".repeat(1_000))).await;
    assert_eq!(client.recv().await, "0/admin,");
    assert_eq!(server.of("/admin").unwrap().sockets().len(), 1);
    client.send("1/admin,").await;
    client.assert_quiet().await;
    // The name is as long as allowed; its query is longer than allowed.
    client.send(&format!("0/admin?token={},", "x".repeat(5_000))).await;
    client.closed().await;
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_refused_in_their_words() {
    let server = server();
    let address = serve_as_it_is(&server).await;
    let (mut client, _) = Client::open_v3(&address).await;
    assert_eq!(client.recv().await, r#"4"Invalid namespace""#);
}
