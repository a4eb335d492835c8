//! Replay: from `latest_event_id`, each event once.

use serde_json::json;
use tests::SocketIo;

use super::{event, query, with_messages};

async fn first_id(client: &mut SocketIo, socket: &str) -> u64 {
    event(client, socket).await["id"].as_u64().unwrap()
}

#[tokio::test]
async fn a_client_gets_exactly_what_follows_its_latest_event() {
    let (server, mut client) = with_messages(6).await;
    for (number, (latest, first)) in [
        ("-1", 0),
        ("", 0),
        ("undefined", 0),
        ("240.5", 0),
        ("-5", 0),
        ("0", 1),
        (" 3", 4),
        ("+4", 5),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = number.to_string();
        client.open(&socket, &server.url(), query("c", &[("latest_event_id", latest)])).await;
        client.expect(&socket, "connect").await;
        for expected in first..6 {
            assert_eq!(first_id(&mut client, &socket).await, expected, "{latest:?}");
        }
    }
    // At the end and beyond it there is nothing old; the next event is the first.
    for (socket, latest) in [("end", "5"), ("beyond", "5000")] {
        client.open(socket, &server.url(), query("c", &[("latest_event_id", latest)])).await;
        client.expect(socket, "connect").await;
    }
    let action = json!({"type": "message", "message": "live"});
    client.emit("writer", json!(["oh_user_action", action])).await;
    for socket in ["end", "beyond", "0", "7"] {
        assert_eq!(first_id(&mut client, socket).await, 6, "{socket}");
    }
}

#[tokio::test]
async fn an_event_is_the_same_replayed_live_and_after_a_restart() {
    let (server, mut client) = with_messages(0).await;
    client.emit("writer", json!(["oh_user_action", {"type": "message", "message": "ü€𝄞"}])).await;
    let live = event(&mut client, "writer").await;
    client.open("late", &server.url(), query("c", &[])).await;
    client.expect("late", "connect").await;
    assert_eq!(event(&mut client, "late").await, live);
    let server = server.restart(&["--agent", "none"]).await;
    client.open("later", &server.url(), query("c", &[])).await;
    client.expect("later", "connect").await;
    assert_eq!(event(&mut client, "later").await, live);
}

#[tokio::test]
async fn polling_clients_get_the_same() {
    let (server, mut client) = with_messages(3).await;
    for (socket, transports) in [("p", json!(["polling"])), ("u", json!(["polling", "websocket"]))]
    {
        let mut options = query("c", &[("latest_event_id", "0")]);
        options["transports"] = transports;
        client.open(socket, &server.url(), options).await;
        client.expect(socket, "connect").await;
        for expected in 1..3 {
            assert_eq!(first_id(&mut client, socket).await, expected);
        }
    }
}

#[tokio::test]
async fn of_the_agents_past_states_only_the_newest_is_replayed() {
    let server = tests::OpenHands::start(&[]).await;
    let mut client = SocketIo::start();
    client.open("live", &server.url(), query("c", &[])).await;
    client.expect("live", "connect").await;
    client.emit("live", json!(["oh_user_action", {"type": "message", "message": "hi"}])).await;
    let mut states = Vec::new();
    let mut last = 0;
    while states.len() < 3 {
        let event = event(&mut client, "live").await;
        last = event["id"].as_u64().unwrap();
        if event["observation"] == "agent_state_changed" {
            states.push(event["extras"]["agent_state"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(states, ["awaiting_user_input", "running", "awaiting_user_input"]);

    client.open("late", &server.url(), query("c", &[])).await;
    client.expect("late", "connect").await;
    let mut replayed = Vec::new();
    let mut previous = None;
    loop {
        let event = event(&mut client, "late").await;
        let id = event["id"].as_u64().unwrap();
        assert!(previous < Some(id), "ids rise");
        previous = Some(id);
        if event["observation"] == "agent_state_changed" {
            replayed.push(id);
        }
        if id == last {
            break;
        }
    }
    assert_eq!(replayed, [last]);
}

#[tokio::test]
async fn an_event_larger_than_a_client_takes_is_sent_with_its_text_once() {
    let (server, mut client) = with_messages(1).await;
    let text = "x".repeat(2_500_000);
    let body = json!({"message": text});
    let sent = super::rest::post(&server, "/api/conversations/c/message", &body).await;
    assert_eq!(sent.0, 200);
    client.open("late", &server.url(), query("c", &[])).await;
    client.expect("late", "connect").await;
    for (socket, first) in [("writer", 1), ("late", 0)] {
        for id in first..2 {
            let event = event(&mut client, socket).await;
            assert_eq!(event["id"], id, "{socket}");
            let len = event.to_string().len();
            assert!(len < 4 << 20, "{socket}: {len} bytes, a client takes {}", 4 << 20);
            if id == 1 {
                assert_eq!(event["args"]["content"], text, "{socket}");
            }
        }
    }
    // What comes after it comes too, and the log has all of it.
    client.emit("writer", json!(["oh_user_action", {"type": "message", "message": "after"}])).await;
    for socket in ["writer", "late"] {
        assert_eq!(first_id(&mut client, socket).await, 2, "{socket}");
    }
    let path = "/api/conversations/c/events?start_id=1&limit=1";
    let (_, page) = super::rest::get(&server, path).await;
    assert_eq!(page["events"][0]["message"], text);
}
