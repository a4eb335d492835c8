//! Bytes that the reference's parser writes, and what it must refuse.

mod from_json;
mod properties;
mod tree;
mod types;

use bytes::Bytes;
use engineio::proto::{Text, Time};

use super::{decode, encode, plain};
use crate::proto::{
    Body, Codec, ConnectionConfig, Encoded, Event, NamespaceName, Packet, PeerError, Reassembly,
    ServerConnection,
};
use crate::proto::{encode as text, parse};

fn decoded(packet: &[u8]) -> (String, Vec<Bytes>) {
    let packet = Bytes::copy_from_slice(packet);
    let (text, attachments) = decode(&packet, &ConnectionConfig::default()).unwrap();
    (text.as_str().to_owned(), attachments)
}

/// A packet with these data as socket.io-msgpack-parser 3.0.2 writes it.
fn event(data: &[u8]) -> Vec<u8> {
    let head = b"\x84\xa4type\x02\xa4data";
    [head, data, b"\xa7options\x81\xa8compress\xc3\xa3nsp\xa1/"].concat()
}

#[test]
fn every_kind_of_packet_becomes_its_text() {
    for (packet, expected) in [
        (&b"\x82\xa4type\x00\xa3nsp\xa1/"[..], "0"),
        (b"\x83\xa4type\x00\xa3nsp\xa2/a\xa4data\x81\xa1k\xa1v", r#"0/a,{"k":"v"}"#),
        (b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\xc0", "0"),
        (b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\xd4\x00\x00", "0"),
        (b"\x82\xa4type\x01\xa3nsp\xa2/a", "1/a,"),
        (b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id\xcc\xff\xa4data\x91\x05", "3255[5]"),
        (b"\x84\xa4type\x02\xa3nsp\xa2/a\xa2id\x00\xa4data\x91\xa1e", r#"2/a,0["e"]"#),
        (b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id\xd4\x00\x00\xa4data\x91\xa1e", r#"2["e"]"#),
    ] {
        assert_eq!(decoded(packet), (expected.to_owned(), Vec::new()), "{packet:?}");
    }
}

#[test]
fn every_value_becomes_the_json_of_the_same_value() {
    for (value, json) in [
        (&b"\xc0"[..], "null"),
        (b"\xc2", "false"),
        (b"\x7f", "127"),
        (b"\xe0", "-32"),
        (b"\xcd\x01\x00", "256"),
        (b"\xce\xff\xff\xff\xff", "4294967295"),
        (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
        (b"\xd0\x80", "-128"),
        (b"\xd1\x80\x00", "-32768"),
        (b"\xd2\x80\x00\x00\x00", "-2147483648"),
        (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
        (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"),
        (b"\xca\x3f\xc0\x00\x00", "1.5"),
        (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null"),
        (b"\xa3a\"\n", r#""a\"\n""#),
        (b"\xd9\x02\xc3\xa9", "\"\u{e9}\""),
        (b"\x93\x01\x90\x80", "[1,[],{}]"),
        (b"\xdc\x00\x01\x01", "[1]"),
        (b"\xde\x00\x01\xa1k\xdd\x00\x00\x00\x00", r#"{"k":[]}"#),
        (b"\xd4\x00\x00", "null"),
        (b"\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\"1970-01-01T00:00:00.000Z\""),
    ] {
        let packet = event(&[b"\x92\xa1e", value].concat());
        assert_eq!(decoded(&packet).0, format!(r#"2["e",{json}]"#), "{value:?}");
    }
}

#[test]
fn binary_data_becomes_attachments_in_its_order() {
    let data = b"\x94\xa1e\xc4\x02ab\x81\xa1k\xc5\x00\x01c\xc7\x03\x00xyz";
    let (text, attachments) = decoded(&event(data));
    assert_eq!(
        text,
        r#"53-["e",{"_placeholder":true,"num":0},{"k":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}]"#
    );
    assert_eq!(attachments, [&b"ab"[..], b"c", b"xyz"]);
}

#[test]
fn what_leaves_comes_back() {
    let namespace: NamespaceName = "/n".parse().unwrap();
    let root = NamespaceName::default();
    let args = (1, -5, 2.5, "é\n", None::<()>, [true, false], Bytes::from_static(b"\x00\xff"));
    for packet in [
        text::event(&namespace, Some(300), "name", &args).unwrap(),
        text::event(&root, None, "empty", &()).unwrap(),
        text::ack(&root, u64::MAX, &args).unwrap(),
        text::connect_with_pid(&namespace, "s", Some("p")),
        text::connect_error(&root, "no", None),
        text::disconnect(&namespace),
    ] {
        let wire = encode(&packet).unwrap();
        let (text, attachments) = decode(&wire, &ConnectionConfig::default()).unwrap();
        assert_eq!(text, *packet.text());
        assert_eq!(attachments, packet.attachments());
    }
}

#[test]
fn an_event_that_leaves_is_what_the_reference_writes() {
    let packet = text::event(&NamespaceName::default(), None, "hi", &(1, Bytes::from_static(b"x")));
    let wire = encode(&packet.unwrap()).unwrap();
    assert_eq!(wire, event(b"\x93\xa2hi\x01\xc4\x01x"));
}

#[test]
fn what_is_no_packet_is_refused() {
    let config =
        ConnectionConfig { max_attachments: 1, max_json_depth: 3, ..ConnectionConfig::default() };
    let huge = [&b"\xdd\xff\xff\xff\xff"[..], b"\xc0"].concat();
    let deep = event(b"\x92\xa1e\x91\x91\x91\x90");
    let cases: [Vec<u8>; 15] = [
        b"".to_vec(),
        b"\x90".to_vec(),
        b"\xc1".to_vec(),
        b"\x82\xa4type\x05\xa3nsp\xa1/".to_vec(),
        b"\x82\xa4type\xff\xa3nsp\xa1/".to_vec(),
        b"\x81\xa4type\x00".to_vec(),
        b"\x81\xa3nsp\xa1/".to_vec(),
        b"\x82\xa4type\x00\xa3nsp\x05".to_vec(),
        b"\x82\xa4type\x00\xa3nsp\xa3a,b".to_vec(),
        b"\x83\xa4type\x00\xa3nsp\xa1/\xa2id\x01".to_vec(),
        b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1k\xc4\x01x".to_vec(),
        b"\x82\xa4type\x00\xa3nsp\xa1/\x00".to_vec(),
        event(b"\x92\xa1e\xa1\xff"),
        event(&huge),
        event(b"\x92\xa1e\x81\x01\x02"),
    ];
    for packet in cases {
        let refused = decode(&packet.clone().into(), &config);
        assert!(matches!(refused, Err(PeerError::MessagePack { .. })), "{packet:?} {refused:?}");
    }
    assert!(decode(&deep.into(), &config).is_err());
    let two = event(b"\x93\xa1e\xc4\x01a\xc4\x01b");
    let refused = decode(&two.into(), &config);
    assert_eq!(refused, Err(PeerError::TooManyAttachments { declared: 2, max: 1 }));
}

/// A packet by way of its text.
fn rewritten(packet: &Bytes, config: &ConnectionConfig) -> Result<Packet, PeerError> {
    let (text, attachments) = decode(packet, config)?;
    let mut parts = Reassembly::default();
    let mut whole = parts.handle_text(Time::ZERO, parse(&text, config)?, config)?;
    for attachment in attachments {
        whole = parts.handle_binary(attachment, config)?;
    }
    Ok(whole.unwrap())
}

#[test]
fn any_bytes_give_a_packet_or_an_error_and_the_same_that_their_text_does() {
    let config =
        ConnectionConfig { max_json_depth: 4, max_ack_digits: 3, ..ConnectionConfig::default() };
    let mixed = event(b"\x94\xa1e\xc4\x02ab\x81\xa1k\xc5\x00\x01c\xc7\x03\x00xyz");
    let some = b"\x95\xa3tap\xd9\x01a\x82\xa1k\x92\xcd\x01\x00\xcb\x3f\xf8\0\0\0\0\0\0\xa1l\x81\xa1m\xc0\xd1\xff\x00\xc3";
    let ack = b"\x84\xa4type\x03\xa3nsp\xa2/a\xa2id\xcd\x03\xe7\xa4data\x91\x05";
    let mut taken = 0;
    for whole in [mixed, event(some), ack.to_vec()] {
        let same = |packet: &[u8]| {
            let packet = Bytes::copy_from_slice(packet);
            let text = rewritten(&packet, &config);
            assert_eq!(super::parse(&packet, &config), text, "{packet:?}");
            plain(&packet, &config, NamespaceName::from_checked).is_some()
        };
        assert!(rewritten(&whole.clone().into(), &config).is_ok());
        for cut in 0..whole.len() {
            assert!(!same(&whole[..cut]));
            for byte in 0..=255 {
                let mut changed = whole.clone();
                changed[cut] = byte;
                taken += usize::from(same(&changed));
            }
        }
        same(&[&whole[..], b"\xc0"].concat());
    }
    assert!(taken > 1_000, "{taken}");
}

#[test]
fn arguments_that_stay_as_they_came_are_the_same_arguments() {
    let packet = event(b"\x93\xa2\"e\x01\x81\xa1k\xa2a\n");
    let packet = super::parse(&packet.into(), &ConnectionConfig::default()).unwrap();
    let Body::Event { args, ack_id: None } = &packet.body else { panic!("{packet:?}") };
    assert_eq!((&*args.name(), args.len(), args.is_empty()), ("\"e", 2, false));
    assert_eq!(args.parse::<(u8, serde_json::Value)>().unwrap().1["k"], "a\n");
    // Borrowed from the packet, where nothing is escaped.
    #[derive(serde::Deserialize)]
    struct Borrowed<'a> {
        k: &'a str,
    }
    let (first, second, third): (u8, Borrowed<'_>, Option<u8>) = args.parse().unwrap();
    assert_eq!((first, second.k, third), (1, "a\n", None));
    assert_eq!(args.parse::<(u8, u8)>().unwrap_err().to_string(), "argument 1 is of another type");
    assert_eq!(args.parse::<String>().unwrap_err().to_string(), "argument 0 is of another type");
    assert_eq!(args.raw(), br#"1,{"k":"a\n"}"#);
    assert_eq!(args.iter().collect::<Vec<_>>(), [&b"1"[..], br#"{"k":"a\n"}"#]);
    assert_eq!(args.to_raw(), args.raw());
    assert_eq!(text::packet(&packet).text().as_str(), r#"2["\"e",1,{"k":"a\n"}]"#);
    assert_eq!((args.size(), args.attachments().len()), (11, 0));
}

#[test]
fn a_connection_reads_packets_by_its_codec() {
    let config = ConnectionConfig { codec: Codec::MessagePack, ..ConnectionConfig::default() };
    let mut connection = ServerConnection::new(config.into(), Time::ZERO);
    let mut handle = |packet: Encoded| {
        let message = encode(&packet).unwrap().into();
        connection.handle_message(Time::ZERO, message).map(|mut e| e.next())
    };
    let root = NamespaceName::default();
    let connect = parse(&Text::new("0"), &ConnectionConfig::default()).unwrap().packet;
    assert!(matches!(handle(text::packet(&connect)), Ok(Some(Event::Connect { .. }))));
    let bytes = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
    let event = handle(text::event(&root, Some(1), "e", &bytes).unwrap());
    let Ok(Some(Event::Event { args, ack_id: Some(1), .. })) = event else { panic!("{event:?}") };
    assert_eq!(args.parse::<(Bytes, Bytes)>().unwrap(), bytes);
    assert!(connection.handle_message(Time::ZERO, "2[\"e\"]".into()).is_err());
}
