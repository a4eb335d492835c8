//! What the application says about handshakes.

use std::sync::Mutex;

use super::*;
use crate::server::{
    AllowRequest, ChooseSubprotocol, Cookie, GenerateSid, OnRefused, Parts, ResponseHeaders,
};

async fn only_friends(request: Arc<Parts>) -> Result<(), String> {
    tokio::task::yield_now().await;
    match request.headers.contains_key("x-friend") {
        true => Ok(()),
        false => Err("not \"you\"".to_owned()),
    }
}

#[tokio::test]
async fn the_application_refuses_handshakes_with_its_own_words() {
    let config =
        Config { allow_request: Some(AllowRequest::new(only_friends)), ..Config::default() };
    let address = serve(&Server::new(config, echo)).await;
    let refused = r#"{"code":4,"message":"not \"you\""}"#;
    let answer = request(&address, OPEN, "").await;
    assert_eq!((status(&answer), body(&answer)), ("403", refused));
    let answer = request(&address, &upgrade_request(""), "").await;
    assert_eq!((status(&answer), body(&answer)), ("403", refused));

    let answer = request(&address, &format!("{OPEN}\r\nx-friend: 1"), "").await;
    assert_eq!(status(&answer), "200");
    let sid = body(&answer).split('"').nth(3).unwrap();
    let answer = request(&address, &with_sid("POST", sid), "4a").await;
    assert_eq!(body(&answer), "ok", "a session is not asked again");
}

#[tokio::test]
async fn ids_are_the_applications_and_must_be_free() {
    let ids = Arc::new(Mutex::new(vec!["A".repeat(20), "A".repeat(20), String::new()].into_iter()));
    let generate = GenerateSid::new(move |_| {
        let next = ids.lock().unwrap().next().unwrap_or_default();
        async move { Ok(next.parse()?) }
    });
    let config = Config { generate_sid: Some(generate), ..Config::default() };
    let address = serve(&Server::new(config, echo)).await;
    assert_eq!(open(&address).await, "A".repeat(20));
    for why in ["taken", "invalid"] {
        let answer = request(&address, OPEN, "").await;
        let refused = ("400", r#"{"code":3,"message":"Bad request"}"#);
        assert_eq!((status(&answer), body(&answer)), refused, "{why}");
    }
}

#[tokio::test]
async fn an_initial_packet_follows_the_handshake() {
    let config = Config { initial_packet: Some("hi".into()), ..Config::default() };
    let address = serve(&Server::new(config, echo)).await;
    let answer = request(&address, OPEN, "").await;
    assert!(body(&answer).ends_with("}\x1e4hi"), "{answer}");
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    assert_eq!(text(&mut socket).await, "4hi");
}

#[tokio::test]
async fn the_cookie_carries_the_sid_on_either_transport() {
    let config = Config { cookie: Some(Cookie::new("io").unwrap()), ..Config::default() };
    let address = serve(&Server::new(config, echo)).await;
    let answer = request(&address, OPEN, "").await;
    let sid = body(&answer).split('"').nth(3).unwrap();
    let cookie = format!("set-cookie: io={sid}; Path=/; HttpOnly; SameSite=Lax\r\n");
    assert!(answer.contains(&cookie), "{answer}");
    let answer = request(&address, &with_sid("POST", sid), "4a").await;
    assert!(!answer.contains("set-cookie"), "only with the handshake");
    let answer = head(&address, &upgrade_request("")).await;
    assert!(answer.starts_with("HTTP/1.1 101") && answer.contains("set-cookie: io="), "{answer}");
}

#[tokio::test]
async fn headers_are_added_to_the_first_and_to_all_answers() {
    let config = Config {
        initial_headers: Some(ResponseHeaders::new(|headers, _| {
            headers.insert("x-first", http::HeaderValue::from_static("1"));
        })),
        headers: Some(ResponseHeaders::new(|headers, request| {
            headers.insert("x-method", request.method.as_str().parse().unwrap());
        })),
        ..Config::default()
    };
    let address = serve(&Server::new(config, echo)).await;
    let first = request(&address, OPEN, "").await;
    assert!(first.contains("x-first: 1") && first.contains("x-method: GET"), "{first}");
    let sid = body(&first).split('"').nth(3).unwrap();
    let later = request(&address, &with_sid("POST", sid), "4a").await;
    assert!(!later.contains("x-first") && later.contains("x-method: POST"), "{later}");
    let upgrade = head(&address, &upgrade_request(&format!("&sid={sid}"))).await;
    assert!(!upgrade.contains("x-first") && upgrade.contains("x-method: GET"), "{upgrade}");
    let direct = head(&address, &upgrade_request("")).await;
    assert!(direct.contains("x-first: 1") && direct.contains("x-method: GET"), "{direct}");
    let refused = request(&address, "GET / HTTP/1.1", "").await;
    assert!(!refused.contains("x-"), "{refused}");
}

#[tokio::test]
async fn refusals_are_told_with_their_code() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let config = Config {
        on_refused: Some(OnRefused::new(move |request, refusal| {
            let _ = tell.send((request.method.to_string(), refusal.code(), refusal.to_string()));
        })),
        ..Config::default()
    };
    let server = Server::new(config, echo);
    let address = serve(&server).await;
    request(&address, "GET /?EIO=4 HTTP/1.1", "").await;
    request(&address, &with_sid("POST", &"A".repeat(20)), "4a").await;
    server.drain(Duration::ZERO).await;
    request(&address, OPEN, "").await;
    for (method, code, text) in [
        ("GET", Some(0), "Transport unknown"),
        ("POST", Some(1), "Session ID unknown"),
        ("GET", None, "the server is shutting down"),
    ] {
        assert_eq!(told.recv().await, Some((method.to_owned(), code, text.to_owned())));
    }
    let stats = server.stats();
    assert_eq!((stats.refused, stats.unavailable), ([1, 1, 0, 0, 0, 0], 1));
}

