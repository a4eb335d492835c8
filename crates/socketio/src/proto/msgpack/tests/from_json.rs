//! The single pass, with the way by a tree as the oracle.

use std::fmt::Write;
use std::mem::discriminant;

use bytes::Bytes;
use engineio::proto::Text;
use serde_json::Value;

use super::properties::{Members, members};
use super::tree;
use crate::proto::msgpack::write::{fault, pass, unlimited};
use crate::proto::msgpack::{self, encode};
use crate::proto::{EncodeError, Encoded, Misuse};

/// Whether the pass wrote it, and what both ways wrote, if they could.
#[track_caller]
pub(super) fn same(text: &Text, attachments: &[Bytes]) -> (bool, Result<Bytes, EncodeError>) {
    let (ours, theirs) = (pass(text, attachments), tree::encode(text, attachments));
    match (&ours, &theirs) {
        // The tree may order keys otherwise. Of equal keys it keeps the last, which is the one that a
        // reader takes of those that leave as they came.
        (Some(ours), Ok(theirs)) if ours != theirs => {
            assert!(ours.len() == theirs.len() || has_equal_keys(text), "{text:?}");
            assert_eq!(meaning(ours), meaning(theirs), "{text:?}");
        }
        (Some(_), Ok(_)) => {}
        (None, Err(theirs)) => assert_eq!(discriminant(&fault(text)), discriminant(theirs)),
        _ => panic!("{text:?}: {ours:?}, {theirs:?}"),
    }
    (ours.is_some(), theirs)
}

fn meaning(packet: &[u8]) -> (String, Value, Vec<Bytes>) {
    let packet = Bytes::copy_from_slice(packet);
    let (text, attachments) = msgpack::decode(&packet, &unlimited()).unwrap();
    let (head, data) = text.as_str().split_at(text.as_str().find(['[', '{', '"']).unwrap());
    (head.to_owned(), serde_json::from_str(data).unwrap(), attachments)
}

/// Whether some object of a packet has a key twice.
fn has_equal_keys(packet: &Text) -> bool {
    let data = &packet.as_str()[packet.as_str().find(['[', '{', '"']).unwrap()..];
    let written = serde_json::from_str::<Members>(data).unwrap().0;
    written > members(&serde_json::from_str(data).unwrap())
}

#[track_caller]
pub(super) fn same_text(wire: &str) -> (bool, Result<Bytes, EncodeError>) {
    same(&Text::new(wire), &[])
}

/// The pass writes an event with this argument, as the tree does.
#[track_caller]
fn written(arg: &str) -> Bytes {
    let (is_written, wire) = same_text(&format!("2[\"e\",{arg}]"));
    assert!(is_written, "{arg}");
    wire.unwrap()
}

