//! What is measured: the rows of the table, and how each figure is made.

mod bursts;
mod connects;
mod echoes;
mod floods;
mod instructions;
mod memory;
mod polls;
mod slow;
mod spread;

use std::io;
use std::process::Command;
use std::time::Duration;

pub(crate) use bursts::REPLAY;

use crate::process::Process;
use crate::servers::{self, Kind};
use crate::session::Target;

/// Figures that one piece of work gives, a row each.
pub(crate) struct Work {
    pub(crate) rows: &'static [Row],
    /// The servers that do it.
    pub(crate) kinds: &'static [Kind],
    pub(crate) often: Often,
    /// Does it, and gives a figure per row.
    pub(crate) run: fn(Kind, Scale) -> io::Result<Vec<f64>>,
}

/// How often a piece of work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Often {
    /// Once: it does not vary.
    Once,
    /// In every round.
    Round,
    /// That many times in every round, all servers in turn; foreign servers do it once. For work that is
    /// mostly done by the kernel, whose time varies from one second to the next.
    Passes(usize),
}

/// The head of a row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// The goal for a figure of `socketio`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// At most this part of socketioxide's.
    Part(f64),
    /// At most this.
    Most(f64),
    /// Less than socketioxide's.
    Less,
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Enough to measure.
    Full,
    /// Enough to measure servers that take ten times as long for each.
    Part,
    /// Enough to see that it works.
    Quick,
}

impl Scale {
    /// `full` or a part of it.
    pub(crate) fn of(self, full: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Part => full / 8,
            Self::Quick => (full / 200).max(16),
        }
    }
}

/// All of it, in the order of the table.
pub(crate) fn all() -> Vec<Work> {
    let mut all = echoes::all();
    all.extend([polls::work(), spread::one(), spread::eight(), bursts::serialised()]);
    all.push(bursts::encoded());
    all.extend(connects::all());
    all.extend([memory::work(), instructions::work(), slow::work(), floods::work()]);
    all
}

/// A server that was started for one figure.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) target: Target,
}

impl Server {
    pub(crate) fn start(kind: Kind) -> io::Result<Self> {
        Self::start_as(kind, &[], None)
    }

    /// Started by the program `wrapper`, and with `room` packets per client.
    pub(crate) fn start_as(kind: Kind, wrapper: &[&str], room: Option<usize>) -> io::Result<Self> {
        let command = match kind.is_foreign() {
            true => servers::command(kind),
            false => Self::own(kind, wrapper, room)?,
        };
        let process = Process::start(command, |line| line.parse().ok())?;
        let target = Target { address: process.address, kind, query: String::new() };
        Ok(Self { process, target })
    }

    fn own(kind: Kind, wrapper: &[&str], room: Option<usize>) -> io::Result<Command> {
        let own = std::env::current_exe()?;
        let mut command = match wrapper {
            [] => Command::new(&own),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&own);
                command
            }
        };
        command.args(["serve", kind.name()]);
        if let Some(room) = room {
            command.args(["--room", &room.to_string()]);
        }
        Ok(command)
    }

    /// Seconds of processor time that the server takes for `work`.
    pub(crate) fn cpu(&self, work: impl FnOnce(&Target) -> io::Result<()>) -> io::Result<f64> {
        let before = self.process.cpu()?;
        work(&self.target)?;
        // What the server does after its last answer counts too.
        std::thread::sleep(Duration::from_millis(20));
        Ok(self.process.cpu()?.saturating_sub(before).as_secs_f64())
    }
}

/// Microseconds each: seconds per million.
fn each(seconds: f64, count: usize) -> f64 {
    seconds * 1e6 / count as f64
}

const PER_MILLION: &str = "CPU s per million";
const PER_THOUSAND: &str = "CPU ms per 1,000";
