//! The arguments of an action: checked, completed and put into one sentence.
//!
//! One table, [`fields`], says which arguments each action has. It checks what comes in, and orders
//! and completes what is stored.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{ActionKind, AgentState, python};

/// Arguments that do not fit their action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// An argument that must be there is not.
    #[error("action \"{action}\" needs args.{name}, {expected}")]
    Missing {
        /// The action.
        action: ActionKind,
        /// The argument.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An argument of another type.
    #[error("args.{name} of action \"{action}\" must be {expected}, it is {found}")]
    WrongType {
        /// The action.
        action: ActionKind,
        /// The argument.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// An argument the action does not have.
    #[error("action \"{action}\" has no args.{name}; it has: {known}")]
    Unknown {
        /// The action.
        action: ActionKind,
        /// The argument, cut to 40 characters.
        name: String,
        /// The arguments it has, joined by commas.
        known: String,
    },
    /// An agent state that does not exist.
    #[error("unknown agent state {found:?}; known are: {known}")]
    UnknownState {
        /// What came, cut to 40 characters.
        found: String,
        /// The states, joined by commas.
        known: String,
    },
}

/// Checks `args` against the table and puts them in upstream's order, with upstream's defaults.
pub(super) fn complete(kind: ActionKind, mut args: Map<String, Value>) -> Result<Args, ArgsError> {
    renew(&mut args);
    let fields = fields(kind);
    let mut full = Map::with_capacity(fields.len());
    for field in fields {
        let value = match args.remove(field.name) {
            Some(value) => field.check(kind, value)?,
            None => field.default(kind)?,
        };
        full.insert(field.name.to_owned(), value);
    }
    match args.keys().next() {
        None => Ok(Args(full)),
        Some(name) => Err(ArgsError::Unknown {
            action: kind,
            name: name.chars().take(40).collect(),
            known: fields.iter().map(|f| f.name).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Brings arguments under today's names, from those of older clients that OpenHands 0.62 still takes.
/// An argument that has no meaning any more goes; what is given under both names counts under the
/// new one.
fn renew(args: &mut Map<String, Value>) {
    for (old, new) in RENAMED {
        if let Some(value) = args.remove(*old)
            && args.get(*new).is_none_or(Value::is_null)
        {
            args.insert((*new).to_owned(), value);
        }
    }
    for gone in GONE {
        args.remove(*gone);
    }
    match args.get_mut(RISK.name) {
        Some(Value::Null) => _ = args.remove(RISK.name),
        Some(value) => {
            let level = value
                .as_str()
                .and_then(|name| LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
            if let Some((_, level)) = level {
                *value = (*level).into();
            }
        }
        None => {}
    }
}

/// Complete arguments in upstream's order, from [`complete`].
#[derive(Debug)]
pub(super) struct Args(pub(super) Map<String, Value>);

impl Args {
    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// The event's `message`, with OpenHands 0.62's sentences.
    pub(super) fn message(&self, kind: ActionKind) -> Cow<'_, str> {
        match kind {
            ActionKind::Message | ActionKind::System => self.text("content").into(),
            ActionKind::Run => format!("Running command: {}", self.text("command")).into(),
            ActionKind::RunIpython => {
                format!("Running Python code interactively: {}", self.text("code")).into()
            }
            ActionKind::Read => format!("Reading file: {}", self.text("path")).into(),
            ActionKind::Write => format!("Writing file: {}", self.text("path")).into(),
            ActionKind::Edit | ActionKind::LoopRecovery => Cow::Borrowed(""),
            ActionKind::Browse => format!("I am browsing the URL: {}", self.text("url")).into(),
            ActionKind::BrowseInteractive => format!(
                "I am interacting with the browser:\n```\n{}\n```",
                self.text("browser_actions")
            ).into(),
            ActionKind::CallToolMcp => format!(
                "I am interacting with the MCP server with name:\n```\n{}\n```\nand arguments:\n```\n{}\n```",
                self.text("name"),
                python::repr(self.get("arguments"))
            ).into(),
            ActionKind::Think => format!("I am thinking...: {}", self.text("thought")).into(),
            ActionKind::Finish => match self.text("thought") {
                "" => "All done! What's next on the agenda?".into(),
                thought => thought.into(),
            },
            ActionKind::Reject => match self.get("outputs").get("reason").and_then(Value::as_str) {
                Some(reason) => format!("Task is rejected by the agent. Reason: {reason}").into(),
                None => "Task is rejected by the agent.".into(),
            },
            ActionKind::Delegate => {
                format!("I'm asking {} for help with this task.", self.text("agent")).into()
            }
            ActionKind::Recall => {
                let start: String = self.text("query").chars().take(50).collect();
                format!("Retrieving content for: {start}").into()
            }
            ActionKind::ChangeAgentState => {
                format!("Agent state changed to {}", self.text("agent_state")).into()
            }
            ActionKind::Condensation => match self.text("summary") {
                "" => "Condenser is dropping events.".into(),
                summary => format!("Summary: {summary}").into(),
            },
            ActionKind::CondensationRequest => {
                "Requesting a condensation of the conversation history.".into()
            }
            ActionKind::TaskTracking => {
                match self.get("task_list").as_array().map_or(0, Vec::len) {
                    0 => "Clearing the task list.".into(),
                    1 => "Managing 1 task item.".into(),
                    n => format!("Managing {n} task items.").into(),
                }
            }
            ActionKind::Null => "No action".into(),
        }
    }
}

/// One argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    form: Form,
    if_missing: IfMissing,
}

/// What an argument must be.
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

/// What stands for an argument that is missing.
#[derive(Clone, Copy, Debug)]
enum IfMissing {
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
    const fn new(name: &'static str, form: Form, if_missing: IfMissing) -> Self {
        Self { name, form, if_missing }
    }

    pub(super) fn check(&self, action: ActionKind, value: Value) -> Result<Value, ArgsError> {
        let fits = match (self.form, &value) {
            (_, Value::Null) => matches!(self.if_missing, IfMissing::Null),
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
        Ok(match self.if_missing {
            IfMissing::Required => {
                let expected = self.expected();
                return Err(ArgsError::Missing { action, name: self.name, expected });
            }
            IfMissing::Null => Value::Null,
            IfMissing::Text(text) => text.into(),
            IfMissing::Int(number) => number.into(),
            IfMissing::Bool(value) => value.into(),
            IfMissing::Object => Value::Object(Map::new()),
            IfMissing::List => Value::Array(Vec::new()),
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
    Field::new(name, form, IfMissing::Required)
}

const fn nullable(name: &'static str, form: Form) -> Field {
    Field::new(name, form, IfMissing::Null)
}

const fn flag(name: &'static str, default: bool) -> Field {
    Field::new(name, Form::Bool, IfMissing::Bool(default))
}

const fn int(name: &'static str, default: i64) -> Field {
    Field::new(name, Form::Int, IfMissing::Int(default))
}

const fn text(name: &'static str, default: &'static str) -> Field {
    Field::new(name, Form::Text, IfMissing::Text(default))
}

const THOUGHT: Field = text("thought", "");
const RISK: Field = int("security_risk", -1);
const OUTPUTS: Field = Field::new("outputs", Form::Object, IfMissing::Object);
const CONFIRMATION: Field = Field::new(
    "confirmation_state",
    Form::OneOf(
        "\"confirmed\", \"rejected\" or \"awaiting_confirmation\"",
        &["confirmed", "rejected", "awaiting_confirmation"],
    ),
    IfMissing::Text("confirmed"),
);
const fn impl_source(default: &'static str) -> Field {
    let form = Form::OneOf("\"default\" or \"oh_aci\"", &["default", "oh_aci"]);
    Field::new("impl_source", form, IfMissing::Text(default))
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
                    Field::new("arguments", Object, IfMissing::Object),
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
            const { &[text("command", "view"), Field::new("task_list", List, IfMissing::List), THOUGHT] }
        }
        ActionKind::LoopRecovery => const { &[int("option", 1)] },
        ActionKind::CondensationRequest | ActionKind::Null => &[],
    }
}

/// Arguments of older clients, and their names today.
const RENAMED: &[(&str, &str)] =
    &[("images_urls", "image_urls"), ("is_confirmed", "confirmation_state")];
/// Arguments of older clients that mean nothing any more.
const GONE: &[&str] = &["keep_prompt", "task_completed", "translated_ipython_code"];
/// The levels of risk by the names that models write.
const LEVELS: &[(&str, i64)] = &[("UNKNOWN", -1), ("LOW", 0), ("MEDIUM", 1), ("HIGH", 2)];
