//! Judges each target of a build by the messages about it and by its dependencies.

use std::time::Duration;

use camino::Utf8PathBuf;
use cargo_metadata::{Package, PackageId};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::TargetKind;
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, SkipReason, Status};
use pinmatrix_core::text;
use pinmatrix_process::child::Exit;

use crate::cargo::messages::BuildMessages;
use crate::cargo::targets::{Target, Workspace};
use crate::cargo::{first_error, infra_failure};
use crate::diagnose::classify::{BUILD_SCRIPT, build_script_message, fault_in, kind_of};
use crate::diagnose::unit_blame::{BuildAccount, UnitBuild, unit_of};
use crate::phase::timer::limit_in_words;

/// The result of building a target.
#[derive(Clone, Debug)]
pub enum TargetResult {
    /// A test executable was built.
    Executable(Utf8PathBuf),
    /// A target was built that only has to compile: an example or a bench.
    Compiled,
    /// Nothing was built, for this reason.
    Not(Status, Vec<Diagnostic>),
}

impl TargetResult {
    /// Returns true if the target should have been built and was not.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self, Self::Not(status, _) if !matches!(status, Status::Skipped { .. }))
    }
}

/// The inputs that targets are judged by.
pub struct TargetJudge<'a> {
    /// The messages of cargo and rustc.
    pub account: &'a BuildAccount,
    /// The workspace, which knows what depends on what.
    pub workspace: &'a Workspace,
    /// How cargo ended.
    pub exit: &'a Exit,
    /// The timeout of the build.
    pub limit: Duration,
}

/// What the messages alone say about a target.
pub enum MessageEvidence {
    /// It was built.
    Made(TargetResult),
    /// It or one of its dependencies has errors.
    Errors(Vec<Diagnostic>),
    /// The named package, which the pin cannot affect, has errors.
    Drift(String, Vec<Diagnostic>),
    /// The messages say nothing.
    Open,
}

impl BuildAccount {
    /// Returns what the messages say about the target itself.
    pub fn own_answer(&self, target: &Target) -> Option<MessageEvidence> {
        let unit = unit_of(target);
        let example = (target.package.clone(), target.id.name.clone());
        if !target.bears_tests && self.messages.examples.contains(&example) {
            return Some(MessageEvidence::Made(TargetResult::Compiled));
        }
        if let Some(executable) = self.messages.executables.get(&unit) {
            return Some(MessageEvidence::Made(if target.bears_tests {
                TargetResult::Executable(executable.clone())
            } else {
                TargetResult::Compiled
            }));
        }
        let errors = self.errors(&unit, UnitBuild::of(target));
        (!errors.is_empty()).then_some(MessageEvidence::Errors(errors))
    }
}

/// Finds a failed build script in cargo's standard error, the only place where cargo reports it.
pub fn failed_script(output: &str, package: &Package) -> Option<Diagnostic> {
    let Package { name, version, .. } = package;
    let words = format!("error: failed to run custom build command for `{name} v{version}");
    // 0.0.1 is not 0.0.10: what follows the version is the end of the name, or the package's path.
    let is_whole = |start: &usize| {
        matches!(
            output.as_bytes().get(start + words.len()),
            Some(b'`' | b' ')
        )
    };
    let starts = output.match_indices(&words).map(|(start, _)| start);
    let start = starts.into_iter().find(is_whole)?;
    let mut error = first_error(&output[start..]);
    let rendered = error.rendered.as_deref().unwrap_or_default();
    let output = build_script_message(rendered)
        .map(text::one_line)
        .unwrap_or_default();
    error.message = format!("{BUILD_SCRIPT}{name} failed: {output}");
    Some(error)
}

