//! Cancellation of a run, and the children that it ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::child::{KillHandle, Supervision};

/// A request by the user, a CI engine or a time limit to end the run.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    asked: AtomicU8,
    /// The running children, so that none outlives the tool if it exits immediately.
    alive: Mutex<BTreeMap<u32, KillHandle>>,
    has_supervisors: bool,
    /// When the run's time is up.
    until: OnceLock<Instant>,
}

impl Cancel {
    /// Creates a value for a program whose `main` begins with
    /// [`crate::supervisor::supervisor_main`]: no process that a child starts outlives the child,
    /// and none outlives the program, however it ends. Works on Linux only.
    #[must_use]
    pub fn with_supervisors() -> Self {
        Self(Arc::new(CancelState {
            has_supervisors: true,
            ..CancelState::default()
        }))
    }

    /// True if children run under supervisors.
    #[must_use]
    pub fn supervision(&self) -> Supervision {
        if self.0.has_supervisors {
            Supervision::Supervised
        } else {
            Supervision::Direct
        }
    }

    /// Requests the end of the run: the first call an orderly one, further calls an immediate one
    /// that kills all children. Returns how often it was called.
    pub fn cancel(&self) -> u8 {
        let asked = &self.0.asked;
        let n_asked = asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        if n_asked > 1 {
            self.alive().values().for_each(KillHandle::kill);
        }
        n_asked
    }

    /// Requests an orderly end of the run after `time`. Only the first call has an effect.
    pub fn cancel_after(&self, time: Duration) {
        self.0.until.get_or_init(|| Instant::now() + time);
    }

    /// True once the end was requested or the run's time is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled_by_user() || self.0.until.get().is_some_and(|at| Instant::now() >= *at)
    }

    /// True once somebody requested the end.
    #[must_use]
    pub fn is_cancelled_by_user(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst) > 0
    }

    /// Registers a child that was started.
    pub(super) fn note_start(&self, child: u32, ending: KillHandle) {
        self.alive().insert(child, ending);
    }

    /// Unregisters a child of which no process is left.
    pub(super) fn note_end(&self, child: u32) {
        self.alive().remove(&child);
    }

    fn alive(&self) -> MutexGuard<'_, BTreeMap<u32, KillHandle>> {
        self.0.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
