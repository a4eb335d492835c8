//! Instructions of a whole server for one echo, counted by callgrind.

use std::io;

use super::echoes::{echo, exchanges};
use super::{Goal, Often, Row, Scale, Server, Work};
use crate::servers::Kind;

pub(crate) fn work() -> Work {
    Work {
        rows: &[Row {
            name: "instructions per echo of 1 KiB, user space, whole server",
            unit: "instructions",
            goal: Goal::Part(15_000.0 / 75_000.0),
        }],
        kinds: Kind::ALL,
        often: Often::Once,
        run: |kind, scale| {
            // For a runtime that compiles while it runs, the number means little.
            if scale == Scale::Quick || kind.is_foreign() || !is_there() {
                return Ok(vec![f64::NAN]);
            }
            // The difference leaves out the cost of start, handshake and end.
            let (few, many) = (200, 1_200);
            let more = count(kind, many)?.saturating_sub(count(kind, few)?);
            Ok(vec![more as f64 / (many - few) as f64])
        },
    }
}

fn is_there() -> bool {
    std::process::Command::new("valgrind").arg("--version").output().is_ok()
}

/// Instructions of a server that starts, echoes that many times, one at a time, and stops.
fn count(kind: Kind, echoes: usize) -> io::Result<u64> {
    let log = tempfile::NamedTempFile::new()?;
    let said = format!("--log-file={}", log.path().display());
    let wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &said];
    let server = Server::start_as(kind, &wrapper, None)?;
    let exchanges = exchanges(kind, "echo", 1);
    echo(&mut [server.target.websocket()?], &exchanges, echoes)?;
    server.process.end()?;
    let text = std::fs::read_to_string(log.path())?;
    let line = text.lines().find_map(|line| line.split_once("Collected :"));
    let number = line.and_then(|(_, number)| number.trim().parse().ok());
    number.ok_or_else(|| io::Error::other(format!("callgrind did not count: {text}")))
}
