//! Who is let in, and by what.

use serde_json::{Value, json};
use tests::{OpenHands, SocketIo, within};

use super::*;

const REFUSED: &str = "invalid_session_api_key";

/// The ways to bring a key on the socket.
fn ways(key: &str) -> Vec<Value> {
    let plain = || query("c", &[]);
    let header = |name: &str, value: String| {
        let mut options = plain();
        options["extraHeaders"] = json!({name: value});
        options
    };
    let auth = |name: &str| {
        let mut options = plain();
        options["auth"] = json!({name: key});
        options
    };
    vec![
        with_key("c", key),
        header("X-Session-API-Key", key.to_owned()),
        header("Authorization", format!("Bearer {key}")),
        header("Cookie", format!("a=b; session_api_key={key}")),
        auth("session_api_key"),
        auth("token"),
    ]
}

#[tokio::test]
async fn a_right_key_lets_in_whichever_way_it_comes_and_a_wrong_one_does_not() {
    let Keyed { server, alice, .. } = keyed(&["--log", "trace"]).await;
    let mut client = SocketIo::start();
    let wrong = "ohk_wrong_key_that_nobody_has";
    for (number, options) in ways(&alice).into_iter().enumerate() {
        for transports in [json!(["websocket"]), json!(["polling"])] {
            let name = format!("right {number} {transports}");
            let mut options = options.clone();
            options["transports"] = transports;
            client.open(&name, &server.url(), options).await;
            client.expect(&name, "connect").await;
            client.disconnect(&name).await;
            client.expect(&name, "disconnect").await;
        }
    }
    let none = ["", "null", "undefined"].map(|key| with_key("c", key));
    for (number, options) in ways(wrong).into_iter().chain(none).enumerate() {
        let name = format!("wrong {number}");
        client.open(&name, &server.url(), options).await;
        assert_eq!(client.expect(&name, "connect_error").await["message"], REFUSED, "{name}");
    }
    // A right key does not make up for what is missing, and the other way round.
    client.open("no id", &server.url(), with_key("", &alice)).await;
    let error = client.expect("no id", "connect_error").await;
    assert_eq!(error["message"], "No conversation_id in query params");

    for (headers, status) in [
        (format!("X-Session-API-Key: {alice}\r\n"), 200),
        (format!("Authorization: Bearer {alice}\r\n"), 200),
        (format!("Cookie: session_api_key={alice}\r\n"), 200),
        (format!("X-Session-API-Key: {wrong}\r\nCookie: session_api_key={alice}\r\n"), 401),
        (format!("X-Session-API-Key: {wrong}\r\n"), 401),
        (format!("Authorization: Basic {alice}\r\n"), 401),
        (String::new(), 401),
    ] {
        for path in ["/api/options/config", "/api/conversations", "/api/settings"] {
            let (found, body) = rest::request(&server, "GET", path, &headers, "").await;
            assert_eq!(found, status, "{path} {headers}");
            if status == 401 {
                assert_eq!(body, json!({"detail": "Unauthorized"}));
            }
        }
    }
    let path = format!("/api/conversations?session_api_key={alice}");
    assert_eq!(rest::get(&server, &path).await.0, 401, "not in a REST query");

    // Four of the seven requests on three routes, and the one with a query.
    let logged = async {
        while server.said().matches("request refused").count() < 13 {
            tokio::task::yield_now().await;
        }
    };
    within("lines of the refusals", logged).await;
    let said = server.said();
    assert!(said.contains(" connected") && said.contains("connect refused"), "{said}");
    for key in [&*alice, wrong] {
        let line = said.lines().find(|line| line.contains(key));
        assert_eq!(line, None, "no key is in the log");
    }
}

#[tokio::test]
async fn some_routes_are_free_and_the_metrics_are_an_admins() {
    let Keyed { server, alice, root, .. } = keyed(&[]).await;
    assert_eq!(rest::get(&server, "/alive").await, (200, json!({"status": "ok"})));
    assert_eq!(rest::get(&server, "/health").await, (200, json!("OK")));
    for path in ["/server_info", "/"] {
        assert_eq!(rest::get(&server, path).await.0, 200, "{path}");
    }
    let unauthorized = (401, json!({"detail": "Unauthorized"}));
    assert_eq!(rest::get(&server, "/metrics").await, unauthorized);
    assert_eq!(ask(&server, &alice, "GET", "/metrics", "").await.0, 403);
    let (status, metrics) = ask(&server, &root, "GET", "/metrics", "").await;
    assert_eq!(status, 200);
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("refusals_total{reason=\"missing_key\"} 1"), "{metrics}");
    // Without a key no route tells what there is.
    for (method, path) in [
        ("GET", "/api/conversations/none"),
        ("DELETE", "/api/conversations/none"),
        ("POST", "/api/conversations/none/events"),
        ("POST", "/api/settings"),
    ] {
        assert_eq!(rest::send(&server, method, path, "{}").await, unauthorized, "{method} {path}");
    }
}

