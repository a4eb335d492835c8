//! What users send: `oh_user_action`, in two dialects.

use serde_json::{Map, Value};

use super::action::type_name;
use super::{ActionKind, ArgsError, Draft, EventId, Source, surrogates};

/// A user action that was refused. The text is for the client: it says what to send instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ActionError {
    /// Not JSON.
    #[error("the action is not JSON: {0}")]
    NotJson(String),
    /// Not an object.
    #[error("an action is an object, this is {found}; {FORMS}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// Neither dialect.
    #[error("an action has \"action\" or \"type\", this has neither; {FORMS}")]
    NoAction,
    /// An observation: those come from agents.
    #[error("users send actions, not observations; {FORMS}")]
    Observation,
    /// An `id`: those come from the log.
    #[error("the server gives events their id; send the action without \"id\"")]
    HasId,
    /// `action` is not a known name.
    #[error("unknown action {found}; known are: {known}")]
    UnknownAction {
        /// What came, cut to 40 characters.
        found: String,
        /// The names, joined by commas.
        known: String,
    },
    /// A key of another type.
    #[error("\"{key}\" must be {expected}, it is {found}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Another `type` than `message`.
    #[error("\"type\" must be \"message\", it is {found}; {FORMS}")]
    UnknownType {
        /// What came, cut to 40 characters.
        found: String,
    },
    /// Another `source` than `user`.
    #[error("\"source\" must be \"user\" or absent, it is {found}")]
    NotFromUser {
        /// What came, cut to 40 characters.
        found: String,
    },
    /// An agent's event that is none.
    #[error("an event has \"action\", \"observation\" or \"type\", this has none of them")]
    NoEvent,
    /// `observation` is not a known name.
    #[error("unknown observation {found}; known are: {known}")]
    UnknownObservation {
        /// What came, cut to 40 characters.
        found: String,
        /// The names, joined by commas.
        known: String,
    },
    /// Another `source` than an agent has.
    #[error("\"source\" must be \"agent\", \"environment\" or absent, it is {found}")]
    NotFromAgent {
        /// What came, cut to 40 characters.
        found: String,
    },
    /// The arguments do not fit the action.
    #[error(transparent)]
    Args(#[from] ArgsError),
}

