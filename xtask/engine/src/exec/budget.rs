//! One budget of compile jobs for all lanes: a jobserver that every cargo and make below draws on.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use jobserver::{Acquired, Client};

/// The budget.
///
/// Its pipe style is what old toolchains and make before 4.4 can read
/// (<https://github.com/rust-lang/jobserver-rs/issues/47>).
pub struct Budget {
    n_jobs: usize,
    client: Mutex<Arc<Client>>,
}

/// One cargo's share: the job that a child of a jobserver has without asking. Given back on drop.
pub struct Share {
    client: Arc<Client>,
    _job: Acquired,
}

impl Budget {
    /// A budget of so many jobs.
    ///
    /// # Errors
    ///
    /// When the system refuses a pipe.
    pub fn new(n_jobs: usize) -> Result<Self> {
        let client = Mutex::new(Arc::new(Client::new(n_jobs).context("make a job server")?));
        Ok(Self { n_jobs, client })
    }

    /// Waits for a job, and lets a command draw on the budget for more.
    ///
    /// # Errors
    ///
    /// When the pipe is broken.
    pub fn share(&self, command: &mut Command) -> Result<Share> {
        let client = Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner));
        let job = client.acquire().context("wait for a compile job")?;
        client.configure_make(command);
        Ok(Share { client, _job: job })
    }

    /// Replaces a budget that a killed process may have drawn on: what it held will never be given
    /// back, and once nothing was left every lane would wait for ever. Those who still draw on the
    /// old one are not disturbed.
    ///
    /// # Errors
    ///
    /// As [`Budget::new`].
    pub fn renew(&self, spent: &Share) -> Result<()> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&client, &spent.client) {
            *client = Arc::new(Client::new(self.n_jobs).context("make a job server")?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_held_does_not_starve_the_next() {
        let budget = Budget::new(1).expect("a budget");
        for _ in 0..3 {
            let share = budget.share(&mut Command::new("true")).expect("a share");
            // As if a killed child had never given it back.
            budget.renew(&share).expect("renewed");
            std::mem::forget(share);
        }
    }
}
