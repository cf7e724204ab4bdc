//! Builds a cell: compiles every target as far as possible and gives each its own status and
//! errors.

pub(crate) mod chosen;
pub(crate) mod build_script;
pub(crate) mod doc_build;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8PathBuf;
use cargo_metadata::{BuildScript, PackageId};
use pinmatrix_core::config::FeatureSet;
use pinmatrix_core::model::outcome::moved::Broken;
use pinmatrix_core::model::outcome::{TargetId, TargetKind};
use pinmatrix_core::model::status::Status;
use pinmatrix_process::child::Exit;
use pinmatrix_process::{ProcessResult, combine};
use semver::Version;

use crate::build::chosen::compile_only;
use crate::cargo::compiler_call::DocTests;
use crate::cargo::targets::{Target, Workspace};
use crate::cargo::{CargoCommand, infra_failure};
use crate::diagnose::broken::{broken, name_packages};
use crate::diagnose::target_result::{TargetJudge, TargetResult};
use crate::diagnose::unit_blame::BuildAccount;
use crate::phase::log::PhaseLog;

/// The options of a build.
pub struct BuildOptions<'a> {
    /// The flags that choose the profile.
    pub flags: Vec<String>,
    /// The enabled features.
    pub features: &'a FeatureSet,
    /// Whether all targets are requested.
    pub is_whole: bool,
    /// Tells which targets and doc tests are requested.
    pub is_asked_for: &'a dyn Fn(&TargetId) -> bool,
    /// Restores the copy and the target folder to their state before anything was compiled.
    pub start_over: &'a dyn Fn() -> Result<()>,
    /// Keeps build scripts that have run, given by their executables, from running again.
    pub run_no_more: &'a dyn Fn(&[Utf8PathBuf]) -> Result<()>,
    /// The path at which a rustc wrapper for workspace packages may be written; `None` if they
    /// already have one.
    pub wrapper: Option<Utf8PathBuf>,
}

/// The variable that makes cargo act as if it came from another channel. From 1.62 to 1.73,
/// `--keep-going` existed but was unstable: <https://github.com/rust-lang/cargo/issues/10496>.
/// `RUSTC_BOOTSTRAP`, which rustc also reads, would reach build scripts, and they would detect a
/// nightly rustc.
const CHANNEL: &str = "__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS";

/// The result of a build.
pub struct BuildResult {
    /// The result of each target.
    pub made: BTreeMap<TargetId, TargetResult>,
    /// The packages from a registry and of the family that do not compile.
    pub broken: Vec<(PackageId, Broken)>,
    /// The doc tests of each library, once it is known how they run.
    pub doc_tests: BTreeMap<TargetId, DocTests>,
    /// The output of each package's build script, which tests see too.
    pub scripts: BTreeMap<PackageId, BuildScript>,
    /// The binaries, by package and name.
    pub binaries: BTreeMap<(PackageId, String), Utf8PathBuf>,
    /// The package of each unit that was used, fresh or compiled, by the hash in the unit's name.
    pub used: BTreeMap<String, PackageId>,
    /// How the last command ended, and the resources that all commands used.
    pub ended: ProcessResult,
}

/// Compiles all targets of a workspace and reports a result for each.
///
/// # Errors
///
/// Returns an error if cargo cannot be started.
pub fn build(
    cargo: &CargoCommand<'_>,
    workspace: &Workspace,
    options: &BuildOptions<'_>,
    log: &mut PhaseLog,
    on_step: &mut dyn FnMut(&str),
) -> Result<BuildResult> {
    let targets = workspace.targets.iter();
    let targets: Vec<&Target> = targets.filter(|t| (options.is_asked_for)(&t.id)).collect();
    let mut build = RunningBuild {
        cargo,
        workspace,
        options,
        account: BuildAccount::new(workspace, options.is_asked_for),
        ended: ProcessResult::NOTHING,
        log,
        on_step,
    };
    if !targets.is_empty() {
        build.all(&targets)?;
    }
    if build.account.is_ambiguous() && build.can_go_on() {
        build.plain()?;
    }
    let RunningBuild {
        mut account, ended, ..
    } = build;
    let plain = account.plain.as_mut();
    for messages in [&mut account.messages].into_iter().chain(plain) {
        name_packages(messages, workspace);
    }
    let judge = TargetJudge {
        account: &account,
        workspace,
        exit: &ended.exit,
        limit: cargo.limit,
    };
    let judged = targets.into_iter().map(|t| (t.id.clone(), judge.judge(t)));
    let mut made: BTreeMap<TargetId, TargetResult> = judged.collect();
    let is_unexplained = !ended.exit.is_success() && !made.values().any(TargetResult::has_failed);
    if options.is_whole
        && is_unexplained
        && let Some(of_none) = judge.of_none()
    {
        made.values_mut()
            .filter(|made| !matches!(made, TargetResult::Not(..)))
            .for_each(|made| *made = of_none.clone());
    }
    let messages = account.messages;
    let broken = broken(&messages, workspace);
    Ok(BuildResult {
        made,
        broken,
        doc_tests: BTreeMap::new(),
        scripts: messages.scripts,
        binaries: messages.binaries,
        used: messages.used,
        ended,
    })
}

