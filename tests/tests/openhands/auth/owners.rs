//! Whose a conversation is, and what others may do with it.

use serde_json::{Value, json};
use tests::SocketIo;

use super::super::event;
use super::*;

fn message(text: &str) -> Value {
    json!(["oh_user_action", {"action": "message", "args": {"content": text}}])
}

/// The acks and events of one socket until the ack has come.
async fn acked(client: &mut SocketIo, socket: &str) -> Value {
    loop {
        match client.next(socket).await {
            (kind, value) if kind == "ack" => return value,
            (kind, value) => assert_eq!(kind, "event", "{value}"),
        }
    }
}

/// Every route of a conversation.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "", ""),
    ("HEAD", "", ""),
    ("PATCH", "", r#"{"title":"x"}"#),
    ("DELETE", "", ""),
    ("POST", "/start", r#"{"providers_set":[]}"#),
    ("POST", "/stop", ""),
    ("GET", "/config", ""),
    ("GET", "/trajectory", ""),
    ("GET", "/events", ""),
    ("POST", "/events", r#"{"action":"message","args":{"content":"x"}}"#),
    ("POST", "/message", r#"{"message":"x"}"#),
    ("GET", "/access", ""),
    ("PUT", "/access", r#"{"shared":[]}"#),
];

#[tokio::test]
async fn somebody_elses_conversation_is_not_allowed_on_every_route_and_the_socket() {
    let Keyed { server, alice, bob, bot, root } = keyed(&[]).await;
    let id = conversation(&server, &alice).await;
    let mut client = SocketIo::start();
    for (user, key) in [("bob", &bob), ("bot", &bot)] {
        let refused = not_allowed(user, &id);
        for (method, route, body) in ROUTES {
            let path = format!("/api/conversations/{id}{route}");
            let (status, answer) = ask(&server, key, method, &path, body).await;
            assert_eq!(status, 403, "{user} {method} {path}");
            if *method != "HEAD" {
                assert_eq!(answer, refused.1, "{user} {method} {path}");
            }
        }
        client.open(user, &server.url(), with_key(&id, key)).await;
        let error = client.expect(user, "connect_error").await;
        assert_eq!(error["message"], refused.1["detail"]);
        let list = ask(&server, key, "GET", "/api/conversations", "").await.1;
        assert_eq!(list["results"], json!([]), "{user}");
    }
    // Nothing of all that happened, nor was it found by another name of the id.
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/api/conversations/{encoded}/events");
    assert_eq!(ask(&server, &bob, "GET", &path, "").await, not_allowed("bob", &id));
    for key in [&alice, &root] {
        let path = format!("/api/conversations/{id}/events");
        let events = ask(&server, key, "GET", &path, "").await.1;
        assert_eq!(events["events"].as_array().unwrap().len(), 1, "{events}");
        let list = ask(&server, key, "GET", "/api/conversations", "").await.1;
        assert_eq!(list["results"][0]["conversation_id"], json!(id));
    }
    // What is nobody's is told as it is to everybody.
    let (status, none) = ask(&server, &bob, "GET", "/api/conversations/none", "").await;
    assert_eq!((status, none), (200, json!(null)));
    let (status, _) = ask(&server, &bot, "POST", "/api/conversations", "{}").await;
    assert_eq!(status, 403, "an agent creates none");
    client.open("new", &server.url(), with_key("new", &bot)).await;
    let error = client.expect("new", "connect_error").await;
    assert_eq!(error["message"], "Conversation new not found");
    client.open("joined", &server.url(), with_key("new", &bob)).await;
    client.expect("joined", "connect").await;
    let access = ask(&server, &bob, "GET", "/api/conversations/new/access", "").await;
    assert_eq!(access, (200, json!({"owner": "bob", "shared": []})), "who joins first owns it");
}

#[tokio::test]
async fn a_share_lets_in_and_its_end_puts_out() {
    let Keyed { server, alice, bob, bot, .. } = keyed(&[]).await;
    let id = conversation(&server, &alice).await;
    let path = format!("/api/conversations/{id}/access");
    let share = async |shared: Value| {
        let body = json!({"shared": shared});
        let answer = ask(&server, &alice, "PUT", &path, &body.to_string()).await;
        assert_eq!(answer, (200, json!({"owner": "alice", "shared": shared})));
    };
    share(json!([{"user": "*", "right": "read"}])).await;
    let mut client = SocketIo::start();
    client.open("bob", &server.url(), with_key(&id, &bob)).await;
    client.expect("bob", "connect").await;
    assert_eq!(crate::event(&mut client, "bob").await["message"], "mine");
    client.ask("bob", message("not yet")).await;
    let refused = acked(&mut client, "bob").await;
    assert_eq!(
        refused,
        json!([{"error": "this conversation is shared with you for reading only"}])
    );
    let list = ask(&server, &bob, "GET", "/api/conversations", "").await.1;
    assert_eq!(list["results"][0]["conversation_id"], json!(id));
    for (method, route, body) in ROUTES {
        let path = format!("/api/conversations/{id}{route}");
        let expected = if matches!(*method, "GET" | "HEAD") { 200 } else { 403 };
        assert_eq!(ask(&server, &bob, method, &path, body).await.0, expected, "{method} {path}");
    }
    // Everyone is every user, and no agent.
    client.open("bot", &server.url(), with_key(&id, &bot)).await;
    client.expect("bot", "connect_error").await;

    share(json!([{"user": "bob", "right": "write"}, {"user": "bot", "right": "write"}])).await;
    client.ask("bob", message("now")).await;
    assert_eq!(acked(&mut client, "bob").await, json!([]));
    let owner_only = ask(&server, &bob, "PUT", &path, r#"{"shared":[]}"#).await;
    assert_eq!(owner_only, not_allowed("bob", &id));

    share(json!([])).await;
    loop {
        let (kind, value) = client.next("bob").await;
        if kind == "disconnect" {
            assert_eq!(value, "io server disconnect");
            break;
        }
    }
    client.open("again", &server.url(), with_key(&id, &bob)).await;
    client.expect("again", "connect_error").await;
}

#[tokio::test]
async fn an_agents_key_appends_the_agents_events() {
    let Keyed { server, alice, bot, .. } = keyed(&[]).await;
    let id = conversation(&server, &alice).await;
    let path = format!("/api/conversations/{id}");
    let shared = r#"{"shared":[{"user":"bot","right":"write"}]}"#;
    assert_eq!(ask(&server, &alice, "PUT", &format!("{path}/access"), shared).await.0, 200);
    let run = json!({"action": "run", "args": {"command": "ls"}, "cause": 0});
    let result = json!({
        "observation": "run",
        "content": "a",
        "extras": {"command": "ls", "metadata": {"exit_code": 0}},
        "cause": 1,
    });
    for event in [&run, &result] {
        let body = event.to_string();
        let sent = ask(&server, &bot, "POST", &format!("{path}/events"), &body).await;
        assert_eq!(sent, (200, json!({"success": true})));
        let refused = ask(&server, &alice, "POST", &format!("{path}/events"), &body).await.0;
        assert_eq!(refused, if event == &run { 200 } else { 422 }, "users send no observations");
    }
    let mut client = SocketIo::start();
    client.open("bot", &server.url(), with_key(&id, &bot)).await;
    client.expect("bot", "connect").await;
    let said = json!(["oh_user_action", {"type": "message", "message": "done"}]);
    client.ask("bot", said).await;
    assert_eq!(acked(&mut client, "bot").await, json!([]));
    let events = ask(&server, &alice, "GET", &format!("{path}/events"), "").await.1;
    let sources: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|e| &e["source"]).collect();
    assert_eq!(sources, ["user", "agent", "user", "agent", "agent"], "{events}");
}

#[tokio::test]
async fn settings_are_each_users_own_and_their_secrets_are_never_shown() {
    let Keyed { server, alice, bob, .. } = keyed(&[]).await;
    let settings = r#"{"language":"de","llm_api_key":"sk-alice"}"#;
    assert_eq!(ask(&server, &alice, "POST", "/api/settings", settings).await.0, 200);
    for (key, language, is_set) in [(&alice, "de", true), (&bob, "en", false)] {
        let (status, shown) = ask(&server, key, "GET", "/api/settings", "").await;
        assert_eq!((status, &shown["language"]), (200, &json!(language)));
        assert_eq!(
            (&shown["llm_api_key"], &shown["llm_api_key_set"]),
            (&json!(null), &json!(is_set))
        );
    }
}

#[tokio::test]
async fn what_was_made_without_keys_is_the_admins_to_give() {
    let server = OpenHands::start(&NO_AGENT).await;
    let (_, created) = rest::post(&server, "/api/conversations", &json!({})).await;
    let id = created["conversation_id"].as_str().unwrap().to_owned();
    let alice = add(server.data(), "alice", "user").await;
    let root = add(server.data(), "root", "admin").await;
    let server = server.restart(&NO_AGENT).await;
    let path = format!("/api/conversations/{id}");
    assert_eq!(ask(&server, &alice, "GET", &path, "").await, not_allowed("alice", &id));
    let access = format!("{path}/access");
    let nobodys = json!({"owner": null, "shared": []});
    assert_eq!(ask(&server, &root, "GET", &access, "").await, (200, nobodys));
    let given = ask(&server, &root, "PUT", &access, r#"{"owner":"alice"}"#).await;
    assert_eq!(given, (200, json!({"owner": "alice", "shared": []})));
    assert_eq!(ask(&server, &alice, "GET", &path, "").await.0, 200);
    let away = ask(&server, &alice, "PUT", &access, r#"{"owner":"bob"}"#).await;
    assert_eq!(away.0, 403);
    for wrong in [r#"{"owner":7}"#, r#"{"owner":"B"}"#, r#"{"shared":7}"#, r#"{"x":1}"#, "x"] {
        assert_eq!(ask(&server, &root, "PUT", &access, wrong).await.0, 422, "{wrong}");
    }
    assert_eq!(ask(&server, &root, "PUT", "/api/conversations/none/access", "{}").await.0, 404);
}

#[tokio::test]
async fn recall_observations_are_sent_and_recall_actions_only_live() {
    let Keyed { server, alice, bot, .. } = keyed(&[]).await;
    let id = conversation(&server, &alice).await;
    let path = format!("/api/conversations/{id}");
    let shared = r#"{"shared":[{"user":"bot","right":"write"}]}"#;
    assert_eq!(ask(&server, &alice, "PUT", &format!("{path}/access"), shared).await.0, 200);
    let mut client = SocketIo::start();
    client.open("live", &server.url(), with_key(&id, &alice)).await;
    client.expect("live", "connect").await;
    assert_eq!(event(&mut client, "live").await["id"], 0);
    for body in [
        json!({"action": "recall", "args": {"recall_type": "knowledge", "query": "q"}}),
        json!({"observation": "recall", "content": "Added", "extras": {}, "cause": 1}),
        json!({"action": "null", "args": {}}),
        json!({"observation": "null", "content": "", "extras": {}}),
        json!({"action": "message", "args": {"content": "end"}}),
    ] {
        let sent = ask(&server, &bot, "POST", &format!("{path}/events"), &body.to_string()).await;
        assert_eq!(sent.0, 200, "{body}: {sent:?}");
    }
    client.open("late", &server.url(), with_key(&id, &alice)).await;
    client.expect("late", "connect").await;
    for (socket, ids) in [("live", &[1, 2, 5][..]), ("late", &[0, 2, 5])] {
        for id in ids {
            assert_eq!(event(&mut client, socket).await["id"], *id, "{socket}");
        }
    }
    // Coming back between the action and its answer: the answer is not lost.
    let mut again = with_key(&id, &alice);
    again["query"]["latest_event_id"] = json!(1);
    client.open("again", &server.url(), again).await;
    client.expect("again", "connect").await;
    assert_eq!(event(&mut client, "again").await["id"], 2);
}
