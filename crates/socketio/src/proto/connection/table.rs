//! The table of packets and states of a namespace, as code.

use super::{Connection, Event, State};
use crate::proto::{Body, Namespace, Packet, PeerError, RawJson};

impl Connection {
    /// What a packet means in the state that its namespace is in.
    pub(super) fn event(&mut self, packet: Packet) -> Result<Option<Event>, PeerError> {
        let is_welcome = match packet.body {
            Body::Connect { .. } => true,
            _ => self.is_welcome(&packet)?,
        };
        let Packet { namespace, body } = packet;
        let event = match body {
            Body::Connect { auth } => return self.join(namespace, auth),
            Body::Disconnect => {
                self.namespaces.remove(&namespace);
                Event::Disconnect { namespace }
            }
            Body::Event { args, ack_id } => Event::Event { namespace, args, ack_id },
            Body::Ack { id, args } => Event::Ack { namespace, id, args },
            Body::ConnectError { .. } => {
                return Err(unexpected("CONNECT_ERROR", "it is for servers to send"));
            }
        };
        Ok(is_welcome.then_some(event))
    }

    /// The column of CONNECT.
    fn join(
        &mut self,
        namespace: Namespace,
        auth: Option<RawJson>,
    ) -> Result<Option<Event>, PeerError> {
        let (namespace, auth) = self.version.split(namespace, auth, &self.config)?;
        match self.namespaces.of_mut(&namespace) {
            None | Some(State::Left) => self.connect(namespace, auth, false).map(Some),
            Some(State::Connecting { implicit }) if *implicit => {
                *implicit = false;
                Ok(None)
            }
            Some(State::Joined { again }) if again.is_some() => {
                self.transmit = again.take();
                Ok(None)
            }
            Some(_) => Err(unexpected("CONNECT", "its namespace is taken")),
        }
    }

    /// Whether the application hears of a packet for a namespace; an error when it must not come.
    pub(super) fn is_welcome(&self, packet: &Packet) -> Result<bool, PeerError> {
        match self.namespaces.of(&packet.namespace) {
            Some(State::Connecting { .. } | State::Joined { .. }) => Ok(true),
            Some(State::Left) => Ok(false),
            None => Err(unexpected(packet.body.name(), "its namespace is not joined")),
        }
    }

    pub(super) fn connect(
        &mut self,
        namespace: Namespace,
        auth: Option<RawJson>,
        implicit: bool,
    ) -> Result<Event, PeerError> {
        let max = self.config.max_namespaces;
        if self.namespaces.len() >= max && self.namespaces.of(&namespace).is_none() {
            // Forgetting one that was left only makes a late packet for it a fault again.
            let left = self.namespaces.iter().find(|(_, state)| matches!(state, State::Left));
            let Some(left) = left.map(|(name, _)| name.clone()) else {
                return Err(PeerError::TooManyNamespaces { count: self.namespaces.len() + 1, max });
            };
            self.namespaces.remove(&left);
        }
        self.namespaces.insert(namespace.clone(), State::Connecting { implicit });
        Ok(Event::Connect { namespace, auth })
    }
}

pub(super) fn unexpected(packet: &'static str, state: &'static str) -> PeerError {
    PeerError::Unexpected { packet, state }
}
