//! Renaming, starting, stopping, deleting and exporting a conversation, and the settings of a page.

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo};

use super::rest::{get, post, send};
use super::{event, query, with_messages};

#[tokio::test]
async fn a_stop_disconnects_the_clients_and_a_join_starts_again() {
    let (server, mut client) = with_messages(1).await;
    client.open("guest", &server.url(), query("c", &[])).await;
    client.expect("guest", "connect").await;
    event(&mut client, "guest").await;
    let answer = |message: Value, status: &str| {
        let status = json!({"status": "ok", "conversation_id": "c", "message": message,
            "conversation_status": status});
        (200, status)
    };
    let stop = "/api/conversations/c/stop";
    assert_eq!(
        post(&server, stop, &json!({})).await,
        answer("Conversation stopped successfully".into(), "RUNNING")
    );
    for socket in ["writer", "guest"] {
        let reason = client.expect(socket, "disconnect").await;
        assert_eq!(reason, "io server disconnect", "the socket is told by 41");
    }
    let found = get(&server, "/api/conversations/c").await.1;
    assert_eq!(found["status"], "STOPPED");
    assert_eq!((&found["runtime_status"], &found["url"]), (&Value::Null, &Value::Null));
    assert_eq!(
        post(&server, stop, &json!({})).await,
        answer("Conversation was not running".into(), "STOPPED")
    );

    let start = "/api/conversations/c/start";
    let body = json!({"providers_set": ["github"]});
    assert_eq!(post(&server, start, &body).await, answer(Value::Null, "STARTING"));
    assert_eq!(post(&server, start, &body).await, answer(Value::Null, "RUNNING"));
    post(&server, stop, &json!({})).await;
    client.open("back", &server.url(), query("c", &[])).await;
    client.expect("back", "connect").await;
    assert_eq!(event(&mut client, "back").await["id"], 0);
    assert_eq!(get(&server, "/api/conversations/c").await.1["status"], "RUNNING");
}

