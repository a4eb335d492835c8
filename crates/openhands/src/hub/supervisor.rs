//! One supervisor per loaded conversation: starts its agent, restarts it, ends it.
//!
//! ```text
//! PARKED   { unread event of the user: RUNNING }
//! RUNNING  { agent done: PARKED, agent failed: WAITING, failed too often: PARKED, stop: PARKED }
//! WAITING  { time is up: RUNNING, stop: PARKED }
//! any      { end, conversation deleted: over }
//! ```
//!
//! An agent that failed because the log could not be read or written is tried again until it can.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::HubConfig;
use super::core::Core;
use crate::agent::{Agent, AgentError, Seat, SeatParts, SeatState};
use crate::domain::{AgentState, Draft, Ephemeral, Position};
use crate::log::{EventLog, LogError};

/// The way to a supervisor. Dropping it drops the agent where it is.
#[derive(Debug)]
pub(super) struct Supervisor {
    controls: mpsc::Sender<Control>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Control {
    Stop(oneshot::Sender<Result<bool, LogError>>),
    End,
}

impl Supervisor {
    pub(super) fn start(
        core: Arc<Core>,
        log: Arc<dyn EventLog>,
        agent: Arc<dyn Agent>,
        config: Arc<HubConfig>,
        workspace: PathBuf,
    ) -> Self {
        let (controls, received) = mpsc::channel(CONTROLS);
        let supervised = Supervised { core, log, agent, config, workspace, controls: received };
        Self { controls, task: tokio::spawn(supervised.supervise()) }
    }

    /// See [`super::Conversation::stop_agent`].
    pub(super) async fn stop(&self) -> Result<bool, LogError> {
        let (reply, answer) = oneshot::channel();
        // A supervisor that is over has no agent.
        if self.controls.send(Control::Stop(reply)).await.is_err() {
            return Ok(false);
        }
        answer.await.unwrap_or(Ok(false))
    }

    /// Ends the agent for good; ready when it has ended.
    pub(super) async fn end(&self) {
        // One that is over needs no telling.
        let _ = self.controls.send(Control::End).await;
        self.ended().await;
    }

