//! The arguments of an action: checked, completed and put into one sentence.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::field::fields;
use super::{ActionKind, python};

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
