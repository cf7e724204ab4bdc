//! Cargo commands: a program, a folder, an environment, and what was said.

pub(crate) mod missing_feature;
pub(crate) mod features;
pub(crate) mod targets;
pub(crate) mod messages;
pub(crate) mod compiler_call;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
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
use crate::machine::toolchain::Toolchain;
use crate::phase::log::PhaseLog;

/// A cargo of a certain toolchain, at work in a certain folder.
pub struct CargoCommand<'a> {
    /// The toolchain it belongs to.
    pub toolchain: &'a Toolchain,
    /// The workspace it works on.
    pub folder: &'a Utf8Path,
    /// The copy of the checkout that the workspace lies in.
    pub checkout: &'a Utf8Path,
    /// All it sees of the environment.
    pub vars: BTreeMap<OsString, OsString>,
    /// How long one command may take.
    pub limit: Duration,
    /// What it may reach.
    pub policy: Policy,
    /// Whether the run should end.
    pub cancel: &'a Cancel,
    /// The budget that its compile jobs are taken from.
    pub budget: Option<&'a JobBudget>,
}

/// What a command said, and how it ended.
#[derive(Clone, Debug)]
pub struct CargoOutput {
    /// How it ended.
    pub ended: ProcessResult,
    /// Standard output.
    pub out: String,
    /// Standard error, cleaned.
    pub err: String,
}

impl CargoCommand<'_> {
    /// A command, ready to run.
    ///
    /// # Errors
    ///
    /// When this process has no working folder.
    pub fn command(&self, args: &[&str]) -> Result<CommandSpec> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let program = self.toolchain.program("cargo");
        self.command_spec(program.as_ref(), &args)
    }

    /// Another program in cargo's place.
    ///
    /// # Errors
    ///
    /// As [`CargoCommand::command`].
    pub fn command_spec(&self, program: &Path, args: &[OsString]) -> Result<CommandSpec> {
        let by_warden = self.cancel.has_supervisors();
        CommandSpec::new(program, args, self.folder, &self.vars, by_warden)
    }

    /// Runs a command and keeps what it says; standard error and how it went stand in the log.
    ///
    /// # Errors
    ///
    /// As [`CargoCommand::command`].
    pub fn run_captured(&self, args: &[&str], log: &mut PhaseLog) -> Result<CargoOutput> {
        log.note(&format!("$ cargo {}", args.join(" ")));
        self.run_streamed(self.command(args)?, self.path_scrubber(), log)
    }

    /// As [`CargoCommand::say`], of another program in cargo's place, which works in other places than it
    /// speaks of.
    ///
    /// # Errors
    ///
    /// As [`CargoCommand::command`].
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

    /// The places that it works in.
    #[must_use]
    pub fn path_scrubber(&self) -> PathScrubber<'_> {
        PathScrubber {
            folder: self.folder,
            checkout: self.checkout,
            vars: &self.vars,
        }
    }

    /// Runs a command that a follower reads.
    ///
    /// # Errors
    ///
    /// When the budget of compile jobs is broken.
    pub fn follow(
        &self,
        mut spec: CommandSpec,
        follower: &mut dyn Follower,
    ) -> Result<ProcessResult> {
        let terms = Limits {
            limit: self.limit,
            policy: &self.policy,
            cancel: self.cancel,
        };
        let Some(budget) = self.budget else {
            return Ok(run(spec, terms, follower));
        };
        let waiting = Instant::now();
        let share = budget.token(&mut spec.command)?;
        let waited = waiting.elapsed();
        let ended = run(spec, terms, follower);
        match ended.exit {
            Exit::Code(_) => {}
            Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => {
                budget.renew(&share)?;
            }
        }
        Ok(ProcessResult { waited, ..ended })
    }
}

/// The places that a cargo works in, which say nothing and differ from lane to lane and from machine
/// to machine.
#[derive(Clone, Copy)]
pub struct PathScrubber<'a> {
    /// The workspace it works on.
    pub folder: &'a Utf8Path,
    /// The copy of the checkout that the workspace lies in.
    pub checkout: &'a Utf8Path,
    /// All it sees of the environment.
    pub vars: &'a BTreeMap<OsString, OsString>,
}

/// Text in which paths below a copy of a checkout are relative to the workspace in it.
#[must_use]
pub fn without_copy(text: &str, workspace: &Utf8Path, checkout: &Utf8Path) -> String {
    let text = replace_path(text, workspace, ".");
    let Ok(inside) = workspace.strip_prefix(checkout) else {
        return text;
    };
    let up: Vec<&str> = inside.components().map(|_| "..").collect();
    replace_path(&text, checkout, &up.join("/"))
}

