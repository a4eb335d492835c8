//! The heart: whatever clients do, and whatever happens to the server, each sees every id exactly
//! once and in order, and nothing that was acknowledged is lost.

use serde_json::Value;
use tests::{OpenHands, Script};

const NO_AGENT: [&str; 2] = ["--agent", "none"];

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
    let clients = Script::node("openhands/history.mjs", &[&server.url(), "c", "5000", "50"]);
    let figures = proven(clients).await;
    assert_eq!(figures["events"], 5000);
    assert_eq!(figures["acked"], 5000);
    let connections = figures["connections"].as_u64().unwrap();
    assert!(connections > 100, "{figures}: nobody came back");
}

#[tokio::test]
async fn kill_9_loses_nothing_acknowledged_and_reuses_no_id() {
    let mut server = OpenHands::start(&NO_AGENT).await;
    let args = [&server.url(), "c", "3000", "20"];
    let mut clients = Script::node("openhands/history.mjs", &args);
    let mut kills = 0;
    while kills < 4 {
        match clients.report().await {
            Some((name, acked)) if name == "acked" => {
                if acked.as_u64().unwrap() >= 500 * (kills + 1) {
                    server = server.restart(&NO_AGENT).await;
                    kills += 1;
                }
            }
            other => panic!("{other:?} after {kills} kills"),
        }
    }
    let figures = proven(clients).await;
    // What was on its way when the server died may be stored or not, and is asked for no more.
    assert_eq!(figures["acked"].as_u64().unwrap() + figures["unsure"].as_u64().unwrap(), 3000);
    assert!(figures["events"].as_u64() >= figures["acked"].as_u64(), "{figures}");
    drop(server);
}
