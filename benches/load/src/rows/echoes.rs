//! Events that are answered, a fixed number in flight on each connection.

use std::io;

use super::{Goal, Often, PER_MILLION, Row, Server, Work, each};
use crate::client::{Conn, Ready, unexpected};
use crate::servers::Kind;
use crate::wire::Exchange;

pub(crate) fn all() -> Vec<Work> {
    vec![
        Work {
            rows: const { &[row("ack, 1 KiB, 64 connections x 1 in flight", Goal::Part(7.5 / 12.0))] },
            kinds: Kind::ALL,
            often: Often::Round,
            run: |kind, scale| run(kind, "echo", (64, 1), scale.of(60_000)),
        },
        Work {
            rows: const { &[row("ack, 1 KiB, 16 x 16 in flight", Goal::Part(1.6 / 8.2))] },
            kinds: Kind::ALL,
            often: Often::Round,
            run: |kind, scale| run(kind, "echo", (16, 16), scale.of(100_000)),
        },
        Work {
            rows: const { &[row("the same through `serde_json::Value`", Goal::Less)] },
            kinds: &[Kind::Socketio, Kind::Socketioxide],
            often: Often::Round,
            run: |kind, scale| run(kind, "value", (16, 16), scale.of(60_000)),
        },
        Work {
            rows: const { &[row("binary echo, 16 KiB, 8 x 8", Goal::Part(7.0 / 14.1))] },
            kinds: Kind::ALL,
            often: Often::Round,
            run: |kind, scale| run(kind, "bin", (8, 8), scale.of(40_000)),
        },
    ]
}

const fn row(name: &'static str, goal: Goal) -> Row {
    Row { name, unit: PER_MILLION, goal }
}

fn run(
    kind: Kind,
    name: &str,
    (conns, in_flight): (usize, usize),
    total: usize,
) -> io::Result<Vec<f64>> {
    let server = Server::start(kind)?;
    let exchanges = exchanges(kind, name, in_flight);
    let mut conns = server.target.many(conns)?;
    echo(&mut conns, &exchanges, total / 10)?;
    let seconds = server.cpu(|_| echo(&mut conns, &exchanges, total))?;
    Ok(vec![each(seconds, total)])
}

/// One exchange for each that is in flight on a connection.
pub(crate) fn exchanges(kind: Kind, name: &str, in_flight: usize) -> Vec<Exchange> {
    match name {
        "bin" => vec![Exchange::binary(); in_flight],
        name => (0..in_flight).map(|slot| Exchange::ack(name, ID + slot, kind.answer())).collect(),
    }
}

/// `total` exchanges on `conns`, as many in flight on each as there are exchanges. Every answer is
/// compared byte for byte.
pub(crate) fn echo(conns: &mut [Conn], exchanges: &[Exchange], total: usize) -> io::Result<()> {
    let mut ready = Ready::new(&*conns)?;
    let mut states: Vec<State> = vec![State::default(); conns.len()];
    let (mut asked, mut answered) = (0, 0);
    let mut out = Vec::new();
    for (conn, state) in conns.iter_mut().zip(&mut states) {
        out.clear();
        for (slot, exchange) in exchanges.iter().enumerate().take(total - asked) {
            state.in_flight |= 1 << slot;
            out.extend_from_slice(&exchange.ask);
            asked += 1;
        }
        conn.send(&out)?;
    }
    while answered < asked {
        for index in ready.wait()? {
            let (conn, state) = (&mut conns[index], &mut states[index]);
            let lives = conn.fill()?;
            out.clear();
            while let Some(frame) = conn.frame()? {
                let bytes = conn.bytes(&frame);
                let Some(slot) = state.answer(exchanges, frame.opcode, bytes) else {
                    return Err(unexpected(bytes));
                };
                if let Slot::Done(slot) = slot {
                    answered += 1;
                    if asked < total {
                        asked += 1;
                        state.in_flight |= 1 << slot;
                        out.extend_from_slice(&exchanges[slot].ask);
                    }
                }
            }
            conn.send(&out)?;
            if !lives {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(())
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Exchanges in flight, a bit each.
    in_flight: u32,
    /// The exchange whose answer has begun, and the frame of it that comes next.
    begun: Option<(usize, usize)>,
}

enum Slot {
    Begun,
    Done(usize),
}

impl State {
    /// The exchange that this frame answers; None when it answers none.
    fn answer(&mut self, exchanges: &[Exchange], opcode: u8, bytes: &[u8]) -> Option<Slot> {
        let (slot, at) = match self.begun {
            Some(begun) => begun,
            None => (slot(bytes).unwrap_or(self.in_flight.trailing_zeros() as usize), 0),
        };
        let exchange = exchanges.get(slot).filter(|_| self.in_flight & 1 << slot != 0)?;
        let right = exchange.answer.get(at)?;
        if (right.0, &*right.1) != (opcode, bytes) {
            return None;
        }
        if at + 1 < exchange.answer.len() {
            self.begun = Some((slot, at + 1));
            return Some(Slot::Begun);
        }
        self.begun = None;
        self.in_flight &= !(1 << slot);
        Some(Slot::Done(slot))
    }
}

/// The exchange with this ack id, which has three digits.
pub(crate) fn slot(packet: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(packet.get(2..5)?).ok()?;
    digits.parse::<usize>().ok()?.checked_sub(ID)
}

/// Ack ids begin here.
const ID: usize = 100;
