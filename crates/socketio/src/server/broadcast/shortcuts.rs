//! The methods of a server and of a namespace that begin a broadcast to all sockets. Each is
//! described at the method of [`Broadcast`] with the same name.

use std::time::Duration;

use serde::Serialize;

use crate::proto;
use crate::server::adapter::AdapterError;
use crate::server::{Broadcast, BroadcastAcks, EmitError, Namespace, RemoteSocket, Rooms, Server};

impl Server {
    /// Begins a broadcast to all sockets of the namespace `/`.
    pub fn everyone(&self) -> Broadcast {
        self.namespaces.of(proto::Namespace::default()).everyone()
    }
}

impl Namespace {
    /// Begins a broadcast to all its sockets.
    pub fn everyone(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }
}

/// Methods that begin a [`Broadcast`] to all sockets of a namespace.
macro_rules! broadcasts {
    ($of:ident) => {
        impl $of {
            /// As [`Broadcast::to`].
            pub fn to(&self, rooms: impl Rooms) -> Broadcast {
                self.everyone().to(rooms)
            }

            /// As [`Broadcast::within`].
            pub fn within(&self, rooms: impl Rooms) -> Broadcast {
                self.everyone().to(rooms)
            }

            /// As [`Broadcast::except`].
            pub fn except(&self, rooms: impl Rooms) -> Broadcast {
                self.everyone().except(rooms)
            }

            /// As [`Broadcast::local`].
            pub fn local(&self) -> Broadcast {
                self.everyone().local()
            }

            /// As [`Broadcast::volatile`].
            pub fn volatile(&self) -> Broadcast {
                self.everyone().volatile()
            }

            /// As [`Broadcast::compress`].
            pub fn compress(&self, compress: bool) -> Broadcast {
                self.everyone().compress(compress)
            }

            /// As [`Broadcast::timeout`].
            pub fn timeout(&self, within: Duration) -> Broadcast {
                self.everyone().timeout(within)
            }

            /// Sends an event to every socket, as [`Broadcast::emit`].
            ///
            /// # Errors
            /// As [`Broadcast::emit`].
            pub fn emit<T: Serialize + ?Sized>(
                &self,
                event: &str,
                args: &T,
            ) -> Result<(), EmitError> {
                self.everyone().emit(event, args)
            }

            /// Asks every socket for an ack, as [`Broadcast::emit_with_ack`].
            ///
            /// # Errors
            /// As [`Broadcast::emit_with_ack`].
            pub fn emit_with_ack<T: Serialize + ?Sized>(
                &self,
                event: &str,
                args: &T,
            ) -> Result<BroadcastAcks, EmitError> {
                self.everyone().emit_with_ack(event, args)
            }

            /// As [`Broadcast::fetch_sockets`].
            ///
            /// # Errors
            /// As [`Broadcast::fetch_sockets`].
            pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, AdapterError> {
                self.everyone().fetch_sockets().await
            }

            /// As [`Broadcast::sockets_join`].
            ///
            /// # Errors
            /// As [`Broadcast::sockets_join`].
            pub fn sockets_join(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
                self.everyone().sockets_join(rooms)
            }

            /// As [`Broadcast::sockets_leave`].
            ///
            /// # Errors
            /// As [`Broadcast::sockets_leave`].
            pub fn sockets_leave(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
                self.everyone().sockets_leave(rooms)
            }

            /// As [`Broadcast::disconnect_sockets`].
            ///
            /// # Errors
            /// As [`Broadcast::disconnect_sockets`].
            pub fn disconnect_sockets(&self, close: bool) -> Result<(), AdapterError> {
                self.everyone().disconnect_sockets(close)
            }
        }
    };
}

broadcasts!(Server);
broadcasts!(Namespace);
