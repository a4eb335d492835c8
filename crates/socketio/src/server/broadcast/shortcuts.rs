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
        self.namespaces.of(proto::NamespaceName::default()).everyone()
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
            /// Same as [`Broadcast::to`].
            pub fn to(&self, rooms: impl Rooms) -> Broadcast {
                self.everyone().to(rooms)
            }

            /// Same as [`Broadcast::within`].
            pub fn within(&self, rooms: impl Rooms) -> Broadcast {
                self.everyone().to(rooms)
            }

            /// Same as [`Broadcast::except`].
            pub fn except(&self, rooms: impl Rooms) -> Broadcast {
                self.everyone().except(rooms)
            }

            /// Same as [`Broadcast::local`].
            pub fn local(&self) -> Broadcast {
                self.everyone().local()
            }

            /// Same as [`Broadcast::volatile`].
            pub fn volatile(&self) -> Broadcast {
                self.everyone().volatile()
            }

            /// Same as [`Broadcast::compress`].
            pub fn compress(&self, compress: bool) -> Broadcast {
                self.everyone().compress(compress)
            }

            /// Same as [`Broadcast::timeout`].
            pub fn timeout(&self, within: Duration) -> Broadcast {
                self.everyone().timeout(within)
            }

            /// Sends an event to every socket: [`Broadcast::emit`].
            ///
            /// # Errors
            /// Those of [`Broadcast::emit`].
            pub fn emit<T: Serialize + ?Sized>(
                &self,
                event: &str,
                args: &T,
            ) -> Result<(), EmitError> {
                self.everyone().emit(event, args)
            }

            /// Asks every socket for an ack: [`Broadcast::emit_with_ack`].
            ///
            /// # Errors
            /// Those of [`Broadcast::emit_with_ack`].
            pub fn emit_with_ack<T: Serialize + ?Sized>(
                &self,
                event: &str,
                args: &T,
            ) -> Result<BroadcastAcks, EmitError> {
                self.everyone().emit_with_ack(event, args)
            }

            /// Same as [`Broadcast::fetch_sockets`].
            ///
            /// # Errors
            /// Those of [`Broadcast::fetch_sockets`].
            pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, AdapterError> {
                self.everyone().fetch_sockets().await
            }

            /// Same as [`Broadcast::sockets_join`].
            ///
            /// # Errors
            /// Those of [`Broadcast::sockets_join`].
            pub fn sockets_join(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
                self.everyone().sockets_join(rooms)
            }

            /// Same as [`Broadcast::sockets_leave`].
            ///
            /// # Errors
            /// Those of [`Broadcast::sockets_leave`].
            pub fn sockets_leave(&self, rooms: impl Rooms) -> Result<(), AdapterError> {
                self.everyone().sockets_leave(rooms)
            }

            /// Same as [`Broadcast::disconnect_sockets`].
            ///
            /// # Errors
            /// Those of [`Broadcast::disconnect_sockets`].
            pub fn disconnect_sockets(&self, close: bool) -> Result<(), AdapterError> {
                self.everyone().disconnect_sockets(close)
            }
        }
    };
}

broadcasts!(Server);
broadcasts!(Namespace);
