//! The tests of a cell: each executable run by itself, each case with its own status, and none
//! lost because another hung or died.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::config::Timeouts;
use crate::exec::libtest::{self, Suite};
use crate::exec::log::Log;
use crate::exec::process::{Ended, Exit, Follower, Interrupt, Stream, run};
use crate::exec::targets::Target;
use crate::model::outcome::{CaseOutcome, Diagnostic, TargetOutcome};
use crate::model::status::{Class, Doubt, Status};

/// How many names are given to an executable at once: systems bound the length of a command.
const MOST_NAMES: usize = 200;

/// Everything that running one test executable takes.
pub struct TestRun<'a> {
    /// The executable.
    pub executable: &'a Utf8Path,
    /// The package's folder.
    pub folder: &'a Utf8Path,
    /// All it sees of the environment.
    pub vars: BTreeMap<OsString, OsString>,
    /// How long tests may take.
    pub timeouts: &'a Timeouts,
    /// Whether the run should end.
    pub interrupt: &'a Interrupt,
    /// The folder of the copy, which must not stand in what is kept: it differs by lane.
    pub stage: &'a Utf8Path,
}

/// Runs a target's tests.
///
/// # Errors
///
/// When this process has no working folder.
pub fn test(
    target: &Target,
    run: &TestRun<'_>,
    log: &mut Log,
) -> Result<(TargetOutcome, Duration)> {
    log.note(&format!(
        "$ {} # {}",
        run.executable.file_name().unwrap_or_default(),
        target.id
    ));
    let started = Instant::now();
    let (cases, error, cpu) = match target.harness {
        true => Cases::of(run, log)?,
        false => run.program(&target.id.name, log)?,
    };
    let errors: Vec<Diagnostic> = error.iter().map(|(_, e)| e.clone()).collect();
    let own = error.map(|(status, _)| status);
    let status = Status::of_parts(own.iter().chain(cases.iter().map(|c| &c.status)));
    let outcome = TargetOutcome {
        id: target.id.clone(),
        status,
        errors,
        cases,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((outcome, cpu))
}

type Result3 = Result<(Vec<CaseOutcome>, Option<(Status, Diagnostic)>, Duration)>;

impl TestRun<'_> {
    /// A target that brings its own `main`: one case, judged by its exit.
    fn program(&self, name: &str, log: &mut Log) -> Result3 {
        let mut said = String::new();
        let mut follower = |_: Stream, line: &[u8]| {
            log.add(line);
            if said.len() < 1 << 20 {
                said.push_str(&String::from_utf8_lossy(line));
            }
        };
        let ended = run(
            self.command(&[])?,
            self.timeouts.target,
            self.interrupt,
            &mut follower,
        );
        log.note(&format!("[{}]", ended.exit));
        let status = match doubt(&ended.exit) {
            Some(doubt) => Status::Inconclusive { doubt },
            None => match ended.exit {
                Exit::Code(0) => Status::Passed,
                Exit::TimedOut => Status::failed(Class::Timeout),
                Exit::Signal(_) => Status::failed(Class::Crash),
                Exit::Code(_) | Exit::Interrupted | Exit::Lost(_) => Status::failed(Class::Test),
            },
        };
        let output = match status {
            Status::Passed => None,
            Status::Failed { .. } | Status::Skipped { .. } | Status::Inconclusive { .. } => {
                libtest::kept(&format!("{}\n[{}]", self.without_stage(&said), ended.exit))
            }
        };
        let case = CaseOutcome {
            name: name.to_owned(),
            status,
            seconds: ended.wall.as_secs_f64(),
            output,
        };
        Ok((vec![case], None, ended.cpu))
    }

    fn command(&self, args: &[String]) -> Result<Command> {
        let shell = Shell::new()?;
        shell.change_dir(self.folder);
        let executable = self.executable;
        let command = cmd!(shell, "{executable} {args...}")
            .env_clear()
            .envs(&self.vars);
        Ok(Command::from(command))
    }

    fn without_stage(&self, text: &str) -> String {
        text.replace(self.stage.as_str(), ".")
    }
}

/// Why an end says nothing about the code.
fn doubt(exit: &Exit) -> Option<Doubt> {
    match exit {
        Exit::Interrupted => Some(Doubt::Interrupted),
        Exit::Lost(why) => Some(Doubt::Machine(why.clone())),
        Exit::Code(_) | Exit::Signal(_) | Exit::TimedOut => None,
    }
}

