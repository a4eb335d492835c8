//! The namespaces of a server: static ones, and dynamic ones that clients create by joining.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use super::pattern::Matcher;
use crate::proto::{self, RawJson};
use crate::server::Namespace;
use crate::server::adapter::MemoryAdapter;
use crate::server::context::Context;
use crate::server::local::LocalSockets;

pub(crate) struct Registry {
    context: Arc<Context>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// Sorted by name: with few namespaces, searching is faster than hashing.
    slots: BTreeMap<proto::NamespaceName, Slot>,
    templates: Vec<(Matcher, Namespace)>,
    on_new: Vec<OnNew>,
    /// How many of `slots` are dynamic.
    dynamic: usize,
    /// Templates of predicates, counted to name them.
    predicates: usize,
}

struct Slot {
    namespace: Namespace,
    /// Sockets that are in it or about to join. Counted for dynamic ones only.
    visits: usize,
    is_dynamic: bool,
}

pub(crate) type OnNew = Arc<dyn Fn(&Namespace) + Send + Sync>;

/// Held by a socket while it is in a namespace. A dynamic namespace is removed with its last lease.
pub(crate) struct NamespaceLease {
    namespaces: Arc<Registry>,
    namespace: Namespace,
}

impl Registry {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context, state: RwLock::default() }
    }

    /// The namespace of this name, created if it does not exist.
    pub(crate) fn of(&self, name: proto::NamespaceName) -> Namespace {
        let mut state = self.lock();
        if let Some(slot) = state.slots.get_mut(&name) {
            // The application may set handlers on it now: it is not removed any more.
            if std::mem::take(&mut slot.is_dynamic) {
                let namespace = slot.namespace.clone();
                state.dynamic -= 1;
                return namespace;
            }
            return slot.namespace.clone();
        }
        let namespace = self.make(&name, None);
        let slot = Slot { namespace: namespace.clone(), visits: 0, is_dynamic: false };
        state.slots.insert(name, slot);
        namespace
    }

    /// Adds a template for all names that `matcher` accepts and no namespace has.
    pub(crate) fn add_template(
        &self,
        matcher: Matcher,
        name: Option<proto::NamespaceName>,
    ) -> Namespace {
        let mut state = self.lock();
        let name = name.unwrap_or_else(|| {
            state.predicates += 1;
            proto::NamespaceName::from_checked(&format!("/_{}", state.predicates - 1))
        });
        let local = LocalSockets::new(name.clone(), Arc::clone(&self.context));
        // A template has no sockets, so other nodes need not know of it.
        let adapter = Arc::new(MemoryAdapter::new(local.clone()));
        let template =
            Namespace::new(name, Arc::clone(&self.context), local, adapter, None, Vec::new());
        state.templates.push((matcher, template.clone()));
        template
    }

    pub(crate) fn on_new(&self, hook: OnNew) {
        self.lock().on_new.push(hook);
    }

    /// Returns a lease of the namespace of this name, if it exists or a template creates it.
    pub(crate) fn enter(
        self: &Arc<Self>,
        name: &proto::NamespaceName,
        auth: Option<&RawJson>,
    ) -> Option<NamespaceLease> {
        if let Some(namespace) = self.visit(name) {
            return Some(NamespaceLease { namespaces: Arc::clone(self), namespace });
        }
        // A predicate is foreign code, so not under the lock.
        let templates = self.state.read().unwrap_or_else(PoisonError::into_inner).templates.clone();
        let panics = &self.context.hooks;
        let (template, params) = templates.into_iter().find_map(|(matcher, template)| {
            let matches = || matcher.matches(name.as_str(), auth);
            Some((template, panics.guard("a namespace's predicate", matches)??))
        })?;
        let (namespace, hooks) = {
            let mut state = self.lock();
            if let Some(slot) = state.slots.get_mut(name) {
                slot.visits += 1;
                (slot.namespace.clone(), Vec::new())
            } else {
                let max = self.context.config.max_dynamic_namespaces;
                if state.dynamic >= max {
                    state.sweep();
                }
                if state.dynamic >= max {
                    tracing::warn!(%name, dynamic = state.dynamic, max, "no more dynamic namespaces");
                    return None;
                }
                let namespace = self.make(name, Some((template, params)));
                let slot = Slot { namespace: namespace.clone(), visits: 1, is_dynamic: true };
                state.slots.insert(name.clone(), slot);
                state.dynamic += 1;
                (namespace, state.on_new.clone())
            }
        };
        for hook in &hooks {
            self.context.hooks.guard("on_namespace", || hook(&namespace));
        }
        Some(NamespaceLease { namespaces: Arc::clone(self), namespace })
    }

    /// Removes a namespace and returns it, so that its sockets can be disconnected.
    pub(crate) fn remove(&self, name: &str) -> Option<Namespace> {
        let mut state = self.lock();
        let slot = state.slots.remove(name)?;
        state.dynamic -= usize::from(slot.is_dynamic);
        Some(slot.namespace)
    }

    pub(crate) fn all(&self) -> Vec<Namespace> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.slots.values().map(|slot| slot.namespace.clone()).collect()
    }

    fn visit(&self, name: &proto::NamespaceName) -> Option<Namespace> {
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let slot = state.slots.get(name)?;
            if !slot.is_dynamic {
                return Some(slot.namespace.clone());
            }
        }
        let mut state = self.lock();
        let slot = state.slots.get_mut(name)?;
        slot.visits += 1;
        Some(slot.namespace.clone())
    }

    fn leave(&self, namespace: &Namespace) {
        if !namespace.is_dynamic() {
            return;
        }
        let mut state = self.lock();
        let Some(slot) = state.slots.get_mut(namespace.name()) else { return };
        if !slot.namespace.is(namespace) {
            return;
        }
        slot.visits = slot.visits.saturating_sub(1);
        if slot.is_empty() {
            state.slots.remove(namespace.name());
            state.dynamic -= 1;
        }
    }

    fn make(
        &self,
        name: &proto::NamespaceName,
        child_of: Option<(Namespace, Vec<(String, String)>)>,
    ) -> Namespace {
        let local = LocalSockets::new(name.clone(), Arc::clone(&self.context));
        let adapter = self.context.config.adapters.make(local.clone());
        let (template, params) = child_of.map_or((None, Vec::new()), |(t, p)| (Some(t), p));
        let context = Arc::clone(&self.context);
        Namespace::new(name.clone(), context, local, adapter, template, params)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes dynamic namespaces that were kept for lost clients which did not come back.
    fn sweep(&mut self) {
        self.slots.retain(|_, slot| !slot.is_empty());
        self.dynamic = self.slots.values().filter(|slot| slot.is_dynamic).count();
    }
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.is_dynamic && self.visits == 0 && self.namespace.local_sockets().is_idle()
    }
}

impl NamespaceLease {
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

impl Drop for NamespaceLease {
    fn drop(&mut self) {
        self.namespaces.leave(&self.namespace);
    }
}
