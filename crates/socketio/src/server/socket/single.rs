//! Packets for one socket, written at once in the form in which it leaves.

#[cfg(feature = "msgpack")]
use bytes::Bytes;
use serde::Serialize;

use crate::proto::{Args, EncodeError, Encoded, encode};
#[cfg(feature = "msgpack")]
use crate::proto::{Codec, msgpack};
use crate::server::Socket;

/// A packet for one socket. Cloning copies no bytes.
#[derive(Clone)]
pub(crate) enum Single {
    Encoded(Encoded),
    #[cfg(feature = "msgpack")]
    Packed(Bytes),
}

impl Single {
    /// For who reads it again. None when nobody does.
    pub(crate) fn encoded(&self) -> Option<&Encoded> {
        match self {
            Self::Encoded(packet) => Some(packet),
            #[cfg(feature = "msgpack")]
            Self::Packed(_) => None,
        }
    }
}

impl From<Encoded> for Single {
    fn from(packet: Encoded) -> Self {
        Self::Encoded(packet)
    }
}

impl Socket {
    /// An event that this socket is sent.
    pub(crate) fn event<T: Serialize + ?Sized>(
        &self,
        ack_id: Option<u64>,
        event: &str,
        args: &T,
    ) -> Result<Single, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_alone() {
            return msgpack::event(name, ack_id, event, args).map(Single::Packed);
        }
        encode::event(name, ack_id, event, args).map(Single::Encoded)
    }

    /// As [`Socket::event`], with arguments that were received.
    pub(crate) fn event_args(
        &self,
        ack_id: Option<u64>,
        event: &str,
        args: &Args,
    ) -> Result<Single, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_alone() {
            return msgpack::event_args(name, ack_id, event, args).map(Single::Packed);
        }
        Ok(encode::event_args(name, ack_id, event, args)?.into())
    }

    /// An ack that this socket is sent.
    pub(crate) fn ack<T: Serialize + ?Sized>(
        &self,
        id: u64,
        args: &T,
    ) -> Result<Single, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_packed() {
            return msgpack::ack(name, id, args).map(Single::Packed);
        }
        encode::ack(name, id, args).map(Single::Encoded)
    }

    /// As [`Socket::ack`], with arguments that were received.
    pub(crate) fn ack_args(&self, id: u64, args: &Args) -> Result<Single, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_packed() {
            return msgpack::ack_args(name, id, args).map(Single::Packed);
        }
        Ok(encode::ack_args(name, id, args).into())
    }

    #[cfg(feature = "msgpack")]
    fn is_packed(&self) -> bool {
        self.context().connection.codec == Codec::MessagePack
    }

    /// Whether an event goes to this socket as MessagePack and nowhere else: no listener is told of
    /// it, and no log keeps it.
    #[cfg(feature = "msgpack")]
    fn is_alone(&self) -> bool {
        self.is_packed() && self.context().config.recovery.is_none() && !self.has_outgoing()
    }
}
