//! The wakers of what one driver polls, the application and the connection: each is polled when it
//! was woken, not with every wake-up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};

/// Whether it is somebody's turn, and who gives it that.
pub(crate) struct Turn {
    woken: AtomicBool,
    /// The driver's task. It is spawned once and stays in it.
    task: OnceLock<Waker>,
}

impl Default for Turn {
    /// The first turn comes without being woken.
    fn default() -> Self {
        Self { woken: AtomicBool::new(true), task: OnceLock::new() }
    }
}

impl Turn {
    /// Says whose task polls it.
    pub(crate) fn set_task(&self, waker: &Waker) {
        let task = self.task.get_or_init(|| waker.clone());
        debug_assert!(task.will_wake(waker));
    }

    /// Whether it was woken since the last time.
    pub(crate) fn take(&self) -> bool {
        self.woken.load(Ordering::Acquire) && self.woken.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The mark first: a driver that is woken by it must see it.
        self.woken.store(true, Ordering::Release);
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }
}
