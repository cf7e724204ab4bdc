//! One budget of jobs for all lanes: a jobserver that all cargo and make processes draw from, and
//! that also limits test threads.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use jobserver::{Acquired, Client};

/// The job budget.
///
/// It uses a pipe, because old toolchains and make before 4.4 cannot use anything else
/// (<https://github.com/rust-lang/jobserver-rs/issues/47>).
pub struct JobBudget {
    n_jobs: usize,
    client: Mutex<Arc<Client>>,
    /// Held while acquiring several jobs: two lanes with a part of their jobs each would wait for
    /// each other.
    several: Mutex<()>,
}

/// The number of cores that this process may use: the standard library respects its affinity, and
/// on Linux the quota of its control group
/// (<https://doc.rust-lang.org/std/thread/fn.available_parallelism.html>).
#[must_use]
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The jobs that tests run on concurrently. Returned to the budget on drop.
pub struct TestThreads {
    jobs: Vec<Acquired>,
    /// True if there are as many jobs as the tests would use on their own.
    pub is_plenty: bool,
}

impl TestThreads {
    /// The number of jobs; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.jobs.len().max(1)
    }

    /// Returns the flag of libtest that limits tests to these jobs; `None` if there are as many as
    /// the tests would use on their own. A flag is invisible to tests, unlike `RUST_TEST_THREADS`.
    /// <https://doc.rust-lang.org/rustc/tests/index.html#--test-threads-num_threads>
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        (!self.is_plenty).then(|| format!("--test-threads={}", self.count()))
    }
}

/// The job that a jobserver client has implicitly, held for one cargo. Returned to the budget on
/// drop.
pub struct JobToken {
    client: Arc<Client>,
    _job: Acquired,
}

impl JobBudget {
    /// Creates a budget of `n_jobs` jobs.
    ///
    /// # Errors
    ///
    /// If the system cannot create a pipe.
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

    /// Waits for a job, and configures a command to draw more jobs from the budget.
    ///
    /// # Errors
    ///
    /// If the pipe is broken.
    pub fn token(&self, command: &mut Command) -> Result<JobToken> {
        let client = self.client();
        let job = client.acquire().context("wait for a compile job")?;
        client.configure_make(command);
        Ok(JobToken { client, _job: job })
    }

    /// Waits for a job, and takes as many free jobs as `n_tests` tests can use.
    ///
    /// # Errors
    ///
    /// If the pipe is broken.
    pub fn test_threads(&self, n_tests: usize) -> Result<TestThreads> {
        // On their own, tests use at most as many threads as there are cores.
        let wanted = n_tests.clamp(1, default_jobs());
        let most = wanted.min(self.n_jobs);
        let client = self.client();
        let _several = self.several.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = vec![client.acquire().context("wait for a job")?];
        // If a cargo process was faster, this waits for the next free job.
        while jobs.len() < most && client.available().is_ok_and(|n| n > 0) {
            jobs.push(client.acquire().context("wait for a job")?);
        }
        Ok(TestThreads {
            is_plenty: jobs.len() == wanted,
            jobs,
        })
    }

    /// Replaces a budget from which a killed process may have drawn: its jobs are never returned,
    /// and once none were left every lane would wait forever. Current users of the old budget are
    /// not affected.
    ///
    /// # Errors
    ///
    /// See [`JobBudget::new`].
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
            // Simulate a killed child that never returned its job.
            budget.renew(&share).expect("renewed");
            std::mem::forget(share);
        }
    }
}
