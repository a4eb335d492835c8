//! Drafts: events before they have an id and a time.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use super::observation::{self, EditResult, RunResult};
use super::{
    ActionKind, AgentState, ArgsError, EventId, Kind, ObservationKind, Redaction, Source, action,
};

/// An event before the log gives it an id and a time.
///
/// It is serialised here, once, in OpenHands 0.62's key order; the log only writes the two first
/// keys in front. Two keys of the public guide come last: `type` (the name again) and, where there
/// is content, `result` (the content again).
#[derive(Clone, Debug)]
pub struct Draft {
    source: Source,
    kind: Kind,
    cause: Option<EventId>,
    agent_state: Option<AgentState>,
    /// The JSON text behind `"timestamp":"…",`, with the closing brace.
    rest: String,
}

impl Draft {
    /// An action. `args` are completed with upstream's defaults and put in upstream's order.
    ///
    /// # Errors
    /// [`ArgsError`] when they do not fit the action.
    pub fn action(
        source: Source,
        kind: ActionKind,
        args: Map<String, Value>,
        cause: Option<EventId>,
    ) -> Result<Self, ArgsError> {
        Self::action_with_timeout(source, kind, args, cause, None)
    }

    pub(super) fn action_with_timeout(
        source: Source,
        kind: ActionKind,
        args: Map<String, Value>,
        cause: Option<EventId>,
        timeout: Option<Number>,
    ) -> Result<Self, ArgsError> {
        let args = action::complete(kind, args)?;
        let wire = ActionWire {
            source: source.as_str(),
            message: args.message(kind),
            cause,
            action: kind.as_str(),
            args: &args.0,
            timeout,
            r#type: kind.as_str(),
        };
        Ok(Self { source, kind: Kind::Action(kind), cause, agent_state: None, rest: rest(&wire) })
    }

    /// An observation. `extras` are taken as they are.
    pub fn observation(
        source: Source,
        kind: ObservationKind,
        content: &str,
        extras: Map<String, Value>,
        cause: Option<EventId>,
    ) -> Self {
        let wire = ObservationWire {
            source: source.as_str(),
            message: observation::message(kind, content, &extras),
            cause,
            observation: kind.as_str(),
            content,
            extras: &extras,
            success: observation::success(kind, &extras),
            r#type: kind.as_str(),
            result: (!content.is_empty()).then_some(content),
        };
        let agent_state = match kind {
            ObservationKind::AgentStateChanged => {
                extras.get("agent_state").and_then(Value::as_str).and_then(AgentState::from_name)
            }
            _ => None,
        };
        let rest = rest(&wire);
        Self { source, kind: Kind::Observation(kind), cause, agent_state, rest }
    }

    /// A message of the user.
    pub fn user_message(content: &str) -> Self {
        Self::known(Source::User, ActionKind::Message, json!({"content": content}))
    }

    /// A message of the user with pictures, each a URL or a `data:` URL.
    pub fn user_message_with(content: &str, image_urls: Option<Vec<String>>) -> Self {
        let args = json!({"content": content, "image_urls": image_urls});
        Self::known(Source::User, ActionKind::Message, args)
    }

    /// A message of the agent. `wait_for_response`: it ends the turn.
    pub fn agent_message(content: &str, wait_for_response: bool) -> Self {
        let args = json!({"content": content, "wait_for_response": wait_for_response});
        Self::known(Source::Agent, ActionKind::Message, args)
    }

    /// The agent's system prompt.
    pub fn system(content: &str, agent_class: &str) -> Self {
        let args = json!({"content": content, "agent_class": agent_class});
        Self::known(Source::Agent, ActionKind::System, args)
    }

    /// The agent thinks.
    pub fn think(thought: &str) -> Self {
        Self::known(Source::Agent, ActionKind::Think, json!({"thought": thought}))
    }

    /// The agent runs a command.
    pub fn run(command: &str, thought: &str) -> Self {
        let args = json!({"command": command, "thought": thought});
        Self::known(Source::Agent, ActionKind::Run, args)
    }

    /// The agent reads a file.
    pub fn read(path: &str) -> Self {
        Self::known(Source::Agent, ActionKind::Read, json!({"path": path}))
    }

    /// The agent writes a file.
    pub fn write(path: &str, content: &str) -> Self {
        let args = json!({"path": path, "content": content});
        Self::known(Source::Agent, ActionKind::Write, args)
    }

    /// The agent replaces `old` by `new` in a file.
    pub fn edit(path: &str, old: &str, new: &str) -> Self {
        let args = json!({"path": path, "command": "str_replace", "old_str": old, "new_str": new});
        Self::known(Source::Agent, ActionKind::Edit, args)
    }

    /// The agent is done.
    pub fn finish(final_thought: &str) -> Self {
        Self::known(Source::Agent, ActionKind::Finish, json!({"final_thought": final_thought}))
    }

