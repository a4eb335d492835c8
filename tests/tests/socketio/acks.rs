//! Acks, asked for by either side.

use crate::Way;
use bytes::Bytes;
use serde_json::json;
use socketio::proto::Args;
use socketio::server::{Ack, AckSender, Data, Socket};
use tests::{Host, SocketIo, bytes};

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    the_server_acks
    the_client_acks
    a_thousand_emits_in_one_tick_are_acked_in_order
    what_no_handler_can_take_is_refused_by_ack
    what_no_handler_can_take_gets_no_ack_by_default
}

async fn the_server_acks(way: Way, client: &mut SocketIo) {
    let server = way.answering();
    server
        .of("/")
        .expect("a name")
        .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) })
        .on("pair", || async { Ack(("first", 2)) })
        .on("nothing", || async {})
        .on("echo", |args: Args| async move { args })
        .on("bytes", || async { Ack((Bytes::from_static(&[1, 2]), Bytes::from_static(&[3]))) })
        .on("later", |ack: AckSender| async move {
            tokio::task::yield_now().await;
            ack.send("by hand").expect("an open socket");
        })
        .on("fails", || async { Err::<(), _>("out of tea") });
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    for (event, ack) in [
        (json!(["add", 2, 3]), json!([5])),
        (json!(["pair"]), json!(["first", 2])),
        (json!(["nothing"]), json!([])),
        (json!(["echo", 1, { "a": [null] }]), json!([1, { "a": [null] }])),
        (json!(["echo", bytes(&[9]), [bytes(&[8])]]), json!([bytes(&[9]), [bytes(&[8])]])),
        (json!(["bytes"]), json!([bytes(&[1, 2]), bytes(&[3])])),
        (json!(["later"]), json!(["by hand"])),
        (json!(["fails"]), json!([{ "error": "out of tea" }])),
    ] {
        client.ask("it", event.clone()).await;
        assert_eq!(client.expect("it", "ack").await, ack, "{event}");
    }
    client.clear().await;
}

async fn the_client_acks(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on("start", |socket: Socket| async move {
        let picture = (Bytes::from_static(&[1, 2]), "text", None::<()>);
        let answer = socket.emit_with_ack("question", &picture).await.expect("an ack");
        let again = socket.emit_args_with_ack("again", &answer).await.expect("an ack");
        socket.emit_args("done", &again).expect("an open socket");
    });
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    client.emit("it", json!(["start"])).await;
    for name in ["question", "again", "done"] {
        let event = client.expect("it", "event").await;
        assert_eq!(event, json!([name, bytes(&[1, 2]), "text", null]));
    }
    client.clear().await;
}

async fn a_thousand_emits_in_one_tick_are_acked_in_order(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on("number", |Data(n): Data<u32>| async move { Ack(n) });
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    let numbers = 0..1_000;
    client.ask_at_once("it", numbers.clone().map(|n| json!(["number", n])).collect()).await;
    for n in numbers {
        assert_eq!(client.expect("it", "ack").await, json!([n]));
    }
    client.clear().await;
}

async fn what_no_handler_can_take_is_refused_by_ack(way: Way, client: &mut SocketIo) {
    let server = way.answering();
    server
        .of("/")
        .expect("a name")
        .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) });
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    for (event, said) in [
        (json!(["add", 1, "two"]), "invalid type"),
        (json!(["add", 1]), "argument"),
        (json!(["multiply", 1, 2]), "multiply"),
    ] {
        client.ask("it", event.clone()).await;
        let ack = client.expect("it", "ack").await;
        let error = ack[0]["error"].as_str().unwrap_or_default();
        assert!(error.contains(said), "{event} is refused with {ack}");
    }
    client.ask("it", json!(["add", 1, 2])).await;
    assert_eq!(client.expect("it", "ack").await, json!([3]), "the connection lives on");
    client.clear().await;
}

async fn what_no_handler_can_take_gets_no_ack_by_default(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server
        .of("/")
        .expect("a name")
        .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) })
        .on("fails", || async { Err::<(), _>("out of tea") });
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;
    for event in [json!(["add", 1, "two"]), json!(["multiply", 1, 2]), json!(["fails"])] {
        client.ask("it", event.clone()).await;
        client.ask("it", json!(["add", 1, 2])).await;
        assert_eq!(client.expect("it", "ack").await, json!([3]), "the only ack after {event}");
    }
    client.clear().await;
}
