//! The wish that a run should end, and whom it ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::child::{KillHandle, Supervision};

/// The wish of a person, or of a CI engine, that the run should end.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    asked: AtomicU8,
    /// The children that are alive, so that none outlives a tool that ends at once.
    alive: Mutex<BTreeMap<u32, KillHandle>>,
    has_supervisors: bool,
    /// When the run's time is up.
    until: OnceLock<Instant>,
}

impl Cancel {
    /// For a program whose `main` begins with [`crate::supervisor::serve`]: nothing that a child starts
    /// outlives it, and nothing of any child outlives the program, however that ends. Only Linux
    /// has what that takes.
    #[must_use]
    pub fn with_supervisors() -> Self {
        Self(Arc::new(CancelState {
            has_supervisors: true,
            ..CancelState::default()
        }))
    }

    /// Whether children run below supervisors.
    #[must_use]
    pub fn supervision(&self) -> Supervision {
        match self.0.has_supervisors {
            true => Supervision::Supervised,
            false => Supervision::Direct,
        }
    }

    /// Asks once more: the first time for an orderly end, then for an end at once, which kills
    /// every child there is. Returns how often it was asked.
    pub fn cancel(&self) -> u8 {
        let asked = &self.0.asked;
        let n_asked = asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        if n_asked > 1 {
            self.alive().values().for_each(KillHandle::kill);
        }
        n_asked
    }

    /// Lets the run end in order when so much time is over. Only the first call counts.
    pub fn cancel_after(&self, time: Duration) {
        self.0.until.get_or_init(|| Instant::now() + time);
    }

    /// True once an end was asked for, or the run's time is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled_by_user() || self.0.until.get().is_some_and(|at| Instant::now() >= *at)
    }

    /// True once someone asked for an end.
    #[must_use]
    pub fn is_cancelled_by_user(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst) > 0
    }

    /// Notes a child that was started.
    pub(super) fn note_start(&self, child: u32, ending: KillHandle) {
        self.alive().insert(child, ending);
    }

    /// Notes that nothing of a child is left.
    pub(super) fn note_end(&self, child: u32) {
        self.alive().remove(&child);
    }

    fn alive(&self) -> MutexGuard<'_, BTreeMap<u32, KillHandle>> {
        self.0.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
