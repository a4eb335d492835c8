//! How far a command is: a bar where a person looks on, else a line now and then.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// On standard error, so that it is never part of a result.
pub(super) struct Progress {
    what: &'static str,
    /// Drawn only on a terminal.
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    /// Counts so called things.
    pub(super) fn new(what: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            // The template is tested by being drawn; a wrong one falls back to the plain bar.
            let style = ProgressStyle::with_template(TEMPLATE);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what);
            bar
        });
        Self { what, bar, told: Instant::now() }
    }

    /// So many of so many are done.
    pub(super) fn is_at(&mut self, done: u64, all: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(all);
                bar.set_position(done);
            }
            None if self.told.elapsed() >= EVERY => {
                self.told = Instant::now();
                eprintln!("{done} of {all} {}", self.what);
            }
            None => {}
        }
    }

    /// Prints something of the result without tearing the bar.
    pub(super) fn beside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

const TEMPLATE: &str = "{wide_bar} {human_pos} of {human_len} {msg}, {percent} %, {eta} left";
/// Time between two lines.
const EVERY: Duration = Duration::from_secs(5);
