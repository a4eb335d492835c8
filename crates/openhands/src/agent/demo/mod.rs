//! The demo agent: answers every message with one harmless turn that shows each kind of event.

mod progress;
mod turn;

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::Value;

use super::{Agent, AgentError, Seat};
use crate::domain::{ActionKind, AgentState, Draft, Kind, Position, Source};
use crate::log::StoredEvent;
use progress::{Control, Progress};
use turn::Turn;

/// Thinks, lists its workspace, writes a file there, edits it and answers.
///
/// It runs no command but `ls -la` and touches no file but one of its own, whatever the user says.
/// A turn is several appends; killed in between, it goes on where the log ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct DemoAgent;

impl Agent for DemoAgent {
    fn name(&self) -> &str {
        "demo"
    }

    fn run(&self, seat: Seat) -> BoxFuture<'_, Result<(), AgentError>> {
        run(seat).boxed()
    }
}

async fn run(mut seat: Seat) -> Result<(), AgentError> {
    while let Some(event) = seat.next().await? {
        let (Source::User, Kind::Action(kind)) = (event.source, event.kind) else { continue };
        match kind {
            ActionKind::Message => Turn::new(&seat, &event).run().await?,
            ActionKind::ChangeAgentState => change_state(&seat, &event).await?,
            kind if kind.has_observation() => {
                let refusal = format!("The demo agent does nothing but its own steps, no {kind}.");
                seat.append(vec![Draft::error(&refusal, "", Some(event.id))]).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Answers a change of state unless a turn that it interrupted did so already.
async fn change_state(seat: &Seat, event: &StoredEvent) -> Result<(), AgentError> {
    let mut progress = Progress::new(event.id, Position::before(event.id));
    progress.read_on(seat).await?;
    let Some(control) = Control::of(event).filter(|_| !progress.is_answered(event.id)) else {
        return Ok(());
    };
    let mut answer = vec![Draft::agent_state_changed(control.state, "", Some(event.id))];
    if control.state == AgentState::Running {
        // An interrupted turn is over and does not go on.
        answer.push(Draft::agent_state_changed(AgentState::AwaitingUserInput, "", None));
    }
    seat.append(answer).await?;
    Ok(())
}

/// An event's JSON; null for what is none, which the log never holds.
fn parsed(event: &StoredEvent) -> Value {
    serde_json::from_slice(&event.json).unwrap_or_default()
}

#[cfg(test)]
mod tests;
