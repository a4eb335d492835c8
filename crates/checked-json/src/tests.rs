//! JSON, with `serde_json` as the judge.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn oracle(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

#[test]
fn it_accepts_and_refuses_what_serde_json_does() {
    for text in [
        "",
        " ",
        "1",
        " 1\n",
        "1 2",
        "01",
        "-0",
        "-",
        "-01",
        "1.",
        ".5",
        "1.5",
        "1e",
        "1e+",
        "1E-3",
        "1e999",
        "+1",
        "NaN",
        "true",
        "tru",
        "truee",
        "null",
        "nul",
        "\"\"",
        "\"",
        "\"a\\\"b\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\uD800\"",
        "\"\t\"",
        "\"\u{7f}é€😀\"",
        "\"12345678\n\"",
        "[]",
        "[ ]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "[}",
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{]",
        "[1]]",
        "[[1],{}]",
        "{\"a\":{\"b\":[{}]}}",
        "\u{feff}1",
        "\u{a0}1",
        "/**/1",
        "'a'",
    ] {
        assert_eq!(check(text.as_bytes(), 8).is_ok(), oracle(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn the_depth_limit_counts_open_brackets_and_never_passes_the_deepest() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(check(b"1", 0), Ok(()));
    assert_eq!(check(b"{}", 0), Err(JsonError::TooDeep { depth: 1, max: 0 }));
    assert_eq!(check(nested(128).as_bytes(), usize::MAX), Ok(()));
    assert_eq!(
        check(nested(129).as_bytes(), usize::MAX),
        Err(JsonError::TooDeep { depth: 129, max: 128 })
    );
    let wide = format!("[{}[]]", "[],{},".repeat(200));
    assert_eq!(check(wide.as_bytes(), 2), Ok(()));
}

#[test]
fn the_parts_of_an_array_are_found() {
    for (text, first, rest, len) in [
        (r#"["hi",1,{"a":2}]"#, r#""hi""#, r#"1,{"a":2}"#, 3),
        ("[]", "", "", 0),
        (" [ ] ", "", "", 0),
        ("[1]", "1", "", 1),
        (" [ \"a,]\" ] ", "\"a,]\"", "", 1),
        ("[ [1,2] , {\"b\":[3,4]} ]", "[1,2]", "{\"b\":[3,4]} ", 2),
    ] {
        let head = check_array(text.as_bytes(), 8).unwrap();
        assert_eq!(&text[head.first.clone()], first, "{text}");
        assert_eq!(&text[head.rest_at..head.end], rest, "{text}");
        assert_eq!(head.len, len, "{text}");
    }
    assert_eq!(check_array(b" {}", 8), Err(JsonError::Syntax { at: 1 }));
    assert_eq!(check_array(b"[1,]", 8), Err(JsonError::Syntax { at: 3 }));
}

/// Any value, with strings and keys that match `text`.
pub(crate) fn value(text: &'static str) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec((text, inner), 0..6)
                .prop_map(|m| m.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn mutated_json_is_judged_as_serde_json_does(
        value in value(".*"),
        pretty in any::<bool>(),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4), 0..4),
    ) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        let mut bytes = text.unwrap();
        for (at, byte, edit) in edits {
            let byte = *b"[]{},:\"\\ \n0-.eEtfnu1".get(usize::from(byte)).unwrap_or(&(byte & 0x7f));
            let at = at.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        prop_assert_eq!(check(&bytes, DEEPEST).is_ok(), oracle(&bytes));
    }

    #[test]
    fn soup_is_judged_as_serde_json_does(bytes in r#"[\[\]{},:"\\ u0-9eE.truefalsn-]{0,24}"#) {
        prop_assert_eq!(check(bytes.as_bytes(), DEEPEST).is_ok(), oracle(bytes.as_bytes()));
    }

    #[test]
    fn strings_over_blocks_are_judged_as_serde_json_does(
        before in 0..140_usize,
        middle in r#"[\\"u0n\n,é]{0,6}"#,
        after in 0..140_usize,
        end in r#"["\\]{0,2}\]?"#,
    ) {
        let text = format!("[\"{}{middle}{}{end}", "x".repeat(before), "y".repeat(after));
        prop_assert_eq!(check(text.as_bytes(), DEEPEST).is_ok(), oracle(text.as_bytes()));
    }

    #[test]
    fn the_elements_of_an_array_are_its_elements(values in proptest::collection::vec(value(".*"), 0..6), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&values) } else { serde_json::to_vec(&values) }.unwrap();
        let head = check_array(&text, DEEPEST).unwrap();
        prop_assert_eq!(head.len, values.len());
        let cut: Vec<serde_json::Value> =
            elements(&text[1..head.end]).map(|e| serde_json::from_slice(e).unwrap()).collect();
        let read: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(cut, read);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = check(&bytes, 8);
        let _ = check_array(&bytes, 8);
        let _ = elements(&bytes).count();
    }
}
