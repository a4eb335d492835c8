//! A thousand events in one write.

use std::io;
use std::time::Duration;

use super::{Goal, Often, Row, Server, Work};
use crate::servers::Kind;
use crate::wire::Exchange;

pub(crate) fn work() -> Work {
    Work {
        rows: &[
            Row {
                name: "1,000 echoes of 1 KiB sent in one write: answers lost",
                unit: "answers",
                goal: Goal::Most(0.0),
            },
            Row { name: "the same: answers out of order", unit: "answers", goal: Goal::Most(0.0) },
        ],
        kinds: Kind::ALL,
        often: Often::Round,
        run: |kind, _| run(kind),
    }
}

fn run(kind: Kind) -> io::Result<Vec<f64>> {
    let server = Server::start(kind)?;
    let exchanges: Vec<Exchange> =
        (1000..2000).map(|id| Exchange::ack("echo", id, kind.answer())).collect();
    let mut conn = server.target.websocket()?;
    let asks: Vec<u8> = exchanges.iter().flat_map(|exchange| exchange.ask.clone()).collect();
    conn.send(&asks)?;
    let mut came = vec![false; exchanges.len()];
    let (mut out_of_order, mut last) = (0, 0);
    while came.iter().any(|came| !came) && conn.readable(SILENCE)? {
        let lives = conn.fill().unwrap_or(false);
        while let Some(frame) = conn.frame()? {
            let bytes = conn.bytes(&frame);
            let place = exchanges.iter().position(|exchange| exchange.answer[0].1 == bytes);
            let Some(place) = place else { continue };
            came[place] = true;
            out_of_order += usize::from(place < last);
            last = place;
        }
        if !lives {
            break;
        }
    }
    let lost = came.iter().filter(|came| !**came).count();
    Ok(vec![lost as f64, out_of_order as f64])
}

/// After this long, nothing more is expected.
const SILENCE: Duration = Duration::from_secs(2);
