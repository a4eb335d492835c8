//! Through `openhands`: stored events to clients, and events to the disk.

mod append;
mod crowd;
mod plain;
mod replay;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use openhands::domain::{Draft, EventId};

pub(crate) use append::child;

use crate::process::Process;
use crate::rows::{Scale, Server};
use crate::servers::Kind;
use crate::session::Target;

/// One figure, and what to compare it with.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    /// Empty where the value speaks for itself.
    pub(crate) beside: String,
    /// Its goal, if it has one, and whether it is met.
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
    facts.extend(crowd::facts(scale)?);
    facts.extend(append::facts(scale)?);
    Ok(facts)
}

/// Starts the program on this data folder, with additional flags.
fn serve(folder: &Path, flags: &[&str]) -> io::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(OPENHANDS).env_clear();
    command.args(["--listen", "127.0.0.1:0", "--agent", "none"]).args(flags);
    command.arg("--data-dir").arg(folder);
    let process = Process::start(command, |line| {
        line.split_once("ws://")?.1.split_once('/')?.0.parse().ok()
    })?;
    let address = process.address;
    Ok(Server { process, target: Target { address, kind: Kind::Socketio, query: String::new() } })
}

/// The name under which this program acts as `openhands`.
pub(crate) const OPENHANDS: &str = "openhands";

/// A draft whose event has 1 KiB of JSON, give or take a digit of its id.
fn draft() -> Draft {
    let len = |content: &str| {
        let draft = Draft::think(content);
        draft.into_json(EventId(1_000), "2026-11-22T06:54:03.196084").len()
    };
    let (empty, ten) = (len(""), len("xxxxxxxxxx"));
    // The event may contain the content more than once.
    Draft::think(&"x".repeat((1024 - empty) * 10 / (ten - empty).max(1)))
}
