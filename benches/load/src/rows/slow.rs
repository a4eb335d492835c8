//! Eight clients of a broadcast, one of which does not read.

use std::io;
use std::time::{Duration, Instant};

use super::spread::cast;
use super::{Goal, Often, Row, Scale, Server, Work};
use crate::client::Conn;
use crate::servers::Kind;
use crate::wire::CLOSE;

/// A slow client may fill its outbox of 1 MiB, and the allocator rounds up. Of the 40 MiB that are
/// sent, little more than that may stay in memory.
pub(crate) fn work() -> Work {
    Work {
        rows: &[
            Row {
                name: "one of eight does not read, 40,000 broadcasts: memory grows by",
                unit: "MiB",
                goal: Goal::Most(4.0),
            },
            Row {
                name: "time of the other seven, relative to a run without a slow client",
                unit: "ratio of elapsed time",
                goal: Goal::Most(1.25),
            },
            Row {
                name: "events that the slow client missed while connected",
                unit: "events",
                goal: Goal::Most(0.0),
            },
        ],
        kinds: Kind::ALL,
        often: Often::Once,
        run,
    }
}

fn run(kind: Kind, scale: Scale) -> io::Result<Vec<f64>> {
    let server = Server::start(kind)?;
    // What piles up depends on how much was sent, which is the same for all.
    let times = if scale == Scale::Quick { scale.of(FULL) } else { FULL };
    let mut others = server.target.many(7)?;
    cast(&mut others, 8, times / 8)?;
    let began = Instant::now();
    cast(&mut others, 8, times)?;
    let alone = began.elapsed();
    let mut slow = server.target.websocket()?;
    let (before, _) = server.process.memory()?;
    let began = Instant::now();
    cast(&mut others, 8, times)?;
    let beside = began.elapsed();
    let (now, most) = server.process.memory()?;
    let grown = now.max(most).saturating_sub(before) as f64 / 1024.0;
    let (got, is_open) = late(&mut slow)?;
    let missed = if is_open { times.saturating_sub(got) } else { 0 };
    Ok(vec![grown, beside.as_secs_f64() / alone.as_secs_f64(), missed as f64])
}

/// Lets the slow client read at last. Returns what it gets, and whether it is still connected.
fn late(conn: &mut Conn) -> io::Result<(usize, bool)> {
    let mut got = 0;
    while conn.readable(SILENCE)? {
        let lives = conn.fill();
        while let Some(frame) = conn.frame()? {
            if frame.opcode == CLOSE {
                return Ok((got, false));
            }
            got += 1;
        }
        // A reset is an end too.
        if !lives.unwrap_or(false) {
            return Ok((got, false));
        }
    }
    Ok((got, true))
}

const FULL: usize = 40_000;
/// After this long, nothing more is expected.
const SILENCE: Duration = Duration::from_millis(800);
