//! Events that are answered on polling: a payload of them goes with each POST, and a GET is always
//! held.

use std::io;

use super::echoes::{exchanges, slot};
use super::{Goal, Often, PER_MILLION, Row, Server, Work, each};
use crate::client::{Conn, Ready, unexpected};
use crate::servers::Kind;
use crate::session::{Polling, SEPARATOR, Target, ok};
use crate::wire::Exchange;

pub(crate) fn work() -> Work {
    Work {
        rows: &[Row {
            name: "polling echo, 1 KiB, 16 x 16",
            unit: PER_MILLION,
            goal: Goal::Part(3.2 / 10.0),
        }],
        kinds: POLLING,
        often: Often::Round,
        run: |kind, scale| {
            let server = Server::start(kind)?;
            let exchanges = exchanges(kind, "echo", IN_FLIGHT);
            let mut sessions = Sessions::open(&server.target, exchanges)?;
            let payloads = scale.of(5_000);
            sessions.echo(payloads / 10 + 1)?;
            let seconds = server.cpu(|_| sessions.echo(payloads))?;
            Ok(vec![each(seconds, payloads * IN_FLIGHT)])
        },
    }
}

/// All who poll.
const POLLING: &[Kind] = UPGRADING.split_at(1).1;

/// The same, and the floor, which cannot echo.
pub(crate) const UPGRADING: [Kind; 8] = [
    Kind::Floor,
    Kind::Bound,
    Kind::Engineio,
    Kind::Engineioxide,
    Kind::Socketio,
    Kind::Socketioxide,
    Kind::Node,
    Kind::Python,
];

struct Sessions {
    exchanges: Vec<Exchange>,
    /// Two connections of each session: for its GETs and for its POSTs.
    conns: Vec<Conn>,
    /// The requests of each.
    asks: Vec<Vec<u8>>,
    ready: Ready,
}

impl Sessions {
    fn open(target: &Target, exchanges: Vec<Exchange>) -> io::Result<Self> {
        let packets: Vec<&[u8]> = exchanges.iter().map(|exchange| &*exchange.packet).collect();
        let payload = packets.join(&SEPARATOR);
        let (mut conns, mut asks) = (Vec::new(), Vec::new());
        for _ in 0..SESSIONS {
            let Polling { mut get, post, sid } = target.polling()?;
            asks.extend([target.get(&sid).into_bytes(), target.post(&sid, &payload)]);
            get.send(&asks[conns.len()])?;
            conns.extend([get, post]);
        }
        Ok(Self { exchanges, ready: Ready::new(&conns)?, conns, asks })
    }

    /// Sends `total` payloads and takes the answers to all that is in them.
    fn echo(&mut self, total: usize) -> io::Result<()> {
        let mut states = [State::default(); SESSIONS];
        let (mut sent, mut done) = (0, 0);
        for session in 0..SESSIONS.min(total) {
            self.conns[2 * session + 1].send(&self.asks[2 * session + 1])?;
            sent += 1;
        }
        while done < sent {
            for index in self.ready.wait()? {
                let (conn, state) = (&mut self.conns[index], &mut states[index / 2]);
                let lives = conn.fill()?;
                while let Some(body) = conn.response()? {
                    if index % 2 == 0 {
                        for packet in body.split(|byte| *byte == SEPARATOR) {
                            state.take(&self.exchanges, packet)?;
                        }
                        conn.send(&self.asks[index])?;
                    } else {
                        ok(body)?;
                        state.is_posted = true;
                    }
                }
                if state.is_posted && state.answered.count_ones() as usize == IN_FLIGHT {
                    *state = State::default();
                    done += 1;
                    if sent < total {
                        sent += 1;
                        self.conns[index | 1].send(&self.asks[index | 1])?;
                    }
                }
                if !lives {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Events of the payload that are answered, a bit each.
    answered: u32,
    /// The POST has its answer.
    is_posted: bool,
}

impl State {
    fn take(&mut self, exchanges: &[Exchange], packet: &[u8]) -> io::Result<()> {
        // Over polling the heartbeat needs no more than the next request.
        if packet == b"2" {
            return Ok(());
        }
        let slot = slot(packet).filter(|slot| self.answered & 1 << slot == 0);
        match slot.and_then(|slot| exchanges.get(slot).map(|exchange| (slot, exchange))) {
            Some((slot, exchange)) if exchange.answer[0].1 == packet => {
                self.answered |= 1 << slot;
                Ok(())
            }
            _ => Err(unexpected(packet)),
        }
    }
}

const SESSIONS: usize = 16;
const IN_FLIGHT: usize = 16;
