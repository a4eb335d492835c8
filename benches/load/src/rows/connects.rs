//! Coming and going.

use std::io;

use super::polls::UPGRADING;
use super::{Goal, Often, PER_THOUSAND, Row, Scale, Server, Work};
use crate::servers::Kind;
use crate::session::Target;

pub(crate) fn websocket() -> Work {
    Work {
        rows: &[Row {
            name: "websocket: connect, CONNECT, close",
            unit: PER_THOUSAND,
            goal: Goal::Part(48.0 / 60.0),
        }],
        kinds: &Kind::COLUMNS,
        often: Often::Passes(6),
        run: |kind, scale| run(kind, scale, |target| target.close(target.websocket()?)),
    }
}

pub(crate) fn upgrade() -> Work {
    Work {
        rows: &[Row {
            name: "polling: connect, CONNECT, upgrade, close",
            unit: PER_THOUSAND,
            goal: Goal::Part(145.0 / 173.0),
        }],
        kinds: &UPGRADING,
        often: Often::Passes(6),
        run: |kind, scale| run(kind, scale, |target| target.close(target.upgraded()?)),
    }
}

fn run(
    kind: Kind,
    scale: Scale,
    visit: impl Fn(&Target) -> io::Result<()>,
) -> io::Result<Vec<f64>> {
    let server = Server::start(kind)?;
    // A pass is short, but for those that take their time to become warm.
    let count = scale.of(if kind.is_foreign() { 3_000 } else { 600 });
    (0..count / 4).try_for_each(|_| visit(&server.target))?;
    let seconds = server.cpu(|target| (0..count).try_for_each(|_| visit(target)))?;
    // Milliseconds per thousand are microseconds each.
    Ok(vec![seconds * 1e6 / count as f64])
}
