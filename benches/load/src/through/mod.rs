//! Through `openhands`: stored events to clients, and events to the disk.

mod append;
mod plain;
mod replay;

use std::io;

use openhands::domain::{Draft, EventId};

pub(crate) use append::child;

use crate::rows::Scale;

/// One figure, and what it is to be read beside.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    /// Empty where the value speaks for itself.
    pub(crate) beside: String,
    /// Whether its goal is met, where it has one.
    pub(crate) met: Option<(String, bool)>,
}

impl Fact {
    fn new(name: &'static str, unit: &'static str, value: f64) -> Self {
        Self { name, unit, value, beside: String::new(), met: None }
    }

    fn beside(mut self, beside: String) -> Self {
        self.beside = beside;
        self
    }

    fn goal(mut self, goal: String, met: bool) -> Self {
        self.met = Some((goal, met));
        self
    }
}

/// All figures. `bare` is what `socketio` alone took for a replay, `bound` what the bound did, in
/// CPU seconds per million events.
pub(crate) fn facts(scale: Scale, bare: f64, bound: f64) -> io::Result<Vec<Fact>> {
    let mut facts = replay::facts(scale, bare, bound)?;
    facts.extend(append::facts(scale)?);
    Ok(facts)
}

/// The name by which this program is `openhands`.
pub(crate) const OPENHANDS: &str = "openhands";

/// A draft whose event has 1 KiB of JSON, give or take a digit of its id.
fn draft() -> Draft {
    let len = |content: &str| {
        let draft = Draft::think(content);
        draft.into_json(EventId(1_000), "2026-11-22T06:54:03.196084").len()
    };
    let (empty, ten) = (len(""), len("xxxxxxxxxx"));
    // The content may stand in it more than once.
    Draft::think(&"x".repeat((1024 - empty) * 10 / (ten - empty).max(1)))
}