    /// Ready when the supervisor is over.
    pub(super) async fn ended(&self) {
        self.controls.closed().await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Supervised {
    core: Arc<Core>,
    log: Arc<dyn EventLog>,
    agent: Arc<dyn Agent>,
    config: Arc<HubConfig>,
    workspace: PathBuf,
    controls: mpsc::Receiver<Control>,
}

/// How one run of the agent came to its end.
enum Ended {
    Done,
    Failed { reason: String, by_log: bool },
    Stopped(oneshot::Sender<Result<bool, LogError>>),
    Over,
}

impl Supervised {
    async fn supervise(mut self) {
        // What lies before it wakes no agent: it was given up, or the agent did not want it.
        let mut ignored = Position::START;
        let mut failures = 0;
        while self.wait_for_unread(ignored).await {
            let known = self.core.head();
            let seat = Arc::new(SeatState::default());
            let mut ended = self.run(&seat).await;
            if let Ended::Failed { reason, by_log } = &ended {
                // An agent that got further since is not the one that keeps failing.
                let moved = self.core.head().agent_cursor > known.agent_cursor;
                failures = if moved { 1 } else { failures + 1 };
                tracing::warn!(conversation = %self.core.id, failures, reason, "agent failed");
                if *by_log || failures < self.config.agent_tries {
                    match self.back_off(failures, reason).await {
                        Some(earlier) => ended = earlier,
                        None => continue,
                    }
                }
            }
            failures = 0;
            ignored = seat.taken().max(known.position);
            match ended {
                Ended::Done => {}
                Ended::Failed { reason, .. } => {
                    let append = self.append_state(AgentState::Error, &reason, &seat);
                    if let Err(error) = append.await {
                        tracing::warn!(conversation = %self.core.id, %error, "failure not stored");
                    }
                }
                Ended::Stopped(reply) => {
                    ignored = self.core.head().position;
                    let stopped = self.append_state(AgentState::Stopped, "", &seat).await;
                    // The caller may be gone.
                    let _ = reply.send(stopped.map(|()| true));
                }
                Ended::Over => return,
            }
        }
    }

    /// Waits until the user wrote something after `ignored` that the agent has not dealt with.
    /// `false` when the supervisor is over.
    async fn wait_for_unread(&mut self, ignored: Position) -> bool {
        let mut head = self.core.watch();
        loop {
            head.borrow_and_update();
            if self.core.is_deleted() {
                return false;
            }
            if self.core.unread().is_some_and(|id| Position::before(id) >= ignored) {
                return true;
            }
            tokio::select! {
                moved = head.changed() => if moved.is_err() { return false },
                control = self.controls.recv() => match control {
                    // Nothing runs; the caller may be gone.
                    Some(Control::Stop(reply)) => drop(reply.send(Ok(false))),
                    Some(Control::End) | None => return false,
                },
            }
        }
    }

    async fn run(&mut self, state: &Arc<SeatState>) -> Ended {
        let (stop, stopped) = watch::channel(false);
        let seat = Seat::new(SeatParts {
            conversation: self.core.id.clone(),
            key: self.core.key,
            log: self.log.clone(),
            head: self.core.watch(),
            stop: stopped,
            statuses: self.core.statuses.clone(),
            workspace: self.workspace.clone(),
            state: state.clone(),
        });
        self.core.set_seat(Some(state.clone()));
        // Dropped with this future too, as when the supervisor is aborted.
        let _seated = Seated(self.core.clone());
        let agent = self.agent.clone();
        // After a panic nothing of the future is looked at again.
        let run = AssertUnwindSafe(async move { agent.run(seat).await }).catch_unwind();
        let mut run = std::pin::pin!(run);
        let ended = tokio::select! {
            result = &mut run => return self.result(result),
            control = self.controls.recv() => match control {
                Some(Control::Stop(reply)) => Ended::Stopped(reply),
                Some(Control::End) | None => Ended::Over,
            },
            () = self.core.deleted() => Ended::Over,
        };
        // An agent that is gone already needs no telling.
        let _ = stop.send(true);
        if tokio::time::timeout(self.config.agent_grace, run).await.is_err() {
            tracing::warn!(conversation = %self.core.id, "agent did not end in time, dropping it");
        }
        ended
    }

    fn result(&self, result: Result<Result<(), AgentError>, Box<dyn Any + Send>>) -> Ended {
        match result {
            Ok(Ok(())) => Ended::Done,
            // What an agent says of a conversation that is gone does not matter.
            _ if self.core.is_deleted() => Ended::Over,
            Ok(Err(error)) => {
                Ended::Failed { reason: error.reason(), by_log: error.is_of_storage() }
            }
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                let reason = format!("the agent panicked: {}", text.unwrap_or_default());
                Ended::Failed { reason, by_log: false }
            }
        }
    }

    /// Waits before the next try. Something when it came to another end meanwhile.
    async fn back_off(&mut self, failures: u32, reason: &str) -> Option<Ended> {
        let status = Ephemeral::error("STATUS$ERROR", reason);
        // It is fine if no client is connected.
        let _ = self.core.statuses.send(status);
        self.core.retries.store(true, Ordering::SeqCst);
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let delay = self.config.agent_backoff.saturating_mul(doubled).min(MAX_BACKOFF);
        let ended = tokio::select! {
            () = tokio::time::sleep(delay) => None,
            control = self.controls.recv() => match control {
                Some(Control::Stop(reply)) => Some(Ended::Stopped(reply)),
                Some(Control::End) | None => Some(Ended::Over),
            },
            () = self.core.deleted() => Some(Ended::Over),
        };
        self.core.retries.store(false, Ordering::SeqCst);
        ended
    }

    /// Tells the state, as the answer to everything the agent has taken.
    async fn append_state(
        &self,
        state: AgentState,
        reason: &str,
        seat: &SeatState,
    ) -> Result<(), LogError> {
        let draft = Draft::agent_state_changed(state, reason, None);
        self.log.append(self.core.key, vec![draft], Some(seat.taken())).await?;
        Ok(())
    }
}

/// Clears the conversation's seat at its end.
struct Seated(Arc<Core>);

impl Drop for Seated {
    fn drop(&mut self) {
        self.0.set_seat(None);
    }
}

const CONTROLS: usize = 8;
const MAX_BACKOFF: Duration = Duration::from_secs(30);