#[tokio::test]
async fn old_internet_explorers_are_told_to_leave_payloads_alone() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let trident = "user-agent: Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko";
    let answer = request(&address, &format!("{OPEN}\r\n{trident}"), "").await;
    assert!(answer.contains("x-xss-protection: 0"), "{answer}");
    assert!(!request(&address, OPEN, "").await.contains("x-xss-protection"));
}

/// The head of a request for a websocket, with these headers in addition to the usual ones; one that
/// is there already is replaced.
fn asking(method: &str, query: &str, headers: &[(&str, &str)]) -> String {
    let usual = [
        ("host", "localhost"),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let kept = usual.iter().filter(|(name, _)| headers.iter().all(|(other, _)| other != name));
    let lines: String =
        kept.chain(headers).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} /engine.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\n{lines}")
}

#[tokio::test]
async fn a_websocket_that_breaks_a_rule_of_its_handshake_is_refused() {
    let address = serve(&Server::new(Config::default(), echo)).await;
    let sid = open(&address).await;
    for query in [String::new(), format!("&sid={sid}")] {
        for (headers, line) in [
            (&[("sec-websocket-key", "short")][..], ""),
            (&[("sec-websocket-key", "")], ""),
            (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=")], ""),
            (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSE=")], ""),
            (&[("sec-websocket-version", "12")], "sec-websocket-version: 13\r\n"),
            (&[("sec-websocket-version", "")], "sec-websocket-version: 13\r\n"),
            (&[("sec-websocket-protocol", "a b")], ""),
            (&[("sec-websocket-protocol", "a,,b")], ""),
            (&[("sec-websocket-protocol", "a, a")], ""),
        ] {
            let answer = head(&address, &asking("GET", &query, headers)).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{headers:?}: {answer}");
            assert!(answer.contains(line), "{headers:?}: {answer}");
        }
    }
    // Without a session the order of the reference's checks decides: a handshake is a GET.
    let answer = head(&address, &asking("POST", &format!("&sid={sid}"), &[])).await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET\r\n"), "{answer}");
    let answer = head(&address, &asking("POST", "", &[])).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let answer = head(&address, &asking("GET", &format!("&sid={sid}"), &[])).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "the session polls on: {answer}");
    assert!(!answer.contains("sec-websocket-protocol"), "{answer}");
}

#[tokio::test]
async fn the_first_subprotocol_is_answered_unless_a_hook_chooses() {
    let offer = [("sec-websocket-protocol", "my-protocol-v2, my-protocol-v1")];
    let several = [("sec-websocket-protocol", "a"), ("sec-websocket-protocol", "b,c")];
    let choosing = |choice: &'static str| {
        let choose = ChooseSubprotocol::new(move |offered, _| {
            assert_eq!(offered, ["my-protocol-v2", "my-protocol-v1"]);
            (!choice.is_empty()).then(|| choice.to_owned())
        });
        Config { subprotocol: Some(choose), ..Config::default() }
    };
    for (config, offer, answered) in [
        (Config::default(), &offer[..], Some("my-protocol-v2")),
        (Config::default(), &several[..], Some("a")),
        (Config::default(), &[][..], None),
        (choosing("my-protocol-v1"), &offer[..], Some("my-protocol-v1")),
        (choosing(""), &offer[..], None),
        (choosing("not-offered"), &offer[..], None),
    ] {
        let address = serve(&Server::new(config, echo)).await;
        let answer = head(&address, &asking("GET", "", offer)).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let lines: Vec<&str> =
            answer.lines().filter_map(|l| l.strip_prefix("sec-websocket-protocol: ")).collect();
        assert_eq!(lines, answered.into_iter().collect::<Vec<_>>(), "{offer:?}");
    }
}

