//! Cargo commands: a program, a folder, an environment, and the output.

pub(crate) mod path_scrubber;
pub(crate) mod missing_feature;
pub(crate) mod features;
pub(crate) mod targets;
pub(crate) mod messages;
pub(crate) mod compiler_call;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8Path;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::InconclusiveReason;
use pinmatrix_core::text;
use pinmatrix_process::bounded_output::BoundedOutput;
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::child::{CommandSpec, Exit};
use pinmatrix_process::jobserver::JobBudget;
use pinmatrix_process::sandbox::policy::Policy;
use pinmatrix_process::{Follower, Limits, ProcessResult, Stream, run};

use crate::cargo::missing_feature::MissingFeature;
use crate::cargo::path_scrubber::PathScrubber;
use crate::machine::failure::{self, is_network_failure, machine_failure};
use crate::machine::toolchain::Toolchain;
use crate::phase::log::PhaseLog;

/// A cargo of one toolchain, working in one folder.
pub struct CargoCommand<'a> {
    /// The toolchain it belongs to.
    pub toolchain: &'a Toolchain,
    /// The workspace it works on.
    pub folder: &'a Utf8Path,
    /// The copy of the checkout that contains the workspace.
    pub checkout: &'a Utf8Path,
    /// The only environment variables that it sees.
    pub vars: BTreeMap<OsString, OsString>,
    /// The time limit for one command.
    pub limit: Duration,
    /// What it may access.
    pub policy: Policy,
    /// Tells whether the run should stop.
    pub cancel: &'a Cancel,
    /// The budget for its compile jobs.
    pub budget: Option<&'a JobBudget>,
}

/// The output of a command, and how it ended.
#[derive(Clone, Debug)]
pub struct CargoOutput {
    /// How it ended.
    pub ended: ProcessResult,
    /// Standard output.
    pub out: String,
    /// Standard error, sanitized and without local paths.
    pub err: String,
}

impl CargoCommand<'_> {
    /// Returns a cargo command, ready to run.
    ///
    /// # Errors
    ///
    /// Returns an error if this process has no working folder.
    pub fn command(&self, args: &[&str]) -> Result<CommandSpec> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let program = self.toolchain.program("cargo");
        self.command_spec(program.as_ref(), &args)
    }

    /// Returns a command for another program instead of cargo.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`CargoCommand::command`].
    pub fn command_spec(&self, program: &Path, args: &[OsString]) -> Result<CommandSpec> {
        CommandSpec::new(
            program,
            args,
            self.folder,
            &self.vars,
            self.cancel.supervision(),
        )
    }

    /// Runs a cargo command and returns its output. Standard error and the exit also go to the log.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`CargoCommand::command`] and
    /// [`CargoCommand::follow`].
    pub fn run_captured(&self, args: &[&str], log: &mut PhaseLog) -> Result<CargoOutput> {
        log.note(&format!("$ cargo {}", args.join(" ")));
        self.run_streamed(self.command(args)?, self.path_scrubber(), log)
    }

    /// Like [`CargoCommand::run_captured`], but runs another program instead of cargo, and removes
    /// the paths of `places` from its messages.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`CargoCommand::follow`].
    pub fn run_streamed(
        &self,
        spec: CommandSpec,
        places: PathScrubber<'_>,
        log: &mut PhaseLog,
    ) -> Result<CargoOutput> {
        let (mut out, mut err) = (BoundedOutput::default(), BoundedOutput::default());
        let mut keep = |stream: Stream, line: &[u8]| match stream {
            Stream::Out => out.add(line),
            Stream::Err => {
                err.add(line);
                log.add(line);
            }
        };
        let ended = self.follow(spec, &mut keep)?;
        let ended = err.ended(out.ended(ended));
        log.note(&format!("[{}]", ended.exit));
        Ok(CargoOutput {
            ended,
            out: out.text(),
            err: places.without(&text::sanitize(&err.text())),
        })
    }

    /// Returns a scrubber for the paths that it works in.
    #[must_use]
    pub fn path_scrubber(&self) -> PathScrubber<'_> {
        PathScrubber {
            folder: self.folder,
            checkout: self.checkout,
            vars: &self.vars,
        }
    }

    /// Runs a command and passes its output to a follower.
    ///
    /// # Errors
    ///
    /// Returns an error if the budget for compile jobs is broken.
    pub fn follow(
        &self,
        mut spec: CommandSpec,
        follower: &mut dyn Follower,
    ) -> Result<ProcessResult> {
        let limits = Limits {
            limit: self.limit,
            policy: &self.policy,
            cancel: self.cancel,
        };
        let Some(budget) = self.budget else {
            return Ok(run(spec, limits, follower));
        };
        let waiting = Instant::now();
        let share = budget.token(&mut spec.command)?;
        let waited = waiting.elapsed();
        let ended = run(spec, limits, follower);
        match ended.exit {
            Exit::Code(_) => {}
            Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => {
                budget.renew(&share)?;
            }
        }
        Ok(ProcessResult { waited, ..ended })
    }
}

