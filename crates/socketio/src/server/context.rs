//! What all parts of one server share.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use engineio::proto::Message;

use super::hooks::Hooks;
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
pub(crate) enum Wire {
    One(Message),
    Several(Vec<Message>),
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
        #[cfg(feature = "msgpack")]
        if self.connection.codec == proto::Codec::MessagePack {
            return match proto::msgpack::encode(packet) {
                Ok(packed) => Wire::One(packed.into()),
                Err(error) => {
                    tracing::error!(%error, "packet not sent: no MessagePack");
                    Wire::Several(Vec::new())
                }
            };
        }
        if packet.attachments().is_empty() {
            Wire::One(packet.text().clone().into())
        } else {
            Wire::Several(packet.messages().collect())
        }
    }

    /// Sends packets that belong together, all or none.
    pub(crate) fn send_all(&self, socket: &Socket, packets: &[Encoded]) -> Result<(), EmitError> {
        let mut messages = Vec::with_capacity(packets.len());
        for packet in packets {
            match self.wire(packet) {
                Wire::One(message) => messages.push(message),
                Wire::Several(several) => messages.extend(several),
            }
        }
        Ok(socket.engine().send_all(&messages)?)
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
