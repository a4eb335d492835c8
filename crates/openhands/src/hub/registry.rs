//! Which conversations are loaded.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::core::{Core, Cores, Registration};
use super::{Conversation, HubError};
use crate::domain::ConversationId;
use crate::log::EventLog;

/// The loaded conversations: by id for callers, by key for the log's feed.
///
/// The lock of the slots and that of the cores are never held together, and no conversation is dropped
/// under one of them.
#[derive(Default)]
pub(super) struct Registry {
    slots: Mutex<HashMap<ConversationId, Arc<Slot>>>,
    pub(super) cores: Arc<Cores>,
}

/// A conversation that is loaded or being loaded: the cell lets only one load at a time.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) conversation: OnceCell<Arc<Conversation>>,
    /// Set by a sweep that found it idle, cleared by every use.
    pub(super) was_idle: AtomicBool,
}

impl Slot {
    /// Whether nobody but the registry has it, and its agent can be dropped.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
            && self.conversation.get().is_none_or(|conversation| {
                Arc::strong_count(conversation) == 1 && conversation.core.is_agent_idle()
            })
    }
}

impl Registry {
    /// The slot of `id`, made when missing.
    pub(super) fn slot(&self, id: &ConversationId, max: usize) -> Result<Arc<Slot>, HubError> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(id) {
            slot.was_idle.store(false, Ordering::SeqCst);
            return Ok(slot.clone());
        }
        let len = slots.len();
        if len >= max {
            return Err(HubError::TooManyConversations { len, max });
        }
        let slot = Arc::new(Slot::default());
        slots.insert(id.clone(), slot.clone());
        Ok(slot)
    }

    /// Forgets `slot` unless someone else waits for it or it holds a conversation in use.
    pub(super) fn forget(&self, id: &ConversationId, slot: &Arc<Slot>) {
        let mut slots = self.slots();
        let same = slots.get(id).is_some_and(|known| Arc::ptr_eq(known, slot));
        let gone = match slot.conversation.get() {
            Some(conversation) => conversation.is_deleted(),
            None => Arc::strong_count(slot) == 2,
        };
        let removed = if same && gone { slots.remove(id) } else { None };
        drop(slots);
        drop(removed);
    }

    /// Drops the conversation if it is idle. Whether it is out of memory now.
    pub(super) fn unload(&self, id: &ConversationId) -> bool {
        let mut slots = self.slots();
        let is_idle = slots.get(id).is_none_or(Slot::is_idle);
        let removed = if is_idle { slots.remove(id) } else { None };
        drop(slots);
        drop(removed);
        is_idle
    }

    pub(super) fn loaded(&self, id: &ConversationId) -> Option<Arc<Conversation>> {
        self.slots().get(id)?.conversation.get().cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Conversation>> {
        self.slots().values().filter_map(|slot| slot.conversation.get().cloned()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.slots().len()
    }

    /// Drops conversations that are idle: `now`, or since the last sweep.
    pub(super) fn sweep(&self, now: bool) {
        let mut idle = Vec::new();
        self.slots().retain(|_, slot| {
            let is_idle = slot.is_idle();
            let was_idle = slot.was_idle.swap(is_idle, Ordering::SeqCst);
            let drops = is_idle && (was_idle || now);
            if drops {
                idle.push(slot.clone());
            }
            !drops
        });
        drop(idle);
    }

    /// Takes the log's feed from here on, as long as the registry lives.
    pub(super) fn follow(self: &Arc<Self>, log: &dyn EventLog) {
        let registry = Arc::downgrade(self);
        self.cores.follow(log, move |id| {
            if let Some(registry) = registry.upgrade() {
                registry.deleted(id);
            }
        });
    }

    /// Lets the feed reach `core` from now on.
    pub(super) fn register(&self, core: Arc<Core>) -> Registration {
        self.cores.register(core)
    }

    /// Forgets a conversation that the log has deleted.
    fn deleted(&self, id: &ConversationId) {
        let slot = self.slots().get(id).cloned();
        if let Some(slot) = slot {
            self.forget(id, &slot);
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<ConversationId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("len", &self.len()).finish()
    }
}
