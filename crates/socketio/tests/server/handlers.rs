//! Handlers of events: of a namespace and of a socket, what they are given, and their failures.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Deserialize;
use socketio::proto::Args;
use socketio::server::{Ack, AckSender, Config, Data, HandlerError, NoAck, Server, Socket, State};
use tokio::sync::{Notify, mpsc};

use crate::common::{Client, connected, next, serve};

type Log = Arc<Mutex<Vec<String>>>;

fn log() -> (Log, Log) {
    let log = Log::default();
    (Arc::clone(&log), log)
}

async fn joined(server: &Server) -> (Client, Socket) {
    let mut sockets = connected(server);
    let address = serve(server).await;
    let (client, _) = Client::join(&address).await;
    (client, next(&mut sockets).await)
}

async fn ask(client: &mut Client, event: &str) -> String {
    client.send(event).await;
    client.recv().await
}

/// A server that acks what was not handled.
fn answering() -> Server {
    let mut config = Config::default();
    config.ack_refusals = true;
    Server::new(config)
}

#[tokio::test]
async fn what_was_not_handled_gets_no_ack_and_is_told_and_counted() {
    let server = Server::default();
    let (told, errors) = log();
    server.on_error(move |_, error| told.lock().unwrap().push(error.to_string()));
    server
        .of("/")
        .unwrap()
        .on("typed", |Data(_): Data<u8>| async {})
        .on("fails", || async { Err::<(), _>("no luck") })
        .on("panics", |args: Args| async move { assert!(args.len() > 9, "expected in this test") })
        .on("later", || async { NoAck })
        .on("by hand", |ack: AckSender| async move { ack.refuse("no") })
        .on("next", || async { Ack(2) });
    let (mut client, socket) = joined(&server).await;
    for event in ["typed", "fails", "panics", "unknown", "later", "kept"] {
        if event == "kept" {
            socket.with(|_, args| {
                let verdict = if args.name() == "kept" { Err("not you") } else { Ok(()) };
                async move { verdict }
            });
        }
        client.send(&format!(r#"21["{event}"]"#)).await;
        assert_eq!(ask(&mut client, r#"22["next"]"#).await, "32[2]", "{event} has no ack");
    }
    assert_eq!(ask(&mut client, r#"23["by hand"]"#).await, r#"33[{"error":"no"}]"#);
    let counts = server.counts();
    let counted = (counts.args_refused, counts.handlers_failed, counts.panics);
    assert_eq!(counted, (1, 1, 1));
    assert_eq!((counts.unhandled, counts.events_refused), (1, 1));
    assert_eq!(
        *errors.lock().unwrap(),
        [
            "arguments of event \"typed\" refused",
            "handler of event \"fails\" failed: no luck",
            "a handler panicked",
            "no handler for event \"unknown\"",
            "event \"kept\" refused: not you",
        ]
    );
}

#[tokio::test]
async fn a_handler_takes_what_it_asks_for() {
    #[derive(Deserialize)]
    struct Upload {
        name: String,
        data: Bytes,
    }
    let server = answering();
    server.insert_state(10_u64);
    server
        .of("/")
        .unwrap()
        .on("add", |State(base): State<u64>, Data((a, b)): Data<(u64, u64)>| async move {
            Ack(*base + a + b)
        })
        .on(
            "upload",
            |Data(upload): Data<Upload>| async move { Ack((upload.name, upload.data.len())) },
        )
        .on("by hand", |args: Args, ack: AckSender, socket: Socket| async move {
            assert!(ack.is_wanted() && socket.is_connected());
            ack.send(&args.len()).unwrap();
        })
        .on("stateless", |_: State<String>| async {});
    let (mut client, _) = joined(&server).await;
    assert_eq!(ask(&mut client, r#"21["add",1,2]"#).await, "31[13]");
    client.send(r#"51-2["upload",{"name":"n","data":{"_placeholder":true,"num":0}}]"#).await;
    client.send_binary(&b"12345"[..]).await;
    assert_eq!(client.recv().await, r#"32["n",5]"#);
    assert_eq!(ask(&mut client, r#"23["by hand",null,2]"#).await, "33[2]");
    assert_eq!(ask(&mut client, r#"24["stateless"]"#).await, r#"34[{"error":"internal error"}]"#);
}

#[tokio::test]
async fn failures_are_answered_told_and_counted_and_the_socket_lives_on() {
    let server = answering();
    let (told, errors) = log();
    server.on_error(move |_, error| {
        let source = std::error::Error::source(error).map(ToString::to_string);
        told.lock().unwrap().push(format!("{error} {}", source.unwrap_or_default()));
        assert!(!matches!(error, HandlerError::Panicked { .. }), "the hook's own panic");
    });
    server
        .of("/")
        .unwrap()
        .on("typed", |Data(_): Data<u8>| async {})
        .on("fails", || async { Err::<(), _>("no luck") })
        .on("panics", |args: Args| async move { assert!(args.len() > 9, "expected in this test") });
    let (mut client, _) = joined(&server).await;
    let refused = ask(&mut client, r#"21["typed","x"]"#).await;
    assert!(refused.starts_with(r#"31[{"error":"argument 0 is of another type"#), "{refused}");
    assert_eq!(ask(&mut client, r#"22["fails"]"#).await, r#"32[{"error":"no luck"}]"#);
    assert_eq!(ask(&mut client, r#"23["panics"]"#).await, r#"33[{"error":"internal error"}]"#);
    let unknown = ask(&mut client, r#"24["unknown"]"#).await;
    assert_eq!(unknown, r#"34[{"error":"no handler for event \"unknown\""}]"#);
    // Without an ack: the refusal cannot be sent.
    client.send(r#"2["fails"]"#).await;
    assert_eq!(ask(&mut client, r#"25["fails"]"#).await, r#"35[{"error":"no luck"}]"#);
    let counts = server.counts();
    assert_eq!((counts.args_refused, counts.handlers_failed, counts.panics), (1, 3, 1));
    let errors = errors.lock().unwrap();
    assert!(errors[0].starts_with("arguments of event \"typed\" refused argument 0"), "{errors:?}");
    assert_eq!(errors[1].trim_end(), "handler of event \"fails\" failed: no luck");
    assert_eq!(errors[2].trim_end(), "a handler panicked");
}

#[tokio::test]
async fn a_handler_that_acked_by_hand_and_panics_sends_no_second_ack() {
    let server = answering();
    server
        .of("/")
        .unwrap()
        .on("acked", |args: Args, ack: AckSender| async move {
            ack.send(&1).unwrap();
            assert!(args.len() > 9, "expected in this test");
        })
        .on("owes", |args: Args, ack: AckSender| async move {
            assert!(args.len() > 9, "expected in this test");
            ack.send(&1).unwrap();
        })
        .on("early", |args: Args, ack: AckSender| {
            assert!(args.len() > 9, "expected in this test");
            async move { ack.send(&1).unwrap() }
        })
        .on("next", || async { Ack(2) });
    let (mut client, _) = joined(&server).await;
    assert_eq!(ask(&mut client, r#"21["acked"]"#).await, "31[1]");
    assert_eq!(ask(&mut client, r#"22["next"]"#).await, "32[2]");
    assert_eq!(ask(&mut client, r#"23["owes"]"#).await, r#"33[{"error":"internal error"}]"#);
    assert_eq!(ask(&mut client, r#"24["early"]"#).await, r#"34[{"error":"internal error"}]"#);
    assert_eq!(ask(&mut client, r#"25["next"]"#).await, "35[2]");
    assert_eq!(server.counts().panics, 3);
}

#[tokio::test]
async fn a_sockets_handler_goes_before_its_namespaces_until_it_is_taken_away() {
    let server = Server::default();
    server
        .of("/")
        .unwrap()
        .on("e", || async { Ack("namespace") })
        .on_any(|args: Args| async move { Ack(format!("any {}", args.name())) });
    let (mut client, socket) = joined(&server).await;
    assert_eq!(ask(&mut client, r#"21["e"]"#).await, r#"31["namespace"]"#);
    socket.on("e", || async { Ack("socket") });
    assert_eq!(ask(&mut client, r#"22["e"]"#).await, r#"32["socket"]"#);
    socket.off("e");
    assert_eq!(ask(&mut client, r#"23["e"]"#).await, r#"33["namespace"]"#);
    socket.once("e", || async { Ack("once") });
    client.send(r#"24["e"]"#).await;
    client.send(r#"25["e"]"#).await;
    assert_eq!(client.recv().await, r#"34["once"]"#);
    assert_eq!(client.recv().await, r#"35["namespace"]"#);
    assert_eq!(ask(&mut client, r#"26["other"]"#).await, r#"36["any other"]"#);
    socket.on_any(|| async { Ack("socket's any") });
    assert_eq!(ask(&mut client, r#"27["other"]"#).await, r#"37["socket's any"]"#);
    server.of("/").unwrap().off("e");
    assert_eq!(ask(&mut client, r#"28["e"]"#).await, r#"38["socket's any"]"#);
}

#[tokio::test]
async fn a_sockets_middleware_may_keep_an_event_from_its_handler() {
    let server = answering();
    let (log, seen) = log();
    server.of("/").unwrap().on_any(|| async { Ack("handled") });
    let (mut client, socket) = joined(&server).await;
    let first = Arc::clone(&log);
    socket
        .with(move |_, args| {
            first.lock().unwrap().push(format!("1 {}", args.name()));
            let verdict = if args.name() == "bad" { Err("not you") } else { Ok(()) };
            async move {
                tokio::task::yield_now().await;
                verdict
            }
        })
        .with(move |_, args| {
            log.lock().unwrap().push(format!("2 {}", args.name()));
            async { Ok::<_, String>(()) }
        });
    assert_eq!(ask(&mut client, r#"21["bad"]"#).await, r#"31[{"error":"not you"}]"#);
    assert_eq!(ask(&mut client, r#"22["good"]"#).await, r#"32["handled"]"#);
    assert_eq!(*seen.lock().unwrap(), ["1 bad", "1 good", "2 good"]);
    assert_eq!(server.counts().events_refused, 1);
}

#[tokio::test]
async fn listeners_see_everything_that_comes_and_leaves() {
    let server = answering();
    let (log, seen) = log();
    let namespace = server.of("/").unwrap();
    let (coming, leaving) = (Arc::clone(&log), Arc::clone(&log));
    namespace
        .on("e", || async { Ack(()) })
        .on_incoming(move |_, args| coming.lock().unwrap().push(format!("in {}", args.name())))
        .on_outgoing(move |_, args| {
            let raw = String::from_utf8_lossy(args.raw()).into_owned();
            leaving.lock().unwrap().push(format!("out {} {raw}", args.name()));
        });
    let (mut client, socket) = joined(&server).await;
    let own = Arc::clone(&log);
    socket.on_outgoing(move |socket, args| {
        assert!(socket.is_connected());
        own.lock().unwrap().push(format!("own {}", args.attachments().len()));
    });
    assert_eq!(ask(&mut client, r#"21["e"]"#).await, "31[]");
    assert!(ask(&mut client, r#"22["unhandled"]"#).await.starts_with("32["));
    socket.emit("direct", &1).unwrap();
    server.emit("all", &Bytes::from_static(b"x")).unwrap();
    let seen = seen.lock().unwrap();
    let placeholder = r#"out all {"_placeholder":true,"num":0}"#;
    assert_eq!(*seen, ["in e", "in unhandled", "out direct 1", "own 0", placeholder, "own 1"]);
}

#[tokio::test]
async fn a_concurrent_handler_runs_beside_others_up_to_its_limit() {
    let server = answering();
    let (started, mut starts) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let waiting = Arc::clone(&gate);
    server
        .of("/")
        .unwrap()
        .on_concurrent("slow", 2, move |Data(n): Data<u8>| {
            let (started, waiting) = (started.clone(), Arc::clone(&waiting));
            async move {
                let _ = started.send(n);
                waiting.notified().await;
                assert_ne!(n, 1, "expected in this test");
                Ack(n)
            }
        })
        .on("quick", || async { Ack("quick") });
    let (mut client, _) = joined(&server).await;
    client.send(r#"21["slow",1]"#).await;
    assert_eq!(next(&mut starts).await, 1);
    // It waits, and what follows does not.
    assert_eq!(ask(&mut client, r#"22["quick"]"#).await, r#"32["quick"]"#);
    for n in 2..=3 {
        client.send(&format!(r#"2{}["slow",{n}]"#, n + 1)).await;
    }
    client.send(r#"29["quick"]"#).await;
    assert_eq!(next(&mut starts).await, 2);
    assert!(starts.try_recv().is_err());
    // The first ends by a panic; then the third starts, and so do the events after it.
    gate.notify_one();
    assert_eq!(client.recv().await, r#"31[{"error":"internal error"}]"#);
    assert_eq!(next(&mut starts).await, 3);
    assert_eq!(client.recv().await, r#"39["quick"]"#);
    gate.notify_waiters();
    let mut acks = [client.recv().await, client.recv().await];
    acks.sort();
    assert_eq!(acks, ["33[2]", "34[3]"]);
}

#[tokio::test]
async fn events_of_a_socket_are_handled_in_order_one_at_a_time() {
    let server = Server::default();
    let (log, seen) = log();
    server.of("/").unwrap().on("n", move |Data(n): Data<u32>| {
        let log = Arc::clone(&log);
        async move {
            log.lock().unwrap().push(format!("begin {n}"));
            for _ in 0..n % 3 {
                tokio::task::yield_now().await;
            }
            log.lock().unwrap().push(format!("end {n}"));
            Ack(n)
        }
    });
    let (mut client, _) = joined(&server).await;
    for n in 0..100 {
        client.send(&format!(r#"2{n}["n",{n}]"#)).await;
    }
    for n in 0..100 {
        assert_eq!(client.recv().await, format!("3{n}[{n}]"));
    }
    let expected: Vec<_> =
        (0..100).flat_map(|n| [format!("begin {n}"), format!("end {n}")]).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}