    /// The agent's thought was logged.
    pub fn think_observation(cause: EventId) -> Self {
        let content = "Your thought has been logged.";
        Self::observed(ObservationKind::Think, content, json!({}), Some(cause))
    }

    /// A command has ended.
    pub fn run_observation(cause: EventId, result: &RunResult<'_>) -> Self {
        let extras = json!({
            "command": result.command,
            "metadata": {
                "exit_code": result.exit_code,
                "pid": result.pid.map_or(-1, i64::from),
                "username": null,
                "hostname": null,
                "working_dir": result.working_dir,
                "py_interpreter_path": null,
                "prefix": "",
                "suffix": "",
            },
            "hidden": false,
        });
        let content = observation::cut_middle(result.output);
        Self::observed(ObservationKind::Run, &content, extras, Some(cause))
    }

    /// A file was read.
    pub fn read_observation(cause: EventId, path: &str, content: &str) -> Self {
        let extras = json!({"path": path, "impl_source": "default"});
        Self::observed(ObservationKind::Read, content, extras, Some(cause))
    }

    /// A file was written.
    pub fn write_observation(cause: EventId, path: &str, content: &str) -> Self {
        Self::observed(ObservationKind::Write, content, json!({"path": path}), Some(cause))
    }

    /// A file was edited.
    pub fn edit_observation(cause: EventId, result: &EditResult<'_>) -> Self {
        let extras = json!({
            "path": result.path,
            "prev_exist": result.existed,
            "old_content": result.old_content,
            "new_content": result.new_content,
            "impl_source": "oh_aci",
            "diff": result.diff,
            "_diff_cache": null,
        });
        Self::observed(ObservationKind::Edit, result.content, extras, Some(cause))
    }

    /// The agent's state. OpenHands 0.62 stores it with source `environment` and sends it live with
    /// source `agent`; here an event has one form, the one live clients saw.
    pub fn agent_state_changed(state: AgentState, reason: &str, cause: Option<EventId>) -> Self {
        let extras = json!({"agent_state": state.as_str(), "reason": reason});
        Self::observed(ObservationKind::AgentStateChanged, "", extras, cause)
    }

    /// Something went wrong.
    pub fn error(content: &str, error_id: &str, cause: Option<EventId>) -> Self {
        Self::observed(ObservationKind::Error, content, json!({"error_id": error_id}), cause)
    }

    /// Who it is from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The event it answers.
    pub fn cause(&self) -> Option<EventId> {
        self.cause
    }

    /// The state it tells, for an `agent_state_changed`.
    pub fn agent_state(&self) -> Option<AgentState> {
        self.agent_state
    }

    /// The same without the secrets that `redaction` knows.
    pub fn without_secrets(mut self, redaction: &Redaction) -> Self {
        // Its opening bracket is not in `rest`.
        if let Cow::Owned(hidden) = redaction.strings(&self.rest, 1) {
            self.rest = hidden;
        }
        self
    }

    /// Bytes of the whole event, a few too many at most.
    pub fn max_len(&self) -> usize {
        self.rest.len() + HEAD_LEN
    }

    /// The whole event.
    pub fn into_json(self, id: EventId, timestamp: &str) -> Bytes {
        let mut json = String::with_capacity(self.rest.len() + HEAD_LEN);
        json.push_str("{\"id\":");
        json.push_str(&id.to_string());
        json.push_str(",\"timestamp\":\"");
        json.push_str(timestamp);
        json.push_str("\",");
        json.push_str(&self.rest);
        json.into()
    }

    /// For arguments written in this file, which the tests check against the table.
    fn known(source: Source, kind: ActionKind, args: Value) -> Self {
        let args = match args {
            Value::Object(args) => args,
            _ => Map::new(),
        };
        Self::action(source, kind, args, None).unwrap_or_else(|error| {
            debug_assert!(false, "{error}");
            Self::error(&error.to_string(), "", None)
        })
    }

    fn observed(
        kind: ObservationKind,
        content: &str,
        extras: Value,
        cause: Option<EventId>,
    ) -> Self {
        let extras = match extras {
            Value::Object(extras) => extras,
            _ => Map::new(),
        };
        Self::observation(Source::Agent, kind, content, extras, cause)
    }
}

#[derive(Serialize)]
struct ActionWire<'a> {
    source: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<EventId>,
    action: &'a str,
    args: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Number>,
    r#type: &'a str,
}

#[derive(Serialize)]
struct ObservationWire<'a> {
    source: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<EventId>,
    observation: &'a str,
    content: &'a str,
    extras: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
}

/// The JSON of `wire` without its opening brace.
fn rest(wire: &impl Serialize) -> String {
    // Structs of strings, numbers and JSON values: nothing in them can fail to serialise.
    let mut json = serde_json::to_string(wire).unwrap_or_default();
    if !json.is_empty() {
        json.remove(0);
    }
    json
}

/// Most bytes of `{"id":N,"timestamp":"…",`.
const HEAD_LEN: usize = 72;

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
