//! Events that are larger than a client takes in one message, made to fit.
//!
//! In: the JSON of a stored event. Out: the same event with its longest texts cut, and a note where. The
//! log keeps the whole event, and REST shows it. A client that reads no message above the announced
//! `maxPayload` would otherwise close its connection at this event, come back, and close again for ever:
//! no event may make a conversation unreadable.

use serde_json::{Map, Value};

/// An event that has at most `max` bytes; `None` when it is not JSON.
///
/// What stands twice goes first: the guide's `result`, which repeats `content`, and the `message`, which
/// repeats `args.content`. Then every long text is cut, and at last all that is not the event's head.
pub(super) fn shortened(json: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut event: Map<String, Value> = serde_json::from_slice(json).ok()?;
    event.remove("result");
    if let Some(message) = event.get_mut("message") {
        cut(message, MESSAGE_CHARS);
    }
    let fits =
        |event: &Map<String, Value>| serde_json::to_vec(event).ok().filter(|t| t.len() <= max);
    if let Some(text) = fits(&event) {
        return Some(text);
    }
    event.values_mut().for_each(|value| cut(value, TEXT_CHARS));
    if let Some(text) = fits(&event) {
        return Some(text);
    }
    event.retain(|key, _| HEAD.contains(&key.as_str()));
    fits(&event)
}

/// Cuts all texts of a value that have more characters. The recursion is as deep as the JSON, of which
/// `serde_json` reads at most 128 levels.
fn cut(value: &mut Value, max: usize) {
    match value {
        Value::String(text) => {
            // Mostly the text is short, and its characters need not be counted.
            if text.len() > max
                && let Some((end, _)) = text.char_indices().nth(max)
            {
                let all = text.chars().count();
                text.truncate(end);
                text.push_str(&format!("… [{max} of {all} characters; REST shows all of them]"));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut(item, max)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut(field, max)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Characters of a message that stands in `args.content` too.
const MESSAGE_CHARS: usize = 1_000;
/// Characters of any other text.
const TEXT_CHARS: usize = 50_000;
/// What every client needs of an event.
const HEAD: &[&str] =
    &["id", "timestamp", "source", "message", "cause", "action", "observation", "success", "type"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitting(event: &Value, max: usize) -> Value {
        let text = shortened(event.to_string().as_bytes(), max).unwrap();
        assert!(text.len() <= max, "{} bytes", text.len());
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn a_message_is_sent_with_its_text_once() {
        let text = "é".repeat(100_000);
        let event =
            json!({"id": 7, "message": text, "action": "message", "args": {"content": text}});
        let sent = fitting(&event, 250_000);
        assert_eq!((&sent["id"], &sent["args"]["content"]), (&json!(7), &json!(text)));
        let message = sent["message"].as_str().unwrap();
        assert!(message.starts_with(&"é".repeat(1_000)), "{message}");
        assert!(message.ends_with("… [1000 of 100000 characters; REST shows all of them]"));
    }

    #[test]
    fn an_observation_keeps_its_content_and_then_the_beginning_of_it() {
        let text = "x".repeat(100_000);
        let event = json!({"id": 7, "message": "m", "observation": "read", "content": text,
            "extras": {"path": "p", "list": [text]}, "result": text});
        let sent = fitting(&event, 220_000);
        assert_eq!((&sent["content"], &sent["extras"]["list"][0]), (&json!(text), &json!(text)));
        assert_eq!(sent.get("result"), None);
        let sent = fitting(&event, 110_000);
        for text in [&sent["content"], &sent["extras"]["list"][0]] {
            let text = text.as_str().unwrap();
            assert!(text.len() < 51_000 && text.contains("50000 of 100000"), "{text}");
        }
        assert_eq!(sent["extras"]["path"], "p");
    }

    #[test]
    fn at_last_the_head_is_left() {
        let many: Vec<String> = (0..10_000).map(|number| format!("text {number}")).collect();
        let event =
            json!({"id": 7, "source": "agent", "message": "m", "action": "x", "args": many});
        let head = json!({"id": 7, "source": "agent", "message": "m", "action": "x"});
        assert_eq!(fitting(&event, 10_000), head);
        assert_eq!(shortened(b"{", 100), None);
    }
}
