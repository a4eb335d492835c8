//! The namespaces of a connection and the state of each: few, mostly one.

use super::State;
use crate::proto::Namespace;

/// In the order of their names. One namespace takes its own size and no more: most connections
/// have one, and there may be very many connections.
#[derive(Debug, Default)]
pub(super) struct States {
    states: Vec<(Namespace, State)>,
}

impl States {
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The namespace as it is known, and its state.
    pub(super) fn known(&self, name: &str) -> Option<&(Namespace, State)> {
        self.find(name).ok().and_then(|at| self.states.get(at))
    }

    pub(super) fn of(&self, namespace: &Namespace) -> Option<&State> {
        self.known(namespace.as_str()).map(|(_, state)| state)
    }

    pub(super) fn of_mut(&mut self, namespace: &Namespace) -> Option<&mut State> {
        let at = self.find(namespace.as_str()).ok()?;
        self.states.get_mut(at).map(|(_, state)| state)
    }

    pub(super) fn insert(&mut self, namespace: Namespace, state: State) {
        match self.find(namespace.as_str()) {
            Ok(at) => self.states[at].1 = state,
            Err(at) => {
                if self.states.is_empty() {
                    self.states.reserve_exact(1);
                }
                self.states.insert(at, (namespace, state));
            }
        }
    }

    pub(super) fn remove(&mut self, namespace: &Namespace) {
        if let Ok(at) = self.find(namespace.as_str()) {
            self.states.remove(at);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Namespace, &State)> {
        self.states.iter().map(|(namespace, state)| (namespace, state))
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        // `/`, before all others, is mostly the only one.
        if name.len() == 1 {
            let is_there = self.states.first().is_some_and(|(first, _)| first.is_root());
            return if is_there { Ok(0) } else { Err(0) };
        }
        self.states.binary_search_by(|(namespace, _)| namespace.as_str().cmp(name))
    }
}