#[tokio::test]
async fn a_start_after_a_stop_shows_that_the_agent_awaits_the_user() {
    let server = OpenHands::start(&["--agent", "demo"]).await;
    let (_, created) = post(&server, "/api/conversations", &json!({})).await;
    let path = format!("/api/conversations/{}", created["conversation_id"].as_str().unwrap());
    let state = async || {
        let (_, page) = get(&server, &format!("{path}/events?reverse=true&limit=1")).await;
        (page["events"][0]["id"].clone(), page["events"][0]["extras"]["agent_state"].clone())
    };
    assert_eq!(state().await, (json!(0), json!("awaiting_user_input")));
    let start = json!({"providers_set": []});
    post(&server, &format!("{path}/start"), &start).await;
    assert_eq!(state().await.0, json!(0), "nothing to be taken back");
    let stop = json!({"action": "change_agent_state", "args": {"agent_state": "stopped"}});
    post(&server, &format!("{path}/events"), &stop).await;
    let stopped = async {
        while state().await.1 != "stopped" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tests::within("agent to stop", stopped).await;
    let before = state().await.0.as_u64().unwrap();
    for _ in 0..2 {
        assert_eq!(post(&server, &format!("{path}/start"), &start).await.0, 200);
        assert_eq!(state().await, (json!(before + 1), json!("awaiting_user_input")));
    }
}

#[tokio::test]
async fn a_stop_ends_the_agent_and_tells_it_in_the_log() {
    let server = OpenHands::start(&["--agent", "demo"]).await;
    let mut client = SocketIo::start();
    client.open("s", &server.url(), query("c", &[])).await;
    client.expect("s", "connect").await;
    let action = json!({"action": "message", "args": {"content": "hello"}});
    client.ask("s", json!(["oh_user_action", action])).await;
    // The agent is at work when it tells its first state.
    loop {
        let (kind, value) = client.next("s").await;
        if kind == "event" && value[1]["extras"]["agent_state"] == "running" {
            break;
        }
    }
    post(&server, "/api/conversations/c/stop", &json!({})).await;
    let last = get(&server, "/api/conversations/c/events?reverse=true&limit=1").await.1;
    assert_eq!(last["events"][0]["extras"]["agent_state"], "stopped", "{last}");
}

#[tokio::test]
async fn ids_that_are_none_or_unknown_are_answered_as_recorded() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let missing = "/api/conversations/missing";
    assert_eq!(
        send(&server, "PATCH", missing, r#"{"title":"x"}"#).await,
        (
            404,
            json!({"status": "error", "message": "Conversation not found",
                "msg_id": "CONVERSATION$NOT_FOUND"})
        )
    );
    assert_eq!(send(&server, "DELETE", missing, "").await, (200, json!(false)));
    assert_eq!(
        send(&server, "POST", &format!("{missing}/start"), r#"{"providers_set":[]}"#).await,
        (404, json!({"status": "error", "conversation_id": "missing"}))
    );
    assert_eq!(send(&server, "POST", &format!("{missing}/stop"), "").await.0, 200);
    for path in ["config", "trajectory", "events"] {
        assert_eq!(
            get(&server, &format!("{missing}/{path}")).await,
            (404, json!({"detail": "Conversation missing not found"})),
            "{path}"
        );
    }
    for (method, path) in
        [("PATCH", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("GET", "/config")]
    {
        let path = format!("/api/conversations/..%2Fx{path}");
        let (status, body) = send(&server, method, &path, r#"{"title":"x"}"#).await;
        assert_eq!(status, 400, "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn a_title_of_1_to_200_characters_is_taken() {
    let (server, _client) = with_messages(0).await;
    let path = "/api/conversations/c";
    let long = "é".repeat(200);
    for title in ["My renamed conversation", &long] {
        let body = json!({"title": title}).to_string();
        assert_eq!(send(&server, "PATCH", path, &body).await, (200, json!(true)));
        assert_eq!(get(&server, path).await.1["title"], title);
    }
    let spaced = json!({"title": format!(" \t{long}\n ")}).to_string();
    assert_eq!(send(&server, "PATCH", path, &spaced).await, (200, json!(true)));
    assert_eq!(get(&server, path).await.1["title"], long);
    let too_long = json!({"title": "x".repeat(201)}).to_string();
    for (body, kind, loc) in [
        ("", "missing", json!(["body"])),
        ("{nope", "json_invalid", json!(["body", 2])),
        ("[]", "model_attributes_type", json!(["body"])),
        ("{}", "missing", json!(["body", "title"])),
        (r#"{"title":1}"#, "string_type", json!(["body", "title"])),
        (r#"{"title":""}"#, "string_too_short", json!(["body", "title"])),
        (r#"{"title":" \n"}"#, "string_too_short", json!(["body", "title"])),
        (&too_long, "string_too_long", json!(["body", "title"])),
        (r#"{"title":"x","y":1}"#, "extra_forbidden", json!(["body", "y"])),
    ] {
        let (status, answer) = send(&server, "PATCH", path, body).await;
        assert_eq!(status, 422, "{body}");
        let fault = &answer["detail"][0];
        assert_eq!((&fault["type"], &fault["loc"]), (&json!(kind), &loc), "{body}: {answer}");
    }
    let empty = send(&server, "PATCH", path, r#"{"title":""}"#).await.1;
    assert_eq!(
        empty["detail"],
        json!([{"type": "string_too_short", "loc": ["body", "title"],
            "msg": "String should have at least 1 character", "input": "",
            "ctx": {"min_length": 1}}])
    );
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_for_everybody() {
    let (server, mut client) = with_messages(2).await;
    assert_eq!(send(&server, "DELETE", "/api/conversations/c", "").await, (200, json!(true)));
    let reason = client.expect("writer", "disconnect").await;
    assert_eq!(reason, "io server disconnect");
    assert_eq!(send(&server, "DELETE", "/api/conversations/c", "").await, (200, json!(false)));
    assert_eq!(get(&server, "/api/conversations/c").await, (200, Value::Null));
    // The same id again is another conversation.
    client.open("again", &server.url(), query("c", &[])).await;
    client.expect("again", "connect").await;
    let events = get(&server, "/api/conversations/c/events").await.1;
    assert_eq!(events, json!({"events": [], "has_more": false}));
}

#[tokio::test]
async fn events_are_searched_and_exported() {
    let (server, _client) = with_messages(5).await;
    let path = "/api/conversations/c/events";
    let ids = |answer: &Value| -> Vec<u64> {
        answer["events"].as_array().unwrap().iter().map(|e| e["id"].as_u64().unwrap()).collect()
    };
    for (query, body, expected, more) in [
        ("", r#"{"source":"user","query":"MESSAGE 3"}"#, vec![3], false),
        ("?query=message%203", "", vec![3], false),
        ("?limit=2", r#"{"query":"message"}"#, vec![0, 1], true),
        ("?limit=5", r#"{"query":"message"}"#, vec![0, 1, 2, 3, 4], false),
        ("?limit=2&reverse=true&start_id=1", r#"{"source":"user"}"#, vec![4, 3], true),
        ("?limit=0&source=user", "", vec![], true),
        ("?source=agent", "", vec![], false),
        ("?include_types=run,message&end_id=1", "", vec![0, 1], false),
        ("?exclude_types=message", "", vec![], false),
    ] {
        let (status, answer) = send(&server, "GET", &format!("{path}{query}"), body).await;
        assert_eq!(status, 200, "{query} {body}: {answer}");
        let found = (ids(&answer), &answer["has_more"]);
        assert_eq!(found, (expected, &json!(more)), "{query} {body}");
    }
    assert_eq!(send(&server, "GET", path, r#"{"query":1}"#).await.0, 422);

    let all = get(&server, path).await.1["events"].take();
    let trajectory = get(&server, "/api/conversations/c/trajectory").await;
    assert_eq!(trajectory, (200, json!({"trajectory": all})));
    assert_eq!(
        get(&server, "/api/conversations/c/config").await,
        (200, json!({"runtime_id": null, "session_id": "c"}))
    );
}

#[tokio::test]
async fn a_page_finds_its_options_and_keeps_its_settings() {
    let server = OpenHands::start(&["--agent", "none", "--log", "trace"]).await;
    let config = get(&server, "/api/options/config").await.1;
    assert_eq!(config["APP_MODE"], "oss");
    assert_eq!(config["FEATURE_FLAGS"]["ENABLE_BILLING"], false);
    for list in ["models", "agents", "security-analyzers"] {
        let (status, answer) = get(&server, &format!("/api/options/{list}")).await;
        assert!(status == 200 && answer.is_array(), "{list}: {answer}");
    }
    let info = get(&server, "/server_info").await.1;
    assert!(info["uptime"].as_f64().unwrap() > 0.0, "{info}");
    assert!(info["resources"]["memory"]["rss"].as_u64().unwrap() > 0, "{info}");

    assert_eq!(get(&server, "/api/settings").await.1["llm_api_key_set"], false);
    let stored = (200, json!({"message": "Settings stored"}));
    let body =
        json!({"llm_model": "openai/gpt-4o", "llm_api_key": "sk-secret", "v1_enabled": true});
    assert_eq!(post(&server, "/api/settings", &body).await, stored);
    assert_eq!(post(&server, "/api/settings", &json!({"language": "de"})).await, stored);
    let wrong = json!({"llm_api_key": ["sk-secret"]});
    let (status, answer) = post(&server, "/api/settings", &wrong).await;
    assert_eq!(status, 422);
    assert!(!answer.to_string().contains("sk-secret"), "{answer}");
    assert!(!server.said().contains("sk-secret"), "a key in a log line");

    let server = server.restart(&["--agent", "none"]).await;
    let shown = get(&server, "/api/settings").await.1;
    for (key, value) in [
        ("language", json!("de")),
        ("llm_model", json!("openai/gpt-4o")),
        ("llm_api_key", Value::Null),
        ("llm_api_key_set", json!(true)),
        ("search_api_key_set", json!(false)),
        ("provider_tokens_set", json!({})),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    assert_eq!(get(&server, "/api/options/models").await.1, json!(["openai/gpt-4o"]));
}