#[test]
fn packets_of_every_kind_are_written() {
    for wire in [
        "0",
        "0\n",
        r#"0{"sid":"a"}"#,
        r#"0/a, {"k":[]}"#,
        "1",
        "1/é,",
        r#"2["e"]"#,
        r#"2/a,0[ "e" , 1 ] "#,
        r#"218446744073709551615[1.5]"#,
        r#"2[-7,"connect"]"#,
        r#"2["a name that is longer than thirty-one bytes is not reserved"]"#,
        "30[]",
        r#"3/long-namespace-of-more-than-thirty-one-bytes,255["a",null]"#,
        r#"4{"message":"no"}"#,
        r#"4"no""#,
        r#"51-["e",{"_placeholder":true,"num":0}]"#,
        "61-7[ ]",
    ] {
        let (is_written, written) = same_text(wire);
        assert!(is_written && written.is_ok(), "{wire}: {written:?}");
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    for wire in [
        "",
        "7",
        "0[]",
        "0{}}",
        "1{}",
        "2",
        "2[]",
        "2[null]",
        "2[true]",
        "2[[]]",
        r#"2{"e":1}"#,
        r#"2["connect"]"#,
        r#"2["\u0063onnect_error"]"#,
        r#"2123456789012345678901["e"]"#,
        "3[1]",
        "31[1]x",
        "4",
        "41",
        r#"50-["e"]"#,
        r#"5["e"]"#,
        r#"2["e",1"#,
        r#"2["e",]"#,
        r#"2["e" 1]"#,
        r#"2["e",01]"#,
        r#"2["e",-]"#,
        r#"2["e",1.]"#,
        r#"2["e",tru]"#,
        r#"2["e",{"a"}]"#,
        r#"2["e",{"a":1,}]"#,
        r#"2["e",{"a":1]]"#,
        r#"2["e",{1:1}]"#,
        "2[\"e\",\"\t\"]",
        r#"2["e","\x"]"#,
        r#"2["e","\u00g0"]"#,
        r#"2["e","\u+0af"]"#,
        r#"2["e","a]"#,
        r#"2["e","\"#,
    ] {
        let (is_written, refused) = same_text(wire);
        assert!(!is_written && matches!(refused, Err(EncodeError::Misuse(_))), "{wire}");
    }
    let Err(EncodeError::Misuse(Misuse::Json(_))) =
        encode(&Encoded::from_text(Text::new("2[\"e\",]")))
    else {
        panic!("its JSON is wrong");
    };
}

#[test]
fn data_that_cannot_be_is_an_error() {
    for arg in ["1e999", "-1e999", r#""\ud800""#, r#""\udc00a""#, r#"{"\ud800\u0061":1}"#] {
        let (is_written, refused) = same_text(&format!("2[\"e\",{arg}]"));
        assert!(!is_written && matches!(refused, Err(EncodeError::Json(_))), "{arg}");
    }
}

#[test]
fn nesting_ends_where_serde_json_ends_it() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        // The array of the arguments is one more.
        let nested = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        written(&nested(126));
        let (is_written, refused) = same_text(&format!("2[\"e\",{}]", nested(127)));
        assert!(!is_written && matches!(refused, Err(EncodeError::Json(_))));
        let (is_written, refused) = same_text(&format!("2[\"e\",{}]", nested(128)));
        assert!(!is_written && matches!(refused, Err(EncodeError::Misuse(_))));
        // Those that were closed do not count.
        written(&format!("[{}]", [nested(125), "[]".into(), "{}".into(), nested(125)].join(",")));
    }
}

#[test]
fn numbers_are_the_shortest_that_hold_them() {
    for bits in 0..=64 {
        let power = 1_i128 << bits;
        for number in [power - 1, power, power + 1, 1 - power, -power, -power - 1] {
            written(&number.to_string());
        }
    }
    for number in [
        "-0",
        "0.0",
        "-0.5",
        "1.0",
        "1E2",
        "1e-400",
        "0.1234567890123456789",
        "123456789.123456789",
        "1.7976931348623157e308",
        "18446744073709551616",
        "-9223372036854775809",
        "100000000000000000000000000000000",
    ] {
        written(number);
    }
    assert!(written("-0").windows(9).any(|bytes| bytes == b"\xcb\x80\0\0\0\0\0\0\0"));
}

