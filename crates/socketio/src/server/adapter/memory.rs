//! The adapter of one node.

use std::future::ready;
use std::time::Duration;

use engineio::proto::Sid;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::{Adapter, AdapterError, BroadcastOptions};
use crate::proto::{Args, Encoded, RawJson};
use crate::server::handshake::SocketInfo;
use crate::server::local::{
    BroadcastAck, LocalSockets, RestoredSession, Room, StoredSession, TooManyRooms,
};

/// The adapter of a single node: all sockets are on this node.
#[derive(Debug)]
pub struct MemoryAdapter {
    local: LocalSockets,
}

impl MemoryAdapter {
    /// Creates the adapter of a namespace that has no other nodes.
    pub fn new(local: LocalSockets) -> Self {
        Self { local }
    }
}

impl Adapter for MemoryAdapter {
    fn add(&self, socket: Sid, rooms: &[Room]) -> Result<(), TooManyRooms> {
        self.local.add(socket, rooms)
    }

    fn del(&self, socket: Sid, room: &str) {
        self.local.del(socket, room);
    }

    fn del_all(&self, _socket: Sid) {}

    fn broadcast(&self, packet: &Encoded, options: &BroadcastOptions) -> Result<(), AdapterError> {
        self.local.broadcast(packet, options);
        Ok(())
    }

    fn broadcast_with_ack(
        &self,
        packet: &Encoded,
        options: &BroadcastOptions,
        within: Duration,
    ) -> BoxStream<'static, BroadcastAck> {
        self.local.broadcast_with_ack(packet, options, within).boxed()
    }

    fn sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<Sid>, AdapterError>> {
        Box::pin(ready(Ok(self.local.ids(options))))
    }

    fn fetch_sockets(
        &self,
        options: &BroadcastOptions,
    ) -> BoxFuture<'static, Result<Vec<SocketInfo>, AdapterError>> {
        Box::pin(ready(Ok(self.local.fetch_sockets(options))))
    }

    fn add_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError> {
        self.local.add_sockets(options, rooms);
        Ok(())
    }

    fn del_sockets(&self, options: &BroadcastOptions, rooms: &[Room]) -> Result<(), AdapterError> {
        self.local.del_sockets(options, rooms);
        Ok(())
    }

    fn disconnect_sockets(
        &self,
        options: &BroadcastOptions,
        close: bool,
    ) -> Result<(), AdapterError> {
        self.local.disconnect_sockets(options, close);
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
    ) -> BoxFuture<'static, Option<RestoredSession>> {
        Box::pin(ready(self.local.restore_session(pid, offset)))
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}