/// Returns why a cargo command says nothing about the code; `None` if nothing prevented an answer.
#[must_use]
pub fn infra_failure(exit: &Exit, err: &str) -> Option<InconclusiveReason> {
    let by_exit = failure::of_exit(exit);
    let by_signal = || match exit {
        Exit::Signal(signal) => Some(InconclusiveReason::Machine(format!(
            "cargo died of signal {signal}"
        ))),
        Exit::Code(_) | Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => None,
    };
    by_exit.or_else(by_signal).or_else(|| {
        let has_failed = !exit.is_success();
        let network = || is_network_failure(err).then_some(InconclusiveReason::Network);
        has_failed.then(|| machine_failure(err).or_else(network))?
    })
}

/// Like [`infra_failure`], but for a command that resolves or fetches. If it exceeds its time
/// limit, the cause is the network, or another cargo that holds the package cache.
#[must_use]
pub fn resolve_infra_failure(output: &CargoOutput) -> Option<InconclusiveReason> {
    match output.ended.exit {
        Exit::TimedOut => Some(InconclusiveReason::Machine(
            "cargo did not resolve in time (`resolve` under `[timeouts]`)".to_owned(),
        )),
        Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_) => {
            infra_failure(&output.ended.exit, &output.err).or_else(|| died_asking(&output.err))
        }
    }
}

/// Returns the machine failure if rustc died of a signal. Before cargo resolves anything, it
/// queries rustc, and the code can hardly make rustc die there.
fn died_asking(err: &str) -> Option<InconclusiveReason> {
    let died = err.lines().find(|line| line.contains("(signal: "))?;
    let signal = died.rsplit_once("(signal: ")?.1.trim_end_matches(')');
    Some(InconclusiveReason::Machine(format!(
        "rustc died of signal {signal}"
    )))
}

/// Returns the package that a registry supposedly does not have at all. Published packages do not
/// go away, but cargo skips what it cannot read in a response, so a corrupt response looks as if
/// nothing were there.
#[must_use]
pub fn unknown_to_registry(err: &str) -> Option<&str> {
    let mut lines = err.lines();
    let name = lines
        .find_map(|line| line.split_once("no matching package named `"))?
        .1;
    // Cargo names a registry before 1.85, and an index since.
    let place = lines.next()?.strip_prefix("location searched: ")?;
    let is_registry = place.starts_with("registry `") || place.contains("index");
    name.split('`').next().filter(|_| is_registry)
}

/// Returns the first error that cargo itself printed, with its cause.
#[must_use]
pub fn first_error(err: &str) -> Diagnostic {
    let lines: Vec<&str> = err.lines().collect();
    let Some(start) = lines.iter().position(|l| l.starts_with("error")) else {
        let last = lines.iter().rev().find(|l| !l.trim().is_empty());
        return Diagnostic::from_message(last.map_or("cargo printed nothing", |l| l.trim()));
    };
    let end = lines[start + 1..]
        .iter()
        .position(|l| l.starts_with("warning") || l.starts_with("error"))
        .map_or(lines.len(), |n| start + 1 + n);
    let output = lines[start]
        .trim_start_matches("error")
        .trim_start_matches(':')
        .trim();
    let cause = lines[start + 1..end]
        .iter()
        .skip_while(|l| l.trim() != "Caused by:")
        .nth(1)
        .map(|l| l.trim());
    let conflict = conflict(&lines[start..end]);
    let cause = cause.or(about_versions(&lines[start..end]));
    let feature = MissingFeature::read(&lines[start..end]);
    Diagnostic {
        message: match (conflict, cause, feature) {
            (Some(conflict), _, _) => format!("{}{conflict}", output.trim_end_matches('.')),
            (None, Some(cause), _) => format!("{output}: {cause}"),
            (None, None, Some(feature)) => format!("{}: {feature}", output.trim_end_matches('.')),
            (None, None, None) => output.to_owned(),
        },
        rendered: Some(text::bounded(
            lines[start..end].join("\n").trim_end(),
            text::RENDERED,
        )),
        ..Diagnostic::default()
    }
}