#[tokio::test]
async fn a_request_of_a_session_names_its_protocol() {
    let config = Config { allow_eio3: true, ..Config::default() };
    for config in [Config::default(), config] {
        let address = serve(&Server::new(config, echo)).await;
        let sid = open(&address).await;
        for eio in ["", "EIO=3&", "EIO=5&"] {
            let path = format!("/engine.io/?{eio}transport=polling&sid={sid}");
            for method in ["GET", "POST"] {
                let line = format!("{method} {path} HTTP/1.1\r\nhost: localhost");
                let answer = request(&address, &line, "4a").await;
                let refused = ("400", r#"{"code":3,"message":"Bad request"}"#);
                assert_eq!((status(&answer), body(&answer)), refused, "{method} {eio}");
            }
        }
        let unknown =
            "GET /engine.io/?transport=polling&sid=AAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nhost: l";
        assert!(request(&address, unknown, "").await.contains(r#""code":1"#));
        let answer = request(&address, &with_sid("POST", &sid), "4a").await;
        assert_eq!(body(&answer), "ok", "the session lives on");
    }
}

#[tokio::test]
async fn small_messages_on_a_websocket_do_not_wait_for_one_another() {
    for corked in [false, true] {
        let server = Server::new(Config::default(), echo);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let client = tokio::spawn(async move { websocket(&address, "").await });
        // The host sets nothing, as `axum::serve` does not.
        let stream = listener.accept().await.unwrap().0.into_std().unwrap();
        let seen = stream.try_clone().unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        assert!(!seen.nodelay().unwrap());
        let service = server.service();
        let http = http1::Builder::new();
        match corked {
            true => {
                let io = TokioIo::new(Cork::new(stream));
                tokio::spawn(http.serve_connection(io, service).with_upgrades());
            }
            false => {
                let io = TokioIo::new(stream);
                tokio::spawn(http.serve_connection(io, service).with_upgrades());
            }
        }
        let mut socket = client.await.unwrap();
        assert!(text(&mut socket).await.starts_with("0{"));
        assert!(seen.nodelay().unwrap(), "corked: {corked}");
    }
}
