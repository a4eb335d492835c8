//! Input: what the world tells a session. Requests, bodies, frames, lost connections, deadlines.

use std::time::Duration;

use bytes::Bytes;

use super::{HeldGet, Link, Phase, Session};
use crate::proto::session::timers::Timer;
use crate::proto::session::{Event, Time};
use crate::proto::{
    CloseReason, Frame, Packet, PacketError, Protocol, RequestError, TransportFault, v3,
};

impl Session {
    /// A GET arrived. It is held until [`Session::poll_payload`] answers it.
    ///
    /// # Errors
    /// [`RequestError::SidUnknown`] when the session is over, [`RequestError::BadRequest`] when it
    /// is not polling. A second GET while one is held is also refused and closes the session: two
    /// clients use one id.
    pub fn handle_poll(&mut self, _now: Time) -> Result<(), RequestError> {
        if self.get == HeldGet::Owed {
            self.timers.stop(Timer::Close);
            self.get = HeldGet::Farewell(Packet::Noop);
            return Ok(());
        }
        self.check_polling()?;
        if self.get != HeldGet::None {
            self.fail(TransportFault::SecondPoll);
            return Err(RequestError::BadRequest);
        }
        self.get = HeldGet::Held { noop: self.phase == Phase::Closing };
        Ok(())
    }

    /// The connection of the held GET was lost, before or while it was answered.
    pub fn handle_poll_aborted(&mut self) {
        self.get = HeldGet::None;
        if self.link != Link::Websocket {
            self.fail(TransportFault::PollAborted);
        }
    }

    /// A POST arrived. [`Session::handle_payload`] brings its body.
    ///
    /// # Errors
    /// [`RequestError::SidUnknown`] when the session is over, [`RequestError::BadRequest`] when it
    /// is not polling. A second POST while one is read is also refused and closes the session.
    pub fn handle_post(&mut self) -> Result<(), RequestError> {
        self.check_polling()?;
        if self.posting {
            self.fail(TransportFault::SecondPost);
            return Err(RequestError::BadRequest);
        }
        self.posting = true;
        Ok(())
    }

    /// The POST was answered without a payload: its body was too large.
    pub fn handle_post_refused(&mut self) {
        self.posting = false;
    }

    /// The connection of the POST was lost before its body was complete.
    pub fn handle_post_aborted(&mut self) {
        self.handle_post_failed(TransportFault::PostAborted);
    }

    /// The POST was answered by an error that ends the session.
    pub fn handle_post_failed(&mut self, fault: TransportFault) {
        self.posting = false;
        self.fail(fault);
    }

    /// The whole body of the POST arrived.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session; messages before the fault are delivered.
    pub fn handle_payload(&mut self, now: Time, body: Bytes) -> Result<(), PacketError> {
        self.tally.count_in(body.len());
        let packets = self.framing.packets(body, self.config.limits.max_payload_packets);
        self.handle_packets(now, packets)
    }

    /// The whole body of the POST arrived, in the binary form of protocol 3.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session; messages before the fault are delivered.
    pub fn handle_binary_payload(&mut self, now: Time, body: Bytes) -> Result<(), PacketError> {
        if self.framing.protocol == Protocol::V4 {
            // Read as protocol 4, such a body exhausted the reference (CVE-2026-59725).
            self.handle_post_failed(TransportFault::PostKind);
            return Ok(());
        }
        self.tally.count_in(body.len());
        let max = self.config.limits.max_payload_packets;
        self.handle_packets(now, v3::payload::decode_binary(body, max))
    }

    fn handle_packets(
        &mut self,
        now: Time,
        packets: impl Iterator<Item = Result<Packet, PacketError>>,
    ) -> Result<(), PacketError> {
        self.posting = false;
        for packet in packets {
            packet
                .and_then(|packet| self.handle_packet(now, packet))
                .inspect_err(|error| self.end_by(error))?;
        }
        Ok(())
    }

    /// A websocket with this session's id is attached and waits for its probe.
    ///
    /// # Errors
    /// [`RequestError::SidUnknown`] when the session is over; [`RequestError::BadRequest`] when
    /// upgrades are off, one is under way or done, or too many have failed. The caller then closes
    /// the new websocket; the session does not change.
    pub fn handle_upgrade(&mut self, now: Time) -> Result<(), RequestError> {
        if self.phase == Phase::Closed {
            return Err(RequestError::SidUnknown);
        }
        if self.phase != Phase::Open
            || self.link != Link::Polling
            || self.hang_up
            || !self.config.upgrades
            || self.probes >= self.config.max_probes
        {
            return Err(RequestError::BadRequest);
        }
        self.probes += 1;
        self.link = Link::Probing;
        self.timers.set(Timer::Upgrade, now + self.config.upgrade_timeout);
        Ok(())
    }

    /// Says whether the attached websocket belongs to a client that cannot read binary frames. Has
    /// an effect in protocol 3 only.
    pub fn handle_upgrade_base64(&mut self, base64: bool) {
        self.framing.websocket_base64 = base64;
    }

