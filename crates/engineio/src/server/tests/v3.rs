//! Clients of protocol 3.

use super::*;
use crate::proto::Protocol;

const OPEN3: &str = "GET /?EIO=3&transport=polling&b64=1 HTTP/1.1";

fn config() -> Config {
    Config { allow_eio3: true, jsonp: true, ..Config::default() }
}

async fn open3(address: &str, head: &str) -> String {
    let answer = request(address, head, "").await;
    body(&answer).split("sid").nth(1).unwrap().trim_start_matches(['\\', '"', ':'])[..20].to_owned()
}

fn with_sid3(method: &str, sid: &str, more: &str) -> String {
    format!("{method} /?EIO=3&transport=polling&sid={sid}{more} HTTP/1.1")
}

#[tokio::test]
async fn protocol_3_is_off_by_default_and_without_eio_it_is_meant_when_on() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let refused = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    assert_eq!(body(&request(&address, OPEN3, "").await), refused);

    let server = Server::new(config(), |mut socket: Socket| async move {
        assert_eq!(socket.protocol(), Protocol::V3);
        let _ = socket.send("three");
        socket.recv().await;
    });
    let address = serve(&server).await;
    let answer = request(&address, "GET /?transport=polling HTTP/1.1", "").await;
    assert!(body(&answer).starts_with("118:0{\"sid\":"), "{answer}");
}

#[tokio::test]
async fn a_session_by_polling_echoes_text_and_base64() {
    let address = serve(&Server::new(config(), echo)).await;
    let sid = open3(&address, OPEN3).await;
    let payload = "4:4€😀10:b4AQIDBA==";
    let answer = request(&address, &with_sid3("POST", &sid, ""), payload).await;
    assert_eq!((status(&answer), body(&answer)), ("200", "ok"));
    let answer = request(&address, &with_sid3("GET", &sid, ""), "").await;
    assert_eq!(body(&answer), payload);
    assert!(answer.contains("content-type: text/plain; charset=UTF-8"), "{answer}");
    request(&address, &with_sid3("POST", &sid, ""), "1:2").await;
    assert_eq!(body(&request(&address, &with_sid3("GET", &sid, ""), "").await), "1:3");
}

#[tokio::test]
async fn binary_payloads_travel_as_octets_both_ways() {
    let address = serve(&Server::new(config(), echo)).await;
    let sid = open3(&address, "GET /?EIO=3&transport=polling HTTP/1.1").await;
    let kind = "content-type: application/octet-stream";
    let post = format!("{}\r\n{kind}", with_sid3("POST", &sid, ""));
    // All of it is ASCII but the end of the lengths.
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let payload = b"\x00\x02\xff4a\x01\x03\xff\x04\x01\x02";
    let length = payload.len();
    let head =
        format!("{post}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(payload).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(body(&answer), "ok");

    let mut stream = TcpStream::connect(&address).await.unwrap();
    let get = with_sid3("GET", &sid, "");
    let get = format!("{get}\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(get.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(payload), "{answer:?}");
    assert!(String::from_utf8_lossy(&answer).contains(kind));
}

#[tokio::test]
async fn octets_in_protocol_4_are_refused_and_end_the_session() {
    let server = Server::new(config(), echo);
    let address = serve(&server).await;
    let sid = open(&address).await;
    let post = format!("{}\r\ncontent-type: application/octet-stream", with_sid("POST", &sid));
    assert_eq!(status(&request(&address, &post, "x").await), "400");
    assert_eq!(status(&request(&address, &with_sid("GET", &sid), "").await), "400");
    while server.stats().closes.transport_error == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn websockets_carry_typed_binary_frames() {
    let address = serve(&Server::new(config(), echo)).await;
    let url = |b64: &str| format!("ws://{address}/?EIO=3&transport=websocket{b64}");
    for (b64, expected) in
        [("", Message::binary(vec![4, 1, 2])), ("&b64=1", Message::text("b4AQI="))]
    {
        let stream = TcpStream::connect(&address).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(url(b64), stream).await.unwrap();
        assert!(text(&mut socket).await.starts_with("0{"));
        socket.send(Message::text("2probe")).await.unwrap();
        assert_eq!(text(&mut socket).await, "3probe");
        socket.send(Message::binary(vec![4, 1, 2])).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn scripts_and_forms_poll_when_they_may() {
    let address = serve(&Server::new(config(), echo)).await;
    let sid = open3(&address, "GET /?EIO=3&transport=polling&j=0 HTTP/1.1").await;
    let form = "d=6%3A4a%5Cnb%22%5C%5Cn6%3Ab4AQI%3D";
    let form = form.replacen("6%3A4a", "7%3A4a", 1);
    let answer = request(&address, &with_sid3("POST", &sid, "&j=1"), &form).await;
    assert_eq!((status(&answer), body(&answer)), ("200", "ok"));
    let answer = request(&address, &with_sid3("GET", &sid, "&j=2"), "").await;
    assert_eq!(body(&answer), r#"___eio[2]("7:4a\nb\"\\n6:b4AQI=");"#);
    assert!(answer.contains("content-type: text/javascript; charset=UTF-8"), "{answer}");
    let answer = request(&address, &with_sid3("POST", &sid, "&j=3"), "e=1:2").await;
    assert_eq!(status(&answer), "400", "a form without its field");

    let address = serve(&Server::new(Config { jsonp: false, ..config() }, echo)).await;
    let answer = request(&address, "GET /?EIO=3&transport=polling&j=0 HTTP/1.1", "").await;
    assert!(body(&answer).starts_with("118:0{"), "{answer}");
}
