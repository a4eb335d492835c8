//! What observations say about themselves, and the forms agents fill in.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::ObservationKind;

/// How a command ended, for [`super::Draft::run_observation`].
#[derive(Clone, Debug, Default)]
pub struct RunResult<'a> {
    /// The command, as it was run.
    pub command: &'a str,
    /// What it printed. Over 30 000 characters its middle is cut, as OpenHands 0.62 does.
    pub output: &'a str,
    /// Its exit code; -1 when it has none, as after a timeout.
    pub exit_code: i32,
    /// Its process id, if known.
    pub pid: Option<u32>,
    /// Where it ran.
    pub working_dir: Option<&'a str>,
}

/// How a file changed, for [`super::Draft::edit_observation`].
#[derive(Clone, Debug, Default)]
pub struct EditResult<'a> {
    /// The file.
    pub path: &'a str,
    /// Whether it was there before.
    pub existed: bool,
    /// What was in it.
    pub old_content: &'a str,
    /// What is in it now.
    pub new_content: &'a str,
    /// The change as a unified diff.
    pub diff: &'a str,
    /// A sentence for the agent and the reader.
    pub content: &'a str,
}

/// The event's `message`, with OpenHands 0.62's sentences.
pub(super) fn message<'a>(
    kind: ObservationKind,
    content: &'a str,
    extras: &Map<String, Value>,
) -> Cow<'a, str> {
    let text = |name| extras.get(name).and_then(Value::as_str).unwrap_or_default();
    match kind {
        ObservationKind::Run => {
            let exit_code = extras.get("metadata").and_then(|m| m.get("exit_code"));
            let exit_code = exit_code.and_then(Value::as_i64).unwrap_or(-1);
            format!("Command `{}` executed with exit code {exit_code}.", text("command")).into()
        }
        ObservationKind::RunIpython => "Code executed in IPython cell.".into(),
        ObservationKind::Read => format!("I read the file {}.", text("path")).into(),
        ObservationKind::Write => format!("I wrote to the file {}.", text("path")).into(),
        ObservationKind::Edit => format!("I edited the file {}.", text("path")).into(),
        ObservationKind::Browse => format!("Visited {}", text("url")).into(),
        ObservationKind::Error
        | ObservationKind::UserRejected
        | ObservationKind::Think
        | ObservationKind::Success
        | ObservationKind::Condense
        | ObservationKind::Mcp
        | ObservationKind::TaskTracking => content.into(),
        ObservationKind::AgentStateChanged
        | ObservationKind::LoopDetection
        | ObservationKind::Delegate => Cow::Borrowed(""),
        ObservationKind::Download => {
            format!("Downloaded the file at location: {}", text("file_path")).into()
        }
        ObservationKind::Recall => match text("recall_type") {
            "workspace_context" => "Added workspace context".into(),
            _ => "Added microagent knowledge".into(),
        },
        ObservationKind::Null => "No observation".into(),
    }
}

/// The `success` key; only finished commands have it.
pub(super) fn success(kind: ObservationKind, extras: &Map<String, Value>) -> Option<bool> {
    match kind {
        ObservationKind::Run => {
            let exit_code = extras.get("metadata").and_then(|m| m.get("exit_code"));
            Some(exit_code.and_then(Value::as_i64) == Some(0))
        }
        ObservationKind::RunIpython => Some(true),
        _ => None,
    }
}

/// `text`, or its two ends around a note when it has over 30 000 characters.
pub(super) fn cut_middle(text: &str) -> String {
    let chars = text.chars().count();
    if chars <= MAX_OUTPUT_CHARS {
        return text.to_owned();
    }
    let half = (MAX_OUTPUT_CHARS - CUT.len()) / 2;
    let start: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(chars - half).collect();
    start + CUT + &end
}

const MAX_OUTPUT_CHARS: usize = 30_000;
const CUT: &str = "\n[... Observation truncated due to length ...]\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_loses_its_middle() {
        let exact = "é".repeat(30_000);
        assert_eq!(cut_middle(&exact), exact);
        let cut = cut_middle(&("a".repeat(20_000) + &"b".repeat(20_000)));
        assert!(cut.chars().count() <= 30_000);
        assert!(cut.starts_with("aaa") && cut.contains(CUT) && cut.ends_with("bbb"));
    }
}