/// Returns why a requirement matches no version in the index: the index lists others, or cargo
/// cannot use the one that is meant.
fn about_versions<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let (first, rest) = lines.split_first()?;
    let why = rest.first()?.trim();
    let reasons = ["version ", "candidate versions found"];
    let is_why = reasons.iter().any(|words| why.starts_with(words));
    (is_why && first.contains("failed to select a version")).then_some(why)
}

/// Returns what conflicts with a version, from the messages of cargo's resolver:
/// ``... required by package `b v0.1.0 (PATH)` ``, then
/// ``previously selected package `a v1.0.0` `` and
/// ``... which satisfies dependency `a = "=1.0.0"` of package `c v0.1.0 (PATH)` ``.
fn conflict(lines: &[&str]) -> Option<String> {
    let named = |before: &str| {
        let rest = lines.iter().find_map(|line| line.split_once(before))?.1;
        rest.split(['`', '(']).next().map(str::trim)
    };
    let selected = named("previously selected package `")?;
    let mut conflict = String::new();
    if let Some(asker) = named("... required by package `") {
        conflict.push_str(&format!(", which {asker} requires,"));
    }
    conflict.push_str(&format!(" beside {selected}"));
    if let Some(asker) = named("` of package `") {
        conflict.push_str(&format!(", which {asker} requires"));
    }
    Some(conflict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_comes_with_its_cause() {
        let err = "   Updating index\nerror: failed to parse manifest at `/x`\n\n\
                   Caused by:\n  feature `edition2024` is required\n";
        let error = first_error(err);
        assert_eq!(
            error.message,
            "failed to parse manifest at `/x`: feature `edition2024` is required"
        );
    }

    #[test]
    fn why_no_version_is_taken_is_said() {
        let err = "error: failed to select a version for the requirement `a = \"=5.0.0\"`\n\
                   \x20 version 5.0.0's index entry is invalid\nlocation searched: `r` index\n";
        assert_eq!(
            first_error(err).message,
            "failed to select a version for the requirement `a = \"=5.0.0\"`: \
             version 5.0.0's index entry is invalid"
        );
    }

    #[test]
    fn a_conflict_names_what_stands_in_the_way_and_who_asked_for_it() {
        let err = "error: failed to select a version for `a`.\n\
                   \x20   ... required by package `app v0.1.0 (./app)`\n\
                   versions that meet the requirements `=1.1.0` are: 1.1.0\n\n\
                   all possible versions conflict with previously selected packages.\n\n\
                   \x20 previously selected package `a v1.0.0`\n\
                   \x20   ... which satisfies dependency `a = \"=1.0.0\"` of package `b v0.1.0 (/b)`\n";
        assert_eq!(
            first_error(err).message,
            "failed to select a version for `a`, which app v0.1.0 requires, \
             beside a v1.0.0, which b v0.1.0 requires"
        );
    }

    #[test]
    fn a_machine_that_fails_is_no_verdict() {
        let failed = Exit::Code(101);
        assert_eq!(
            infra_failure(&failed, "error: No space left on device (os error 28)"),
            Some(InconclusiveReason::OutOfDisk)
        );
        assert_eq!(
            infra_failure(&failed, "rustc (signal: 9, SIGKILL: kill)"),
            Some(InconclusiveReason::OutOfMemory)
        );
        assert_eq!(infra_failure(&failed, "error[E0425]: cannot find"), None);
        assert_eq!(
            infra_failure(&Exit::Code(0), "warning: spurious network error"),
            None
        );
    }
}
