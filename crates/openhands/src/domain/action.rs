//! The arguments of an action: checked, completed and put into one sentence.

use serde_json::{Map, Value};

use super::field::fields;
use super::{ActionKind, older, python};

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
    older::renew(&mut args);
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
    pub(super) fn message(&self, kind: ActionKind) -> String {
        match kind {
            ActionKind::Message | ActionKind::System => self.text("content").to_owned(),
            ActionKind::Run => format!("Running command: {}", self.text("command")),
            ActionKind::RunIpython => {
                format!("Running Python code interactively: {}", self.text("code"))
            }
            ActionKind::Read => format!("Reading file: {}", self.text("path")),
            ActionKind::Write => format!("Writing file: {}", self.text("path")),
            ActionKind::Edit | ActionKind::LoopRecovery => String::new(),
            ActionKind::Browse => format!("I am browsing the URL: {}", self.text("url")),
            ActionKind::BrowseInteractive => format!(
                "I am interacting with the browser:\n```\n{}\n```",
                self.text("browser_actions")
            ),
            ActionKind::CallToolMcp => format!(
                "I am interacting with the MCP server with name:\n```\n{}\n```\nand arguments:\n```\n{}\n```",
                self.text("name"),
                python::repr(self.get("arguments"))
            ),
            ActionKind::Think => format!("I am thinking...: {}", self.text("thought")),
            ActionKind::Finish => match self.text("thought") {
                "" => "All done! What's next on the agenda?".to_owned(),
                thought => thought.to_owned(),
            },
            ActionKind::Reject => match self.get("outputs").get("reason").and_then(Value::as_str) {
                Some(reason) => format!("Task is rejected by the agent. Reason: {reason}"),
                None => "Task is rejected by the agent.".to_owned(),
            },
            ActionKind::Delegate => {
                format!("I'm asking {} for help with this task.", self.text("agent"))
            }
            ActionKind::Recall => {
                let start: String = self.text("query").chars().take(50).collect();
                format!("Retrieving content for: {start}")
            }
            ActionKind::ChangeAgentState => {
                format!("Agent state changed to {}", self.text("agent_state"))
            }
            ActionKind::Condensation => match self.text("summary") {
                "" => "Condenser is dropping events.".to_owned(),
                summary => format!("Summary: {summary}"),
            },
            ActionKind::CondensationRequest => {
                "Requesting a condensation of the conversation history.".to_owned()
            }
            ActionKind::TaskTracking => {
                match self.get("task_list").as_array().map_or(0, Vec::len) {
                    0 => "Clearing the task list.".to_owned(),
                    1 => "Managing 1 task item.".to_owned(),
                    n => format!("Managing {n} task items."),
                }
            }
            ActionKind::Null => "No action".to_owned(),
        }
    }
}
