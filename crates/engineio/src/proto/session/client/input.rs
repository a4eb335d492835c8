//! Input: what the world tells a session. Answers to its requests, frames, lost connections,
//! deadlines.

use bytes::Bytes;

use super::{Link, Phase, Session, unexpected};
use crate::proto::session::timers::Timer;
use crate::proto::session::{Event, Time};
use crate::proto::{
    CloseReason, Frame, Handshake, Packet, PacketError, Transport, TransportFault, payload,
};

impl Session {
    /// The GET was answered by this body.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session; messages before the fault are delivered.
    pub fn handle_payload(&mut self, now: Time, body: Bytes) -> Result<(), PacketError> {
        self.getting = false;
        for packet in payload::decode(body, self.config.limits.max_payload_packets) {
            packet.and_then(|packet| self.handle_packet(now, packet)).inspect_err(|error| {
                self.end(CloseReason::ParseError(error.clone()));
            })?;
        }
        Ok(())
    }

    /// The POST was answered `ok`.
    pub fn handle_posted(&mut self) {
        self.posting = false;
        if self.said_close {
            self.end(CloseReason::ForcedClose);
        }
    }

    /// A GET or a POST failed, or was answered by an error.
    pub fn handle_request_failed(&mut self) {
        self.getting = false;
        self.posting = false;
        if self.link != Link::Websocket {
            self.end(CloseReason::TransportError(TransportFault::RequestFailed));
        }
    }

    /// The websocket that was asked for is open.
    pub fn handle_websocket_open(&mut self, now: Time) {
        if self.link == Link::Polling && self.phase == Phase::Open {
            self.link = Link::Probing;
            self.probe = true;
            self.timers.set(Timer::Upgrade, now + self.config.upgrade_timeout);
        } else if self.link != Link::Websocket {
            self.hang_up = true;
        }
    }

    /// A frame arrived on the websocket.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session, or while probing only the websocket.
    pub fn handle_frame(&mut self, now: Time, frame: Frame) -> Result<(), PacketError> {
        match (self.link, frame.into_packet()) {
            (Link::Polling, _) => Ok(()),
            (Link::Probing, Ok(Packet::PongProbe)) => {
                self.link = Link::Pausing;
                Ok(())
            }
            (Link::Probing | Link::Pausing, packet) => {
                self.drop_probe();
                Err(packet.map_or_else(|e| e, |p| unexpected(&p, "probing")))
            }
            (Link::Websocket, packet) => {
                packet.and_then(|packet| self.handle_packet(now, packet)).inspect_err(|error| {
                    self.end(CloseReason::ParseError(error.clone()));
                })
            }
        }
    }

    /// The websocket is gone: it was closed by the peer, or has `failed` or could not be opened.
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
        match self.link {
            Link::Polling => {}
            Link::Probing | Link::Pausing => self.drop_probe(),
            Link::Websocket => self.end(reason),
        }
        self.hang_up = false;
    }

    /// A deadline passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((timer, _)) = self.timers.expired(now) {
            match timer {
                Timer::Ping | Timer::Pong => self.end(CloseReason::PingTimeout),
                Timer::Upgrade => self.drop_probe(),
                Timer::Close if self.phase == Phase::Closing => self.end(CloseReason::ForcedClose),
                Timer::Close => {
                    self.end(CloseReason::TransportError(TransportFault::HandshakeTimeout));
                }
            }
        }
    }

    fn handle_packet(&mut self, now: Time, packet: Packet) -> Result<(), PacketError> {
        match (self.phase, packet) {
            (Phase::Closed, _) => {}
            (Phase::Opening, Packet::Open(json)) => self.open(now, Handshake::from_json(&json)?),
            (Phase::Opening, packet) => return Err(unexpected(&packet, "opening")),
            (_, Packet::Message(message)) => {
                if self.phase == Phase::Open {
                    self.inbox.push(Event::Message(message));
                }
            }
            (_, Packet::Ping | Packet::PingProbe) => {
                if self.phase == Phase::Open {
                    self.pong = true;
                    self.expect_ping(now);
                }
            }
            (_, Packet::Close) => self.end(CloseReason::TransportClose),
            (_, Packet::Noop | Packet::Pong | Packet::PongProbe) => {}
            (_, packet) => return Err(unexpected(&packet, "open")),
        }
        Ok(())
    }

    fn open(&mut self, now: Time, handshake: Handshake) {
        self.phase = Phase::Open;
        self.timers.stop(Timer::Close);
        self.wants_websocket = self.config.upgrade
            && self.link == Link::Polling
            && handshake.upgrades.contains(&Transport::Websocket);
        self.inbox.push(Event::Open(handshake.clone()));
        self.handshake = Some(handshake);
        self.expect_ping(now);
    }

    fn expect_ping(&mut self, now: Time) {
        if let Some(handshake) = &self.handshake {
            self.timers.set(Timer::Ping, now + handshake.ping_interval + handshake.ping_timeout);
        }
    }
}
