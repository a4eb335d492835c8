//! JSON text: the check accepts and refuses what `serde_json` does, and finds the parts of an array.

#![no_main]

use checked_json::{DEEPEST, JsonError, elements};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

fuzz_target!(|json: &str| {
    check(json);
    check_array(json);
});

fn check(json: &str) {
    let oracle = serde_json::from_str::<IgnoredAny>(json);
    match checked_json::check(json.as_bytes(), DEEPEST) {
        Ok(()) => assert!(oracle.is_ok(), "accepted, serde_json says {oracle:?}"),
        Err(JsonError::Syntax { at }) => {
            assert!(oracle.is_err(), "refused at {at}, serde_json accepts");
            assert!(at <= json.len());
        }
        Err(JsonError::TooDeep { depth, max }) => assert_eq!((depth, max), (129, 128)),
        Err(other) => panic!("{other}"),
    }
}

fn check_array(json: &str) {
    let Ok(head) = checked_json::check_array(json.as_bytes(), DEEPEST) else { return };
    let parts: Vec<&RawValue> = serde_json::from_str(json).expect("an array");
    let start = json.find('[').expect("an array") + 1;
    let cut = elements(&json.as_bytes()[start..head.end]);
    assert!(cut.eq(parts.iter().map(|part| part.get().as_bytes())));
    assert_eq!(head.len, parts.len());
    assert_eq!(&json[head.end..=head.end], "]");
    assert!(json[head.end + 1..].trim().is_empty());
    assert_eq!(&json[head.first.clone()], parts.first().map_or("", |first| first.get()));
    match parts.get(1) {
        Some(second) => assert!(json[head.rest_at..].starts_with(second.get())),
        None => assert_eq!(head.rest_at, head.end),
    }
}
