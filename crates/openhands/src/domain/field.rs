//! The arguments each action has: one table that checks what comes in and orders what goes out.

use serde_json::{Map, Value};

use super::{ActionKind, AgentState, ArgsError};

/// One argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    form: Form,
    default: Default,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    Int,
    Bool,
    List,
    Texts,
    Object,
    State,
    OneOf(&'static str, &'static [&'static str]),
}

#[derive(Clone, Copy, Debug)]
enum Default {
    /// The argument must be there.
    Required,
    /// `null`, and `null` may be given.
    Null,
    Text(&'static str),
    Int(i64),
    Bool(bool),
    Object,
    List,
}

impl Field {
    const fn new(name: &'static str, form: Form, default: Default) -> Self {
        Self { name, form, default }
    }

    pub(super) fn check(&self, action: ActionKind, value: Value) -> Result<Value, ArgsError> {
        let fits = match (self.form, &value) {
            (_, Value::Null) => matches!(self.default, Default::Null),
            (Form::Text | Form::State, Value::String(_))
            | (Form::Bool, Value::Bool(_))
            | (Form::List, Value::Array(_))
            | (Form::Object, Value::Object(_)) => true,
            (Form::Int, Value::Number(number)) => number.is_i64(),
            (Form::Texts, Value::Array(items)) => items.iter().all(Value::is_string),
            (Form::OneOf(_, known), Value::String(text)) => known.contains(&text.as_str()),
            _ => false,
        };
        if !fits {
            let (expected, found) = (self.expected(), type_name(&value));
            return Err(ArgsError::WrongType { action, name: self.name, expected, found });
        }
        if let (Form::State, Some(found)) = (self.form, value.as_str())
            && AgentState::from_name(found).is_none()
        {
            let known = AgentState::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
            return Err(ArgsError::UnknownState { found: found.chars().take(40).collect(), known });
        }
        Ok(value)
    }

    pub(super) fn default(&self, action: ActionKind) -> Result<Value, ArgsError> {
        Ok(match self.default {
            Default::Required => {
                let expected = self.expected();
                return Err(ArgsError::Missing { action, name: self.name, expected });
            }
            Default::Null => Value::Null,
            Default::Text(text) => text.into(),
            Default::Int(number) => number.into(),
            Default::Bool(value) => value.into(),
            Default::Object => Value::Object(Map::new()),
            Default::List => Value::Array(Vec::new()),
        })
    }

    fn expected(&self) -> &'static str {
        match self.form {
            Form::Text => "a string",
            Form::State => "the name of an agent state",
            Form::Int => "an integer",
            Form::Bool => "true or false",
            Form::List => "a list",
            Form::Texts => "a list of strings",
            Form::Object => "an object",
            Form::OneOf(expected, _) => expected,
        }
    }
}

/// What a JSON value is, for people.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

const fn required(name: &'static str, form: Form) -> Field {
    Field::new(name, form, Default::Required)
}

const fn nullable(name: &'static str, form: Form) -> Field {
    Field::new(name, form, Default::Null)
}

const fn flag(name: &'static str, default: bool) -> Field {
    Field::new(name, Form::Bool, Default::Bool(default))
}

const fn int(name: &'static str, default: i64) -> Field {
    Field::new(name, Form::Int, Default::Int(default))
}

const fn text(name: &'static str, default: &'static str) -> Field {
    Field::new(name, Form::Text, Default::Text(default))
}

const THOUGHT: Field = text("thought", "");
const RISK: Field = int("security_risk", -1);
const OUTPUTS: Field = Field::new("outputs", Form::Object, Default::Object);
const CONFIRMATION: Field = Field::new(
    "confirmation_state",
    Form::OneOf(
        "\"confirmed\", \"rejected\" or \"awaiting_confirmation\"",
        &["confirmed", "rejected", "awaiting_confirmation"],
    ),
    Default::Text("confirmed"),
);
const fn impl_source(default: &'static str) -> Field {
    let form = Form::OneOf("\"default\" or \"oh_aci\"", &["default", "oh_aci"]);
    Field::new("impl_source", form, Default::Text(default))
}

/// The arguments of `kind`, in the order and with the defaults of OpenHands 0.62.
pub(super) fn fields(kind: ActionKind) -> &'static [Field] {
    use Form::{Int, List, Object, OneOf, State, Text, Texts};
    match kind {
        ActionKind::Message => {
            const {
                &[
                    required("content", Text),
                    nullable("file_urls", Texts),
                    nullable("image_urls", Texts),
                    flag("wait_for_response", false),
                    RISK,
                ]
            }
        }
        ActionKind::System => {
            const {
                &[
                    required("content", Text),
                    nullable("tools", List),
                    nullable("openhands_version", Text),
                    nullable("agent_class", Text),
                ]
            }
        }
        ActionKind::Run => {
            const {
                &[
                    required("command", Text),
                    flag("is_input", false),
                    THOUGHT,
                    flag("blocking", false),
                    flag("is_static", false),
                    nullable("cwd", Text),
                    flag("hidden", false),
                    CONFIRMATION,
                    RISK,
                ]
            }
        }
        ActionKind::RunIpython => {
            const {
                &[
                    required("code", Text),
                    THOUGHT,
                    flag("include_extra", true),
                    CONFIRMATION,
                    RISK,
                    text("kernel_init_code", ""),
                ]
            }
        }
        ActionKind::Read => {
            const {
                &[
                    required("path", Text),
                    int("start", 0),
                    int("end", -1),
                    THOUGHT,
                    RISK,
                    impl_source("default"),
                    nullable("view_range", List),
                ]
            }
        }
        ActionKind::Write => {
            const {
                &[
                    required("path", Text),
                    required("content", Text),
                    int("start", 0),
                    int("end", -1),
                    THOUGHT,
                    RISK,
                ]
            }
        }
        ActionKind::Edit => {
            const {
                &[
                    required("path", Text),
                    text("command", ""),
                    nullable("file_text", Text),
                    nullable("old_str", Text),
                    nullable("new_str", Text),
                    nullable("insert_line", Int),
                    text("content", ""),
                    int("start", 1),
                    int("end", -1),
                    THOUGHT,
                    RISK,
                    impl_source("oh_aci"),
                ]
            }
        }
        ActionKind::Browse => {
            const { &[required("url", Text), THOUGHT, RISK, flag("return_axtree", false)] }
        }
        ActionKind::BrowseInteractive => {
            const {
                &[
                    required("browser_actions", Text),
                    THOUGHT,
                    text("browsergym_send_msg_to_user", ""),
                    RISK,
                    flag("return_axtree", false),
                ]
            }
        }
        ActionKind::CallToolMcp => {
            const {
                &[
                    required("name", Text),
                    Field::new("arguments", Object, Default::Object),
                    THOUGHT,
                    RISK,
                ]
            }
        }
        ActionKind::Think => const { &[THOUGHT] },
        ActionKind::Finish => const { &[text("final_thought", ""), OUTPUTS, THOUGHT] },
        ActionKind::Reject => const { &[OUTPUTS, THOUGHT] },
        ActionKind::Delegate => {
            const { &[required("agent", Text), required("inputs", Object), THOUGHT] }
        }
        ActionKind::Recall => {
            const {
                &[
                    required(
                        "recall_type",
                        OneOf(
                            "\"workspace_context\" or \"knowledge\"",
                            &["workspace_context", "knowledge"],
                        ),
                    ),
                    text("query", ""),
                    THOUGHT,
                ]
            }
        }
        ActionKind::ChangeAgentState => const { &[required("agent_state", State), THOUGHT] },
        ActionKind::Condensation => {
            const {
                &[
                    nullable("forgotten_event_ids", List),
                    nullable("forgotten_events_start_id", Int),
                    nullable("forgotten_events_end_id", Int),
                    nullable("summary", Text),
                    nullable("summary_offset", Int),
                ]
            }
        }
        ActionKind::TaskTracking => {
            const { &[text("command", "view"), Field::new("task_list", List, Default::List), THOUGHT] }
        }
        ActionKind::LoopRecovery => const { &[int("option", 1)] },
        ActionKind::CondensationRequest | ActionKind::Null => &[],
    }
}