/// Text with something else in place of a path; a longer name that begins like it stays.
fn replace_path(text: &str, path: &Utf8Path, by: &str) -> String {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(path.as_str()) {
        replaced.push_str(before);
        // A dot ends a sentence where nothing of a name follows it.
        let mut next = after.chars();
        let is_longer = match next.next() {
            Some('.') => next.next().is_some_and(goes_on),
            Some(c) => goes_on(c),
            None => false,
        };
        replaced.push_str(if is_longer { path.as_str() } else { by });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

impl PathScrubber<'_> {
    /// Text without the places of the copy and of cargo's unpacked crates.
    #[must_use]
    pub fn without(&self, text: &str) -> String {
        let var = |name: &str| {
            self.vars
                .get(OsStr::new(name))
                .and_then(|value| value.to_str())
        };
        let text = without_copy(text, self.folder, self.checkout);
        let home = var("CARGO_HOME").map(str::to_owned);
        let home = home.or_else(|| Some(format!("{}/.cargo", var("HOME")?)));
        match home {
            Some(home) => without_unpacked(&text, &format!("{home}/registry/src/")),
            None => text,
        }
    }
}

/// `PLACE/REGISTRY/wasmtime-36.0.3/src/lib.rs` is `wasmtime-36.0.3/src/lib.rs` to a reader.
fn without_unpacked(text: &str, place: &str) -> String {
    let mut parts = text.split(place);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The registry's own folder goes too.
        short.push_str(part.split_once('/').map_or(part, |(_, rest)| rest));
    }
    short
}

/// What cargo says when it cannot reach a registry.
const NETWORK: [&str; 10] = [
    "--offline was specified",
    "failed to download",
    "spurious network error",
    "Could not resolve host",
    "Couldn't resolve host",
    "failed to fetch `",
    "network failure seems to have happened",
    "failed to query replaced source registry",
    "Unable to update registry",
    "failed to verify the checksum of",
];

/// What kept a cargo command from an answer about the code, if anything did.
#[must_use]
pub fn infra_failure(exit: &Exit, err: &str) -> Option<InconclusiveReason> {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| err.contains(phrase));
    match exit {
        Exit::Interrupted => return Some(InconclusiveReason::Interrupted),
        Exit::Lost(why) => return Some(InconclusiveReason::Machine(why.clone())),
        // What the system kills without a word, it kills for memory.
        Exit::Signal(9) => return Some(InconclusiveReason::OutOfMemory),
        Exit::Signal(signal) => {
            return Some(InconclusiveReason::Machine(format!(
                "cargo died of signal {signal}"
            )));
        }
        Exit::Code(_) | Exit::TimedOut => {}
    }
    if exit.is_success() {
        return None;
    }
    machine_fault(err).or_else(|| says(&NETWORK).then_some(InconclusiveReason::Network))
}

/// As [`doubt`], of a command that resolves or fetches: what keeps one of those beyond its time is
/// the network, or another cargo that holds the package cache.
#[must_use]
pub fn resolve_infra_failure(said: &CargoOutput) -> Option<InconclusiveReason> {
    match said.ended.exit {
        Exit::TimedOut => Some(InconclusiveReason::Machine(
            "cargo did not resolve in time (`resolve` under `[timeouts]`)".to_owned(),
        )),
        Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_) => {
            infra_failure(&said.ended.exit, &said.err).or_else(|| died_asking(&said.err))
        }
    }
}

/// Before it resolves anything, cargo asks rustc what it is, which can hardly die of the code.
fn died_asking(err: &str) -> Option<InconclusiveReason> {
    let died = err.lines().find(|line| line.contains("(signal: "))?;
    let signal = died.rsplit_once("(signal: ")?.1.trim_end_matches(')');
    Some(InconclusiveReason::Machine(format!(
        "rustc died of signal {signal}"
    )))
}

/// The package that a registry is said not to have at all. Nothing that was published goes away; but
/// cargo skips what it cannot read in an answer, so that nonsense looks as if nothing were there.
#[must_use]
pub fn unknown_to_registry(err: &str) -> Option<&str> {
    let mut lines = err.lines();
    let name = lines
        .find_map(|line| line.split_once("no matching package named `"))?
        .1;
    // Before cargo 1.85 it is a registry that was searched, and an index since.
    let place = lines.next()?.strip_prefix("location searched: ")?;
    let is_registry = place.starts_with("registry `") || place.contains("index");
    name.split('`').next().filter(|_| is_registry)
}

