//! Packets as wire text, read and written.

mod properties;

use bytes::Bytes;
use engineio::proto::{Text, Time};

use super::*;

fn read(wire: &str) -> Result<Announced, PeerError> {
    read_with(wire, &ConnectionConfig::default())
}

fn read_with(wire: &str, config: &ConnectionConfig) -> Result<Announced, PeerError> {
    // As on the wire, with the engine's 4 in front.
    parse(&Text::from_wire(Bytes::copy_from_slice(wire.as_bytes())).unwrap(), config)
}

/// The packet with its attachments. Each is one byte: its own number.
fn complete(wire: &str) -> Result<Packet, PeerError> {
    let config = ConnectionConfig::default();
    let announced = read(wire)?;
    let mut reassembly = Reassembly::default();
    let count = announced.attachments;
    let mut packet = reassembly.handle_text(Time::ZERO, announced, &config)?;
    for n in 0..count {
        assert_eq!(packet, None);
        packet = reassembly.handle_binary(vec![n as u8].into(), &config)?;
    }
    Ok(packet.unwrap())
}

fn meaning(packet: &Packet) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let args = |args: &Args| {
        let (raw, len, binary) = (text(args.raw()), args.len(), args.attachments().len());
        format!("{:?} {len}({raw}) +{binary}", args.name())
    };
    let rest = match &packet.body {
        Body::Connect { auth } => auth.as_ref().map_or(String::new(), |a| text(a.as_bytes())),
        Body::Disconnect => String::new(),
        Body::Event { args: a, ack_id: None } => args(a),
        Body::Event { args: a, ack_id: Some(id) } => format!("#{id} {}", args(a)),
        Body::Ack { id, args: a } => format!("#{id} {}", args(a)),
        Body::ConnectError { data } => text(data.as_bytes()),
    };
    format!("{} {} {rest}", packet.body.name(), packet.namespace).trim_end().to_owned()
}

