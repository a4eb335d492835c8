//! The heart: whatever clients do, and whatever happens to the server, each sees every id exactly
//! once and in order, and nothing that was acknowledged is lost.

use serde_json::{Value, json};
use tests::{OpenHands, Script};

use super::auth::{Keyed, ask, conversation, keyed};

const NO_AGENT: [&str; 2] = ["--agent", "none"];

fn clients(server: &OpenHands, options: &Value) -> Script {
    Script::node("openhands/history.mjs", &[&server.url(), &options.to_string()])
}

/// Waits until this many actions were acknowledged.
async fn until_acked(clients: &mut Script, count: u64) {
    loop {
        match clients.report().await {
            Some((name, acked)) if name == "acked" => {
                if acked.as_u64().unwrap() >= count {
                    return;
                }
            }
            other => panic!("{other:?} before {count} acks"),
        }
    }
}

async fn proven(mut clients: Script) -> Value {
    loop {
        match clients.report().await {
            Some((name, figures)) if name == "proven" => return figures,
            Some((name, why)) if name == "refuted" => panic!("{why}"),
            Some(_) => {}
            None => panic!("the clients end without a proof"),
        }
    }
}

#[tokio::test]
async fn fifty_clients_that_come_and_go_see_five_thousand_events_once_and_in_order() {
    let server = OpenHands::start(&NO_AGENT).await;
    let options = json!({"conversations": ["c"], "events": 5000, "clients": 50});
    let clients = clients(&server, &options);
    let figures = proven(clients).await;
    assert_eq!(figures["events"], 5000);
    assert_eq!(figures["acked"], 5000);
    let connections = figures["connections"].as_u64().unwrap();
    assert!(connections > 100, "{figures}: nobody came back");
}

#[tokio::test]
async fn kill_9_loses_nothing_acknowledged_and_reuses_no_id() {
    let mut server = OpenHands::start(&NO_AGENT).await;
    let options = json!({"conversations": ["c"], "events": 3000, "clients": 20});
    let mut clients = clients(&server, &options);
    for kills in 1..=4 {
        until_acked(&mut clients, 500 * kills).await;
        server = server.restart(&NO_AGENT).await;
    }
    let figures = proven(clients).await;
    // What was on its way when the server died may be stored or not, and is asked for no more.
    assert_eq!(figures["acked"].as_u64().unwrap() + figures["unsure"].as_u64().unwrap(), 3000);
    assert!(figures["events"].as_u64() >= figures["acked"].as_u64(), "{figures}");
    drop(server);
}

#[tokio::test]
async fn with_keys_several_conversations_a_restart_and_slow_readers_it_is_the_same() {
    let Keyed { server, alice, bob, .. } = keyed(&[]).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let id = conversation(&server, &alice).await;
        let shared = r#"{"shared":[{"user":"bob","right":"read"}]}"#;
        let path = format!("/api/conversations/{id}/access");
        assert_eq!(ask(&server, &alice, "PUT", &path, shared).await.0, 200);
        ids.push(id);
    }
    let options = json!({
        "conversations": ids,
        "events": 500,
        "clients": 4,
        "slow": 1,
        "padding": 2000,
        "keys": [alice, bob],
    });
    let mut clients = clients(&server, &options);
    until_acked(&mut clients, 800).await;
    let server = server.restart(&NO_AGENT).await;
    let figures = proven(clients).await;
    assert_eq!(figures["acked"].as_u64().unwrap() + figures["unsure"].as_u64().unwrap(), 2000);
    assert!(figures["pauses"].as_u64() >= Some(4 * 500 / 40 / 2), "{figures}: nobody was slow");
    // With the first message of each.
    assert!(figures["events"].as_u64() >= figures["acked"].as_u64().map(|n| n + 4), "{figures}");
    drop(server);
}
