//! The registry: session ids to sessions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tokio::sync::Notify;

use super::{Inner, Refusal, Unavailable};
use crate::proto::{RequestError, Sid};
use crate::session::Shared;

/// All sessions that are not over.
pub(crate) struct Registry {
    state: Mutex<State>,
    empty: Notify,
    max: usize,
}

#[derive(Default)]
struct State {
    /// A fast hash is safe here: this side makes the ids, so nobody can choose ids that collide.
    sessions: HashMap<Sid, Arc<Shared<Inner>>, RandomState>,
    closed: bool,
}

impl Registry {
    pub(crate) fn new(max: usize) -> Self {
        Self { state: Mutex::default(), empty: Notify::new(), max }
    }

    /// Whether a session may begin now.
    pub(crate) fn check_room(&self) -> Result<(), Unavailable> {
        let state = self.lock();
        match state.closed {
            true => Err(Unavailable::ShuttingDown),
            false => self.room(&state),
        }
    }

    /// Adds a session, unless there is no room or its id is taken.
    pub(crate) fn insert(&self, session: Arc<Shared<Inner>>) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Unavailable::ShuttingDown.into());
        }
        self.room(&state)?;
        match state.sessions.entry(session.about().sid) {
            Entry::Occupied(_) => Err(RequestError::BadRequest.into()),
            Entry::Vacant(slot) => {
                slot.insert(session);
                Ok(())
            }
        }
    }

    fn room(&self, state: &State) -> Result<(), Unavailable> {
        match state.sessions.len() {
            len if len >= self.max => Err(Unavailable::Sessions { max: self.max }),
            _ => Ok(()),
        }
    }

    pub(crate) fn find(&self, sid: Sid) -> Option<Arc<Shared<Inner>>> {
        self.lock().sessions.get(&sid).cloned()
    }

    pub(crate) fn remove(&self, sid: Sid) {
        let mut state = self.lock();
        state.sessions.remove(&sid);
        if state.sessions.is_empty() {
            self.empty.notify_waiters();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Refuses new sessions from now on, and returns those that are there.
    pub(crate) fn close(&self) -> Vec<Arc<Shared<Inner>>> {
        self.lock().closed = true;
        self.all()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Shared<Inner>>> {
        self.lock().sessions.values().cloned().collect()
    }

    pub(crate) async fn wait_empty(&self) {
        loop {
            let empty = self.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            empty.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The map is consistent after each statement above, so a panic does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
