//! Statistics.

use super::*;

async fn settled(server: &Server, done: impl Fn(&crate::server::Stats) -> bool) {
    while !done(&server.stats()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn sessions_packets_upgrades_and_closes_are_counted() {
    let server = Server::new(Config::default(), echo);
    let address = serve(&server).await;
    let sid = open(&address).await;
    let stats = server.stats();
    assert_eq!((stats.polling, stats.websocket, stats.opened), (1, 0, 1));
    assert_eq!((stats.packets_out, stats.packets_in), (1, 0));

    request(&address, &with_sid("POST", &sid), "4hello").await;
    request(&address, &with_sid("GET", &sid), "").await;
    let stats = server.stats();
    assert_eq!((stats.packets_in, stats.bytes_in, stats.packets_out), (1, 6, 2));

    let mut socket = websocket(&address, &format!("&sid={sid}")).await;
    socket.send(Message::text("2probe")).await.unwrap();
    assert_eq!(text(&mut socket).await, "3probe");
    socket.send(Message::text("5")).await.unwrap();
    socket.send(Message::text("4a")).await.unwrap();
    assert_eq!(text(&mut socket).await, "4a");
    settled(&server, |stats| stats.packets_out == 4).await;
    let stats = server.stats();
    assert_eq!((stats.polling, stats.websocket, stats.upgrades), (0, 1, 1));
    assert_eq!((stats.packets_in, stats.bytes_in), (4, 15));

    socket.send(Message::text("x")).await.unwrap();
    settled(&server, |stats| stats.closes.parse_error == 1).await;
    let stats = server.stats();
    assert_eq!((stats.polling, stats.websocket, stats.opened), (0, 0, 1));
}

#[tokio::test]
async fn a_websocket_that_leaves_without_its_probe_is_a_failed_upgrade() {
    let server = Server::new(Config::default(), echo);
    let address = serve(&server).await;
    let sid = open(&address).await;
    drop(websocket(&address, &format!("&sid={sid}")).await);
    settled(&server, |stats| stats.failed_upgrades == 1).await;
    assert_eq!((server.stats().polling, server.stats().upgrades), (1, 0));
}
