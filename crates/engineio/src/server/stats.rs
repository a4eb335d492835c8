//! Statistics: plain atomics, no lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Refusal;
use crate::proto::{CloseReason, Tally, Transport};

/// Figures of a [`Server`](super::Server) since its start, from
/// [`Server::stats`](super::Server::stats). Each is exact; together they need not be of one
/// moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sessions that poll now.
    pub polling: u64,
    /// Sessions on websocket now.
    pub websocket: u64,
    /// Handshakes in progress now.
    pub handshakes: u64,
    /// Sessions that ever began.
    pub opened: u64,
    /// Packets that arrived.
    pub packets_in: u64,
    /// Bytes of the payloads and frames they arrived in.
    pub bytes_in: u64,
    /// Packets that were handed to a connection.
    pub packets_out: u64,
    /// Bytes of the payloads and frames they were handed over in, before compression.
    pub bytes_out: u64,
    /// Upgrades that were completed.
    pub upgrades: u64,
    /// Websockets that were attached for an upgrade and dropped again.
    pub failed_upgrades: u64,
    /// Ends, by reason.
    pub closes: Closes,
    /// Refused requests, by the protocol's code 0 to 5.
    pub refused: [u64; 6],
    /// Handshakes answered 503.
    pub unavailable: u64,
}

/// Sessions that are over, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closes {
    /// `transport error`.
    pub transport_error: u64,
    /// `transport close`.
    pub transport_close: u64,
    /// `ping timeout`.
    pub ping_timeout: u64,
    /// `parse error`.
    pub parse_error: u64,
    /// `forced close`.
    pub forced_close: u64,
}

/// What [`Stats`] is read from.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    polling: AtomicU64,
    websocket: AtomicU64,
    opened: AtomicU64,
    packets_in: AtomicU64,
    bytes_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_out: AtomicU64,
    upgrades: AtomicU64,
    failed_upgrades: AtomicU64,
    transport_error: AtomicU64,
    transport_close: AtomicU64,
    ping_timeout: AtomicU64,
    parse_error: AtomicU64,
    forced_close: AtomicU64,
    refused: [AtomicU64; 6],
    unavailable: AtomicU64,
}

impl Counters {
    pub(crate) fn opened(&self, transport: Transport) {
        self.opened.fetch_add(1, Relaxed);
        self.gauge(transport).fetch_add(1, Relaxed);
    }

    /// `transport` is the session's last one, all of its tallies are added.
    pub(crate) fn closed(&self, transport: Transport, reason: Option<&CloseReason>) {
        self.gauge(transport).fetch_sub(1, Relaxed);
        let counter = match reason {
            Some(CloseReason::TransportError(_)) => &self.transport_error,
            Some(CloseReason::TransportClose) => &self.transport_close,
            Some(CloseReason::PingTimeout) => &self.ping_timeout,
            Some(CloseReason::ParseError(_)) => &self.parse_error,
            // A session without a reason was dropped by the runtime's end.
            Some(CloseReason::ForcedClose) | None => &self.forced_close,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn add(&self, tally: Tally) {
        for (counter, n) in [
            (&self.packets_in, tally.packets_in),
            (&self.bytes_in, tally.bytes_in),
            (&self.packets_out, tally.packets_out),
            (&self.bytes_out, tally.bytes_out),
            (&self.upgrades, tally.upgrades),
            (&self.failed_upgrades, tally.failed_upgrades),
        ] {
            // Most sessions have nothing new in most of them, and the line is shared.
            if n > 0 {
                counter.fetch_add(n, Relaxed);
            }
        }
        if tally.upgrades > 0 {
            self.websocket.fetch_add(tally.upgrades, Relaxed);
            self.polling.fetch_sub(tally.upgrades, Relaxed);
        }
    }

    pub(crate) fn refused(&self, refusal: &Refusal) {
        let code = refusal.code().map(usize::from);
        let counter = code.and_then(|code| self.refused.get(code)).unwrap_or(&self.unavailable);
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, handshakes: u64) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Stats {
            polling: of(&self.polling),
            websocket: of(&self.websocket),
            handshakes,
            opened: of(&self.opened),
            packets_in: of(&self.packets_in),
            bytes_in: of(&self.bytes_in),
            packets_out: of(&self.packets_out),
            bytes_out: of(&self.bytes_out),
            upgrades: of(&self.upgrades),
            failed_upgrades: of(&self.failed_upgrades),
            closes: Closes {
                transport_error: of(&self.transport_error),
                transport_close: of(&self.transport_close),
                ping_timeout: of(&self.ping_timeout),
                parse_error: of(&self.parse_error),
                forced_close: of(&self.forced_close),
            },
            refused: self.refused.each_ref().map(of),
            unavailable: of(&self.unavailable),
        }
    }

    fn gauge(&self, transport: Transport) -> &AtomicU64 {
        match transport {
            Transport::Polling => &self.polling,
            Transport::Websocket => &self.websocket,
        }
    }
}
