//! The adapter of one node.

use std::future::ready;
use std::time::Duration;

use engineio::proto::Sid;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::{Adapter, AdapterError, Target};
use crate::proto::{Args, Encoded, RawJson};
use crate::server::SocketInfo;
use crate::server::local::{BroadcastAck, Local, Restored, Room, StoredSession, TooManyRooms};

/// One node: everything is here.
#[derive(Debug)]
pub struct Memory {
    local: Local,
}

impl Memory {
    /// The adapter of a namespace without other nodes.
    pub fn new(local: Local) -> Self {
        Self { local }
    }
}

impl Adapter for Memory {
    fn add(&self, socket: Sid, rooms: &[Room]) -> Result<(), TooManyRooms> {
        self.local.add(socket, rooms)
    }

    fn del(&self, socket: Sid, room: &str) {
        self.local.del(socket, room);
    }

    fn del_all(&self, _socket: Sid) {}

    fn broadcast(&self, packet: &Encoded, target: &Target) -> Result<(), AdapterError> {
        self.local.broadcast(packet, target);
        Ok(())
    }

    fn broadcast_with_ack(
        &self,
        packet: &Encoded,
        target: &Target,
        within: Duration,
    ) -> BoxStream<'static, BroadcastAck> {
        self.local.broadcast_with_ack(packet, target, within).boxed()
    }

    fn sockets(&self, target: &Target) -> BoxFuture<'static, Result<Vec<Sid>, AdapterError>> {
        Box::pin(ready(Ok(self.local.ids(target))))
    }

    fn fetch_sockets(
        &self,
        target: &Target,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, AdapterError>> {
        Box::pin(ready(Ok(self.local.fetch_sockets(target))))
    }

    fn add_sockets(&self, target: &Target, rooms: &[Room]) -> Result<(), AdapterError> {
        self.local.add_sockets(target, rooms);
        Ok(())
    }

    fn del_sockets(&self, target: &Target, rooms: &[Room]) -> Result<(), AdapterError> {
        self.local.del_sockets(target, rooms);
        Ok(())
    }

    fn disconnect_sockets(&self, target: &Target, close: bool) -> Result<(), AdapterError> {
        self.local.disconnect_sockets(target, close);
        Ok(())
    }

    fn server_side_emit(&self, _args: &Args) -> Result<(), AdapterError> {
        Ok(())
    }

    fn server_side_emit_with_ack(
        &self,
        _args: &Args,
    ) -> BoxFuture<'static, Result<Vec<RawJson>, AdapterError>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn server_count(&self) -> BoxFuture<'static, Result<usize, AdapterError>> {
        Box::pin(ready(Ok(1)))
    }

    fn persist_session(&self, session: StoredSession) {
        self.local.persist_session(session);
    }

    fn restore_session(
        &self,
        pid: &str,
        offset: Option<&str>,
    ) -> BoxFuture<'static, Option<Restored>> {
        Box::pin(ready(self.local.restore_session(pid, offset)))
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}
