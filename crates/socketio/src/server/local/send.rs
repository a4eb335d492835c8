//! Sending to the sockets of this node. With recovery, events are logged and get their offsets
//! here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engineio::proto::Sid;

use super::acks::LocalAcks;
use super::options::{BroadcastOptions, Flags};
use super::{LocalSockets, State};
use crate::proto::{self, Encoded};
use crate::server::{EmitError, Socket};

impl LocalSockets {
    /// Sends an event to the sockets of this node that `options` selects. Its messages are made
    /// once, for all of them.
    pub fn broadcast(&self, packet: &Encoded, options: &BroadcastOptions) {
        let Flags { volatile, compress, .. } = options.flags;
        let mut state = self.lock();
        let mut sockets = state.index.select(options);
        match state.stamp(&self.inner.name, packet, volatile) {
            None => {
                drop(state);
                let outgoing = self.inner.context.outgoing(packet).compress(compress);
                let Some(first) = sockets.first() else { return };
                let all_listen = first.namespace().has_outgoing();
                // Release each handle right after the delivery, while the socket is in the cache.
                // Only sockets whose listeners are called below are kept.
                sockets.retain(|socket| {
                    socket.deliver(&outgoing, volatile);
                    all_listen || socket.has_own_outgoing()
                });
            }
            // Offsets must reach every socket in order, so the lock is held while this event is
            // sent.
            Some(stamped) => {
                let outgoing = self.inner.context.outgoing(&stamped).compress(compress);
                for socket in &sockets {
                    socket.deliver(&outgoing, volatile);
                    if !volatile {
                        state.mark_sent(socket.id());
                    }
                }
                if !volatile {
                    state.log(stamped, options);
                }
                drop(state);
            }
        }
        Socket::notify_outgoing(&sockets, packet);
    }

    /// Like [`LocalSockets::broadcast`], and asks every socket for an ack, which must come within
    /// `within`.
    pub fn broadcast_with_ack(
        &self,
        packet: &Encoded,
        options: &BroadcastOptions,
        within: Duration,
    ) -> LocalAcks {
        let sockets = self.select(options);
        let id = self.next_ack_id();
        let packet = packet.with_ack_id(&self.inner.name, id);
        let outgoing = self.inner.context.outgoing(&packet).compress(options.flags.compress);
        Socket::notify_outgoing(&sockets, &packet);
        LocalAcks::send(sockets, id, &outgoing, options.flags.volatile, within)
    }

    /// Logs an event for one socket and sends it, where recovery is on. It reaches the socket that
    /// has this id now; none if its client is lost and may come back for the event.
    pub(crate) fn emit(
        &self,
        socket: &Socket,
        packet: &Encoded,
        compress: bool,
    ) -> Result<(), EmitError> {
        let outgoing = |packet: &Encoded| self.inner.context.outgoing(packet).compress(compress);
        let id = socket.id();
        let mut state = self.lock();
        let holder = state.index.get(id).map(|member| member.socket.clone());
        let is_lost = holder.is_none() && state.is_lost(id);
        match state.stamp(&self.inner.name, packet, false) {
            Some(stamped) if holder.is_some() || is_lost => {
                if let Some(holder) = holder {
                    holder.transmit(&outgoing(&stamped))?;
                    state.mark_sent(id);
                }
                let rooms = vec![id.as_str().into()];
                state.log(stamped, &BroadcastOptions { rooms, ..BroadcastOptions::default() });
                Ok(())
            }
            _ => {
                drop(state);
                socket.transmit(&outgoing(packet))
            }
        }
    }

    /// Sends a volatile event to one socket, where recovery is on.
    pub(crate) fn emit_volatile(&self, socket: &Socket, packet: &Encoded, compress: bool) {
        let outgoing = |packet: &Encoded| self.inner.context.outgoing(packet).compress(compress);
        let state = self.lock();
        match state.stamp(&self.inner.name, packet, true) {
            Some(stamped) => socket.deliver(&outgoing(&stamped), true),
            None => {
                drop(state);
                socket.deliver(&outgoing(packet), true);
            }
        }
    }

    pub(crate) fn next_ack_id(&self) -> u64 {
        self.inner.acks.fetch_add(1, Ordering::Relaxed)
    }
}

impl State {
    /// Appends the offset as the last argument; `None` if the packet needs none. A volatile event
    /// is not logged and needs an offset only if its last argument is a string: the reference's
    /// client would take that string for an offset. It gets the offset of the event before.
    fn stamp(
        &self,
        name: &proto::NamespaceName,
        packet: &Encoded,
        volatile: bool,
    ) -> Option<Encoded> {
        let recovery = self.recovery.as_ref()?;
        let ends_in_string = || packet.text().as_bytes().ends_with(b"\"]");
        if !packet.is_plain_event(name) || (volatile && !ends_in_string()) {
            return None;
        }
        let offset = recovery.head() + u64::from(!volatile);
        Some(packet.with_last_arg(&offset.to_string()))
    }

    fn log(&mut self, packet: Encoded, options: &BroadcastOptions) {
        if let Some(recovery) = &mut self.recovery {
            recovery.push(packet, options.clone());
        }
    }

    /// Notes that the event about to be logged was sent to a socket.
    fn mark_sent(&mut self, id: Sid) {
        let Self { index, recovery: Some(recovery) } = self else { return };
        if let Some(member) = index.get_mut(id) {
            member.sent = recovery.head() + 1;
        }
    }

    fn is_lost(&self, id: Sid) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| recovery.is_lost(id))
    }
}
