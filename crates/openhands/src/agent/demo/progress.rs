//! How far a turn has come, derived from the log alone.

use std::collections::HashSet;

use serde_json::Value;

use super::parsed;
use crate::agent::{AgentError, Seat};
use crate::domain::{ActionKind, AgentState, EventId, Kind, ObservationKind, Position, Source};
use crate::log::StoredEvent;

/// The steps of a turn, in order. The answer that ends it is not among them: it comes in one append
/// with the move of the agent cursor, so a turn that has it is never looked at again.
pub(super) const STEPS: [Kind; 9] = [
    Kind::Observation(ObservationKind::AgentStateChanged),
    Kind::Action(ActionKind::Think),
    Kind::Observation(ObservationKind::Think),
    Kind::Action(ActionKind::Run),
    Kind::Observation(ObservationKind::Run),
    Kind::Action(ActionKind::Write),
    Kind::Observation(ObservationKind::Write),
    Kind::Action(ActionKind::Edit),
    Kind::Observation(ObservationKind::Edit),
];

/// What happened since a user's event.
#[derive(Debug)]
pub(super) struct Progress {
    cause: EventId,
    seen: Position,
    /// The ids of the steps done.
    steps: Vec<EventId>,
    /// The user's last word on what the agent shall do.
    control: Option<Control>,
    /// The changes of state that were answered. At most one per event of the user that is not dealt
    /// with, and it lives as long as a turn.
    answered: HashSet<EventId>,
}

/// A `change_agent_state` of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) id: EventId,
    pub(super) state: AgentState,
}

impl Control {
    /// The change in `event`, if it is one.
    pub(super) fn of(event: &StoredEvent) -> Option<Self> {
        let is_change = event.kind == Kind::Action(ActionKind::ChangeAgentState);
        if !is_change || event.source != Source::User {
            return None;
        }
        let state =
            parsed(event)["args"]["agent_state"].as_str().and_then(AgentState::from_name)?;
        Some(Self { id: event.id, state })
    }
}

impl Progress {
    /// The progress of the turn that answers `cause`, read from the log after `from`.
    pub(super) fn new(cause: EventId, from: Position) -> Self {
        let (control, answered) = (None, HashSet::new());
        Self { cause, seen: from, steps: Vec::new(), control, answered }
    }

    /// Takes in what was appended since it looked last, by whomever.
    pub(super) async fn read_on(&mut self, seat: &Seat) -> Result<(), AgentError> {
        loop {
            let events = seat.read(self.seen).await?;
            let Some(last) = events.last() else { return Ok(()) };
            self.seen = Position::after(last.id);
            events.iter().for_each(|event| self.see(event));
        }
    }

    /// The ids of the steps done so far.
    pub(super) fn steps(&self) -> &[EventId] {
        &self.steps
    }

    /// The stop or pause that stands, if any.
    pub(super) fn interruption(&self) -> Option<Control> {
        let stops = |c: &Control| matches!(c.state, AgentState::Stopped | AgentState::Paused);
        self.control.filter(stops)
    }

    /// Whether the agent answered this change of state.
    pub(super) fn is_answered(&self, control: EventId) -> bool {
        self.answered.contains(&control)
    }

    fn see(&mut self, event: &StoredEvent) {
        if let Some(control) = Control::of(event) {
            self.control = Some(control);
        }
        let next = STEPS.get(self.steps.len()) == Some(&event.kind);
        let is_state = event.kind.is_agent_state_changed();
        if event.source != Source::Agent || !(next || is_state) {
            return;
        }
        let event_json = parsed(event);
        let cause = event_json.get("cause").and_then(Value::as_u64).map(EventId);
        if let Some(cause) = cause.filter(|_| is_state) {
            self.answered.insert(cause);
        }
        // Each observation answers the step before it; the first one answers the user.
        let expected = match event.kind {
            Kind::Action(_) => None,
            Kind::Observation(_) => Some(self.steps.last().copied().unwrap_or(self.cause)),
        };
        if next && cause == expected {
            self.steps.push(event.id);
        }
    }
}