/// An executable whose tests all passed and which then fails: something it does at its end, such as
/// a leak check, said no. `cargo test` counts that as a failure too.
fn contradiction(exit: &Exit, suite: &Suite) -> Option<(Status, Diagnostic)> {
    let failed = suite.ended.values().any(|case| case.status.is_failed());
    let ended_badly = matches!(exit, Exit::Signal(_)) || matches!(exit, Exit::Code(n) if *n != 0);
    let is_whole = suite.is_complete && suite.running.is_empty();
    (is_whole && !failed && ended_badly).then(|| {
        let error = Diagnostic::said(format!("its tests passed, and then it ended with {exit}"));
        (Status::failed(Class::Crash), error)
    })
}

/// The cases of a libtest executable, as they are settled one run after another.
struct Cases<'a, 'b> {
    run: &'a TestRun<'a>,
    log: &'b mut Log,
    /// All tests the executable has.
    names: BTreeSet<String>,
    settled: BTreeMap<String, CaseOutcome>,
    cpu: Duration,
    until: Instant,
}

impl Cases<'_, '_> {
    /// Runs all tests at once. Where one hangs or takes the others down with it, that one is told
    /// apart by running those that were under way one at a time, and the rest once more.
    fn of(run: &TestRun<'_>, log: &mut Log) -> Result3 {
        let until = Instant::now() + run.timeouts.target;
        let names = BTreeSet::new();
        let settled = BTreeMap::new();
        let mut cases = Cases {
            run,
            log,
            names,
            settled,
            cpu: Duration::ZERO,
            until,
        };
        let error = match cases.list()? {
            Some(error) => Some(error),
            None => cases.settle()?,
        };
        if let Some((status, _)) = &error {
            for name in cases.open() {
                let case = CaseOutcome {
                    name: name.clone(),
                    status: status.clone(),
                    seconds: 0.0,
                    output: None,
                };
                cases.settled.insert(name, case);
            }
        }
        Ok((cases.settled.into_values().collect(), error, cases.cpu))
    }

    fn list(&mut self) -> Result<Option<(Status, Diagnostic)>> {
        let mut list = String::new();
        let mut follower = |stream: Stream, line: &[u8]| match stream {
            Stream::Out => list.push_str(&String::from_utf8_lossy(line)),
            Stream::Err => self.log.add(line),
        };
        let args = ["--list".to_owned()];
        let command = self.run.command(&args)?;
        let ended = run(
            command,
            self.run.timeouts.target,
            self.run.interrupt,
            &mut follower,
        );
        self.names = libtest::listed(&list).into_iter().collect();
        Ok(match (&ended.exit, doubt(&ended.exit)) {
            (Exit::Code(0), _) => None,
            (_, Some(doubt)) => Some((
                Status::Inconclusive { doubt },
                Diagnostic::said(ended.exit.to_string()),
            )),
            (exit, None) => {
                let error = Diagnostic::said(format!("it did not list its tests: {exit}"));
                Some((Status::failed(Class::Crash), error))
            }
        })
    }

    fn settle(&mut self) -> Result<Option<(Status, Diagnostic)>> {
        let mut all_at_once = true;
        let mut alone: BTreeSet<String> = BTreeSet::new();
        loop {
            let batch: Vec<String> = match alone.pop_first() {
                Some(name) => vec![name],
                None => self.open().into_iter().take(MOST_NAMES).collect(),
            };
            if batch.is_empty() {
                return Ok(None);
            }
            let (ended, suite) = self.attempt(if all_at_once { &[] } else { &batch })?;
            all_at_once = false;
            let n_before = self.settled.len();
            if let Some(doubt) = doubt(&ended.exit) {
                self.take(suite);
                let error = Diagnostic::said(ended.exit.to_string());
                return Ok(Some((Status::Inconclusive { doubt }, error)));
            }
            if let Some(error) = contradiction(&ended.exit, &suite) {
                self.take(suite);
                return Ok(Some(error));
            }
            let out_of_time = Instant::now() >= self.until;
            let suspects = self.suspects(&ended, &suite, &batch);
            self.take(suite);
            for (name, status) in suspects {
                match status {
                    Some(status) => self.blame(name, status, &ended),
                    None => {
                        alone.insert(name);
                    }
                }
            }
            if out_of_time && !self.open().is_empty() {
                let error = Diagnostic::said("its tests did not end in time");
                return Ok(Some((Status::failed(Class::Timeout), error)));
            }
            if self.settled.len() == n_before && alone.is_empty() {
                let error = Diagnostic::said(format!(
                    "it ended without running its tests: {}",
                    ended.exit
                ));
                return Ok(Some((Status::failed(Class::Crash), error)));
            }
        }
    }