impl BuildResult {
    /// Returns true if a failure of the machine left a target without a result.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        let is_doubt = |made: &TargetResult| match made {
            TargetResult::Not(status, _) => matches!(status, Status::Inconclusive { .. }),
            TargetResult::Executable(_) | TargetResult::Compiled => false,
        };
        self.made.values().any(is_doubt)
    }
}

/// A build in progress.
struct RunningBuild<'a> {
    cargo: &'a CargoCommand<'a>,
    workspace: &'a Workspace,
    options: &'a BuildOptions<'a>,
    account: BuildAccount,
    /// How the build has ended so far, and the resources that it used.
    ended: ProcessResult,
    log: &'a mut PhaseLog,
    on_step: &'a mut dyn FnMut(&str),
}

impl RunningBuild<'_> {
    /// Returns true if cargo keeps building other targets after one fails.
    /// Stable since cargo 1.74: <https://doc.rust-lang.org/cargo/commands/cargo-build.html>
    fn keeps_going(&self) -> bool {
        self.cargo.toolchain.cargo >= Version::new(1, 74, 0)
    }

    /// Builds all targets at once, or only the requested ones.
    fn all(&mut self, targets: &[&Target]) -> Result<()> {
        let chosen: BTreeSet<Vec<String>> = targets.iter().map(|t| choice(&t.id)).collect();
        // Cargo rejects a named target if any member has a target of that name with missing
        // features.
        let is_refused = |target: &Target| {
            !target.missing_features.is_empty() && chosen.contains(&choice(&target.id))
        };
        // If `cargo test` names an example, it builds a test executable from it.
        let all_bear_tests = targets.iter().all(|target| target.bears_tests);
        let any_refused = self.workspace.targets.iter().any(is_refused);
        // A test can run any example, and building only some targets does not build the examples.
        let mut others = self.workspace.targets.iter();
        let has_examples = others.any(|target| target.id.kind == TargetKind::Example);
        if !self.options.is_whole && all_bear_tests && !any_refused && !has_examples {
            // These are the same members with the same features, whether all or only some of their
            // targets are built.
            let names: Vec<String> = chosen.iter().flatten().cloned().collect();
            let is_named = |id: &TargetId| {
                id.kind != TargetKind::Doc && chosen.contains(&choice(id))
                    || (self.options.is_asked_for)(id)
            };
            self.account = BuildAccount::new(self.workspace, is_named);
            self.ended = self.some(targets, &names)?;
            let is_open = |target: &&Target| self.account.own_answer(target).is_none();
            let has_failed = matches!(self.ended.exit, Exit::Code(n) if n != 0);
            if !has_failed || !targets.iter().any(is_open) {
                return Ok(());
            }
            // Another target of the same name may have stopped cargo before it reached a requested
            // one.
        }
        let mut whole = self.args(&["build", "--tests"]);
        whole.extend(self.workspace.flags_beyond_tests());
        if !self.keeps_going() {
            // If nothing fails, there is no need to keep going.
            let ended = self.listen(whole.clone())?;
            self.ended = combine(self.ended.clone(), ended);
            let has_failed = matches!(self.ended.exit, Exit::Code(n) if n != 0);
            if !has_failed || !self.can_go_on() {
                return Ok(());
            }
            if self.workspace.runs_as_it_builds() {
                (self.options.start_over)()?;
            }
        }
        let is_built =
            |id: &TargetId| id.kind != TargetKind::Doc || (self.options.is_asked_for)(id);
        self.account
            .ask_again(BuildAccount::new(self.workspace, is_built));
        self.account.is_complete = true;
        let ended = self.listen_on(whole)?;
        self.ended = combine(self.ended.clone(), ended);
        Ok(())
    }

    /// Builds some targets by name. Other targets of the same name are left out if cargo allows it.
    fn some(&mut self, targets: &[&Target], names: &[String]) -> Result<ProcessResult> {
        let is_other = |target: &Target| {
            let choice = choice(&target.id);
            target.bears_tests
                && choice.iter().all(|word| names.contains(word))
                && !targets.iter().any(|asked| asked.id == target.id)
        };
        let has_others = self.workspace.targets.iter().any(is_other);
        let wrapper = self.options.wrapper.as_ref();
        let wrapper = wrapper.filter(|_| has_others && self.keeps_going());
        let wrapper = wrapper.filter(|_| targets.iter().all(|target| can_be_chosen(target)));
        let Some(wrapper) = wrapper else {
            let mut part = self.args(&["test", "--no-run"]);
            part.extend(names.iter().cloned());
            return self.listen(part);
        };
        let packages = targets.iter();
        let packages = packages.filter_map(|t| self.workspace.folder(&t.package));
        let packages: Vec<Utf8PathBuf> = packages.collect();
        let mut vars = self.cargo.vars.clone();
        compile_only(&packages, wrapper, &mut vars)?;
        let choosy = CargoCommand {
            vars,
            policy: self.cargo.policy.clone(),
            ..*self.cargo
        };
        let mut part = self.args(&["build", "--keep-going"]);
        part.extend(names.iter().cloned());
        self.listen_to(&choosy, part)
    }

    /// Builds what other targets use, without tests: every library, and the binaries and examples
    /// that matter. `--examples` also makes cargo enable the features that dev-dependencies
    /// require, as in the whole build.
    fn plain(&mut self) -> Result<()> {
        let mut plain = self.args(&["build", "--examples"]);
        let targets = self.workspace.targets.iter();
        let has = |kind| targets.clone().any(|target| target.id.kind == kind);
        if has(TargetKind::Lib) {
            plain.push("--lib".to_owned());
        }
        if targets.clone().any(|target| !target.binaries.is_empty()) {
            plain.push("--bins".to_owned());
        }
        let both = std::mem::take(&mut self.account.messages);
        let ended = self.listen_on(plain);
        let plain = std::mem::replace(&mut self.account.messages, both);
        let ended = ended?;
        let used = plain.used.iter();
        let used = used.map(|(hash, package)| (hash.clone(), package.clone()));
        self.account.messages.used.extend(used);
        match ended.exit {
            Exit::Code(_) => {
                self.account.plain = Some(plain);
                self.ended = combine(ended, self.ended.clone());
            }
            // Incomplete messages prove nothing.
            Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => {
                self.ended = combine(self.ended.clone(), ended);
            }
        }
        Ok(())
    }

    /// Returns a command for the selected packages.
    fn args(&self, words: &[&str]) -> Vec<String> {
        let words = words.iter().map(|word| (*word).to_owned());
        words.chain(self.workspace.selection.flags()).collect()
    }

    /// Returns true if running cargo again makes sense.
    fn can_go_on(&self) -> bool {
        let ProcessResult { exit, .. } = &self.ended;
        matches!(exit, Exit::Code(_)) && infra_failure(exit, &self.account.messages.err).is_none()
    }

    /// Runs one command, which selects the same packages and features as all others.
    fn listen(&mut self, args: Vec<String>) -> Result<ProcessResult> {
        self.listen_to(self.cargo, args)
    }

    /// Runs like [`RunningBuild::listen`], but cargo keeps going after a unit fails.
    fn listen_on(&mut self, mut args: Vec<String>) -> Result<ProcessResult> {
        args.push("--keep-going".to_owned());
        if self.keeps_going() {
            return self.listen(args);
        }
        args.push("-Zunstable-options".to_owned());
        let mut vars = self.cargo.vars.clone();
        vars.insert(CHANNEL.into(), "nightly".into());
        let nightly = CargoCommand {
            vars,
            policy: self.cargo.policy.clone(),
            ..*self.cargo
        };
        self.listen_to(&nightly, args)
    }

    fn listen_to(
        &mut self,
        cargo: &CargoCommand<'_>,
        mut args: Vec<String>,
    ) -> Result<ProcessResult> {
        args.extend(self.options.flags.iter().cloned());
        args.extend(self.options.features.flags());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let messages = &mut self.account.messages;
        let ended = messages.listen(cargo, &args, self.log, self.on_step)?;
        let scripts = messages.script_executables.iter();
        let own = scripts.filter(|(package, _)| self.workspace.is_own(package));
        let own: Vec<Utf8PathBuf> = own.map(|(_, executable)| executable.clone()).collect();
        (self.options.run_no_more)(&own)?;
        Ok(ended)
    }
}

/// Returns true if a target can be compiled alone although others share its name: under that
/// name, cargo compiles nothing but the test, and the shell in between loses no variable. A shell
/// drops variables whose names it does not accept, such as `CARGO_BIN_EXE_a-b`.
fn can_be_chosen(target: &Target) -> bool {
    let is_plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    target.id.kind == TargetKind::Test && target.binaries.iter().all(is_plain)
}

/// Returns the flags that choose one target.
#[must_use]
pub fn choice(id: &TargetId) -> Vec<String> {
    match id.kind {
        TargetKind::Lib | TargetKind::Doc => vec!["--lib".to_owned()],
        TargetKind::Bin => vec!["--bin".to_owned(), id.name.clone()],
        TargetKind::Test => vec!["--test".to_owned(), id.name.clone()],
        TargetKind::Example => vec!["--example".to_owned(), id.name.clone()],
        TargetKind::Bench => vec!["--bench".to_owned(), id.name.clone()],
    }
}
