//! A place: the work folders and results of runs that follow one another, and the program that runs
//! there.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::run::Run;
use pinmatrix_core::run_json;

use crate::found::without_time;
use crate::processes;

/// The fixture that runs are of.
const SUBJECT: &str = "subjects/history";
/// How long any run may take.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Copies the fixture, so that nobody changes it during a campaign.
pub fn copy_fixture(campaign: &Utf8Path) -> Result<()> {
    let fixtures = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    for name in [SUBJECT, "registry"] {
        copy(&fixtures.join(name), &campaign.join(name))?;
    }
    Ok(())
}

/// Copies a folder to a path where nothing is yet, with modes, links and times.
pub fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let above = to.parent().context("copy to the root")?;
    fs::create_dir_all(above).with_context(|| format!("create folder {above}"))?;
    let status = Command::new("cp")
        .args(["-a", "--"])
        .arg(from)
        .arg(to)
        .status();
    let status = status.context("start cp")?;
    ensure!(status.success(), "copy {from} to {to}: {status}");
    Ok(())
}

/// A folder of a campaign for runs that follow one another.
pub struct Place {
    pub folder: Utf8PathBuf,
}

impl Place {
    /// The folder below which all work folders are.
    pub fn cache(&self) -> Utf8PathBuf {
        self.folder.join("cache")
    }

    /// The results folder.
    pub fn out(&self) -> Utf8PathBuf {
        self.folder.join("out")
    }

    /// The run itself, in the results folder.
    pub fn run_json(&self) -> Utf8PathBuf {
        self.out().join(run_json::FILE)
    }

    /// Starts a run. What it says is added to the file `said`.
    pub fn start(&self) -> Result<Running> {
        let campaign = self.folder.parent().context("find the campaign's folder")?;
        fs::create_dir_all(&self.folder).with_context(|| format!("create {}", self.folder))?;
        let said = self.folder.join("said");
        let said = File::options().create(true).append(true).open(said);
        let said = said.context("open the file for what a run says")?;
        let child = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
            .args(["pinmatrix", "run", "--full", "--offline"])
            .args(["--toolchain", "stable", "--config"])
            .arg(campaign.join(SUBJECT).join("matrix.toml"))
            .arg("--out")
            .arg(self.out())
            .env("PINMATRIX_CACHE", self.cache())
            // A CI engine that runs this test is not told about these runs.
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITLAB_CI")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(said.try_clone().context("open the file once more")?)
            .stderr(said)
            .spawn()
            .context("start cargo-pinmatrix")?;
        Ok(Running(child))
    }

    /// Runs to the end and returns the exit code; `None` if a signal ended the run.
    pub fn run(&self) -> Result<Option<i32>> {
        self.start()?.end()
    }

    /// What a run found, without what depends on time.
    pub fn found(&self) -> Result<Run> {
        read_run(&self.run_json())
    }

    /// Checks that no process works here any more.
    pub fn check_no_process_is_left(&self) -> Result<()> {
        processes::check_none_is_left(&self.cache())
    }

    /// Checks that every result file that is there is whole.
    pub fn check_files_are_whole(&self) -> Result<()> {
        // A run that was killed early has no results folder yet.
        for entry in fs::read_dir(self.out()).into_iter().flatten() {
            let path = entry.context("list the results")?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                let whole = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
                whole.with_context(|| format!("{} is not whole", path.display()))?;
            }
        }
        if self.run_json().exists() {
            self.found()?;
        }
        Ok(())
    }

    /// Removes everything here.
    pub fn remove(&self) -> Result<()> {
        let folder = &self.folder;
        fs::remove_dir_all(folder).with_context(|| format!("remove folder {folder}"))
    }
}

/// Reads a `run.json`, without what depends on time.
pub fn read_run(path: &Utf8Path) -> Result<Run> {
    let text = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    Ok(without_time(run_json::parse(&text, path)?))
}

/// A run that was started.
pub struct Running(Child);

impl Running {
    /// Waits for the run to end, but not longer than a time.
    pub fn wait(&mut self, time: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + time;
        loop {
            let ended = self.0.try_wait().context("wait for a run")?;
            let left = until.saturating_duration_since(Instant::now());
            if ended.is_some() || left.is_zero() {
                return Ok(ended);
            }
            std::thread::sleep(left.min(Duration::from_millis(2)));
        }
    }

    /// Sends a signal.
    pub fn send(&self, signal: &str) -> Result<()> {
        let id = self.0.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status();
        let status = status.context("start kill")?;
        ensure!(status.success(), "send {signal} to a run: {status}");
        Ok(())
    }

    /// Waits for the end and returns the exit code; `None` if a signal ended the run.
    pub fn end(mut self) -> Result<Option<i32>> {
        match self.wait(LONGEST)? {
            Some(status) => Ok(status.code()),
            None => {
                self.0.kill().context("kill a run that does not end")?;
                self.0.wait().context("wait for a run that was killed")?;
                bail!("a run did not end in {} s", LONGEST.as_secs())
            }
        }
    }
}