    /// One run of the executable, on some of its tests or on all.
    fn attempt(&mut self, names: &[String]) -> Result<(Ended, Suite)> {
        let mut args: Vec<String> = libtest::FLAGS.map(str::to_owned).into();
        if !names.is_empty() {
            args.push("--exact".to_owned());
            args.extend(names.iter().cloned());
        }
        let mut command = self.run.command(&args)?;
        command.env("RUSTC_BOOTSTRAP", "1");
        let mut listener = Listener {
            suite: Suite::default(),
            case_limit: self.run.timeouts.case,
            log: self.log,
        };
        let left = self.until.saturating_duration_since(Instant::now());
        let ended = run(command, left, self.run.interrupt, &mut listener);
        let suite = listener.suite;
        self.log.note(&format!("[{}]", ended.exit));
        self.cpu += ended.cpu;
        Ok((ended, suite))
    }

    /// The tests that were under way when a run ended badly: with a status where it is plain that
    /// the test itself is the cause, without one where it has to be run alone.
    fn suspects(
        &self,
        ended: &Ended,
        suite: &Suite,
        batch: &[String],
    ) -> Vec<(String, Option<Status>)> {
        let now = Instant::now();
        let under_way: Vec<(&String, &Instant)> = suite
            .running
            .iter()
            .filter(|(name, _)| self.names.contains(*name))
            .collect();
        let by_clock = ended.exit == Exit::TimedOut;
        let only = under_way.len() == 1;
        let mut suspects: Vec<(String, Option<Status>)> = under_way
            .into_iter()
            .map(|(name, since)| {
                let too_long = now - *since >= self.run.timeouts.case;
                let status = match (by_clock, too_long) {
                    (true, true) => Some(Status::failed(Class::Timeout)),
                    (true, false) => None,
                    (false, _) => only.then(|| Status::failed(Class::Crash)),
                };
                (name.clone(), status)
            })
            .collect();
        // A test that ran alone and left no word of its own end has itself to blame.
        if let [name] = batch
            && suspects.is_empty()
            && !suite.ended.contains_key(name)
        {
            suspects.push((name.clone(), Some(Status::failed(Class::Crash))));
        }
        suspects
    }

    fn blame(&mut self, name: String, status: Status, ended: &Ended) {
        let output = match ended.exit {
            Exit::TimedOut => {
                format!(
                    "still running after {}",
                    humantime::format_duration(self.run.timeouts.case)
                )
            }
            Exit::Code(0) => "the process ended with exit 0 before the test did".to_owned(),
            Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_) => {
                format!("the process died: {}", ended.exit)
            }
        };
        let case = CaseOutcome {
            name: name.clone(),
            status,
            seconds: ended.wall.as_secs_f64(),
            output: Some(output),
        };
        self.settled.insert(name, case);
    }

    /// Takes over what a run said of tests that there are.
    fn take(&mut self, suite: Suite) {
        for (name, mut case) in suite.ended {
            if self.names.contains(&name) && !suite.running.contains_key(&name) {
                case.output = case.output.map(|o| self.run.without_stage(&o));
                self.settled.insert(name, case);
            }
        }
    }

    fn open(&self) -> Vec<String> {
        self.names
            .iter()
            .filter(|name| !self.settled.contains_key(*name))
            .cloned()
            .collect()
    }
}

struct Listener<'a> {
    suite: Suite,
    case_limit: Duration,
    log: &'a mut Log,
}

impl Follower for Listener<'_> {
    fn line(&mut self, stream: Stream, line: &[u8]) {
        self.log.add(line);
        if stream == Stream::Out {
            self.suite.line(line, Instant::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.suite.deadline(self.case_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(lines: &[&str]) -> Suite {
        let mut suite = Suite::default();
        for line in lines {
            suite.line(line.as_bytes(), Instant::now());
        }
        suite
    }

    const PASSED: &str = r#"{ "type": "test", "name": "a", "event": "ok" }"#;
    const FAILED: &str = r#"{ "type": "test", "name": "a", "event": "failed" }"#;
    const ALL_WELL: &str = r#"{ "type": "suite", "event": "ok" }"#;
    const NOT_WELL: &str = r#"{ "type": "suite", "event": "failed" }"#;

    #[test]
    fn an_executable_that_fails_after_its_tests_passed_has_failed() {
        let passed = suite(&[PASSED, ALL_WELL]);
        assert!(contradiction(&Exit::Code(23), &passed).is_some());
        assert!(contradiction(&Exit::Signal(6), &passed).is_some());
        assert!(contradiction(&Exit::Code(0), &passed).is_none());
        let failed = suite(&[FAILED, NOT_WELL]);
        assert!(contradiction(&Exit::Code(101), &failed).is_none());
    }
}
