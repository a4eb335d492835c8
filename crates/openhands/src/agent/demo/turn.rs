//! One turn: the answer to one message, step by step.

use std::path::Path;
use std::time::Duration;

use super::parsed;
use super::progress::{Progress, STEPS};
use crate::agent::command::{self, Outcome};
use crate::agent::{AgentError, Seat};
use crate::domain::{AgentState, Draft, EditResult, EventId, Position, RunResult};
use crate::log::StoredEvent;

/// The answer to one message.
pub(super) struct Turn<'a> {
    seat: &'a Seat,
    message: EventId,
    /// What the user wrote, cut.
    text: String,
    progress: Progress,
}

impl<'a> Turn<'a> {
    pub(super) fn new(seat: &'a Seat, message: &StoredEvent) -> Self {
        let content = parsed(message)["args"]["content"].as_str().unwrap_or_default().to_owned();
        let text = match content.char_indices().nth(QUOTED_CHARS) {
            Some((end, _)) => format!("{}…", &content[..end]),
            None => content,
        };
        let progress = Progress::new(message.id, Position::after(message.id));
        Self { seat, message: message.id, text, progress }
    }

    /// Does what is not done yet. Leaves the turn open when the agent shall end.
    pub(super) async fn run(mut self) -> Result<(), AgentError> {
        loop {
            // Steps are counted in the log, where an append whose answer was lost counts too.
            self.progress.read_on(self.seat).await?;
            if self.seat.is_stopping() {
                return Ok(());
            }
            if let Some(control) = self.progress.interruption() {
                let state = Draft::agent_state_changed(control.state, "", Some(control.id));
                let answered = self.progress.is_answered(control.id);
                self.seat.append(if answered { Vec::new() } else { vec![state] }).await?;
                return Ok(());
            }
            if self.progress.steps().len() == STEPS.len() {
                self.seat.append(self.answer()).await?;
                return Ok(());
            }
            let draft = tokio::select! {
                draft = self.next_step() => draft?,
                () = self.seat.stopping() => return Ok(()),
            };
            self.seat.step(vec![draft]).await?;
        }
    }

    async fn next_step(&self) -> Result<Draft, AgentError> {
        let steps = self.progress.steps();
        // The table in `STEPS` puts each observation right after its action.
        let cause = steps.last().copied().unwrap_or(self.message);
        Ok(match steps.len() {
            0 => Draft::agent_state_changed(AgentState::Running, "", Some(cause)),
            1 => Draft::think(&format!("The user wrote: {}", self.text)),
            2 => Draft::think_observation(cause),
            3 => Draft::run(COMMAND, "A look at the workspace first."),
            4 => self.list(cause).await?,
            5 => Draft::write(FILE, &self.content(DRAFT)),
            6 => {
                let content = self.content(DRAFT);
                self.save(&content).await?;
                Draft::write_observation(cause, FILE, &content)
            }
            7 => Draft::edit(FILE, DRAFT, DONE),
            _ => {
                // Written whole, so that doing it again after a crash changes nothing.
                let content = self.content(DONE);
                self.save(&content).await?;
                let result = EditResult {
                    path: FILE,
                    existed: true,
                    old_content: &self.content(DRAFT),
                    new_content: &content,
                    diff: &format!("--- {FILE}\n+++ {FILE}\n@@ -1 +1 @@\n-{DRAFT}\n+{DONE}\n"),
                    content: &format!("The file {FILE} has been edited."),
                };
                Draft::edit_observation(cause, &result)
            }
        })
    }

    async fn list(&self, cause: EventId) -> Result<Draft, AgentError> {
        let folder = self.seat.workspace().await?;
        let Outcome { output, exit_code, pid } =
            command::run("ls", &["-la"], folder, COMMAND_LIMIT, OUTPUT_BYTES).await;
        let result = RunResult {
            command: COMMAND,
            output: &output,
            exit_code,
            pid,
            // Only the folder's name: where the server keeps it is not the client's business.
            working_dir: folder.file_name().and_then(|name| name.to_str()),
        };
        Ok(Draft::run_observation(cause, &result))
    }

    async fn save(&self, content: &str) -> Result<(), AgentError> {
        let path = self.seat.workspace().await?.join(Path::new(FILE));
        tokio::fs::write(&path, content)
            .await
            .map_err(AgentError::io(format!("write {FILE} in the workspace")))
    }

    fn content(&self, status: &str) -> String {
        format!("{status}\n\n{}\n", self.text)
    }

    fn answer(&self) -> Vec<Draft> {
        let text = format!(
            "You wrote: \"{}\". I listed my workspace, wrote {FILE} and edited it. I am the demo \
             agent, so that is all I do.",
            self.text
        );
        vec![
            Draft::agent_message(&text, true),
            Draft::agent_state_changed(AgentState::AwaitingUserInput, "", None),
        ]
    }
}

const COMMAND: &str = "ls -la";
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
const OUTPUT_BYTES: usize = 30_000;
/// One file per conversation, written anew in every turn.
const FILE: &str = "answer.md";
const DRAFT: &str = "Status: draft";
const DONE: &str = "Status: done";
const QUOTED_CHARS: usize = 200;
