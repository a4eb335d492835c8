//! What agents send that are not part of this server: actions and observations.

use serde_json::{Map, Value};

use super::action::type_name;
use super::inbound::{cause, object, shown, upstream};
use super::{ActionError, AgentState, ArgsError, Draft, ObservationKind, Source};

/// Reads one event of an agent.
///
/// | form | what |
/// |---|---|
/// | `{"action":"run","args":{…},"cause":…}` | an action, checked as a user's |
/// | `{"observation":"run","content":"…","extras":{…},"cause":…}` | an observation; `content` and `extras` may be absent |
/// | `{"type":"message","message":"…"}` | a message, as in the public guide |
///
/// The source is `agent`, or `environment` where the data say so.
///
/// # Errors
/// [`ActionError`]; its text tells the agent what to do.
pub(crate) fn parse_agent_event(json: &[u8]) -> Result<Draft, ActionError> {
    let mut data = object(json)?;
    let source = match data.get("source").map(|source| (source.as_str(), source)) {
        None | Some((Some("agent"), _) | (_, Value::Null)) => Source::Agent,
        Some((Some("environment"), _)) => Source::Environment,
        Some((_, other)) => return Err(ActionError::NotFromAgent { found: shown(other) }),
    };
    match (data.remove("action"), data.remove("observation"), data.remove("type")) {
        (Some(action), _, _) => upstream(source, &action, data),
        (None, Some(observation), _) => observed(source, &observation, data),
        (None, None, Some(r#type)) => match r#type.as_str() {
            Some("message") => {
                Ok(Draft::agent_message(&text("message", data.remove("message"))?, false))
            }
            _ => Err(ActionError::UnknownType { found: shown(&r#type) }),
        },
        (None, None, None) => Err(ActionError::NoEvent),
    }
}

fn observed(
    source: Source,
    observation: &Value,
    mut data: Map<String, Value>,
) -> Result<Draft, ActionError> {
    let Some(kind) = observation.as_str().and_then(ObservationKind::from_name) else {
        let known = ObservationKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
        let known = known.join(", ");
        return Err(ActionError::UnknownObservation { found: shown(observation), known });
    };
    let content = match data.remove("content") {
        None | Some(Value::Null) => String::new(),
        content => text("content", content)?,
    };
    let extras = match data.remove("extras") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(extras)) => extras,
        Some(other) => {
            let found = type_name(&other);
            return Err(ActionError::WrongType { key: "extras", expected: "an object", found });
        }
    };
    if kind == ObservationKind::AgentStateChanged {
        let state = extras.get("agent_state").and_then(Value::as_str).unwrap_or_default();
        if AgentState::from_name(state).is_none() {
            let known = AgentState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>();
            let found = state.chars().take(40).collect();
            let error = ArgsError::UnknownState { found, known: known.join(", ") };
            return Err(error.into());
        }
    }
    let cause = cause(&data);
    Ok(Draft::observation(source, kind, &content, extras, cause))
}

fn text(key: &'static str, value: Option<Value>) -> Result<String, ActionError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        other => Err(ActionError::WrongType {
            key,
            expected: "a string",
            found: other.as_ref().map_or("absent", type_name),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::EventId;

    fn event(json: &str) -> Result<Value, ActionError> {
        let draft = parse_agent_event(json.as_bytes())?;
        let json = draft.into_json(EventId(4), "T");
        Ok(serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn actions_observations_and_messages_are_the_agents() {
        let run = event(r#"{"action":"run","args":{"command":"ls"},"cause":2}"#).unwrap();
        assert_eq!((&run["source"], &run["cause"]), (&"agent".into(), &2.into()));
        let extras = r#"{"command":"ls","metadata":{"exit_code":0}}"#;
        let json = format!(r#"{{"observation":"run","content":"x","extras":{extras},"cause":4}}"#);
        let result = event(&json).unwrap();
        assert_eq!(result["message"], "Command `ls` executed with exit code 0.");
        assert_eq!((&result["success"], &result["result"]), (&true.into(), &"x".into()));
        let state = r#"{"observation":"agent_state_changed","source":"environment","extras":{"agent_state":"running"}}"#;
        assert_eq!(event(state).unwrap()["source"], "environment");
        let said = event(r#"{"type":"message","message":"hi","source":"agent"}"#).unwrap();
        assert_eq!((&said["source"], &said["args"]["content"]), (&"agent".into(), &"hi".into()));
    }

    #[test]
    fn refusals_tell_the_agent_what_to_do() {
        for (json, start) in [
            ("[1]", "an action is an object"),
            ("{}", "an event has \"action\", \"observation\" or \"type\""),
            (r#"{"id":1,"action":"think"}"#, "the server gives events their id"),
            (r#"{"source":"user","action":"think"}"#, "\"source\" must be \"agent\""),
            (r#"{"observation":"x"}"#, "unknown observation \"x\"; known are: "),
            (
                r#"{"observation":"run","content":1}"#,
                "\"content\" must be a string, it is a number",
            ),
            (r#"{"observation":"run","extras":[]}"#, "\"extras\" must be an object, it is a list"),
            (r#"{"observation":"agent_state_changed"}"#, "unknown agent state"),
            (r#"{"type":"status"}"#, "\"type\" must be \"message\""),
            (r#"{"type":"message"}"#, "\"message\" must be a string, it is absent"),
        ] {
            let text = event(json).unwrap_err().to_string();
            assert!(text.starts_with(start), "{json}\n{text}\n{start}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_agent_event(&bytes);
        }
    }
}
