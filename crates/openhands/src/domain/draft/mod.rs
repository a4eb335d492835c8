//! Drafts: events before they have an id and a time.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use bytes::{Buf as _, Bytes};
use serde::Serialize;
use serde_json::{Map, Number, Value, json as value};

use super::observation::{self, EditResult, RunResult};
use super::{
    ActionKind, AgentState, ArgsError, EventId, Kind, ObservationKind, Redaction, Source, action,
};

/// An event before the log gives it an id and a time.
///
/// It is serialised here, once, in OpenHands 0.62's key order. The buffer begins with room for the two
/// first keys, which only the log knows: the finished event is that same buffer, and no text is copied
/// again. Two keys of the public guide come last: `type` (the name again) and, where there is content,
/// `result` (the content again).
#[derive(Clone, Debug)]
pub struct Draft {
    source: Source,
    kind: Kind,
    cause: Option<EventId>,
    agent_state: Option<AgentState>,
    /// [`HEAD_LEN`] bytes of room, then the JSON text after `"timestamp":"…",`, with the closing
    /// brace.
    json: Vec<u8>,
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
        let form = ActionForm {
            source: source.as_str(),
            message: args.message(kind),
            cause,
            action: kind.as_str(),
            args: &args.0,
            timeout,
            r#type: kind.as_str(),
        };
        let len = form.message.len() + args.0.values().map(text_len).sum::<usize>();
        let json = json(&form, len);
        Ok(Self { source, kind: Kind::Action(kind), cause, agent_state: None, json })
    }

    /// An observation. `extras` are taken as they are.
    pub fn observation(
        source: Source,
        kind: ObservationKind,
        content: &str,
        extras: Map<String, Value>,
        cause: Option<EventId>,
    ) -> Self {
        let form = ObservationForm {
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
        let len =
            form.message.len() + 2 * content.len() + extras.values().map(text_len).sum::<usize>();
        let json = json(&form, len);
        Self { source, kind: Kind::Observation(kind), cause, agent_state, json }
    }

    /// A message of the user.
    pub fn user_message(content: &str) -> Self {
        Self::known(Source::User, ActionKind::Message, value!({"content": content}))
    }

    /// A message of the user with pictures, each a URL or a `data:` URL.
    pub fn user_message_with(content: &str, image_urls: Option<Vec<String>>) -> Self {
        let args = value!({"content": content, "image_urls": image_urls});
        Self::known(Source::User, ActionKind::Message, args)
    }

    /// A message of the agent. `wait_for_response`: it ends the turn.
    pub fn agent_message(content: &str, wait_for_response: bool) -> Self {
        let args = value!({"content": content, "wait_for_response": wait_for_response});
        Self::known(Source::Agent, ActionKind::Message, args)
    }

    /// The agent's system prompt.
    pub fn system(content: &str, agent_class: &str) -> Self {
        let args = value!({"content": content, "agent_class": agent_class});
        Self::known(Source::Agent, ActionKind::System, args)
    }

    /// The agent thinks.
    pub fn think(thought: &str) -> Self {
        Self::known(Source::Agent, ActionKind::Think, value!({"thought": thought}))
    }

    /// The agent runs a command.
    pub fn run(command: &str, thought: &str) -> Self {
        let args = value!({"command": command, "thought": thought});
        Self::known(Source::Agent, ActionKind::Run, args)
    }

    /// The agent reads a file.
    pub fn read(path: &str) -> Self {
        Self::known(Source::Agent, ActionKind::Read, value!({"path": path}))
    }

    /// The agent writes a file.
    pub fn write(path: &str, content: &str) -> Self {
        let args = value!({"path": path, "content": content});
        Self::known(Source::Agent, ActionKind::Write, args)
    }

    /// The agent replaces `old` by `new` in a file.
    pub fn edit(path: &str, old: &str, new: &str) -> Self {
        let args = value!({"path": path, "command": "str_replace", "old_str": old, "new_str": new});
        Self::known(Source::Agent, ActionKind::Edit, args)
    }

    /// The agent is done.
    pub fn finish(final_thought: &str) -> Self {
        Self::known(Source::Agent, ActionKind::Finish, value!({"final_thought": final_thought}))
    }

    /// The agent's thought was logged.
    pub fn think_observation(cause: EventId) -> Self {
        let content = "Your thought has been logged.";
        Self::observed(ObservationKind::Think, content, value!({}), Some(cause))
    }

    /// A command has ended.
    pub fn run_observation(cause: EventId, result: &RunResult<'_>) -> Self {
        let extras = value!({
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
        let extras = value!({"path": path, "impl_source": "default"});
        Self::observed(ObservationKind::Read, content, extras, Some(cause))
    }

    /// A file was written.
    pub fn write_observation(cause: EventId, path: &str, content: &str) -> Self {
        Self::observed(ObservationKind::Write, content, value!({"path": path}), Some(cause))
    }

    /// A file was edited.
    pub fn edit_observation(cause: EventId, result: &EditResult<'_>) -> Self {
        let extras = value!({
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
        let extras = value!({"agent_state": state.as_str(), "reason": reason});
        Self::observed(ObservationKind::AgentStateChanged, "", extras, cause)
    }

    /// Something went wrong.
    pub fn error(content: &str, error_id: &str, cause: Option<EventId>) -> Self {
        Self::observed(ObservationKind::Error, content, value!({"error_id": error_id}), cause)
    }

    /// Its source.
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
        if !redaction.0.any.load(Ordering::SeqCst) {
            return self;
        }
        // The opening bracket is not in the buffer yet.
        if let Some(hidden) = redaction.strings(&self.json[HEAD_LEN..], 1) {
            self.json.truncate(HEAD_LEN);
            self.json.extend_from_slice(hidden.as_bytes());
        }
        self
    }

    /// Bytes of the whole event, a few too many at most.
    pub fn max_len(&self) -> usize {
        self.json.len()
    }

    /// The whole event.
    pub fn into_json(self, id: EventId, timestamp: &str) -> Bytes {
        let mut json = self.json;
        let head = format!("{{\"id\":{id},\"timestamp\":\"{timestamp}\",");
        // Ids and timestamps of a log always fit; another caller's timestamp may be longer.
        let Some(start) = HEAD_LEN.checked_sub(head.len()) else {
            return [head.as_bytes(), &json[HEAD_LEN..]].concat().into();
        };
        json[start..HEAD_LEN].copy_from_slice(head.as_bytes());
        // Events of the hot tail live long: room that was reserved for escapes goes back.
        if json.capacity() - json.len() > json.len() / 8 {
            json.shrink_to_fit();
        }
        let mut json = Bytes::from(json);
        json.advance(start);
        json
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
struct ActionForm<'a> {
    source: &'a str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<EventId>,
    action: &'a str,
    args: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Number>,
    r#type: &'a str,
}

#[derive(Serialize)]
struct ObservationForm<'a> {
    source: &'a str,
    message: Cow<'a, str>,
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

/// The JSON of `form` without its opening brace, after [`HEAD_LEN`] bytes of room. `texts` is how many
/// bytes of text it has, about, so that the buffer seldom grows.
fn json(form: &impl Serialize, texts: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(HEAD_LEN + texts + KEYS_LEN);
    // One byte less: the opening brace takes it, and the head is written over both.
    json.resize(HEAD_LEN - 1, b' ');
    // Structs of strings, numbers and JSON values: nothing in them can fail to serialise.
    let _ = serde_json::to_writer(&mut json, form);
    json
}

/// Bytes of a text; other values are short or rare.
fn text_len(value: &Value) -> usize {
    value.as_str().map_or(0, str::len)
}

/// Most bytes of `{"id":N,"timestamp":"…",`.
const HEAD_LEN: usize = 72;
/// Bytes of an event without its head and texts, about.
const KEYS_LEN: usize = 160;

#[cfg(test)]
mod tests;