impl TargetJudge<'_> {
    fn answer(&self, target: &Target) -> MessageEvidence {
        let own = self.account.own_answer(target);
        let own = match own {
            Some(MessageEvidence::Made(_)) => self.without_binary(target).or(own),
            own => own,
        };
        own.unwrap_or_else(|| self.below(target))
    }

    /// Explains why a target cannot run although it was built: a binary of its package should have
    /// been built and was not. If an earlier build left that binary, the target would run with the
    /// old one.
    fn without_binary(&self, target: &Target) -> Option<MessageEvidence> {
        let BuildMessages { binaries, err, .. } = &self.account.messages;
        target.binaries.iter().find_map(|name| {
            let package = target.package.clone();
            if binaries.contains_key(&(package.clone(), name.clone())) {
                return None;
            }
            let binary = (package, Some(TargetKind::Bin), name.clone());
            let errors = self.account.errors(&binary, UnitBuild::Plain);
            if !errors.is_empty() {
                return Some(MessageEvidence::Errors(errors));
            }
            let unit = format!("could not compile `{}` (bin \"{name}\")", target.id.package);
            // Cargo shows the command line of a compiler that it could not start or that crashed.
            let was_stopped = err.contains(&unit) || err.contains("--crate-type bin ");
            let was_cut_short = !matches!(self.exit, Exit::Code(_));
            (was_stopped || was_cut_short).then_some(MessageEvidence::Open)
        })
    }

    /// Returns the errors of what a target needs: its own library or binaries, or a package that it
    /// depends on. Drift counts only if nothing else is in the way.
    fn below(&self, target: &Target) -> MessageEvidence {
        let mut answer = MessageEvidence::Open;
        for id in self.workspace.below(&target.package) {
            let Some(errors) = self.of_needed(&id, target) else {
                continue;
            };
            let Some(package) = self.workspace.outside(&id) else {
                return MessageEvidence::Errors(errors);
            };
            if matches!(answer, MessageEvidence::Open) {
                answer =
                    MessageEvidence::Drift(format!("{} {}", package.name, package.version), errors);
            }
        }
        answer
    }

    /// Returns the errors of one package that a target needs.
    fn of_needed(&self, id: &PackageId, target: &Target) -> Option<Vec<Diagnostic>> {
        let is_needed = |kind: Option<TargetKind>, name: &String| match kind {
            None => true,
            // The tests within a library do not use the library.
            Some(TargetKind::Lib) => *id != target.package || target.id.kind != TargetKind::Lib,
            Some(TargetKind::Bin) => *id == target.package && target.binaries.contains(name),
            Some(TargetKind::Test | TargetKind::Example | TargetKind::Bench | TargetKind::Doc) => {
                false
            }
        };
        let units = self.account.units().into_iter();
        let needed = units.filter(|(of, kind, name)| of == id && is_needed(*kind, name));
        let mut errors = needed.map(|unit| self.account.errors(unit, UnitBuild::Plain));
        if let Some(errors) = errors.find(|errors| !errors.is_empty()) {
            return Some(errors);
        }
        let mut error = failed_script(&self.account.messages.err, self.workspace.package(id)?)?;
        let package = self.workspace.foreign(id);
        error.package = package.map(|p| format!("{} {}", p.name, p.version));
        Some(vec![error])
    }

    /// Judges one target.
    #[must_use]
    pub fn judge(&self, target: &Target) -> TargetResult {
        // Cargo may find `dependency/feature` enabled although the feature list does not show it.
        let was_left_out =
            !target.missing_features.is_empty() && self.account.own_answer(target).is_none();
        if was_left_out {
            let reason = SkipReason::RequiredFeatures(target.missing_features.clone());
            return TargetResult::Not(Status::Skipped { reason }, Vec::new());
        }
        match self.answer(target) {
            MessageEvidence::Made(made) => made,
            MessageEvidence::Errors(errors) => {
                let status = match fault_in(&errors) {
                    Some(doubt) => Status::Inconclusive { doubt },
                    None => Status::failed(kind_of(&errors)),
                };
                TargetResult::Not(status, errors)
            }
            MessageEvidence::Drift(package, mut errors) => {
                let status = match fault_in(&errors) {
                    Some(doubt) => Status::Inconclusive { doubt },
                    None => Status::failed(FailureKind::Drift),
                };
                if let Some(error) = errors.first_mut() {
                    error.message = format!("{package} does not build: {}", error.message);
                }
                TargetResult::Not(status, errors)
            }
            MessageEvidence::Open => self.unexplained(),
        }
    }

    /// Judges a target that a failed build says nothing about.
    #[must_use]
    pub fn unexplained(&self) -> TargetResult {
        let (output, exit) = (&self.account.messages.err, self.exit);
        let says_error = output.lines().any(|line| line.starts_with("error"));
        let status = match infra_failure(exit, output) {
            Some(doubt) => Status::Inconclusive { doubt },
            None if *exit == Exit::TimedOut => Status::failed(FailureKind::Timeout),
            None if output.contains("(signal: ") => Status::failed(FailureKind::Crash),
            None if says_error => Status::failed(FailureKind::Compile),
            // Without an executable and without an error, cargo failed, not the code.
            None => Status::Inconclusive {
                doubt: InconclusiveReason::Machine(format!(
                    "cargo reported nothing about it and ended: {exit}"
                )),
            },
        };
        let error = match exit {
            Exit::TimedOut => Diagnostic::from_message(format!(
                "the build did not end within {}",
                limit_in_words(self.limit, "build")
            )),
            Exit::Interrupted => Diagnostic::from_message("interrupted"),
            Exit::Lost(why) => Diagnostic::from_message(why),
            Exit::Code(_) | Exit::Signal(_) => first_error(output),
        };
        TargetResult::Not(status, vec![error])
    }

    /// Judges a build that failed although every target was built, so that no target is to blame.
    /// Returns `None` if the failure is known not to matter: an example with tests failed to build
    /// without them.
    #[must_use]
    pub fn of_none(&self) -> Option<TargetResult> {
        let of_example = |target: &Target| {
            let is_example = target.id.kind == TargetKind::Example && target.bears_tests;
            let errors = || self.account.errors(&unit_of(target), UnitBuild::Plain);
            is_example && !errors().is_empty()
        };
        if self.workspace.targets.iter().any(of_example) {
            return None;
        }
        let error = first_error(&self.account.messages.err);
        let doubt = infra_failure(self.exit, &self.account.messages.err);
        let doubt = doubt.unwrap_or_else(|| {
            let why = format!("all was made, and cargo ended: {}", self.exit);
            InconclusiveReason::Machine(why)
        });
        Some(TargetResult::Not(
            Status::Inconclusive { doubt },
            vec![error],
        ))
    }
}

#[cfg(test)]
mod tests;