const VECTORS: &[(&str, &str)] = &[
    ("40", "CONNECT /"),
    (r#"40{"token":"x"}"#, r#"CONNECT / {"token":"x"}"#),
    (r#"40{"sid":"wZX3oN0bSVIhsaknAAAI"}"#, r#"CONNECT / {"sid":"wZX3oN0bSVIhsaknAAAI"}"#),
    ("40/admin,", "CONNECT /admin"),
    (r#"40/admin,{"token":"x"}"#, r#"CONNECT /admin {"token":"x"}"#),
    ("40/admin?x=1&y={2},", "CONNECT /admin?x=1&y={2}"),
    ("40/日本,", "CONNECT /日本"),
    ("41", "DISCONNECT /"),
    ("41/admin,", "DISCONNECT /admin"),
    (r#"42["hi",1]"#, r#"EVENT / "hi" 1(1) +0"#),
    (r#"42["hi"]"#, r#"EVENT / "hi" 0() +0"#),
    (r#"42/admin,["hi"]"#, r#"EVENT /admin "hi" 0() +0"#),
    (r#"4212["hi"]"#, r#"EVENT / #12 "hi" 0() +0"#),
    (r#"420["hi"]"#, r#"EVENT / #0 "hi" 0() +0"#),
    (
        r#"42/admin,456["hi",{"a":[1.50,null]}]"#,
        r#"EVENT /admin #456 "hi" 1({"a":[1.50,null]}) +0"#,
    ),
    (r#"4218446744073709551615["hi"]"#, r#"EVENT / #18446744073709551615 "hi" 0() +0"#),
    ("42[1,2]", r#"EVENT / "1" 1(2) +0"#),
    ("42[-1.5]", r#"EVENT / "-1.5" 0() +0"#),
    (r#"42["a\u00e9\n\"",1]"#, r#"EVENT / "aé\n\"" 1(1) +0"#),
    (r#"42["\ud800"]"#, "EVENT / \"\u{fffd}\u{fffd}\u{fffd}\" 0() +0"),
    (r#"42["error","not reserved"]"#, r#"EVENT / "error" 1("not reserved") +0"#),
    (
        r#"42["message",{"_placeholder":true,"num":9}]"#,
        r#"EVENT / "message" 1({"_placeholder":true,"num":9}) +0"#,
    ),
    (r#"4312["ok"]"#, r#"ACK / #12 "" 1("ok") +0"#),
    ("43/admin,456[]", r#"ACK /admin #456 "" 0() +0"#),
    (r#"44{"message":"Invalid namespace"}"#, r#"CONNECT_ERROR / {"message":"Invalid namespace"}"#),
    (
        r#"44/random,{"message":"no","data":{"code":1}}"#,
        r#"CONNECT_ERROR /random {"message":"no","data":{"code":1}}"#,
    ),
    (r#"44"old servers""#, r#"CONNECT_ERROR / "old servers""#),
    (
        r#"451-["baz",{"_placeholder":true,"num":0}]"#,
        r#"EVENT / "baz" 1({"_placeholder":true,"num":0}) +1"#,
    ),
    (
        r#"452-/admin,7["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        r#"EVENT /admin #7 "x" 2({"_placeholder":true,"num":0},{"_placeholder":true,"num":1}) +2"#,
    ),
    (
        r#"461-/admin,456[{"_placeholder":true,"num":0}]"#,
        r#"ACK /admin #456 "" 1({"_placeholder":true,"num":0}) +1"#,
    ),
];

/// Forms that are read, but never written: the packet is written in the usual form.
const ONLY_READ: &[(&str, &str)] = &[
    ("40/,", "CONNECT /"),
    ("40/random", "CONNECT /random"),
    ("41/custom", "DISCONNECT /custom"),
    ("40 ", "CONNECT /"),
    ("40\n", "CONNECT /"),
    ("41\n", "DISCONNECT /"),
    (r#"40 {"a":1} "#, r#"CONNECT / {"a":1}"#),
    // White space is not a digit of the id.
    (r#"42 ["a" , 1 ] "#, r#"EVENT / "a" 1(1) +0"#),
    (r#"42/admin, [ "a" ]"#, r#"EVENT /admin "a" 0() +0"#),
    (r#"431 [ 1 ] "#, r#"ACK / #1 "" 1(1) +0"#),
    (r#"42007["a"]"#, r#"EVENT / #7 "a" 0() +0"#),
    (r#"430[ ]"#, r#"ACK / #0 "" 0() +0"#),
    (
        r#"4501-["a",{"_placeholder":true,"num":0}]"#,
        r#"EVENT / "a" 1({"_placeholder":true,"num":0}) +1"#,
    ),
    (r#"451-["unused"]"#, r#"EVENT / "unused" 0() +1"#),
];

#[test]
fn every_vector_reads_and_writes() {
    for (wire, means) in VECTORS {
        let packet = complete(wire).unwrap();
        assert_eq!(meaning(&packet), *means, "{wire}");
        let encoded = encode::packet(&packet);
        assert_eq!(encoded.text().wire(), wire.as_bytes(), "{wire}");
        let attachments: &[&[u8]] = &[&[0], &[1]];
        assert_eq!(encoded.attachments(), &attachments[..encoded.attachments().len()], "{wire}");
    }
}

#[test]
fn other_forms_read_the_same_and_are_written_as_packets() {
    for (wire, means) in ONLY_READ {
        let packet = complete(wire).unwrap();
        assert_eq!(meaning(&packet), *means, "{wire}");
        let written = encode::packet(&packet);
        let again = complete(std::str::from_utf8(written.text().wire()).unwrap());
        assert_eq!(again, Ok(packet), "{wire}");
    }
}

#[test]
fn what_is_not_a_packet_gives_an_error_that_says_why() {
    let payload = |packet, needs| PeerError::Payload { packet, needs };
    let json = |packet, at| PeerError::Json { packet, error: JsonError::Syntax { at } };
    let name = "a name that is a string or a number";
    for (wire, error) in [
        ("4", PeerError::UnknownType { got: None }),
        ("4abc", PeerError::UnknownType { got: Some(b'a') }),
        ("47", PeerError::UnknownType { got: Some(b'7') }),
        ("4 2[\"a\"]", PeerError::UnknownType { got: Some(b' ') }),
        ("4é", PeerError::UnknownType { got: Some(0xc3) }),
        ("40[]", payload("CONNECT", "an object, or nothing")),
        ("40null", payload("CONNECT", "an object, or nothing")),
        ("40123", payload("CONNECT", "an object, or nothing")),
        ("40{", json("CONNECT", 1)),
        ("40{}x", json("CONNECT", 2)),
        ("41{}", payload("DISCONNECT", "nothing")),
        ("41/admin,[]", payload("DISCONNECT", "nothing")),
        ("42", payload("EVENT", "an array")),
        ("4212", payload("EVENT", "an array")),
        ("42/admin", payload("EVENT", "an array")),
        // Without a comma, all that follows the type is the namespace.
        ("42/admin[\"a\"]", payload("EVENT", "an array")),
        ("42{}", payload("EVENT", "an array")),
        ("42\"a\"", payload("EVENT", "an array")),
        ("42abc[\"message-with-ack\"]", payload("EVENT", "an array")),
        ("42-1[\"a\"]", payload("EVENT", "an array")),
        ("421 2[\"a\"]", payload("EVENT", "an array")),
        ("42[]", payload("EVENT", name)),
        ("42[null]", payload("EVENT", name)),
        // An event name that is not a string: CVE-2023-32695.
        ("42[{\"toString\":\"x\"}]", payload("EVENT", name)),
        ("42[[\"a\"]]", payload("EVENT", name)),
        ("42[true]", payload("EVENT", name)),
        ("42[\"a\"", json("EVENT", 4)),
        ("42[\"a\",]", json("EVENT", 5)),
        ("42[\"a\"]]", json("EVENT", 5)),
        ("42[\"a\"]12", json("EVENT", 5)),
        ("43[]", PeerError::AckIdMissing),
        ("43/admin,[]", PeerError::AckIdMissing),
        ("431", payload("ACK", "an array")),
        ("431{}", payload("ACK", "an array")),
        ("44", payload("CONNECT_ERROR", "an object or a string")),
        ("44[]", payload("CONNECT_ERROR", "an object or a string")),
        ("44{\"a\"}", json("CONNECT_ERROR", 4)),
        ("45[\"a\"]", PeerError::AttachmentCount),
        ("45-[\"a\"]", PeerError::AttachmentCount),
        ("451[\"a\"]", PeerError::AttachmentCount),
        ("45", PeerError::AttachmentCount),
        ("451", PeerError::AttachmentCount),
        ("45 1-[\"a\"]", PeerError::AttachmentCount),
        ("451.5-[\"a\"]", PeerError::AttachmentCount),
        ("45--1-[\"a\"]", PeerError::AttachmentCount),
        // A binary packet without attachments: CVE-2026-69185.
        ("450-[\"a\"]", PeerError::AttachmentCount),
        ("4500-[\"a\"]", PeerError::AttachmentCount),
        ("460-1[]", PeerError::AttachmentCount),
        ("451-", payload("BINARY_EVENT", "an array")),
        ("451-{}", payload("BINARY_EVENT", "an array")),
        ("461-[]", PeerError::AckIdMissing),
        // Attachments without bound: CVE-2026-33151.
        ("4511-[\"a\"]", PeerError::TooManyAttachments { declared: 11, max: 10 }),
        (
            "4599999999999999999999-[\"a\"]",
            PeerError::TooManyAttachments { declared: u64::MAX, max: 10 },
        ),
        ("4218446744073709551616[\"a\"]", PeerError::AckIdTooLarge),
        ("42000000000000000000001[\"a\"]", PeerError::AckIdTooLong { digits: 21, max: 20 }),
    ] {
        assert_eq!(complete(wire), Err(error), "{wire}");
    }
}

#[test]
fn reserved_names_are_refused_in_any_spelling() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let error = Err(PeerError::ReservedName { name });
        assert_eq!(complete(&format!(r#"42["{name}",1]"#)), error);
        let escaped: String = name.bytes().map(|b| format!("\\u{b:04x}")).collect();
        assert_eq!(complete(&format!(r#"42["{escaped}",1]"#)), error);
    }
    assert!(complete(r#"42["connected"]"#).is_ok());
}

#[test]
fn limits_allow_their_number_and_their_errors_tell_it() {
    let config = ConnectionConfig {
        max_namespace_len: 4,
        max_ack_digits: 2,
        max_json_depth: 2,
        ..ConnectionConfig::default()
    };
    assert!(read_with("40/abc,", &config).is_ok());
    assert_eq!(read_with("40/abcd", &config), Err(PeerError::NamespaceTooLong { len: 5, max: 4 }));
    assert!(read_with(r#"4299["a"]"#, &config).is_ok());
    assert_eq!(
        read_with(r#"42100["a"]"#, &config),
        Err(PeerError::AckIdTooLong { digits: 3, max: 2 })
    );
    assert!(read_with(r#"42["a",[]]"#, &config).is_ok());
    let error = JsonError::TooDeep { depth: 3, max: 2 };
    assert_eq!(
        read_with(r#"42["a",[[]]]"#, &config),
        Err(PeerError::Json { packet: "EVENT", error })
    );
    assert_eq!(
        read_with(r#"40{"a":{"b":{}}}"#, &config),
        Err(PeerError::Json { packet: "CONNECT", error })
    );
}

#[test]
fn placeholders_that_name_no_attachment_are_refused() {
    // CVE-2022-2421, and the ways around a check for it.
    for (bad, num) in [
        (r#"{"_placeholder":true,"num":1}"#, Some(1)),
        (r#"{"_placeholder":true,"num":18446744073709551616}"#, None),
        (r#"{"_placeholder":true,"num":-1}"#, None),
        (r#"{"_placeholder":true,"num":0.5}"#, None),
        (r#"{"_placeholder":true,"num":"splice"}"#, None),
        (r#"{"_placeholder":true,"num":"0"}"#, None),
        (r#"{"_placeholder":true,"num":null}"#, None),
        (r#"{"_placeholder":true,"num":[0]}"#, None),
        (r#"{"_placeholder":true}"#, None),
        (r#"{"num":7,"_placeholder":true}"#, Some(7)),
        (r#"{ "num" : 7 , "_placeholder" : true }"#, Some(7)),
        (r#"{"_placeholder":false,"num":0,"num":5,"_placeholder":true}"#, Some(5)),
        (r#"{"\u005fplaceholder":true,"n\u0075m":3}"#, Some(3)),
        (r#"[[{"a":{"x":1,"b":{"_placeholder":true,"num":2}}}]]"#, Some(2)),
        (r#"{"_placeholder":true,"num":4,"a":{"num":0}}"#, Some(4)),
    ] {
        let wire = format!(r#"451-["a",{{"_placeholder":true,"num":0}},{bad}]"#);
        assert_eq!(complete(&wire), Err(PeerError::Placeholder { num, attachments: 1 }), "{bad}");
        let ack = format!("461-3[{bad}]");
        assert_eq!(complete(&ack), Err(PeerError::Placeholder { num, attachments: 1 }), "{bad}");
    }
    for good in [
        r#"{"_placeholder":false,"num":9}"#,
        r#"{"_placeholder":"true","num":9}"#,
        r#"{"_placeholder":true,"num":9,"_placeholder":false}"#,
        r#"{"_placeholder":[true],"num":9}"#,
        r#"{"a":"_placeholder","b":true,"num":9}"#,
        r#"["_placeholder",true,"num",9]"#,
        r#"{"_placeholder":{"num":true}}"#,
    ] {
        assert!(complete(&format!(r#"451-["a",{good}]"#)).is_ok(), "{good}");
    }
}
