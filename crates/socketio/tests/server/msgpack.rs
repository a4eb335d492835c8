//! Clients that speak MessagePack: what handlers see is the same.

use bytes::Bytes;
use socketio::proto::{Codec, Config as Limits, encode, msgpack};
use socketio::server::{Ack, Config, Data, Server};

use crate::common::{Client, connected, next, serve};

async fn recv(client: &mut Client) -> (String, Vec<Bytes>) {
    let packet = client.recv_binary().await.into();
    let (text, attachments) = msgpack::decode(&packet, &Limits::default()).unwrap();
    (text.as_str().to_owned(), attachments)
}

#[tokio::test]
async fn events_acks_and_broadcasts_travel_packed() {
    let mut config = Config::default();
    config.connection.codec = Codec::MessagePack;
    let server = Server::new(config);
    let mut sockets = connected(&server);
    server
        .of("/")
        .unwrap()
        .on("echo", |Data((n, bytes)): Data<(u8, Bytes)>| async move { Ack((bytes, n)) });
    let address = serve(&server).await;
    let mut client = Client::open(&address).await;
    client.send_binary(&b"\x82\xa4type\x00\xa3nsp\xa1/"[..]).await;
    let (answer, _) = recv(&mut client).await;
    let socket = next(&mut sockets).await;
    assert_eq!(answer, format!(r#"0{{"sid":"{}"}}"#, socket.id()));
    let packet = encode::event(&"/".parse().unwrap(), Some(5), "echo", &(7, Bytes::from("b")));
    client.send_binary(msgpack::encode(&packet.unwrap()).unwrap()).await;
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(recv(&mut client).await, (format!("61-5[{placeholder},7]"), vec!["b".into()]));
    server.emit("all", &Bytes::from("x")).unwrap();
    let expected = (format!(r#"51-["all",{placeholder}]"#), vec!["x".into()]);
    assert_eq!(recv(&mut client).await, expected);
    // Text is for the other parser.
    client.send(r#"2["echo"]"#).await;
    assert_eq!(socket.disconnected().await.as_str(), "forced close");
}