/// Reads one `oh_user_action`.
///
/// | dialect | form |
/// |---|---|
/// | OpenHands 0.62 | `{"action":"message","args":{"content":"hi"}}`, any known action |
/// | the public guide | `{"type":"message","source":"user","message":"hi"}` |
///
/// The source is always the user, whatever the data say. `timestamp` and `args.timestamp` are
/// dropped; an integer `cause` and a number `timeout` stay; other unknown keys are ignored.
///
/// # Errors
/// [`ActionError`]; its text tells the client what to do.
pub(crate) fn parse_user_action(json: &[u8]) -> Result<Draft, ActionError> {
    let mut data = object(json)?;
    match (data.remove("action"), data.remove("type")) {
        (Some(action), _) => upstream(Source::User, &action, data),
        (None, Some(r#type)) => guide(&r#type, data),
        (None, None) if data.contains_key("observation") => Err(ActionError::Observation),
        (None, None) => Err(ActionError::NoAction),
    }
}

/// What came, if it is an object and leaves the id to the log.
pub(super) fn object(json: &[u8]) -> Result<Map<String, Value>, ActionError> {
    let value: Value = serde_json::from_slice(json)
        .or_else(|error| surrogates::again(json, error))
        .map_err(|error| ActionError::NotJson(error.to_string()))?;
    let Value::Object(data) = value else {
        return Err(ActionError::NotAnObject { found: type_name(&value) });
    };
    // The original drops events with an id in silence; null is as good as absent.
    match data.get("id").is_some_and(|id| !id.is_null()) {
        true => Err(ActionError::HasId),
        false => Ok(data),
    }
}

/// OpenHands 0.62's form of an action.
pub(super) fn upstream(
    source: Source,
    action: &Value,
    mut data: Map<String, Value>,
) -> Result<Draft, ActionError> {
    let Some(kind) = action.as_str().and_then(ActionKind::from_name) else {
        let known = ActionKind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
        return Err(ActionError::UnknownAction { found: shown(action), known });
    };
    let mut args = match data.remove("args") {
        None => Map::new(),
        Some(Value::Object(args)) => args,
        Some(other) => {
            let found = type_name(&other);
            return Err(ActionError::WrongType { key: "args", expected: "an object", found });
        }
    };
    args.remove("timestamp");
    let cause = cause(&data);
    let timeout = match data.remove("timeout") {
        Some(Value::Number(timeout)) => Some(timeout),
        _ => None,
    };
    Ok(Draft::action_with_timeout(source, kind, args, cause, timeout)?)
}

fn guide(r#type: &Value, mut data: Map<String, Value>) -> Result<Draft, ActionError> {
    if r#type.as_str() != Some("message") {
        return Err(ActionError::UnknownType { found: shown(r#type) });
    }
    if let Some(source) = data.get("source").filter(|s| s.as_str() != Some("user")) {
        return Err(ActionError::NotFromUser { found: shown(source) });
    }
    match data.remove("message") {
        Some(Value::String(content)) => Ok(Draft::user_message(&content)),
        other => Err(ActionError::WrongType {
            key: "message",
            expected: "a string",
            found: other.as_ref().map_or("absent", type_name),
        }),
    }
}

/// The event it answers, if it says so.
pub(super) fn cause(data: &Map<String, Value>) -> Option<EventId> {
    data.get("cause").and_then(Value::as_u64).map(EventId)
}

/// The start of a value, for an error.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => Value::String(text.chars().take(40).collect::<String>()).to_string(),
        other => type_name(other).to_owned(),
    }
}

const FORMS: &str = r#"send {"action":"message","args":{"content":"..."}} or {"type":"message","source":"user","message":"..."}"#;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Kind;

    fn event(json: &str) -> Result<String, ActionError> {
        let draft = parse_user_action(json.as_bytes())?;
        assert_eq!(draft.source(), Source::User);
        let json = draft.into_json(EventId(4), "T");
        Ok(String::from_utf8(json.to_vec()).unwrap())
    }

    #[test]
    fn the_page_sends_a_message() {
        let sent = r#"{"action":"message","args":{"content":"[[ping:a]] hi","image_urls":[],"file_urls":[],"timestamp":"2026-11-22T00:00:00.000Z"}}"#;
        assert_eq!(
            event(sent).unwrap(),
            r#"{"id":4,"timestamp":"T","source":"user","message":"[[ping:a]] hi","action":"message","args":{"content":"[[ping:a]] hi","file_urls":[],"image_urls":[],"wait_for_response":false,"security_risk":-1},"type":"message"}"#
        );
    }

    #[test]
    fn a_spoofed_source_and_time_are_dropped_and_the_cause_stays() {
        let sent = r#"{"source":"agent","timestamp":"2020-01-01T00:00:00","cause":1,"action":"message","args":{"content":"d"}}"#;
        assert_eq!(
            event(sent).unwrap(),
            r#"{"id":4,"timestamp":"T","source":"user","message":"d","cause":1,"action":"message","args":{"content":"d","file_urls":null,"image_urls":null,"wait_for_response":false,"security_risk":-1},"type":"message"}"#
        );
    }

    #[test]
    fn the_guides_message_is_the_same_event() {
        let guide = event(r#"{"type":"message","source":"user","message":"Hello, agent!"}"#);
        let page = event(r#"{"action":"message","args":{"content":"Hello, agent!"}}"#);
        assert_eq!(guide, page);
        assert!(event(r#"{"type":"message","message":"hi"}"#).is_ok());
    }

    #[test]
    fn other_actions_pass_the_table() {
        let json = event(r#"{"action":"run","args":{"command":"ls"},"timeout":120.0}"#).unwrap();
        assert!(json.contains(r#""timeout":120.0,"type":"run"}"#), "{json}");
        let draft = parse_user_action(
            br#"{"action":"change_agent_state","args":{"agent_state":"paused"}}"#,
        )
        .unwrap();
        assert_eq!(draft.kind(), Kind::Action(ActionKind::ChangeAgentState));
    }

    #[test]
    fn half_a_character_costs_no_message() {
        for sent in [
            r#"{"action":"message","args":{"content":"cut \ud83d"}}"#,
            r#"{"type":"message","message":"cut \ud83d"}"#,
        ] {
            let json = event(sent).unwrap();
            assert!(json.contains("\"content\":\"cut \u{fffd}\""), "{json}");
        }
    }

    #[test]
    fn arguments_of_older_clients_are_taken_under_their_new_names() {
        for (args, old, new) in [
            ("message", r#"{"content":"x","images_urls":["u"]}"#, r#""image_urls":["u"]"#),
            (
                "message",
                r#"{"content":"x","images_urls":["u"],"image_urls":["v"]}"#,
                r#""image_urls":["v"]"#,
            ),
            (
                "message",
                r#"{"content":"x","images_urls":["u"],"image_urls":null}"#,
                r#""image_urls":["u"]"#,
            ),
            (
                "run",
                r#"{"command":"ls","is_confirmed":"awaiting_confirmation","keep_prompt":true}"#,
                r#""confirmation_state":"awaiting_confirmation""#,
            ),
            ("finish", r#"{"task_completed":"true"}"#, r#""action":"finish""#),
            ("read", r#"{"path":"p","translated_ipython_code":""}"#, r#""path":"p""#),
            ("run", r#"{"command":"ls","security_risk":null}"#, r#""security_risk":-1"#),
            ("run", r#"{"command":"ls","security_risk":"LOW"}"#, r#""security_risk":0"#),
            ("run", r#"{"command":"ls","security_risk":"high"}"#, r#""security_risk":2"#),
            ("run", r#"{"command":"ls","security_risk":"UNKNOWN"}"#, r#""security_risk":-1"#),
            ("run", r#"{"command":"ls","security_risk":1}"#, r#""security_risk":1"#),
        ] {
            let json = event(&format!(r#"{{"action":"{args}","args":{old}}}"#)).unwrap();
            assert!(json.contains(new), "{json}");
        }
        for args in
            [r#"{"command":"ls","security_risk":"SOME"}"#, r#"{"command":"ls","is_confirmed":7}"#]
        {
            assert!(event(&format!(r#"{{"action":"run","args":{args}}}"#)).is_err(), "{args}");
        }
    }

    #[test]
    fn refusals_tell_the_client_what_to_do() {
        for (json, start) in [
            ("{", "the action is not JSON: "),
            ("[1]", "an action is an object, this is a list; send {"),
            ("{}", "an action has \"action\" or \"type\", this has neither; send {"),
            (
                r#"{"observation":"run","content":"x","extras":{}}"#,
                "users send actions, not observations; send",
            ),
            (
                r#"{"id":3,"action":"message","args":{"content":"x"}}"#,
                "the server gives events their id",
            ),
            (r#"{"action":"frobnicate"}"#, "unknown action \"frobnicate\"; known are: message, "),
            (r#"{"action":7}"#, "unknown action a number; known are"),
            (r#"{"action":"message","args":[]}"#, "\"args\" must be an object, it is a list"),
            (r#"{"action":"message"}"#, "action \"message\" needs args.content, a string"),
            (
                r#"{"action":"message","args":{"content":{"a":1}}}"#,
                "args.content of action \"message\" must be a string, it is an object",
            ),
            (
                r#"{"action":"message","args":{"content":"x","image_urls":[1]}}"#,
                "args.image_urls of action \"message\" must be a list of strings",
            ),
            (
                r#"{"action":"message","args":{"content":"x","bogus":1}}"#,
                "action \"message\" has no args.bogus; it has: content, file_urls",
            ),
            (
                r#"{"action":"run","args":{"command":"ls","blocking":"yes"}}"#,
                "args.blocking of action \"run\" must be true or false",
            ),
            (
                r#"{"action":"change_agent_state","args":{"agent_state":"bogus"}}"#,
                "unknown agent state \"bogus\"; known are: loading, ",
            ),
            (r#"{"type":"status"}"#, "\"type\" must be \"message\", it is \"status\""),
            (
                r#"{"type":"message","source":"agent","message":"x"}"#,
                "\"source\" must be \"user\" or absent, it is \"agent\"",
            ),
            (r#"{"type":"message","source":"user"}"#, "\"message\" must be a string, it is absent"),
        ] {
            let text = event(json).unwrap_err().to_string();
            assert!(text.starts_with(start), "{json}\n{text}\n{start}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_user_action(&bytes);
        }

        #[test]
        fn any_text_survives_as_json(text in ".*", cause in proptest::option::of(any::<u64>())) {
            let sent = serde_json::json!({"action": "message", "args": {"content": text}, "cause": cause});
            let draft = parse_user_action(sent.to_string().as_bytes()).unwrap();
            let max = draft.max_len();
            let json = draft.into_json(EventId(u64::MAX), "2026-11-22T06:54:03.196084");
            prop_assert!(json.len() <= max);
            let event: Value = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(&event["message"], &Value::String(text));
            prop_assert_eq!(event["cause"].as_u64(), cause);
        }
    }
}
