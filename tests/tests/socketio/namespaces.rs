//! Several namespaces share one connection and stay apart.

use crate::Way;
use serde_json::json;
use socketio::server::{Ack, Socket};
use tests::{Host, SocketIo};

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    namespaces_share_a_connection_and_nothing_else
}

async fn namespaces_share_a_connection_and_nothing_else(way: Way, client: &mut SocketIo) {
    let server = way.server();
    for name in ["/", "/admin", "/a b/é"] {
        server.of(name).expect("a name").on("who", move |socket: Socket| async move {
            Ack((name, socket.id().as_str().to_owned()))
        });
    }
    let host = Host::socketio(&server).await;
    let sockets = [("root", "/"), ("admin", "/admin")];
    let mut ids = Vec::new();
    for (socket, namespace) in sockets {
        client.open(socket, &format!("{}{namespace}", host.url()), way.options()).await;
        ids.push(client.expect(socket, "connect").await);
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(server.engine().sessions(), 1);

    for ((socket, namespace), id) in sockets.iter().zip(&ids) {
        client.ask(socket, json!(["who"])).await;
        let who = client.expect(socket, "ack").await;
        assert_eq!(who[0], *namespace);
        // Socket.IO 2 makes up an id of its own for namespaces other than `/`.
        assert!(who[1] == *id || (way.release.is_v2() && *namespace == "/admin"), "{who} is {id}");
    }
    server.of("/admin").expect("a name").emit("news", "for admins").expect("JSON");
    assert_eq!(client.expect("admin", "event").await, json!(["news", "for admins"]));

    client.disconnect("admin").await;
    assert_eq!(client.expect("admin", "disconnect").await, "io client disconnect");
    client.ask("root", json!(["who"])).await;
    assert_eq!(client.expect("root", "ack").await, json!(["/", ids[0]]), "the other one stays");
    assert!(server.of("/admin").expect("a name").sockets().is_empty());
    client.clear().await;
}
