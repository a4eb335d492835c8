//! What all parts of one server share.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use engineio::proto::{Message, Outgoing, SendError};
use engineio::server::Sender;

use super::hooks::Hooks;
use super::single::Single;
use super::{Config, EmitError, Socket};
use crate::proto::{self, Encoded};

pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) connection: Arc<proto::Config>,
    pub(crate) hooks: Hooks,
    /// Values that handlers ask for, by their types.
    state: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Times of all connections count from here.
    pub(crate) origin: tokio::time::Instant,
}

/// A packet as the engine sends it.
pub(crate) struct Wire {
    messages: Messages,
    compress: bool,
}

enum Messages {
    One(Message),
    Several(Vec<Message>),
}

impl Wire {
    /// Says whether transports may compress it.
    pub(crate) fn compress(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    fn messages(&self) -> &[Message] {
        match &self.messages {
            Messages::One(message) => std::slice::from_ref(message),
            Messages::Several(messages) => messages,
        }
    }

    pub(crate) fn send(&self, engine: &Sender) -> Result<(), SendError> {
        let messages = Outgoing::from(self.messages());
        engine.send(if self.compress { messages } else { messages.uncompressed() })
    }
}

impl Context {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            connection: Arc::new(config.connection.clone()),
            config,
            hooks: Hooks::default(),
            state: RwLock::default(),
            origin: tokio::time::Instant::now(),
        }
    }

    /// The wire form of a packet; made once, it serves all receivers.
    pub(crate) fn wire(&self, packet: &Encoded) -> Wire {
        Wire { messages: self.messages(packet.clone()), compress: true }
    }

    /// As [`Context::wire`], of a packet for one receiver.
    pub(crate) fn wire_of(&self, packet: &Single) -> Wire {
        Wire { messages: self.single(packet.clone()), compress: true }
    }

    /// Sends a packet to one receiver, who gets its bytes unshared.
    pub(crate) fn send(&self, engine: &Sender, packet: Single) -> Result<(), SendError> {
        match self.single(packet) {
            Messages::One(message) => engine.send(message),
            Messages::Several(messages) => engine.send(messages),
        }
    }

    fn single(&self, packet: Single) -> Messages {
        match packet {
            Single::Encoded(packet) => self.messages(packet),
            #[cfg(feature = "msgpack")]
            Single::Packed(packet) => Messages::One(packet.into()),
        }
    }

    fn messages(&self, packet: Encoded) -> Messages {
        #[cfg(feature = "msgpack")]
        if self.connection.codec == proto::Codec::MessagePack {
            return match proto::msgpack::encode(&packet) {
                Ok(packed) => Messages::One(packed.into()),
                Err(error) => {
                    tracing::error!(%error, "packet not sent: no MessagePack");
                    Messages::Several(Vec::new())
                }
            };
        }
        match packet.into_messages() {
            (text, None) => Messages::One(text),
            (text, Some(attachments)) => {
                let attachments = attachments.iter().cloned().map(Message::Binary);
                Messages::Several(std::iter::once(text).chain(attachments).collect())
            }
        }
    }

    /// Packets as messages, if each of them is one.
    pub(crate) fn plain(&self, packets: &[&Encoded]) -> Option<Vec<Message>> {
        let one = |packet: &&Encoded| match self.messages((*packet).clone()) {
            Messages::One(message) => Some(message),
            Messages::Several(_) => None,
        };
        packets.iter().map(one).collect()
    }

    /// Sends packets that belong together, all or none.
    pub(crate) fn send_all(&self, socket: &Socket, packets: Vec<Encoded>) -> Result<(), EmitError> {
        let mut messages = Vec::with_capacity(packets.len());
        for packet in packets {
            match self.messages(packet) {
                Messages::One(message) => messages.push(message),
                Messages::Several(several) => messages.extend(several),
            }
        }
        Ok(socket.engine().send(messages)?)
    }

    pub(crate) fn insert_state<T: Any + Send + Sync>(&self, value: T) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}
