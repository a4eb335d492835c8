//! Short connections.

use std::io;

use super::polls::UPGRADING;
use super::{Goal, Often, PER_THOUSAND, Row, Scale, Server, Work};
use crate::client::Conn;
use crate::servers::Kind;
use crate::session::Target;

/// Many at once, and one after the other. The goals were set on figures where the bound took 41 and 133
/// microseconds, as it does with many at once. One at a time it takes twice that, mostly for sleeping
/// and being woken.
pub(crate) fn all() -> [Work; 4] {
    [
        Work {
            rows: &[Row {
                name: "websocket: connect, CONNECT, close, 16 at once",
                unit: PER_THOUSAND,
                goal: Goal::Part(48.0 / 60.0),
            }],
            kinds: &Kind::COLUMNS,
            often: Often::Passes(6),
            run: |kind, scale| run(kind, scale, 16, Target::websockets),
        },
        Work {
            rows: &[Row {
                name: "websocket: the same, one at a time",
                unit: PER_THOUSAND,
                goal: Goal::Less,
            }],
            kinds: &Kind::COLUMNS,
            often: Often::Passes(6),
            run: |kind, scale| run(kind, scale, 1, Target::websockets),
        },
        Work {
            rows: &[Row {
                name: "polling: connect, CONNECT, upgrade, close, 16 at once",
                unit: PER_THOUSAND,
                goal: Goal::Part(145.0 / 173.0),
            }],
            kinds: &UPGRADING,
            often: Often::Passes(6),
            run: |kind, scale| run(kind, scale, 16, Target::upgraded),
        },
        Work {
            rows: &[Row {
                name: "polling: the same, one at a time",
                unit: PER_THOUSAND,
                goal: Goal::Less,
            }],
            kinds: &UPGRADING,
            often: Often::Passes(6),
            run: |kind, scale| run(kind, scale, 1, Target::upgraded),
        },
    ]
}

/// Opens sessions, `at_once` at a time, and closes them.
fn run(
    kind: Kind,
    scale: Scale,
    at_once: usize,
    open: fn(&Target, usize) -> io::Result<Vec<Conn>>,
) -> io::Result<Vec<f64>> {
    let server = Server::start(kind)?;
    let visit = |target: &Target| target.close(open(target, at_once)?);
    // A pass is short, except for servers that need time to warm up.
    let visits = scale.of(if kind.is_foreign() { 1_000 } else { 1_200 }).div_ceil(at_once);
    (0..visits.div_ceil(2)).try_for_each(|_| visit(&server.target))?;
    let seconds = server.cpu(|target| (0..visits).try_for_each(|_| visit(target)))?;
    // Milliseconds per thousand are microseconds each.
    Ok(vec![seconds * 1e6 / (visits * at_once) as f64])
}
