//! Events as the public guide describes them: `event_schema=guide`.
//!
//! The guide knows one event per thing the agent did: a finished command is one `run` event with
//! `args` and `result`. It stands under the id of the observation, so that a client that resumes
//! after it misses nothing.

use serde_json::{Map, Value};

use super::{ActionKind, EventId, ObservationKind};

/// The event whose action [`guide_event`] needs together with `stored`.
pub(crate) fn guide_cause(stored: &Value) -> Option<EventId> {
    stored.get("observation")?;
    stored.get("cause").and_then(Value::as_u64).map(EventId)
}

/// `stored` in the guide's form: its keys are `id` (a string), `source` (`user` or `agent`),
/// `timestamp`, and as far as they apply `message`, `type`, `action`, `args`, `result`.
///
/// `cause` is the event that [`guide_cause`] names; without it the arguments come from the
/// observation itself. `None` for an action whose observation is still to come.
pub(crate) fn guide_event(stored: &Value, cause: Option<&Value>) -> Option<Value> {
    let mut event = Map::new();
    event.insert("id".into(), Value::String(stored.get("id")?.as_u64()?.to_string()));
    let source = match stored.get("source").and_then(Value::as_str) {
        Some("user") => "user",
        _ => "agent",
    };
    event.insert("source".into(), source.into());
    event.insert("timestamp".into(), stored.get("timestamp")?.clone());
    if let Some(action) = stored.get("action").and_then(Value::as_str) {
        from_action(&mut event, action, stored)?;
    } else {
        let observation = stored.get("observation").and_then(Value::as_str)?;
        from_observation(&mut event, observation, stored, cause);
    }
    Some(Value::Object(event))
}

fn from_action(event: &mut Map<String, Value>, action: &str, stored: &Value) -> Option<()> {
    let kind = ActionKind::from_name(action);
    if kind.is_some_and(ActionKind::has_observation) {
        return None;
    }
    insert_message(event, stored);
    event.insert("type".into(), action.into());
    if kind != Some(ActionKind::Message) {
        event.insert("action".into(), action.into());
        insert_some(event, "args", stored.get("args"));
    }
    Some(())
}

fn from_observation(
    event: &mut Map<String, Value>,
    observation: &str,
    stored: &Value,
    cause: Option<&Value>,
) {
    insert_message(event, stored);
    let extras = stored.get("extras");
    let content = stored.get("content").filter(|c| c.as_str() != Some(""));
    let caused = cause.and_then(|c| Some((c.get("action")?.as_str()?, c.get("args"))));
    let caused = caused.filter(|(action, _)| {
        ActionKind::from_name(action).is_some_and(ActionKind::has_observation)
    });
    let (action, args) = match caused {
        Some((action, args)) => (action, args.cloned()),
        None => match action_of(observation) {
            Some(action) => (action, Some(args_from_extras(extras))),
            None => {
                event.insert("type".into(), observation.into());
                insert_some(event, "result", content.or(extras));
                return;
            }
        },
    };
    event.insert("type".into(), action.into());
    event.insert("action".into(), action.into());
    insert_some(event, "args", args.as_ref());
    // A command that printed nothing has a result all the same: nothing.
    insert_some(event, "result", stored.get("content"));
}

/// The action that an observation of this name answers, when its cause cannot be read.
fn action_of(observation: &str) -> Option<&'static str> {
    match ObservationKind::from_name(observation)? {
        ObservationKind::Mcp => Some(ActionKind::CallToolMcp.as_str()),
        kind => ActionKind::from_name(kind.as_str())
            .filter(|action| action.has_observation())
            .map(ActionKind::as_str),
    }
}

fn args_from_extras(extras: Option<&Value>) -> Value {
    let mut args = Map::new();
    for key in ["command", "path", "code", "url", "name", "arguments"] {
        insert_some(&mut args, key, extras.and_then(|e| e.get(key)));
    }
    Value::Object(args)
}

fn insert_message(event: &mut Map<String, Value>, stored: &Value) {
    insert_some(event, "message", stored.get("message").filter(|m| m.as_str() != Some("")));
}

fn insert_some(map: &mut Map<String, Value>, key: &str, value: Option<&Value>) {
    if let Some(value) = value {
        map.insert(key.into(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{AgentState, Draft, RunResult};

    fn stored(id: u64, draft: Draft) -> Value {
        serde_json::from_slice(&draft.into_json(EventId(id), "T")).unwrap()
    }

    #[test]
    fn messages_have_the_guides_keys_and_no_others() {
        assert_eq!(
            guide_event(&stored(0, Draft::user_message("hi")), None),
            Some(
                json!({"id": "0", "source": "user", "timestamp": "T", "message": "hi", "type": "message"})
            )
        );
        let said = guide_event(&stored(9, Draft::agent_message("yo", true)), None).unwrap();
        assert_eq!((&said["source"], &said["type"]), (&json!("agent"), &json!("message")));
    }

    #[test]
    fn a_finished_command_is_one_event_under_the_observations_id() {
        let action = stored(4, Draft::run("ls", ""));
        assert_eq!(guide_event(&action, None), None);
        let result = RunResult { command: "ls", output: "out", ..RunResult::default() };
        let observation = stored(5, Draft::run_observation(EventId(4), &result));
        assert_eq!(guide_cause(&observation), Some(EventId(4)));
        let event = guide_event(&observation, Some(&action)).unwrap();
        assert_eq!(event["id"], "5");
        assert_eq!(event["action"], "run");
        assert_eq!(event["args"], action["args"]);
        assert_eq!(event["result"], "out");
        assert!(event.get("extras").is_none() && event.get("cause").is_none());
    }

    #[test]
    fn without_its_cause_the_observation_speaks_for_itself() {
        let result = RunResult { command: "ls", ..RunResult::default() };
        let event = guide_event(&stored(5, Draft::run_observation(EventId(4), &result)), None);
        let event = event.unwrap();
        assert_eq!((&event["args"], &event["result"]), (&json!({"command": "ls"}), &json!("")));
    }

    #[test]
    fn an_error_answering_a_run_is_that_runs_result() {
        let action = stored(1, Draft::run("x", ""));
        let error = stored(2, Draft::error("bad", "", Some(EventId(1))));
        let event = guide_event(&error, Some(&action)).unwrap();
        assert_eq!((&event["action"], &event["result"]), (&json!("run"), &json!("bad")));
    }

    #[test]
    fn observations_without_an_action_go_by_their_own_name() {
        let state = stored(2, Draft::agent_state_changed(AgentState::Running, "", None));
        let event = guide_event(&state, None).unwrap();
        assert_eq!(event["type"], "agent_state_changed");
        assert_eq!(event["result"], json!({"agent_state": "running", "reason": ""}));
        let error = guide_event(&stored(3, Draft::error("bad", "", None)), None).unwrap();
        assert_eq!((&error["type"], &error["result"]), (&json!("error"), &json!("bad")));
        assert!(error.get("action").is_none());
    }
}
