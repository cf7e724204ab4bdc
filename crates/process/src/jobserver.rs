//! One budget of jobs for all lanes: a jobserver that every cargo and make below draws on, and that
//! tests are counted on too.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use jobserver::{Acquired, Client};

/// The budget.
///
/// Its pipe style is what old toolchains and make before 4.4 can read
/// (<https://github.com/rust-lang/jobserver-rs/issues/47>).
pub struct JobBudget {
    n_jobs: usize,
    client: Mutex<Arc<Client>>,
    /// Held while several jobs are asked for: two who each have a part would wait for each other.
    several: Mutex<()>,
}

/// The cores that this process may use: the standard library heeds its affinity, and on Linux the
/// quota of its control group
/// (<https://doc.rust-lang.org/std/thread/fn.available_parallelism.html>).
#[must_use]
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The jobs that tests run on at a time. Given back on drop.
pub struct TestThreads {
    jobs: Vec<Acquired>,
    /// True where there are as many as the tests would take by themselves.
    pub is_plenty: bool,
}

impl TestThreads {
    /// How many there are; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.jobs.len().max(1)
    }
}

/// One cargo's share: the job that a child of a jobserver has without asking. Given back on drop.
pub struct JobToken {
    client: Arc<Client>,
    _job: Acquired,
}

impl JobBudget {
    /// A budget of so many jobs.
    ///
    /// # Errors
    ///
    /// When the system refuses a pipe.
    pub fn new(n_jobs: usize) -> Result<Self> {
        let client = Mutex::new(Arc::new(Client::new(n_jobs).context("make a job server")?));
        Ok(Self {
            n_jobs,
            client,
            several: Mutex::default(),
        })
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a job, and lets a command draw on the budget for more.
    ///
    /// # Errors
    ///
    /// When the pipe is broken.
    pub fn token(&self, command: &mut Command) -> Result<JobToken> {
        let client = self.client();
        let job = client.acquire().context("wait for a compile job")?;
        client.configure_make(command);
        Ok(JobToken { client, _job: job })
    }

    /// Waits for a job, and takes of those that are free as many as so many tests can use.
    ///
    /// # Errors
    ///
    /// When the pipe is broken.
    pub fn test_threads(&self, n_tests: usize) -> Result<TestThreads> {
        // Tests take no more by themselves than there are cores.
        let wanted = n_tests.clamp(1, default_jobs());
        let most = wanted.min(self.n_jobs);
        let client = self.client();
        let _several = self.several.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = vec![client.acquire().context("wait for a job")?];
        // Where a cargo was quicker, this waits for the next job that becomes free.
        while jobs.len() < most && client.available().is_ok_and(|n| n > 0) {
            jobs.push(client.acquire().context("wait for a job")?);
        }
        Ok(TestThreads {
            is_plenty: jobs.len() == wanted,
            jobs,
        })
    }

    /// Replaces a budget that a killed process may have drawn on: what it held will never be given
    /// back, and once nothing was left every lane would wait for ever. Those who still draw on the
    /// old one are not disturbed.
    ///
    /// # Errors
    ///
    /// As [`JobBudget::new`].
    pub fn renew(&self, spent: &JobToken) -> Result<()> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&client, &spent.client) {
            *client = Arc::new(Client::new(self.n_jobs).context("make a job server")?);
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests start programs")]
mod tests {
    use super::*;

    #[test]
    fn tests_take_what_is_free_and_leave_the_rest() {
        let n_cores = default_jobs();
        let budget = JobBudget::new(n_cores + 1).expect("a budget");
        let all = budget.test_threads(n_cores + 5).expect("threads");
        assert_eq!((all.count(), all.is_plenty), (n_cores, true));
        let rest = budget.test_threads(n_cores + 5).expect("threads");
        assert_eq!((rest.count(), rest.is_plenty), (1, n_cores == 1));
        drop((all, rest));
        assert_eq!(budget.test_threads(1).expect("threads").count(), 1);
        let tight = JobBudget::new(1).expect("a budget");
        let one = tight.test_threads(n_cores + 5).expect("threads");
        assert_eq!((one.count(), one.is_plenty), (1, n_cores == 1));
    }

    #[test]
    fn what_a_killed_process_held_does_not_starve_the_next() {
        let budget = JobBudget::new(1).expect("a budget");
        for _ in 0..3 {
            let share = budget.token(&mut Command::new("true")).expect("a share");
            // As if a killed child had never given it back.
            budget.renew(&share).expect("renewed");
            std::mem::forget(share);
        }
    }
}