#[tokio::test]
async fn the_originals_one_key_is_an_admins() {
    let data = tempfile::tempdir().unwrap();
    let environment = [("SESSION_API_KEY", "sekret")];
    let server = OpenHands::start_in(data, &environment, &NO_AGENT).await;
    assert_eq!(rest::get(&server, "/api/options/config").await.0, 401);
    assert_eq!(ask(&server, "nope", "GET", "/api/options/config", "").await.0, 401);
    assert_eq!(ask(&server, "sekret", "GET", "/api/options/config", "").await.0, 200);
    assert_eq!(ask(&server, "sekret", "GET", "/metrics", "").await.0, 200);
    let mut client = SocketIo::start();
    client.open("s", &server.url(), with_key("c", "sekret")).await;
    client.expect("s", "connect").await;
}

#[tokio::test]
async fn a_running_server_notices_keys_that_come_and_go() {
    let server = OpenHands::start(&NO_AGENT).await;
    let mut client = SocketIo::start();
    client.open("early", &server.url(), query("c", &[])).await;
    client.expect("early", "connect").await;
    let first = add(server.data(), "alice", "user").await;
    // Who came without a key while none was needed has to come with one.
    let put_out = json!(["oh_event", {"error": true, "message": REFUSED}]);
    assert_eq!(client.expect("early", "event").await, put_out);
    client.expect("early", "disconnect").await;
    assert_eq!(rest::get(&server, "/api/conversations").await.0, 401);

    client.open("alice", &server.url(), with_key("hers", &first)).await;
    client.expect("alice", "connect").await;
    let second = add(server.data(), "alice", "user").await;
    let known = async {
        while ask(&server, &second, "GET", "/api/conversations", "").await.0 != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within("the second key", known).await;
    let list = key(server.data(), &["list"]).await;
    let id = list.split(' ').next().unwrap();
    assert_eq!(key(server.data(), &["remove", id]).await, "1 removed, 1 left");
    assert_eq!(client.expect("alice", "event").await, put_out);
    client.expect("alice", "disconnect").await;
    assert_eq!(ask(&server, &first, "GET", "/api/conversations", "").await.0, 401);
    assert_eq!(ask(&server, &second, "GET", "/api/conversations", "").await.0, 200);
    client.open("again", &server.url(), with_key("hers", &first)).await;
    assert_eq!(client.expect("again", "connect_error").await["message"], REFUSED);

    // Closed it stays, without keys and without their file.
    key(server.data(), &["remove", "alice"]).await;
    let gone = async {
        while ask(&server, &second, "GET", "/api/conversations", "").await.0 != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within("the last key's end", gone).await;
    let server = server.restart(&NO_AGENT).await;
    assert_eq!(rest::get(&server, "/api/conversations").await.0, 401);
    std::fs::remove_file(server.data().join("keys.json")).unwrap();
    let server = server.restart(&NO_AGENT).await;
    assert_eq!(rest::get(&server, "/api/conversations").await.0, 200);
}

#[tokio::test]
async fn other_machines_are_let_in_with_keys_or_in_full_words() {
    let data = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let mut command = OpenHands::command();
        command.args(["--listen", address, "--data-dir"]).arg(data.path());
        let output = within("end of openhands", command.output()).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in [address, "openhands key add", "--allow-everyone-without-a-key"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    for flags in [vec!["--allow-everyone-without-a-key"], vec![]] {
        if flags.is_empty() {
            add(data.path(), "alice", "user").await;
        }
        let mut command = OpenHands::command();
        command.args(["--listen", "0.0.0.0:0", "--data-dir"]).arg(data.path()).args(flags);
        let mut child = command.spawn().unwrap();
        let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let read = tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line);
        within("first line", read).await.unwrap();
        assert!(line.contains("is running"), "{line}");
        child.kill().await.unwrap();
    }
}
