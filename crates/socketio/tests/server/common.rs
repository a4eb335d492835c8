//! A server on a free port, and clients that speak the raw wire to it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use socketio::server::{Server, Socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Serves on a free port, with the event that `assert_quiet` asks for; gives the address.
pub(crate) async fn serve(server: &Server) -> String {
    server.of("/").unwrap().on("fence", || async {});
    serve_as_it_is(server).await
}

/// Serves on a free port; gives the address.
pub(crate) async fn serve_as_it_is(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = server.service();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service.clone())
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    address
}

/// One connection by websocket. Texts are without the engine's `4`.
pub(crate) struct Client {
    websocket: WebSocketStream<TcpStream>,
}

impl Client {
    /// A connection that has joined nothing.
    pub(crate) async fn open(address: &str) -> Self {
        Self::open_with(address, "").await
    }

    /// A connection to an address, maybe with a path, with more in its query.
    pub(crate) async fn open_with(address: &str, query: &str) -> Self {
        let host = address.split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(host).await.unwrap();
        let url = format!("ws://{address}/?EIO=4&transport=websocket{query}");
        let (websocket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let mut client = Self { websocket };
        assert!(client.frame().await.starts_with("0{"));
        client
    }

    /// A connection of Engine.IO v3, and its session's id.
    pub(crate) async fn open_v3(address: &str) -> (Self, String) {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/?EIO=3&transport=websocket");
        let (websocket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let mut client = Self { websocket };
        let sid = value(&client.frame().await, "sid").unwrap();
        (client, sid)
    }

    /// A connection that has joined `/`, and its socket's id.
    pub(crate) async fn join(address: &str) -> (Self, String) {
        Self::join_by(address, "0").await
    }

    /// A connection that has sent this CONNECT and was let in, and its socket's id.
    pub(crate) async fn join_by(address: &str, connect: &str) -> (Self, String) {
        let mut client = Self::open(address).await;
        client.send(connect).await;
        let answer = client.recv().await;
        assert!(answer.starts_with('0'), "{answer}");
        (client, value(&answer, "sid").unwrap())
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.websocket.send(Message::text(format!("4{packet}"))).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, data: impl Into<Bytes>) {
        self.websocket.send(Message::binary(data)).await.unwrap();
    }

    /// The next packet's text.
    pub(crate) async fn recv(&mut self) -> String {
        let frame = self.frame().await;
        frame.strip_prefix('4').map_or_else(|| format!("frame {frame}"), str::to_owned)
    }

    /// The next attachment.
    pub(crate) async fn recv_binary(&mut self) -> Vec<u8> {
        match timeout(PATIENCE, self.websocket.next()).await.unwrap() {
            Some(Ok(Message::Binary(data))) => data.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// Nothing has been sent to this client that it has not received: what it asks for is answered
    /// next.
    pub(crate) async fn assert_quiet(&mut self) {
        self.send(r#"299["fence"]"#).await;
        let answer = self.recv().await;
        assert!(answer.starts_with("399["), "unexpected {answer}");
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        loop {
            match timeout(PATIENCE, self.websocket.next()).await.expect("not closed") {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Cuts the connection without a close frame.
    pub(crate) fn cut(self) {
        drop(self.websocket.into_inner());
    }

    async fn frame(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.websocket.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return format!("{other:?}"),
            }
        }
    }
}

/// One connection by long-polling.
pub(crate) struct Poller {
    address: String,
    sid: String,
}

impl Poller {
    /// A connection that has joined `/`, and taken the answer.
    pub(crate) async fn join(address: &str) -> Self {
        let mut poller = Self { address: address.to_owned(), sid: String::new() };
        let opened = poller.request("GET", "", "").await;
        poller.sid = value(&opened, "sid").unwrap();
        poller.request("POST", "", "40").await;
        let answer = poller.get("").await;
        assert!(answer.ends_with('}') && answer.contains("40{"), "{answer}");
        poller
    }

    /// Holds a GET; gives its answer, head and body. `headers` are lines of the request.
    pub(crate) async fn get(&self, headers: &str) -> String {
        self.request("GET", headers, "").await
    }

    async fn request(&self, method: &str, headers: &str, body: &str) -> String {
        let Self { address, sid } = self;
        let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
        let length = body.len();
        let request = format!(
            "{method} /?EIO=4&transport=polling{sid} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no answer").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The text of a key in JSON that is as simple as the server's answers.
pub(crate) fn value(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    Some(rest.split('"').next()?.to_owned())
}

/// Sockets that connect to `/`, in order.
pub(crate) fn connected(server: &Server) -> mpsc::UnboundedReceiver<Socket> {
    let (tx, rx) = mpsc::unbounded_channel();
    server.of("/").unwrap().on_connect(move |socket| {
        let _ = tx.send(socket);
        std::future::ready(())
    });
    rx
}

/// The next of what a test waits for.
pub(crate) async fn next<T>(receiver: &mut mpsc::UnboundedReceiver<T>) -> T {
    timeout(PATIENCE, receiver.recv()).await.expect("nothing came").unwrap()
}

/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
