//! Several namespaces share one connection and stay apart.

use serde_json::{Value, json};
use socketio::server::{Ack, Server, Socket};
use tests::{Host, SocketIo};

over_every_transport! {
    namespaces_share_a_connection_and_nothing_else
}

async fn namespaces_share_a_connection_and_nothing_else(options: Value) {
    let server = Server::default();
    for name in ["/", "/admin", "/a b/é"] {
        server.of(name).expect("a name").on("who", move |socket: Socket| async move {
            Ack((name, socket.id().as_str().to_owned()))
        });
    }
    let host = Host::socketio(&server).await;
    let mut client = SocketIo::start();
    let sockets = [("root", "/"), ("admin", "/admin")];
    let mut ids = Vec::new();
    for (socket, namespace) in sockets {
        client.open(socket, &format!("{}{namespace}", host.url()), options.clone()).await;
        ids.push(client.expect(socket, "connect").await);
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(server.engine().sessions(), 1);

    for ((socket, namespace), id) in sockets.iter().zip(&ids) {
        client.ask(socket, json!(["who"])).await;
        assert_eq!(client.expect(socket, "ack").await, json!([namespace, id]));
    }
    server.of("/admin").expect("a name").emit("news", "for admins").expect("JSON");
    assert_eq!(client.expect("admin", "event").await, json!(["news", "for admins"]));

    client.disconnect("admin").await;
    assert_eq!(client.expect("admin", "disconnect").await, "io client disconnect");
    client.ask("root", json!(["who"])).await;
    assert_eq!(client.expect("root", "ack").await, json!(["/", ids[0]]), "the other one stays");
    assert!(server.of("/admin").expect("a name").sockets().is_empty());
    client.finish().await;
}
