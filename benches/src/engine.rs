//! Packets and payloads of Engine.IO.

use bytes::Bytes;
use engineio::proto::{Frame, Message, Packet, Text, payload};

use crate::Operation;
use crate::data;

const BY: &str = "ours";

/// One packet, both ways.
pub fn packets(size: usize) -> Vec<Operation> {
    let (wire, name) = (data::wire(size), data::name(size));
    let len = wire.len();
    let binary = Message::Binary(wire.clone());
    let mut base64 = Vec::new();
    Packet::Message(binary.clone()).write_polling(&mut base64);
    let base64 = Bytes::from(base64);
    let text = Packet::Message(Message::Text(Text::from_wire(wire.clone()).expect("UTF-8")));

    let (polled, framed, sent) = (wire.clone(), wire.clone(), text.clone());
    let (encoded, binary_packet) = (base64.clone(), Packet::Message(binary));
    let (read, written) = (binary_packet.clone(), base64.clone());
    let is_text = text.clone();
    let is_text_too = text;
    vec![
        Operation::new(
            (format!("decode packet, polling text, {name}"), BY),
            len,
            move || Packet::decode(polled.clone()),
            move |packet| *packet == Ok(is_text.clone()),
        ),
        Operation::new(
            (format!("decode packet, websocket text, {name}"), BY),
            len,
            move || Frame::Text(framed.clone()).into_packet(),
            move |packet| *packet == Ok(is_text_too.clone()),
        ),
        Operation::new(
            (format!("decode packet, polling binary, {name}"), BY),
            base64.len(),
            move || Packet::decode(encoded.clone()),
            move |packet| *packet == Ok(read.clone()),
        ),
        Operation::new(
            (format!("encode packet, websocket text, {name}"), BY),
            len,
            move || sent.clone().into_frame(),
            move |frame| *frame == Frame::Text(wire.clone()),
        ),
        Operation::new(
            (format!("encode packet, polling binary, {name}"), BY),
            base64.len(),
            move || {
                let mut body = Vec::with_capacity(binary_packet.polling_len());
                binary_packet.write_polling(&mut body);
                body
            },
            move |body| *body == written,
        ),
    ]
}

/// The packets of the protocol itself, both ways, as frames of a websocket.
pub fn control() -> Vec<Operation> {
    let open =
        r#"0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let kinds = [
        ("open", open),
        ("close", "1"),
        ("ping", "2"),
        ("ping probe", "2probe"),
        ("pong", "3"),
        ("pong probe", "3probe"),
        ("upgrade", "5"),
        ("noop", "6"),
    ];
    let both = kinds.map(|(name, wire)| {
        let wire = Bytes::from_static(wire.as_bytes());
        let packet = Packet::decode(wire.clone()).expect("a packet");
        assert_eq!(packet.name(), name.split(' ').next().unwrap_or_default());
        let (framed, written) = (Frame::Text(wire.clone()), Frame::Text(wire.clone()));
        let (read, sent) = (packet.clone(), packet);
        [
            Operation::new(
                (format!("decode packet, {name}"), BY),
                wire.len(),
                move || framed.clone().into_packet(),
                move |packet| *packet == Ok(read.clone()),
            ),
            Operation::new(
                (format!("encode packet, {name}"), BY),
                wire.len(),
                move || sent.clone().into_frame(),
                move |frame| *frame == written,
            ),
        ]
    });
    both.into_iter().flatten().collect()
}

/// A payload of 32 events of 300 B, both ways.
pub fn payloads() -> Vec<Operation> {
    const COUNT: usize = 32;
    let wire = data::wire(data::SIZES[0]);
    let body = Bytes::from(vec![&wire[..]; COUNT].join(&payload::SEPARATOR));
    let packet = Packet::Message(Message::Text(Text::from_wire(wire).expect("UTF-8")));
    let (len, same, expected) = (body.len(), body.clone(), packet.clone());
    vec![
        Operation::new(
            ("decode payload, 32 x 300 B".to_owned(), BY),
            len,
            move || {
                let packets = payload::decode(body.clone(), COUNT);
                packets.fold((0, None), |(count, _), packet| (count + 1, packet.ok()))
            },
            move |(count, last)| *count == COUNT && last.as_ref() == Some(&expected),
        ),
        Operation::new(
            ("encode payload, 32 x 300 B".to_owned(), BY),
            len,
            move || {
                let mut encoder = payload::Encoder::new(len);
                for _ in 0..COUNT {
                    assert!(encoder.fits(&packet));
                    encoder.push(packet.clone());
                }
                encoder.finish()
            },
            move |body| *body == same,
        ),
    ]
}
