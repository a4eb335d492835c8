//! REST, as much as a script needs to begin.

use serde_json::{Value, json};
use tests::{OpenHands, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) async fn get(server: &OpenHands, path: &str) -> (u16, Value) {
    request(server, "GET", path, "", "").await
}

pub(super) async fn post(server: &OpenHands, path: &str, body: &Value) -> (u16, Value) {
    request(server, "POST", path, "content-type: application/json\r\n", &body.to_string()).await
}

/// Any method, with a body as it stands.
pub(super) async fn send(server: &OpenHands, method: &str, path: &str, body: &str) -> (u16, Value) {
    request(server, method, path, "content-type: application/json\r\n", body).await
}

/// Any request, with headers as they stand.
pub(super) async fn request(
    server: &OpenHands,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, Value) {
    let headers = format!("host: {}\r\n{headers}", server.address());
    raw(server, method, path, &headers, body).await
}

async fn raw(
    server: &OpenHands,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, Value) {
    let (head, body) = answer(server, method, path, headers, body).await;
    (status(&head), serde_json::from_str(&body).unwrap_or_else(|_| json!(body)))
}

/// The head and the body of an answer, as texts.
pub(super) async fn answer(
    server: &OpenHands,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (String, String) {
    let (head, body) = exchange(server, method, path, headers, body.as_bytes()).await;
    (head, String::from_utf8_lossy(&body).into_owned())
}

/// Posts a form with files: the field, the file's name, its bytes.
pub(super) async fn form(
    server: &OpenHands,
    path: &str,
    parts: &[(&str, &str, &[u8])],
) -> (u16, Value) {
    let mut body = Vec::new();
    for (field, name, bytes) in parts {
        let head = format!(
            "--XX\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    let kind = "content-type: multipart/form-data; boundary=XX\r\n";
    let headers = format!("host: {}\r\n{kind}", server.address());
    let (head, body) = exchange(server, "POST", path, &headers, &body).await;
    let body = String::from_utf8_lossy(&body);
    (status(&head), serde_json::from_str(&body).unwrap_or_else(|_| json!(body)))
}

/// An answer as it came: its head, and the bytes of its body.
pub(super) async fn binary(server: &OpenHands, path: &str) -> (String, Vec<u8>) {
    accepting(server, path, "*/*").await
}

/// The same, for who takes only some kinds.
pub(super) async fn accepting(server: &OpenHands, path: &str, kind: &str) -> (String, Vec<u8>) {
    let headers = format!("host: {}\r\naccept: {kind}\r\n", server.address());
    exchange(server, "GET", path, &headers, b"").await
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn exchange(
    server: &OpenHands,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> (String, Vec<u8>) {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n"
    );
    let mut answer = Vec::new();
    let sent = async {
        to.write_all(head.as_bytes()).await.unwrap();
        // A body that is too large is not read to its end.
        let _ = to.write_all(body).await;
    };
    let read = async {
        let read = from.read_to_end(&mut answer).await;
        assert!(read.is_ok() || length > 0, "{read:?}");
    };
    within("answer", async { tokio::join!(sent, read) }).await;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let body = &answer[end + 4..];
    let body = match head.contains("transfer-encoding: chunked") {
        true => joined(body),
        false => body.to_owned(),
    };
    (head, body)
}

/// The chunks of a body as one.
fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    whole
}

#[tokio::test]
async fn a_conversation_is_created_listed_found_and_read() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let (status, created) =
        post(&server, "/api/conversations", &json!({"initial_user_msg": "hello"})).await;
    assert_eq!(status, 200);
    let id = created["conversation_id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(
        created,
        json!({"status": "ok", "conversation_id": id, "message": null, "conversation_status": "STARTING"})
    );
    let (_, second) = post(&server, "/api/conversations", &json!({})).await;

    let (_, list) = get(&server, "/api/conversations").await;
    assert_eq!(list["results"][0]["conversation_id"], second["conversation_id"], "newest first");
    assert_eq!(list["results"][1]["conversation_id"], id);
    assert_eq!(list["next_page_id"], json!(null));
    let (_, page) = get(&server, "/api/conversations?limit=1").await;
    let next = page["next_page_id"].as_str().unwrap();
    let (_, rest) = get(&server, &format!("/api/conversations?limit=1&page_id={next}")).await;
    assert_eq!(rest["results"], json!([list["results"][1]]));

    let (_, found) = get(&server, &format!("/api/conversations/{id}")).await;
    assert_eq!(found, list["results"][1]);
    assert_eq!(found["conversation_version"], "V0");
    assert_eq!(get(&server, "/api/conversations/missing").await, (200, json!(null)));

    let path = format!("/api/conversations/{id}/events");
    let (_, events) = get(&server, &path).await;
    assert_eq!(events["events"][0]["message"], "hello");
    assert_eq!(events["has_more"], false);
    for text in ["b", "c"] {
        let path = format!("/api/conversations/{id}/message");
        let sent = post(&server, &path, &json!({"message": text})).await;
        assert_eq!(sent, (200, json!({"success": true})));
    }
    let action = json!({"action": "message", "args": {"content": "d"}});
    assert_eq!(post(&server, &path, &action).await, (200, json!({"success": true})));
    let ids = |events: &Value| -> Vec<u64> {
        events["events"].as_array().unwrap().iter().map(|e| e["id"].as_u64().unwrap()).collect()
    };
    for (query, expected, more) in [
        ("", vec![0, 1, 2, 3], false),
        ("?start_id=1&end_id=2", vec![1, 2], false),
        ("?limit=2", vec![0, 1], true),
        ("?reverse=true&limit=2", vec![3, 2], true),
        ("?reverse=true&start_id=1", vec![3, 2, 1], false),
        ("?start_id=9", vec![], false),
        ("?limit=0", vec![], true),
    ] {
        let (status, events) = get(&server, &format!("{path}{query}")).await;
        assert_eq!(
            (status, ids(&events), &events["has_more"]),
            (200, expected, &json!(more)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn errors_are_in_the_originals_form() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    post(&server, "/api/conversations", &json!({})).await;
    let (_, list) = get(&server, "/api/conversations").await;
    let id = list["results"][0]["conversation_id"].as_str().unwrap();
    for (path, status, detail) in [
        ("/api/nope".to_owned(), 404, json!("Not Found")),
        (
            "/api/conversations/missing/events".to_owned(),
            404,
            json!("Conversation missing not found"),
        ),
        (format!("/api/conversations/{id}/events?limit=101"), 400, json!("Invalid limit")),
        (format!("/api/conversations/{id}/events?limit=-1"), 400, json!("Invalid limit")),
        ("/api/conversations?page_id=x".to_owned(), 400, json!("Invalid page_id")),
        (
            "/api/conversations/..%2Fx".to_owned(),
            400,
            json!("a conversation id does not contain \"/\""),
        ),
    ] {
        assert_eq!(get(&server, &path).await, (status, json!({"detail": detail})), "{path}");
    }
    let (status, body) =
        get(&server, &format!("/api/conversations/{id}/events?start_id=abc")).await;
    assert_eq!(status, 422);
    assert_eq!(body["detail"][0]["loc"], json!(["query", "start_id"]));
    assert_eq!(body["detail"][0]["type"], "int_parsing");
    assert_eq!(post(&server, "/api/conversations", &json!({"nope": 1})).await.0, 422);
    assert_eq!(request(&server, "DELETE", "/alive", "", "").await.0, 405);
    assert_eq!(get(&server, "/alive").await, (200, json!({"status": "ok"})));
}

#[tokio::test]
async fn foreign_pages_are_refused() {
    let server =
        OpenHands::start(&["--agent", "none", "--allow-origin", "https://a.example"]).await;
    for (origin, status) in [
        ("http://evil.example", 403),
        ("null", 403),
        ("https://a.example", 200),
        ("http://localhost:5173", 200),
    ] {
        let header = format!("origin: {origin}\r\n");
        let polling = "/socket.io/?EIO=4&transport=polling";
        for path in ["/api/conversations", polling] {
            let answer = request(&server, "GET", path, &header, "").await;
            assert_eq!(answer.0, status, "{origin} {path}");
        }
    }
    let rebound = "host: evil.example:3000\r\n";
    for path in ["/api/conversations", "/socket.io/?EIO=4&transport=polling"] {
        assert_eq!(raw(&server, "GET", path, rebound, "").await.0, 403, "{path}");
    }
    assert!(server.said().contains("--allow-origin"), "{}", server.said());
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_reads_its_answers() {
    let server =
        OpenHands::start(&["--agent", "none", "--allow-origin", "https://a.example/"]).await;
    let tests = [
        ("GET", "/api/conversations", "", 200),
        // Of a refusal too the page is to know what it says.
        ("GET", "/api/conversations/no/such", "", 404),
        ("DELETE", "/alive", "", 405),
    ];
    for (method, path, more, expected) in tests {
        let headers = format!("host: {}\r\norigin: https://a.example\r\n{more}", server.address());
        let (head, _) = exchange(&server, method, path, &headers, b"").await;
        assert_eq!(status(&head), expected, "{head}");
        for line in [
            "access-control-allow-origin: https://a.example",
            "access-control-allow-credentials: true",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
    }
    let asked = format!(
        "host: {}\r\norigin: https://a.example\r\naccess-control-request-method: PATCH\r\n\
         access-control-request-headers: content-type,x-session-api-key\r\n",
        server.address()
    );
    let (head, _) = exchange(&server, "OPTIONS", "/api/conversations/x", &asked, b"").await;
    assert_eq!(status(&head), 200, "{head}");
    for line in [
        "access-control-allow-origin: https://a.example",
        "access-control-allow-headers: content-type,x-session-api-key",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(head.contains("PATCH") && head.contains("DELETE"), "{head}");
    let foreign = asked.replace("a.example", "evil.example");
    let (head, _) = exchange(&server, "OPTIONS", "/api/conversations/x", &foreign, b"").await;
    assert_eq!(status(&head), 403, "{head}");
    assert!(!head.contains("access-control-allow-origin"), "{head}");
}

#[tokio::test]
async fn a_preflight_is_answered_before_a_key_is_asked_for() {
    let server = OpenHands::start_in(
        tempfile::tempdir().unwrap(),
        &[("SESSION_API_KEY", "secret-of-the-server")],
        &["--agent", "none", "--allow-origin", "https://a.example"],
    )
    .await;
    let from = format!("host: {}\r\norigin: https://a.example\r\n", server.address());
    let asked = format!("{from}access-control-request-method: POST\r\n");
    let (head, _) = exchange(&server, "OPTIONS", "/api/conversations", &asked, b"").await;
    assert_eq!(status(&head), 200, "{head}");
    let (head, _) = exchange(&server, "GET", "/api/conversations", &from, b"").await;
    assert_eq!(status(&head), 401, "{head}");
    assert!(head.contains("access-control-allow-origin: https://a.example"), "{head}");
}

#[tokio::test]
async fn the_servers_own_page_may_act_under_every_address_of_the_server() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let port = server.address().port();
    for (host, origin, expected) in [
        ("192.168.7.7", "192.168.7.7", 200),
        ("0.0.0.0", "0.0.0.0", 200),
        ("[fd00::7]", "[fd00::7]", 200),
        ("192.168.7.7", "192.168.7.8", 403),
        ("name.example", "name.example", 403),
    ] {
        let headers = format!("host: {host}:{port}\r\norigin: http://{origin}:{port}\r\n");
        for path in ["/api/conversations", "/socket.io/?EIO=4&transport=polling"] {
            let answer = raw(&server, "GET", path, &headers, "").await;
            assert_eq!(answer.0, expected, "{host} {origin} {path}");
        }
    }
}

#[tokio::test]
async fn a_list_answers_what_the_originals_clients_ask() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    for _ in 0..2 {
        post(&server, "/api/conversations", &json!({})).await;
    }
    for (query, found) in [
        ("", 2),
        ("?limit=200", 2),
        ("?limit=9999999999", 2),
        ("?page_id=", 2),
        ("?limit=1&page_id=", 1),
        ("?selected_repository=", 2),
        ("?selected_repository=owner/name", 0),
        ("?conversation_trigger=gui", 2),
        ("?conversation_trigger=resolver", 0),
        ("?conversation_trigger=", 2),
    ] {
        let (status, page) = get(&server, &format!("/api/conversations{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        assert_eq!(page["results"].as_array().unwrap().len(), found, "{query}: {page}");
    }
    for query in ["?limit=0", "?limit=-1", "?page_id=x"] {
        assert_eq!(get(&server, &format!("/api/conversations{query}")).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn a_blank_condition_of_a_search_is_none() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let (_, made) = post(&server, "/api/conversations", &json!({"initial_user_msg": "hi"})).await;
    let path = format!("/api/conversations/{}/events", made["conversation_id"].as_str().unwrap());
    for body in [
        r#"{"source":""}"#,
        r#"{"source":" "}"#,
        r#"{"query":""}"#,
        r#"{"include_types":[]}"#,
        r#"{"include_types":[""]}"#,
        r#"{"exclude_types":[]}"#,
        r#"{"start_date":"","end_date":""}"#,
    ] {
        let (status, page) = send(&server, "GET", &path, body).await;
        assert_eq!((status, page["events"].as_array().unwrap().len()), (200, 1), "{body}");
    }
    for query in ["?source=", "?include_types=", "?include_types=,", "?query=&end_date="] {
        let (status, page) = get(&server, &format!("{path}{query}")).await;
        assert_eq!((status, page["events"].as_array().unwrap().len()), (200, 1), "{query}");
    }
    let none = get(&server, &format!("{path}?include_types=run")).await.1;
    assert_eq!(none["events"], json!([]));
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_skipped() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let body = "\u{feff}{\"initial_user_msg\":\"hi\"}";
    let (status, made) = send(&server, "POST", "/api/conversations", body).await;
    assert_eq!(status, 200, "{made}");
    let path = format!("/api/conversations/{}", made["conversation_id"].as_str().unwrap());
    for (method, path, body) in [
        ("PATCH", path.clone(), "\u{feff}{\"title\":\"t\"}"),
        ("POST", format!("{path}/message"), "\u{feff}{\"message\":\"m\"}"),
        ("POST", format!("{path}/events"), "\u{feff}{\"type\":\"message\",\"message\":\"m\"}"),
        ("GET", format!("{path}/events"), "\u{feff}{\"source\":\"user\"}"),
        ("GET", format!("{path}/events"), "\u{feff}"),
        ("POST", "/api/settings".to_owned(), "\u{feff}{\"language\":\"de\"}"),
    ] {
        let (status, answer) = send(&server, method, &path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn the_first_message_keeps_its_pictures() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let picture = "data:image/png;base64,AAAA";
    for (body, content, pictures) in [
        (json!({"initial_user_msg": "see", "image_urls": [picture]}), "see", json!([picture])),
        (json!({"image_urls": [picture]}), "", json!([picture])),
        (json!({"initial_user_msg": "see", "image_urls": []}), "see", json!(null)),
    ] {
        let (status, made) = post(&server, "/api/conversations", &body).await;
        assert_eq!(status, 200, "{made}");
        let id = made["conversation_id"].as_str().unwrap();
        let (_, page) = get(&server, &format!("/api/conversations/{id}/events")).await;
        let args = &page["events"][0]["args"];
        assert_eq!((&args["content"], &args["image_urls"]), (&json!(content), &pictures), "{body}");
    }
    for (body, key, kind) in [
        (json!({"image_urls": "x"}), "image_urls", "list_type"),
        (json!({"image_urls": [1]}), "image_urls", "string_type"),
        (json!({"repository": "owner/name"}), "repository", "unsupported"),
        (json!({"selected_branch": "main"}), "selected_branch", "unsupported"),
        (json!({"git_provider": "github"}), "git_provider", "unsupported"),
        (json!({"replay_json": "[]"}), "replay_json", "unsupported"),
        (
            json!({"conversation_instructions": "be kind"}),
            "conversation_instructions",
            "unsupported",
        ),
        (json!({"mcp_config": {"sse_servers": []}}), "mcp_config", "unsupported"),
        (json!({"suggested_task": {"task_type": "x"}}), "suggested_task", "unsupported"),
        (json!({"create_microagent": {"repo": "x"}}), "create_microagent", "unsupported"),
    ] {
        let (status, answer) = post(&server, "/api/conversations", &body).await;
        assert_eq!(status, 422, "{body}: {answer}");
        assert_eq!(answer["detail"][0]["type"], kind, "{body}: {answer}");
        assert_eq!(answer["detail"][0]["loc"], json!(["body", key]), "{body}: {answer}");
    }
    let empty =
        json!({"repository": null, "replay_json": "", "mcp_config": {}, "image_urls": null});
    assert_eq!(post(&server, "/api/conversations", &empty).await.0, 200);
}

#[tokio::test]
async fn a_slash_after_a_path_leads_to_the_path() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    for (path, location) in [
        ("/api/conversations/", "../conversations"),
        ("/api/conversations/?limit=1", "../conversations?limit=1"),
        ("/api/options/config/", "../config"),
    ] {
        let headers = format!("host: {}\r\n", server.address());
        let (head, _) = exchange(&server, "GET", path, &headers, b"").await;
        assert_eq!(status(&head), 307, "{path}: {head}");
        assert!(head.contains(&format!("location: {location}\r\n")), "{path}: {head}");
    }
    assert_eq!(get(&server, "/api/nothing").await.0, 404);
    assert_eq!(get(&server, "/alive/").await.0, 404);
}

#[tokio::test]
async fn the_address_of_a_conversation_is_a_path_that_leads_to_it() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let mut client = tests::SocketIo::start();
    let id = "a b?c#d%é";
    client.open("it", &server.url(), super::query(id, &[])).await;
    client.expect("it", "connect").await;
    let (_, list) = get(&server, "/api/conversations").await;
    let found = &list["results"][0];
    assert_eq!(found["conversation_id"], id);
    let url = found["url"].as_str().unwrap();
    assert_eq!(url, "/api/conversations/a%20b%3Fc%23d%25%C3%A9");
    assert_eq!(get(&server, url).await.1["conversation_id"], id);
    client.disconnect("it").await;
    client.expect("it", "disconnect").await;
    client.finish().await;
}

#[tokio::test]
async fn a_page_of_large_events_is_sent_piece_by_piece() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let (_, made) = post(&server, "/api/conversations", &json!({})).await;
    let path = format!("/api/conversations/{}", made["conversation_id"].as_str().unwrap());
    let large = json!({"message": "x".repeat(2 << 20)});
    for _ in 0..20 {
        assert_eq!(post(&server, &format!("{path}/message"), &large).await.0, 200);
    }
    let before = resident(&server);
    // Clients that ask and do not read: what the server has ready for them is all they cost.
    let mut silent = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request =
            format!("GET {path}/events?limit=100 HTTP/1.1\r\nhost: {}\r\n\r\n", server.address());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 1000];
        within("beginning of an answer", stream.read_exact(&mut first)).await.unwrap();
        silent.push(stream);
    }
    let (_, page) = get(&server, &format!("{path}/events?limit=100")).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 20);
    assert_eq!(page["has_more"], false);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 100 << 20, "four readers of 80 MiB grew the server by {grown} bytes");
}

/// Bytes of the server's memory.
fn resident(server: &OpenHands) -> u64 {
    let file = format!("/proc/{}/status", server.id().unwrap());
    let status = std::fs::read_to_string(file).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
