use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn knows(secrets: &[&str]) -> Redaction {
    let redaction = Redaction::default();
    redaction.learn("test", secrets.iter().map(|&secret| secret.to_owned())).unwrap();
    redaction
}

fn hidden(redaction: &Redaction, event: &Value) -> Value {
    serde_json::from_str(&redaction.event(&event.to_string())).unwrap()
}

#[test]
fn secrets_are_hidden_in_messages_lists_and_calls() {
    let redaction = knows(&["hunter2", "pa\"ss\\é"]);
    let arguments = json!({"command": "echo hunter2 'pa\"ss\\é'"}).to_string();
    let ascii = arguments.replace('é', "\\u00e9");
    let event = json!({
        "source": "agent", "message": "Running command: echo hunter2", "action": "run",
        "args": {"command": "echo hunter2hunter2", "list": [["a hunter2"], {"b": "pa\"ss\\é"}],
            "env": {"hunter2": 1}},
        "tool_call_metadata": {"model_response": {"choices": [{"arguments": arguments}, ascii]}},
    });
    let m = Redaction::MARK;
    let arguments = json!({"command": format!("echo {m} '{m}'")}).to_string();
    let expected = json!({
        "source": "agent", "message": format!("Running command: echo {m}"), "action": "run",
        "args": {"command": format!("echo {m}{m}"), "list": [[format!("a {m}")], {"b": m}],
            "env": {m: 1}},
        "tool_call_metadata":
            {"model_response": {"choices": [{"arguments": arguments}, arguments]}},
    });
    assert_eq!(hidden(&redaction, &event), expected);
    let clean = json!({"message": "nothing of it"}).to_string();
    assert!(matches!(redaction.event(&clean), Cow::Borrowed(_)));
}

#[test]
fn what_makes_an_event_stays() {
    let redaction = knows(&["agent", "message", "content", "secret"]);
    let event = json!({"source": "agent", "action": "message", "type": "message",
        "args": {"content": "secret", "message": "agent"}});
    let m = Redaction::MARK;
    let expected = json!({"source": "agent", "action": "message", "type": "message",
        "args": {"content": m, "message": m}});
    assert_eq!(hidden(&redaction, &event), expected);
}

#[test]
fn the_longest_is_hidden_and_short_ones_are_not_looked_for() {
    let redaction = knows(&["abcd", "abcdefgh", "abc", ""]);
    let event = json!({"message": "abc abcdefgh abcdef"});
    let m = Redaction::MARK;
    assert_eq!(hidden(&redaction, &event), json!({"message": format!("abc {m} {m}ef")}));
    redaction.learn("test", Vec::new()).unwrap();
    assert_eq!(hidden(&redaction, &event), event, "what is no secret any more");
    let long = redaction.learn("test", ["x".repeat(9 << 20)]).unwrap_err();
    assert!(long.to_string().ends_with("the limit is 8388608"), "{long}");
}

/// Any JSON whose strings may hold `secret`.
fn values(secret: String) -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}".prop_map(|text| text),
        (".{0,6}", ".{0,6}").prop_map(move |(a, b)| format!("{a}{secret}{b}")),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
        text.prop_map(|text| json!({"inner": text}).to_string().into()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// The same by a naive way: every string taken apart by hand.
fn naive(value: &Value, needles: &[String]) -> Value {
    match value {
        Value::String(text) => {
            let mut out = String::new();
            let mut rest = text.as_str();
            'next: while let Some(first) = rest.chars().next() {
                let longest = needles.iter().filter(|needle| rest.starts_with(needle.as_str()));
                if let Some(needle) = longest.max_by_key(|needle| needle.len()) {
                    out.push_str(Redaction::MARK);
                    rest = &rest[needle.len()..];
                    continue 'next;
                }
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
            out.into()
        }
        Value::Array(items) => items.iter().map(|item| naive(item, needles)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), naive(value, needles)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn every_string_of_any_event_is_as_the_naive_way_makes_it(
        (secret, value) in "[a-f\"\\\\é\n]{4,7}".prop_flat_map(|secret| {
            (Just(secret.clone()), values(secret))
        })
    ) {
        let event = json!({"source": "user", "args": {"x": value}});
        let redaction = knows(&[&secret]);
        let out: Value = serde_json::from_str(&redaction.event(&event.to_string())).unwrap();
        // Names of nested fields are random here and may change too: they are compared by count.
        let needles = [secret.clone(), escaped(&secret), to_ascii(&secret)];
        let expected = naive(&event, &needles);
        let (mut found, mut wanted) = (Vec::new(), Vec::new());
        strings(&out, &mut found);
        strings(&expected, &mut wanted);
        prop_assert_eq!(found, wanted);
    }
}
