//! Acks that the server asks for: of one socket, and of a broadcast.

use std::time::Duration;

use socketio::server::{AckError, Config, Server};

use crate::common::{Client, connected, next, serve};

/// The packet with another type and its data replaced: the ack of an event.
fn ack(event: &str, data: &str) -> String {
    let id = &event[1..event.find('[').unwrap()];
    format!("3{id}{data}")
}

#[tokio::test]
async fn a_broadcast_gives_the_ack_of_each_socket() {
    let server = Server::default();
    server.of("/").unwrap();
    let address = serve(&server).await;
    let (mut a, id_a) = Client::join(&address).await;
    let (mut b, id_b) = Client::join(&address).await;
    let mut acks = server.emit_with_ack("q", &1).unwrap();
    let (asked_a, asked_b) = (a.recv().await, b.recv().await);
    assert_eq!((&asked_a[..], &asked_b[..]), (r#"20["q",1]"#, r#"20["q",1]"#));
    b.send(&ack(&asked_b, r#"["b",2]"#)).await;
    let first = acks.next().await.unwrap();
    assert_eq!(first.socket.unwrap().as_str(), id_b);
    assert_eq!(first.result.unwrap().parse::<(String, u8)>().unwrap(), ("b".to_owned(), 2));
    a.send(&ack(&asked_a, "[]")).await;
    let rest = acks.gather().await;
    let [second] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!(second.socket.unwrap().as_str(), id_a);
    assert!(second.result.as_ref().unwrap().is_empty());
}

#[tokio::test]
async fn who_does_not_ack_in_time_or_goes_is_told_apart() {
    let server = Server::default();
    let address = serve(&server).await;
    let mut sockets = connected(&server);
    let (mut quick, _) = Client::join(&address).await;
    let (_slow, id_slow) = Client::join(&address).await;
    let (gone, id_gone) = Client::join(&address).await;
    let mut leaving = None;
    for _ in 0..3 {
        let socket = next(&mut sockets).await;
        if socket.id().as_str() == id_gone {
            leaving = Some(socket);
        }
    }
    let within = Duration::from_millis(200);
    let acks = server.timeout(within).emit_with_ack("q", &()).unwrap();
    let asked = quick.recv().await;
    quick.send(&ack(&asked, "[7]")).await;
    gone.cut();
    leaving.unwrap().disconnected().await;
    let acks = acks.gather().await;
    assert_eq!(acks.len(), 3);
    for ack in acks {
        let id = ack.socket.unwrap();
        match ack.result {
            Ok(args) => assert_eq!(args.raw(), b"7"),
            Err(AckError::Timeout(after)) => {
                assert_eq!((id.as_str(), after), (&id_slow[..], within))
            }
            Err(AckError::Disconnected) => assert_eq!(id.as_str(), id_gone),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_broadcast_without_receivers_has_no_acks() {
    let server = Server::default();
    assert!(server.to("nobody").emit_with_ack("q", &()).unwrap().gather().await.is_empty());
}

#[tokio::test]
async fn acks_that_nobody_awaits_any_more_make_room_for_others() {
    let mut config = Config::default();
    config.connection.max_pending_acks = 1;
    let server = Server::new(config);
    let address = serve(&server).await;
    let mut sockets = connected(&server);
    let (mut client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    drop(server.emit_with_ack("dropped", &()).unwrap());
    assert_eq!(client.recv().await, r#"20["dropped"]"#);
    let (answer, ()) = tokio::join!(socket.emit_with_ack("q", &()), async {
        let asked = client.recv().await;
        assert_eq!(asked, r#"21["q"]"#);
        let refused = server.emit_with_ack("one too many", &()).unwrap().gather().await;
        assert!(matches!(refused[0].result, Err(AckError::TooMany(error)) if error.max == 1));
        client.send(&ack(&asked, "[true]")).await;
    });
    assert_eq!(answer.unwrap().raw(), b"true");
}

#[tokio::test]
async fn the_time_for_an_ack_is_the_callers_to_say() {
    let server = Server::default();
    let address = serve(&server).await;
    let mut sockets = connected(&server);
    let (mut client, _) = Client::join(&address).await;
    let socket = next(&mut sockets).await;
    let within = Duration::from_millis(1);
    let late = socket.timeout(within).emit_with_ack("q", &()).await;
    assert!(matches!(late, Err(AckError::Timeout(after)) if after == within));
    assert_eq!(client.recv().await, r#"20["q"]"#);
    // An ack that comes too late is not an error, and is dropped.
    client.send("30[1]").await;
    let (answer, ()) = tokio::join!(socket.emit_with_ack("q", &()), async {
        let asked = client.recv().await;
        client.send(&ack(&asked, "[2]")).await;
    });
    assert_eq!(answer.unwrap().raw(), b"2");
}
