//! The namespaces of a connection and the state of each: few, mostly one.

use crate::proto::Namespace;

/// The state of each namespace: `/` apart, since most connections join only that, and the others
/// sorted by name.
#[derive(Debug)]
pub(super) struct States<S> {
    root: Option<S>,
    others: Vec<(Namespace, S)>,
}

impl<S> Default for States<S> {
    fn default() -> Self {
        Self { root: None, others: Vec::new() }
    }
}

impl<S> States<S> {
    pub(super) fn len(&self) -> usize {
        usize::from(self.root.is_some()) + self.others.len()
    }

    /// A known namespace other than `/`, by name. Cloning it shares one allocation among all its
    /// packets.
    pub(super) fn known(&self, name: &str) -> Option<Namespace> {
        self.find(name).ok().map(|at| self.others[at].0.clone())
    }

    pub(super) fn of(&self, namespace: &Namespace) -> Option<&S> {
        if namespace.is_root() {
            return self.root.as_ref();
        }
        let at = self.find(namespace.as_str()).ok()?;
        Some(&self.others[at].1)
    }

    pub(super) fn of_mut(&mut self, namespace: &Namespace) -> Option<&mut S> {
        if namespace.is_root() {
            return self.root.as_mut();
        }
        let at = self.find(namespace.as_str()).ok()?;
        Some(&mut self.others[at].1)
    }

    pub(super) fn insert(&mut self, namespace: Namespace, state: S) {
        if namespace.is_root() {
            self.root = Some(state);
            return;
        }
        match self.find(namespace.as_str()) {
            Ok(at) => self.others[at].1 = state,
            Err(at) => {
                // Reserve exactly one: there may be very many connections.
                if self.others.is_empty() {
                    self.others.reserve_exact(1);
                }
                self.others.insert(at, (namespace, state));
            }
        }
    }

    pub(super) fn remove(&mut self, namespace: &Namespace) {
        if namespace.is_root() {
            self.root = None;
        } else if let Ok(at) = self.find(namespace.as_str()) {
            self.others.remove(at);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Namespace, &S)> {
        let others = self.others.iter().map(|(namespace, state)| (namespace, state));
        self.root.iter().map(|state| (&ROOT, state)).chain(others)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.others.binary_search_by(|(namespace, _)| namespace.as_str().cmp(name))
    }
}

static ROOT: Namespace = Namespace::ROOT;
