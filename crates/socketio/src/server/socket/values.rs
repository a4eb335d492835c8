//! What the application keeps with a socket.

use std::any::{Any, TypeId};
use std::sync::Arc;

use serde::Serialize;

use super::Socket;
use crate::proto::RawJson;
use crate::server::local::Values;

impl Socket {
    /// Keeps a value with the socket; one of each type. It is dropped when the socket is gone and
    /// [`on_disconnect`](crate::server::Namespace::on_disconnect) is done, unless the client may recover it.
    pub fn insert<T: Any + Send + Sync>(&self, value: T) {
        let before =
            self.kept().get_or_insert_default().0.insert(TypeId::of::<T>(), Arc::new(value));
        // Foreign code may run when it is dropped: not under the lock.
        drop(before);
    }

    /// The value of this type that was kept.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.kept().as_ref()?.0.get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }

    /// Keeps data that all nodes see: what
    /// [`fetch_sockets`](crate::server::Broadcast::fetch_sockets) tells of this socket.
    ///
    /// # Errors
    /// The error of serde when `data` does not become JSON.
    pub fn set_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), serde_json::Error> {
        let data = RawJson::from_value(data)?;
        self.kept().get_or_insert_default().1 = Some(data);
        Ok(())
    }

    /// What [`Socket::set_data`] put there.
    pub fn data(&self) -> Option<RawJson> {
        self.kept().as_ref()?.1.clone()
    }

    /// A value of the server, as [`Server::insert_state`](crate::server::Server::insert_state) put it.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.context().state()
    }

    /// Forgets what the application put there.
    pub(crate) fn forget(&self) {
        self.clear_handlers();
        let kept = self.kept().take();
        drop(kept);
    }

    pub(crate) fn copy_values(&self) -> (Values, Option<RawJson>) {
        self.kept().as_deref().cloned().unwrap_or_default()
    }
}
