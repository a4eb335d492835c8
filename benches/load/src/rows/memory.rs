//! Memory of sessions that do nothing.

use std::time::Duration;

use super::{Goal, Often, Row, Server, Work};
use crate::servers::Kind;

pub(crate) fn work() -> Work {
    Work {
        rows: &[Row {
            name: "memory of an idle websocket connection",
            unit: "KiB resident",
            goal: Goal::Part(6.0 / 28.0),
        }],
        kinds: Kind::ALL,
        often: Often::Round,
        run: |kind, scale| {
            let server = Server::start(kind)?;
            // The first sessions also pay for what all share.
            let warm = server.target.many(50)?;
            std::thread::sleep(Duration::from_millis(300));
            let (before, _) = server.process.memory()?;
            let idle = server.target.many(scale.of(2_000))?;
            std::thread::sleep(Duration::from_millis(500));
            let (after, _) = server.process.memory()?;
            let grown = after.saturating_sub(before) as f64 / idle.len() as f64;
            drop(warm);
            Ok(vec![grown])
        },
    }
}
