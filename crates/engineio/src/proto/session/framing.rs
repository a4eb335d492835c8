//! Framing: which bytes a packet becomes, in protocol 3 or 4.

use bytes::Bytes;

use crate::proto::{Frame, Packet, PacketError, Protocol, payload, v3};

/// How the packets of one session are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) protocol: Protocol,
    /// In protocol 3: the client reads no binary payloads.
    pub(super) base64: bool,
    /// In protocol 3: the client's websocket reads no binary frames.
    pub(super) websocket_base64: bool,
}

impl Framing {
    pub(super) fn read(self, frame: Frame) -> Result<Packet, PacketError> {
        match self.protocol {
            Protocol::V3 => v3::decode_frame(frame),
            Protocol::V4 => frame.into_packet(),
        }
    }

    pub(super) fn frame(self, packet: Packet) -> Frame {
        match self.protocol {
            Protocol::V3 => v3::into_frame(packet, self.websocket_base64),
            Protocol::V4 => packet.into_frame(),
        }
    }

    pub(super) fn encoder(self, max: usize) -> Encoder {
        match self.protocol {
            Protocol::V3 => Encoder::V3(v3::payload::Encoder::new(self.base64, max)),
            Protocol::V4 => Encoder::V4(payload::Encoder::new(max)),
        }
    }

    /// The packets of a text body.
    pub(super) fn packets(self, body: Bytes, max: usize) -> Packets {
        match self.protocol {
            Protocol::V3 => Packets::V3(v3::payload::decode_text(body, max)),
            Protocol::V4 => Packets::V4(payload::decode(body, max)),
        }
    }
}

/// Packets of a body in either protocol.
pub(super) enum Packets {
    V3(v3::payload::Packets),
    V4(payload::Packets),
}

impl Iterator for Packets {
    type Item = Result<Packet, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::V3(packets) => packets.next(),
            Self::V4(packets) => packets.next(),
        }
    }
}

/// A body of either protocol.
pub(super) enum Encoder {
    V3(v3::payload::Encoder),
    V4(payload::Encoder),
}

impl Encoder {
    pub(super) fn fits(&self, packet: &Packet) -> bool {
        match self {
            Self::V3(encoder) => encoder.fits(packet),
            Self::V4(encoder) => encoder.fits(packet),
        }
    }

    pub(super) fn push(&mut self, packet: Packet) {
        match self {
            Self::V3(encoder) => encoder.push(packet),
            Self::V4(encoder) => encoder.push(packet),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::V3(encoder) => encoder.is_empty(),
            Self::V4(encoder) => encoder.is_empty(),
        }
    }

    pub(super) fn finish(self) -> Bytes {
        match self {
            Self::V3(encoder) => encoder.finish(),
            Self::V4(encoder) => encoder.finish(),
        }
    }
}
