//! Ten thousand events to one client, on one request.

use std::io;

use super::{Goal, Often, PER_MILLION, Row, Scale, Server, Work, each};
use crate::client::{Conn, unexpected};
use crate::servers::Kind;
use crate::wire::{self, FIRST, TEXT, masked};

pub(crate) fn serialised() -> Work {
    Work {
        rows: &[Row {
            name: "emit 10,000 events of 1 KiB, each serialised",
            unit: PER_MILLION,
            goal: Goal::Part(0.9 / 1.42),
        }],
        kinds: Kind::ALL,
        often: Often::Round,
        run: |kind, scale| run(kind, scale, "burst"),
    }
}

pub(crate) fn encoded() -> Work {
    Work {
        rows: &[Row { name: REPLAY, unit: PER_MILLION, goal: Goal::Less }],
        kinds: &[
            Kind::Bound,
            Kind::Tungstenite,
            Kind::Engineio,
            Kind::Engineioxide,
            Kind::Socketio,
        ],
        often: Often::Round,
        run: |kind, scale| run(kind, scale, "replay"),
    }
}

fn run(kind: Kind, scale: Scale, name: &str) -> io::Result<Vec<f64>> {
    // Some servers cannot wait when a client's queue is full, so their queue gets room for everything.
    let server = Server::start_as(kind, &[], Some(2 * EVENTS))?;
    let mut conn = server.target.websocket()?;
    let times = match scale {
        Scale::Full => 30,
        Scale::Part => 3,
        Scale::Quick => 1,
    };
    burst(&mut conn, name)?;
    let seconds = server.cpu(|_| (0..times).try_for_each(|_| burst(&mut conn, name)))?;
    Ok(vec![each(seconds, times * EVENTS)])
}

fn burst(conn: &mut Conn, name: &str) -> io::Result<()> {
    conn.send(&masked(TEXT, format!("42[\"{name}\"]").as_bytes()))?;
    let mut event = wire::numbered();
    let mut right = wire::event("oh_event", &event);
    for id in FIRST..FIRST + EVENTS as u64 {
        event.id = id;
        // Only the id differs, and it is in the same place.
        right[HEAD.len()..HEAD.len() + 6].copy_from_slice(id.to_string().as_bytes());
        let frame = conn.next_frame()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if conn.bytes(&frame) != right {
            return Err(unexpected(conn.bytes(&frame)));
        }
    }
    Ok(())
}

/// The name of the row that a replay through `openhands` is compared with.
pub(crate) const REPLAY: &str = "the same, encoded beforehand";
const EVENTS: usize = 10_000;
const HEAD: &str = "42[\"oh_event\",{\"id\":";