/// What words of cargo, rustc or a linker tell of a machine that failed.
#[must_use]
pub fn machine_fault(said: &str) -> Option<InconclusiveReason> {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| said.contains(phrase));
    if says(&[
        "No space left on device",
        "Disk quota exceeded",
        "os error 28)",
        // A linker that maps its output into memory finds no room for it when it writes there.
        "ld terminated with signal 7 [Bus error]",
    ]) {
        return Some(InconclusiveReason::OutOfDisk);
    }
    if says(&[
        "Cannot allocate memory",
        "signal: 9, SIGKILL",
        "os error 12)",
        "out of memory allocating",
        "emory exhausted",
        "std::bad_alloc",
        "ld terminated with signal 9",
        "Killed signal terminated program",
    ]) || is_refused_memory(said)
    {
        return Some(InconclusiveReason::OutOfMemory);
    }
    let is_fault = |line: &&str| FAULTS.iter().any(|fault| line.contains(fault));
    let line = said.lines().find(is_fault)?;
    // Where a program could not be started, why not stands further down.
    let why = said.lines().find(|line| line.contains("os error"));
    Some(InconclusiveReason::Machine(text::one_line(
        why.unwrap_or(line),
    )))
}

/// What tells of other failures of a machine.
const FAULTS: [&str; 5] = [
    "Read-only file system",
    "(never executed)",
    "Permission denied (os error 13)",
    "Too many open files",
    "Resource temporarily unavailable",
];

/// Whether words hold what a program says before it aborts for want of memory: by the standard
/// library (<https://doc.rust-lang.org/std/alloc/fn.handle_alloc_error.html>), LLVM or glibc.
#[must_use]
pub fn is_refused_memory(said: &str) -> bool {
    let mut lines = said.lines().map(str::trim);
    lines.any(|line| {
        let asked = line.strip_prefix("memory allocation of ");
        let asked = asked.and_then(|rest| rest.strip_suffix(" bytes failed")?.parse().ok());
        asked.is_some_and(|bytes: u64| bytes < MOST_ASKED) || line.ends_with(": out of memory")
    })
}

/// Whoever asks for more at once, in bytes, asks for what hardly any machine has.
const MOST_ASKED: u64 = 1 << 40;

/// The first error that cargo itself printed, with what caused it.
#[must_use]
pub fn first_error(err: &str) -> Diagnostic {
    let lines: Vec<&str> = err.lines().collect();
    let Some(start) = lines.iter().position(|l| l.starts_with("error")) else {
        let last = lines.iter().rev().find(|l| !l.trim().is_empty());
        return Diagnostic::from_message(last.map_or("cargo said nothing", |l| l.trim()));
    };
    let end = lines[start + 1..]
        .iter()
        .position(|l| l.starts_with("warning") || l.starts_with("error"))
        .map_or(lines.len(), |n| start + 1 + n);
    let said = lines[start]
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
            (Some(conflict), _, _) => format!("{}{conflict}", said.trim_end_matches('.')),
            (None, Some(cause), _) => format!("{said}: {cause}"),
            (None, None, Some(feature)) => format!("{}: {feature}", said.trim_end_matches('.')),
            (None, None, None) => said.to_owned(),
        },
        rendered: Some(text::bounded(
            lines[start..end].join("\n").trim_end(),
            text::RENDERED,
        )),
        ..Diagnostic::default()
    }
}

/// Why a requirement takes no version of what the index lists: it lists others, or cargo cannot use
/// the one that is meant.
fn about_versions<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let (first, rest) = lines.split_first()?;
    let why = rest.first()?.trim();
    let is_told = ["version ", "candidate versions found"];
    let is_why = is_told.iter().any(|words| why.starts_with(words));
    (is_why && first.contains("failed to select a version")).then_some(why)
}

/// What stands in the way of a version, from the words of cargo's resolver:
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
    fn crates_go_by_their_name_and_version() {
        let told =
            "--> /h/registry/src/index-1/a-1.0.0/src/lib.rs:1 and /h/registry/src/i/b-2.0.0/x";
        let short = without_unpacked(told, "/h/registry/src/");
        assert_eq!(short, "--> a-1.0.0/src/lib.rs:1 and b-2.0.0/x");
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