    /// A frame arrived on the websocket.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session, or while probing only the websocket.
    pub fn handle_frame(&mut self, now: Time, frame: Frame) -> Result<(), PacketError> {
        if self.link == Link::Polling {
            return Ok(());
        }
        self.tally.count_in(frame.len());
        let packet = self.framing.read(frame);
        if self.link != Link::Websocket {
            self.tally.packets_in += 1;
        }
        match (self.link, packet) {
            (Link::Probing, Ok(Packet::PingProbe)) => {
                self.link = Link::Probed { answer: true };
                Ok(())
            }
            // Some clients leave the probe out and begin with `5`.
            (Link::Probing | Link::Probed { .. }, Ok(Packet::Upgrade)) => {
                self.link = Link::Websocket;
                self.timers.stop(Timer::Upgrade);
                self.dismiss_get(Packet::Noop);
                self.tally.upgrades += 1;
                // Nothing follows `Closed`.
                if self.phase == Phase::Open {
                    self.inbox.push(Event::Upgraded);
                }
                Ok(())
            }
            (Link::Probing | Link::Probed { .. }, packet) => {
                let error = packet.map_or_else(|e| e, |p| self.unexpected(&p));
                self.drop_probe();
                Err(error)
            }
            (_, packet) => packet
                .and_then(|packet| self.handle_packet(now, packet))
                .inspect_err(|error| self.end_by(error)),
        }
    }

    /// The websocket is gone: it was closed by the peer, or has `failed`.
    pub fn handle_websocket_closed(&mut self, failed: bool) {
        self.websocket_gone(match failed {
            true => CloseReason::TransportError(TransportFault::Websocket),
            false => CloseReason::TransportClose,
        });
    }

    /// The websocket failed.
    pub fn handle_websocket_failed(&mut self, fault: TransportFault) {
        self.websocket_gone(CloseReason::TransportError(fault));
    }

    fn websocket_gone(&mut self, reason: CloseReason) {
        self.hang_up = false;
        match self.link {
            Link::Polling => {}
            Link::Probing | Link::Probed { .. } => self.drop_probe(),
            Link::Websocket => self.end(reason, Packet::Noop),
        }
        self.hang_up = false;
    }

    /// A deadline passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((timer, at)) = self.timers.expired(now) {
            match timer {
                Timer::Ping => {
                    self.heartbeat = Some(Packet::Ping);
                    // Count from the deadline, unless this side fired late itself: then the client
                    // still gets its full time.
                    let sent = if now < at + LATE { at } else { now };
                    self.timers.set(Timer::Pong, sent + self.config.ping_timeout);
                }
                Timer::Pong => self.end(CloseReason::PingTimeout, Packet::Close),
                Timer::Upgrade => self.drop_probe(),
                Timer::Close if self.get == HeldGet::Owed => self.get = HeldGet::None,
                Timer::Close => self.end(CloseReason::ForcedClose, Packet::Close),
            }
        }
    }

    fn handle_packet(&mut self, now: Time, packet: Packet) -> Result<(), PacketError> {
        self.tally.packets_in += 1;
        match (packet, self.framing.protocol) {
            // Packets after a close are dropped, as in the reference.
            _ if self.phase == Phase::Closed => {}
            (Packet::Message(message), _) => {
                if self.phase == Phase::Open {
                    self.inbox.push(Event::Message(message));
                }
            }
            (Packet::Pong | Packet::PongProbe, Protocol::V4) => {
                if self.phase == Phase::Open {
                    self.timers.stop(Timer::Pong);
                    self.expect_heartbeat(now);
                }
            }
            (ping @ (Packet::Ping | Packet::PingProbe), Protocol::V3) => {
                if self.phase == Phase::Open {
                    let probe = ping == Packet::PingProbe;
                    self.heartbeat = Some(if probe { Packet::PongProbe } else { Packet::Pong });
                    self.expect_heartbeat(now);
                }
            }
            (Packet::Close, _) => {
                let owed = self.get == HeldGet::None && self.link != Link::Websocket;
                self.end(CloseReason::TransportClose, Packet::Noop);
                if owed {
                    self.get = HeldGet::Owed;
                    self.timers.set(Timer::Close, now + OWED);
                }
            }
            (Packet::Upgrade | Packet::Noop, _) => {}
            (packet, _) => return Err(self.unexpected(&packet)),
        }
        Ok(())
    }

    fn check_polling(&self) -> Result<(), RequestError> {
        match (self.phase, self.link) {
            (Phase::Closed, _) => Err(RequestError::SidUnknown),
            (_, Link::Websocket) => Err(RequestError::BadRequest),
            _ => Ok(()),
        }
    }

    fn fail(&mut self, fault: TransportFault) {
        self.end(CloseReason::TransportError(fault), Packet::Close);
    }

    /// Ends the session because of a packet: bytes that are not a packet are a `parse error`, a
    /// packet that only the other side may send is a `transport error`.
    fn end_by(&mut self, error: &PacketError) {
        let error = error.clone();
        match error {
            PacketError::Unexpected { .. } => self.fail(TransportFault::Unexpected(error)),
            _ => self.end(CloseReason::ParseError(error), Packet::Close),
        }
    }
}

/// How long a closed session still answers a GET that was on its way.
const OWED: Duration = Duration::from_secs(1);

/// How late a timer may fire before the deadline that follows from it moves too.
const LATE: Duration = Duration::from_millis(50);
