//! What all parts of one server share: configuration, hooks, the application's state, and the
//! origin of time.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Config;
use super::hooks::Hooks;
use crate::proto;

pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) connection: Arc<proto::ConnectionConfig>,
    pub(crate) hooks: Hooks,
    /// Values that handlers take as `State`, by their types.
    state: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Times of all connections count from here.
    pub(crate) origin: tokio::time::Instant,
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

    pub(crate) fn insert_state<T: Any + Send + Sync>(&self, value: T) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}
