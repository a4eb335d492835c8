//! Events both ways, with arguments of every kind.

use crate::Way;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use socketio::proto::Args;
use socketio::server::{Data, Socket};
use tests::{Host, SocketIo, bytes};

scenarios! {
    [v4_8 v4_0 v3_1 v2_5]
    arguments_come_back_as_they_were_sent
    a_handler_reads_and_sends_typed_arguments
    attachments_travel_both_ways
    an_event_nearly_as_large_as_a_payload_travels_both_ways
}

async fn echo(socket: Socket, args: Args) {
    socket.emit_args("back", &args).expect("an open socket");
}

async fn arguments_come_back_as_they_were_sent(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on("there", echo);
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    let cases = [
        json!([]),
        json!([null]),
        json!(["", "€ 漢字 😀 \u{0} \u{2028} \" \\", "42[\"x\"]"]),
        json!([0, -1, 1.5, 9_007_199_254_740_991_i64, 1e300]),
        json!([true, false, null, [], {}, [[[]]]]),
        json!([{ "b": 1, "a": { "z": [1, { "y": null }], "": "empty key" } }, "last"]),
        json!(["x".repeat(300_000)]),
    ];
    for case in cases {
        let mut args = case;
        args.as_array_mut().expect("an array").insert(0, json!("there"));
        client.emit("it", args.clone()).await;
        args[0] = json!("back");
        assert_eq!(client.expect("it", "event").await, args);
    }
    client.clear().await;
}

#[derive(Deserialize)]
struct Order {
    item: String,
    count: u32,
    note: Option<String>,
}

#[derive(Serialize)]
struct Bill<'a> {
    item: &'a str,
    total: f64,
}

async fn a_handler_reads_and_sends_typed_arguments(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on(
        "order",
        |socket: Socket, Data((order, price)): Data<(Order, f64)>| async move {
            let bill = Bill { item: &order.item, total: f64::from(order.count) * price };
            socket.emit("bill", &(bill, order.note)).expect("an open socket");
        },
    );
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    client.emit("it", json!(["order", { "item": "tea", "count": 3, "more": [] }, 2.5])).await;
    let bill = client.expect("it", "event").await;
    assert_eq!(bill, json!(["bill", { "item": "tea", "total": 7.5 }, null]));
    client.clear().await;
}

#[derive(Deserialize, Serialize)]
struct Picture {
    name: String,
    data: Bytes,
    layers: Vec<Bytes>,
}

async fn attachments_travel_both_ways(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on("there", echo).on(
        "draw",
        |socket: Socket, Data((picture, mask)): Data<(Picture, Bytes)>| async move {
            assert_eq!((&picture.data[..], &mask[..]), (&[1, 2, 3][..], &[255][..]));
            let turned = Picture {
                name: picture.name,
                data: mask,
                layers: picture.layers.into_iter().rev().collect(),
            };
            socket.emit("drawn", &(turned, picture.data)).expect("an open socket");
        },
    );
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    let layers = [bytes(&[4]), bytes(&[]), bytes(&[5, 6])];
    let picture = json!({ "name": "ä", "data": bytes(&[1, 2, 3]), "layers": layers });
    client.emit("it", json!(["draw", picture, bytes(&[255])])).await;
    let layers = [bytes(&[5, 6]), bytes(&[]), bytes(&[4])];
    let turned = json!({ "name": "ä", "data": bytes(&[255]), "layers": layers });
    let drawn = client.expect("it", "event").await;
    assert_eq!(drawn, json!(["drawn", turned, bytes(&[1, 2, 3])]));

    let large: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let nested = json!([["deep", { "in": [bytes(&large), { "it": bytes(&[0]) }] }], "text"]);
    client.emit("it", json!(["there", nested, bytes(&[7])])).await;
    assert_eq!(client.expect("it", "event").await, json!(["back", nested, bytes(&[7])]));
    client.clear().await;
}

async fn an_event_nearly_as_large_as_a_payload_travels_both_ways(way: Way, client: &mut SocketIo) {
    let server = way.server();
    server.of("/").expect("a name").on("there", echo);
    let host = Host::socketio(&server).await;
    client.open("it", &host.url(), way.options()).await;
    client.expect("it", "connect").await;

    // 900 KiB in UTF-8.
    let large = "é".repeat(450 << 10);
    client.emit("it", json!(["there", large])).await;
    assert!(client.expect("it", "event").await == json!(["back", large]), "other text came back");
    client.clear().await;
}
