//! Namespaces: dynamic ones, and closing one.

use std::sync::{Arc, Mutex};

use socketio::server::{Ack, Config, ConnectError, DisconnectReason, Server, Socket};
use tokio::sync::mpsc;

use crate::common::{Client, next, serve};

const INVALID: &str = r#"{"message":"Invalid namespace"}"#;

#[tokio::test]
async fn a_pattern_makes_namespaces_with_its_handlers_and_parameters() {
    let mut config = Config::default();
    config.ack_refusals = true;
    let server = Server::new(config);
    let made = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&made);
    server.on_namespace(move |namespace| told.lock().unwrap().push(namespace.name().to_string()));
    let (tx, mut gone) = mpsc::unbounded_channel();
    server
        .of_pattern("/tenant-{id}")
        .unwrap()
        .with(|socket: Socket| async move {
            match socket.namespace().param("id") {
                Some("0") => Err(ConnectError::new("no such tenant")),
                _ => Ok(()),
            }
        })
        .on("who", |socket: Socket| async move {
            Ack(socket.namespace().param("id").map(str::to_owned))
        })
        .on_disconnect(move |socket, _| {
            let _ = tx.send(socket.namespace().name().to_string());
            std::future::ready(())
        });
    server.of("/tenant-9").unwrap();
    let address = serve(&server).await;
    let mut a = Client::open(&address).await;
    a.send("0/tenant-1,").await;
    assert!(a.recv().await.starts_with("0/tenant-1,{"));
    a.send(r#"2/tenant-1,1["who"]"#).await;
    assert_eq!(a.recv().await, r#"3/tenant-1,1["1"]"#);
    a.send("0/tenant-0,").await;
    assert_eq!(a.recv().await, r#"4/tenant-0,{"message":"no such tenant"}"#);
    a.send("0/tenant-,").await;
    assert_eq!(a.recv().await, format!("4/tenant-,{INVALID}"));
    let (mut b, _) = Client::join_by(&address, "0/tenant-2,").await;
    // Each has sockets of its own.
    a.send("0/tenant-2,").await;
    assert!(a.recv().await.starts_with("0/tenant-2,"));
    b.send("1/tenant-2,").await;
    assert_eq!(next(&mut gone).await, "/tenant-2");
    // One that was made by name goes before the pattern.
    b.send("0/tenant-9,").await;
    assert!(b.recv().await.starts_with("0/tenant-9,"));
    b.send(r#"2/tenant-9,1["who"]"#).await;
    assert!(b.recv().await.starts_with(r#"3/tenant-9,1[{"error""#));
    assert_eq!(*made.lock().unwrap(), ["/tenant-1", "/tenant-0", "/tenant-2"]);
}

#[tokio::test]
async fn a_predicate_is_given_the_name_and_the_auth() {
    let server = Server::default();
    server
        .of_matching(|name, auth| {
            let key = auth.and_then(|auth| auth.parse::<serde_json::Value>().ok());
            name.len() == 4 && key.is_some_and(|key| key["key"] == name[1..])
        })
        .on("e", || async { Ack(1) });
    let address = serve(&server).await;
    let mut client = Client::open(&address).await;
    client.send("0/abc,").await;
    assert_eq!(client.recv().await, format!("4/abc,{INVALID}"));
    client.send(r#"0/abc,{"key":"abc"}"#).await;
    assert!(client.recv().await.starts_with("0/abc,{"));
    client.send(r#"2/abc,1["e"]"#).await;
    assert_eq!(client.recv().await, "3/abc,1[1]");
}

#[tokio::test]
async fn dynamic_namespaces_are_bounded_and_go_when_they_are_empty() {
    let mut config = Config::default();
    config.max_dynamic_namespaces = 1;
    let server = Server::new(config);
    let (tx, mut gone) = mpsc::unbounded_channel();
    server.of_pattern("/{any}").unwrap().on_disconnect(move |_, _| {
        let _ = tx.send(());
        std::future::ready(())
    });
    let address = serve(&server).await;
    let (mut client, _) = Client::join_by(&address, "0/a,").await;
    client.send("0/b,").await;
    assert_eq!(client.recv().await, format!("4/b,{INVALID}"));
    client.send("1/a,").await;
    next(&mut gone).await;
    client.send("0/b,").await;
    assert!(client.recv().await.starts_with("0/b,{"));
}

#[tokio::test]
async fn closing_a_namespace_disconnects_its_sockets_and_no_others() {
    let server = Server::default();
    server.of("/").unwrap();
    server.of("/shut").unwrap();
    let address = serve(&server).await;
    let (mut client, _) = Client::join(&address).await;
    client.send("0/shut,").await;
    assert!(client.recv().await.starts_with("0/shut,"));
    let socket = server.of("/shut").unwrap().sockets().remove(0);
    assert!(server.close_namespace("/shut").await);
    assert!(!server.close_namespace("/shut").await);
    assert_eq!(client.recv().await, "1/shut,");
    assert_eq!(socket.disconnected().await, DisconnectReason::Server);
    client.send("0/shut,").await;
    assert_eq!(client.recv().await, format!("4/shut,{INVALID}"));
    client.assert_quiet().await;
    server.of("/shut").unwrap();
    client.send("0/shut,").await;
    assert!(client.recv().await.starts_with("0/shut,{"));
}