#[test]
fn lengths_have_their_shortest_form() {
    for len in [0, 1, 15, 16, 17, 255, 256, 65535, 65536] {
        written(&format!("[{}]", vec!["[0]"; len].join(",")));
        let mut object = String::from("{");
        for member in 0..len {
            let comma = if member == 0 { "" } else { "," };
            write!(object, r#"{comma}"{member}":{{}}"#).unwrap();
        }
        written(&(object + "}"));
        // Arguments, and an event's name among them.
        let (is_written, _) = same_text(&format!("30[{}]", vec!["7"; len].join(",")));
        assert!(is_written);
        let (is_written, _) = same_text(&format!("2[\"e\"{}]", ",7".repeat(len)));
        assert!(is_written);
    }
    for len in [0, 31, 32, 33, 63, 64, 65, 255, 256, 65535, 65536] {
        let plain = "x".repeat(len);
        written(&format!("{{\"{plain}\":\"{plain}\"}}"));
        for escape in [r#"\n"#, r#"\""#, r#"\u0041"#] {
            let text = format!("\"{escape}{}\"", &plain[..len.saturating_sub(1)]);
            written(&format!("[{text},{{{text}:{text}}}]"));
            written(&format!("\"{}{escape}\"", &plain[..len.saturating_sub(1)]));
        }
        let namespace = format!("1/{plain},");
        assert!(same_text(&namespace).0);
    }
}

#[test]
fn escapes_are_read_wherever_they_stand() {
    for before in 0..140 {
        for escape in
            [r#"\n"#, r#"\\"#, r#"\/\b\f\r\t\""#, r#"\u00e9"#, r#"\uD83D\uDE00"#, "é", "\u{1f600}"]
        {
            let before = "x".repeat(before);
            written(&format!(r#""{before}{escape}""#));
            written(&format!(r#"["{before}{escape}y",{{"{escape}{before}":0}}]"#));
        }
    }
}

#[test]
fn equal_keys_leave_as_they_came() {
    for (object, expected) in [
        (r#"{"a":1,"b":2,"a":3}"#, &b"\x83\xa1a\x01\xa1b\x02\xa1a\x03"[..]),
        (r#"{"a":1,"\u0061":{"a":1}}"#, b"\x82\xa1a\x01\xa1a\x81\xa1a\x01"),
        (r#"[{"b":{"a":1,"a":2}}]"#, b"\x91\x81\xa1b\x82\xa1a\x01\xa1a\x02"),
    ] {
        let text = Text::new(&format!("2[\"e\",{object}]"));
        assert!(same(&text, &[]).0);
        let wire = encode(&Encoded::from_text(text)).unwrap();
        assert!(wire.windows(expected.len()).any(|bytes| bytes == expected), "{object}");
    }
}

/// An object that is a placeholder or almost one, and what else may stand in one.
pub(super) const PLACEHOLDERS: &[&str] = &[
    r#"{"_placeholder":true,"num":0}"#,
    r#"{"num":1,"_placeholder":true}"#,
    r#"{ "_placeholder" : true , "num" : 1 }"#,
    r#"{"a":[1],"_placeholder":true,"b":{},"num":0,"c":"d"}"#,
    r#"{"\u005fplaceholder":true,"n\u0075m":0}"#,
    r#"{"_placeholder":true,"num":2}"#,
    r#"{"_placeholder":true,"num":18446744073709551616}"#,
    r#"{"_placeholder":true,"num":-1}"#,
    r#"{"_placeholder":true,"num":-0}"#,
    r#"{"_placeholder":true,"num":1.0}"#,
    r#"{"_placeholder":true,"num":"1"}"#,
    r#"{"_placeholder":true,"num":[1]}"#,
    r#"{"_placeholder":true}"#,
    r#"{"_placeholder":false,"num":0}"#,
    r#"{"_placeholder":"\u0043","num":0}"#,
    r#"{"_placeholder":[],"num":0}"#,
    r#"{"_placeholder":{"_placeholder":true,"num":0},"num":{"_placeholder":true,"num":1}}"#,
    r#"{"num":0}"#,
    r#""_placeholder""#,
];

#[test]
fn attachments_stand_where_their_placeholders_were() {
    let many = Bytes::from(vec![7; 70_000]);
    let attachments = [Bytes::from_static(b"x"), many];
    for arg in PLACEHOLDERS {
        for arg in [(*arg).to_owned(), format!("[{}]", vec![*arg; 20].join(","))] {
            let text = Text::new(&format!("52-[\"e\",{arg}]"));
            assert!(same(&text, &attachments).0, "{arg}");
            written(&arg);
        }
    }
}
