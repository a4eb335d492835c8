//! What a client came with: headers, query, auth, and what the host adds.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use socketio::server::{ConnectError, Peer, Server, Socket};
use tokio::net::TcpListener;

use crate::common::{Client, connected, next, serve};

#[derive(Clone, Debug, PartialEq)]
struct Tenant(&'static str);

/// Serves with a host that puts this into the extensions of every request. Returns the URL.
async fn serve_behind<T: Clone + Send + Sync + 'static>(server: &Server, extension: T) -> String {
    let layer = from_fn(move |mut request: Request, next: Next| {
        request.extensions_mut().insert(extension.clone());
        next.run(request)
    });
    let app = Router::new().nest_service("/socket.io", server.service()).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("{address}/socket.io")
}

#[tokio::test]
async fn handlers_see_the_request_and_what_the_host_put_there() {
    let server = Server::default();
    let mut sockets = connected(&server);
    server.of("/").unwrap().with(|socket: Socket| async move {
        match socket.request().extensions.get::<Tenant>() {
            Some(tenant) => {
                socket.insert(tenant.clone());
                Ok(())
            }
            None => Err(ConnectError::new("no tenant")),
        }
    });
    let url = serve_behind(&server, Tenant("acme")).await;
    let mut client = Client::open_with(&url, "&room=a%20b&room=c").await;
    client.send(r#"0{"token":"t"}"#).await;
    assert!(client.recv().await.starts_with("0{"));
    let socket = next(&mut sockets).await;
    assert_eq!(socket.get::<Tenant>().as_deref(), Some(&Tenant("acme")));
    assert_eq!(socket.query("room").as_deref(), Some("a b"));
    assert_eq!(socket.query("other"), None);
    assert!(socket.request().headers.contains_key("sec-websocket-key"));
    let auth: serde_json::Value = socket.auth_as().unwrap();
    assert_eq!(auth["token"], "t");
}

#[tokio::test]
async fn a_connect_without_data_reads_as_an_empty_object() {
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let (_client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    assert!(socket.auth().is_none());
    assert_eq!(socket.auth_as::<serde_json::Value>().unwrap(), serde_json::json!({}));
}

#[tokio::test]
async fn a_handshake_tells_all_that_the_reference_tells() {
    let server = Server::default();
    let mut sockets = connected(&server);
    let peer = Peer { address: "[2001:db8::7]:4711".parse().unwrap(), secure: true };
    let url = serve_behind(&server, peer).await;
    let mut client = Client::open_with(&url, "&room=a%20b&room=c").await;
    client.send(r#"0{"token":"t"}"#).await;
    client.recv().await;
    let socket = next(&mut sockets).await;

    let handshake = socket.handshake();
    assert_eq!((handshake.address.as_str(), handshake.secure), ("2001:db8::7", true));
    assert!(!handshake.xdomain, "no origin");
    assert_eq!(handshake.url, "/?EIO=4&transport=websocket&room=a%20b&room=c");
    assert_eq!(handshake.query["room"], "c");
    assert_eq!(handshake.headers["upgrade"], "websocket");
    assert_eq!(handshake.auth.as_ref().unwrap().as_bytes(), br#"{"token":"t"}"#);
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    assert!((since - 60_000..=since).contains(&handshake.issued), "{}", handshake.issued);
    assert!(handshake.time.ends_with(" GMT") && handshake.time.len() == 29, "{}", handshake.time);

    // Other nodes are told the same, by the reference's names.
    let fetched = server.fetch_sockets().await.unwrap();
    let told = serde_json::to_value(fetched[0].handshake()).unwrap();
    assert_eq!(told, serde_json::to_value(handshake).unwrap());
    let text = serde_json::to_string(fetched[0].handshake()).unwrap();
    let reference =
        ["headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth"];
    assert_eq!(told.as_object().unwrap().len(), reference.len());
    let places = reference.map(|name| text.find(&format!("\"{name}\":")).unwrap());
    assert!(places.is_sorted(), "{text}");
}

#[tokio::test]
async fn without_a_word_of_the_host_the_address_is_empty_and_nothing_is_secure() {
    let server = Server::default();
    let mut sockets = connected(&server);
    let address = serve(&server).await;
    let (_client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    let told = serde_json::to_value(socket.handshake()).unwrap();
    assert_eq!((&told["address"], &told["secure"]), (&"".into(), &false.into()));
    assert_eq!(told["auth"], serde_json::json!({}));
}
