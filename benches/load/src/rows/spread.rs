//! Broadcasts to a thousand clients.

use std::io;

use super::{Goal, Often, PER_MILLION, Row, Scale, Server, Work, each};
use crate::client::{Conn, Ready, unexpected};
use crate::servers::Kind;
use crate::wire::{self, TEXT, masked};

pub(crate) fn one() -> Work {
    Work {
        rows: &[Row {
            name: "broadcast, 1 KiB to 1,000, one under way, per delivery",
            unit: PER_MILLION,
            goal: Goal::Part(8.0 / 12.2),
        }],
        kinds: Kind::ALL,
        often: Often::Round,
        run: |kind, scale| run(kind, scale, 1, 80),
    }
}

pub(crate) fn eight() -> Work {
    Work {
        rows: &[Row {
            name: "the same, eight under way",
            unit: PER_MILLION,
            goal: Goal::Part(1.8 / 2.8),
        }],
        kinds: Kind::ALL,
        often: Often::Round,
        run: |kind, scale| run(kind, scale, 8, 320),
    }
}

fn run(kind: Kind, scale: Scale, under_way: usize, times: usize) -> io::Result<Vec<f64>> {
    let server = Server::start(kind)?;
    let mut conns = server.target.many(scale.of(1_000))?;
    let times = scale.of(times);
    cast(&mut conns, under_way, under_way)?;
    let seconds = server.cpu(|_| cast(&mut conns, under_way, times))?;
    Ok(vec![each(seconds, times * conns.len())])
}

/// `times` broadcasts, asked for by the first of `conns`, `under_way` at once.
pub(crate) fn cast(conns: &mut [Conn], under_way: usize, times: usize) -> io::Result<()> {
    let ask = masked(TEXT, b"42[\"cast\"]");
    let news = wire::event("news", &wire::numbered());
    let mut ready = Ready::new(&*conns)?;
    let mut asked = under_way.min(times);
    conns[0].send(&ask.repeat(asked))?;
    let mut delivered = 0;
    while delivered < times * conns.len() {
        for index in ready.wait()? {
            let conn = &mut conns[index];
            if !conn.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            while let Some(frame) = conn.frame()? {
                if conn.bytes(&frame) != news {
                    return Err(unexpected(conn.bytes(&frame)));
                }
                delivered += 1;
            }
        }
        let wanted = times.min(delivered / conns.len() + under_way);
        conns[0].send(&ask.repeat(wanted - asked))?;
        asked = wanted;
    }
    Ok(())
}
