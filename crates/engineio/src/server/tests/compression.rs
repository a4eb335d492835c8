//! Compressed payloads.

use super::*;
use crate::proto::Outgoing;
use crate::server::Compression;

#[tokio::test]
async fn large_payloads_are_compressed_for_those_who_accept_it() {
    let config = Config { compression: Some(Compression::default()), ..Config::default() };
    let address = serve(&Server::new(config, echo)).await;
    let sid = open(&address).await;
    let message = format!("4{}", "hello ".repeat(1000));
    for (accept, coding) in [("gzip", Some("gzip")), ("identity", None)] {
        request(&address, &with_sid("POST", &sid), &message).await;
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let get = with_sid("GET", &sid);
        let get =
            format!("{get}\r\nhost: x\r\nconnection: close\r\naccept-encoding: {accept}\r\n\r\n");
        stream.write_all(get.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let (head, body) = (String::from_utf8_lossy(&answer[..at]), &answer[at + 4..]);
        assert!(head.contains("vary: accept-encoding"), "{head}");
        assert_eq!(head.contains("content-encoding: gzip"), coding.is_some(), "{head}");
        let read = match coding {
            Some(_) => std::io::read_to_string(flate2::read::GzDecoder::new(body)),
            None => std::io::read_to_string(body),
        };
        assert_eq!(read.unwrap(), message);
    }
    let answer = request(&address, &format!("{OPEN}\r\naccept-encoding: gzip"), "").await;
    assert!(!answer.contains("content-encoding"), "a small one stays: {answer}");
}

#[tokio::test]
async fn what_was_sent_uncompressed_stays_so() {
    let config = Config { compression: Some(Compression::default()), ..Config::default() };
    let server = Server::new(config, async |mut socket: Socket| {
        while let Some(message) = socket.recv().await {
            let _ = socket.send(Outgoing::from(message).uncompressed());
        }
    });
    let address = serve(&server).await;
    let sid = open(&address).await;
    let message = format!("4{}", "hello ".repeat(1000));
    request(&address, &with_sid("POST", &sid), &message).await;
    let get = format!("{}\r\naccept-encoding: gzip", with_sid("GET", &sid));
    let answer = request(&address, &get, "").await;
    assert!(!answer.contains("content-encoding"), "{answer}");
    assert_eq!(body(&answer), message);
}
