//! Finds out how cargo would run the doc tests of each library, by letting cargo call a script in
//! place of rustdoc.
//!
//! ```text
//! cargo test --doc --workspace ── builds what is missing ──▶ the script ──▶ one call per library
//!        │ if a member does not build
//!        ▼
//! the same in an empty target folder, with scripts in place of rustc and build scripts:
//! the calls of rustdoc, and those of rustc for what cargo did not reach
//! ```
//!
//! If everything builds and a package of the subject has a build script, only the second step runs.
//!
//! So the features that a library has among all members, its dependencies, and what lints, build
//! scripts and configuration add are cargo's own answer, whatever its version.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::PackageId;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{TargetId, TargetKind};
use pinmatrix_core::model::status::{InconclusiveReason, SkipReason, Status};
use pinmatrix_core::text::shell_word;
use pinmatrix_process::child::Exit;
use pinmatrix_process::sandbox::policy::FilePolicy;
use pinmatrix_process::sandbox::scoped_thread::confined;
use pinmatrix_process::{ProcessResult, combine};

use crate::build::BuildResult;
use crate::cargo::compiler_call::{CompilerCall, DocTests, RUSTDOC, WRAPPER, line};
use crate::cargo::messages::{BuildMessages, Unit};
use crate::cargo::targets::{Target, Workspace, name_of};
use crate::cargo::{CargoCommand, first_error, infra_failure};
use crate::diagnose::target_result::{TargetJudge, TargetResult};
use crate::diagnose::unit_blame::BuildAccount;
use crate::fs_ext::{names, remove, write_program};
use crate::phase::log::PhaseLog;

const NOTE: &str = include_str!("doc_build/note.sh");
const SCRIPTS: [(&str, &str); 3] = [
    ("rustdoc", include_str!("doc_build/rustdoc.sh")),
    ("rustc", include_str!("doc_build/rustc.sh")),
    ("script", include_str!("doc_build/script.sh")),
];

/// Doc tests whose dependencies produced neither an artifact nor an error.
const NOT_REACHED: DocTests = DocTests::Not(
    Status::Skipped {
        reason: SkipReason::NotReached,
    },
    Vec::new(),
);

/// The result of a doc build.
pub struct DocBuildResult {
    /// The doc tests of each library that cargo would run; it skips some kinds of libraries.
    pub doc_tests: BTreeMap<TargetId, DocTests>,
    /// The packages of the units that it used or compiled, by the hash in the unit's name.
    pub used: UnitPackages,
    /// How it ended, and the resources that it used.
    pub ended: ProcessResult,
}

/// The package of each unit, by the hash in the unit's name.
type UnitPackages = BTreeMap<String, PackageId>;

/// The inputs of a doc build.
pub struct DocBuild<'a> {
    /// The cell's cargo, in the sandbox of a build.
    pub cargo: CargoCommand<'a>,
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The flags that choose the profile and the features.
    pub flags: Vec<String>,
    /// The target folder of the build.
    pub target: &'a Utf8Path,
    /// A private folder, which the builds and tests before and after cannot access.
    pub folder: Utf8PathBuf,
    /// Whether cargo only pretends to build from the start: it may run a build script of the
    /// subject again on every command, while a fresh checkout runs each once.
    pub dry_run_only: bool,
}

impl DocBuildResult {
    /// Creates the result of a doc build that did not run: how the requested doc tests run is
    /// unknown.
    #[must_use]
    pub fn of_none(asked_for: &[(PackageId, TargetId)], built: &BuildResult) -> Self {
        let all = asked_for.iter().map(|(_, id)| (id.clone(), NOT_REACHED));
        Self {
            doc_tests: all.collect(),
            used: built.used.clone(),
            ended: ProcessResult::NOTHING,
        }
    }
}

impl DocBuild<'_> {
    /// Makes cargo build what the doc tests of these libraries need beyond what tests needed, and
    /// reveal how it would run them.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be written or a command cannot be started.
    pub fn run(
        mut self,
        asked_for: &[(PackageId, TargetId)],
        used: &UnitPackages,
        log: &mut PhaseLog,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<DocBuildResult> {
        if let Some(files) = &mut self.cargo.policy.files {
            files.write.push(self.folder.clone());
        }
        let doc_build_result = self.record_calls(asked_for, used, log, on_step)?;
        let is_open = |tests: &DocTests| match tests {
            DocTests::Ready(_) => false,
            DocTests::Not(status, _) => !status.is_failed(),
        };
        if !self.dry_run_only || !doc_build_result.doc_tests.values().any(is_open) {
            return Ok(doc_build_result);
        }
        log.note("# Something that only cargo makes is missing.");
        self.dry_run_only = false;
        let again = self.record_calls(asked_for, &doc_build_result.used, log, on_step)?;
        Ok(DocBuildResult {
            ended: combine(doc_build_result.ended, again.ended),
            ..again
        })
    }

    fn record_calls(
        &self,
        asked_for: &[(PackageId, TargetId)],
        used: &UnitPackages,
        log: &mut PhaseLog,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<DocBuildResult> {
        self.lay_out()?;
        let mut messages = BuildMessages::default();
        let mut ended = ProcessResult::NOTHING;
        if !self.dry_run_only {
            let cargo = self.cargo_with([(RUSTDOC, self.folder.join("rustdoc"))]);
            let args = self.args();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            ended = messages.listen(&cargo, &args, log, on_step)?;
        }
        let used = used.iter().map(|(hash, id)| (hash.clone(), id.clone()));
        messages.used.extend(used);
        let is_whole = !self.dry_run_only && ended.exit.is_success();
        let mut calls = None;
        if is_whole {
            calls = Some(self.calls(None)?);
        } else if can_go_on(&ended.exit) && infra_failure(&ended.exit, &messages.err).is_none() {
            let dry_calls = match self.dry_run(log)? {
                Ok(dry_calls) => dry_calls,
                Err(why) => {
                    self.clear()?;
                    return Ok(gave_up(asked_for, why, messages, ended));
                }
            };
            let compiled = self.make_missing(asked_for, &dry_calls, &mut messages, log, on_step)?;
            ended = if can_go_on(&compiled.exit) {
                combine(compiled, ended)
            } else {
                combine(ended, compiled)
            };
            calls = Some(dry_calls);
        }
        self.clear()?;
        let account = BuildAccount::of_plain(messages);
        let messages = &account.messages;
        let mut doc_tests = BTreeMap::new();
        for (package, id) in asked_for {
            let call = calls
                .as_ref()
                .map(|calls| calls.of(self.workspace, package));
            let ready = match call {
                // Cargo would run no doc tests for it.
                Some(None) => continue,
                Some(Some(call)) if is_whole || call.has_all(&messages.used) => {
                    DocTests::Ready(call.clone())
                }
                Some(Some(_)) | None => self.broken(package, id, &account, &ended.exit),
            };
            doc_tests.insert(id.clone(), ready);
        }
        Ok(DocBuildResult {
            doc_tests,
            used: account.messages.used,
            ended,
        })
    }

    fn args(&self) -> Vec<String> {
        let args = ["test", "--doc", "--no-fail-fast"].map(str::to_owned);
        let mut args: Vec<String> = args.into();
        args.extend(self.workspace.selection.flags());
        args.extend(self.flags.iter().cloned());
        args
    }

    /// Creates the folder with the scripts and nothing else.
    fn lay_out(&self) -> Result<()> {
        self.clear()?;
        let calls = self.folder.join("calls");
        std::fs::create_dir_all(&calls).with_context(|| format!("make {calls}"))?;
        let variables = [
            ("calls", calls.as_str()),
            ("script", self.folder.join("script").as_str()),
            ("scratch", self.scratch().as_str()),
            ("target", self.target.as_str()),
            ("emits", ""),
            ("type", ""),
            ("name", ""),
            ("out", ""),
            ("extra", ""),
            ("last", ""),
        ]
        .map(|(name, value)| format!("{name}={}\n", shell_word(value)))
        .concat();
        for (name, text) in SCRIPTS {
            write_program(&self.folder.join(name), &format!("{variables}{NOTE}{text}"))?;
        }
        Ok(())
    }

    /// Returns the cell's cargo with additional variables.
    fn cargo_with<const N: usize>(&self, vars: [(&str, Utf8PathBuf); N]) -> CargoCommand<'_> {
        let own = vars.map(|(name, path)| (OsString::from(name), path.into_os_string()));
        let mut vars = self.cargo.vars.clone();
        vars.extend(own);
        CargoCommand {
            vars,
            policy: self.cargo.policy.clone(),
            ..self.cargo
        }
    }

    fn scratch(&self) -> Utf8PathBuf {
        self.folder.join("target")
    }

    fn clear(&self) -> Result<()> {
        let own = self.folder.parent().unwrap_or(&self.folder);
        confined(self.reach(own), || remove(&self.folder))
    }

    /// Returns what the tool itself may access while it works in a folder that the cell has
    /// written.
    fn reach(&self, folder: &Utf8Path) -> Option<FilePolicy> {
        self.cargo.policy.files.as_ref().map(|_| FilePolicy {
            read: Vec::new(),
            write: vec![folder.to_owned()],
            mounts: None,
        })
    }

    /// Runs the same command again without compiling or running anything. The inner error is what
    /// cargo reported.
    fn dry_run(&self, log: &mut PhaseLog) -> Result<Result<CompilerCalls, Diagnostic>> {
        let scratch = self.scratch();
        let cargo = self.cargo_with([
            (RUSTDOC, self.folder.join("rustdoc")),
            (WRAPPER, self.folder.join("rustc")),
            ("CARGO_TARGET_DIR", scratch.clone()),
            // The configuration can put intermediate artifacts elsewhere.
            ("CARGO_BUILD_BUILD_DIR", scratch.clone()),
        ]);
        log.note("# The same once more where scripts stand in the place of compilers.");
        let args = self.args();
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        args.push("--frozen");
        let output = cargo.run_captured(&args, log)?;
        Ok(if output.ended.exit.is_success() {
            Ok(self.calls(Some(&scratch))?)
        } else {
            Err(first_error(&output.err))
        })
    }

    /// Reads all recorded calls, with the scratch folder replaced by the target folder.
    fn calls(&self, scratch: Option<&Utf8Path>) -> Result<CompilerCalls> {
        let relocate = |word: &OsStr| match (word.to_str(), scratch) {
            (Some(word), Some(scratch)) => {
                word.replace(scratch.as_str(), self.target.as_str()).into()
            }
            (Some(_) | None, _) => word.to_owned(),
        };
        let folder = self.folder.join("calls");
        confined(self.reach(&self.folder), || {
            let mut calls = CompilerCalls::default();
            for name in names(&folder)? {
                let call = CompilerCall::read(&folder.join(name), &self.cargo.vars, relocate)?;
                // Rustdoc's arguments start with an option, and a wrapper's start with the
                // compiler.
                let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
                if call.args.first().is_some_and(is_option) {
                    calls.rustdoc.push(call.with_errors_for_people())
                } else {
                    calls.rustc.push(call)
                }
            }
            Ok(calls)
        })
    }

    /// Compiles the units that rustdoc needs, that cargo did not reach and that can be compiled,
    /// one after another, as cargo would.
    fn make_missing(
        &self,
        asked_for: &[(PackageId, TargetId)],
        calls: &CompilerCalls,
        messages: &mut BuildMessages,
        log: &mut PhaseLog,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<ProcessResult> {
        let by_name: BTreeMap<String, &CompilerCall> = calls
            .rustc
            .iter()
            .filter_map(|call| Some((call.makes()?, call)))
            .collect();
        let asked_for = asked_for.iter().map(|(package, _)| package);
        let asked_for = asked_for.filter_map(|package| calls.of(self.workspace, package));
        let mut below: Vec<&str> = asked_for.flat_map(CompilerCall::needs).collect();
        let mut open: BTreeMap<&str, &CompilerCall> = BTreeMap::new();
        while let Some(name) = below.pop() {
            let missing = by_name
                .get(name)
                .filter(|_| !messages.used.contains_key(name));
            if let Some(call) = missing
                && open.insert(name, call).is_none()
            {
                below.extend(call.needs());
            }
        }
        // Cargo has already reached these.
        open.retain(|_, call| {
            let unit = unit(call, self.workspace);
            !unit.is_some_and(|unit| messages.errors.contains_key(&unit))
        });
        let mut all = ProcessResult::NOTHING;
        loop {
            let mut ready = open.iter().filter(|(_, call)| call.has_all(&messages.used));
            let Some((name, call)) = ready.next().map(|(name, call)| (*name, *call)) else {
                return Ok(all);
            };
            open.remove(name);
            on_step(&call.crate_name());
            let ended = self.compile(call, messages, log)?;
            if ended.exit.is_success()
                && let Some(package) = package_of(call, self.workspace)
            {
                messages.used.insert(name.to_owned(), package.clone());
            }
            let is_over = !can_go_on(&ended.exit);
            all = combine(all, ended);
            if is_over {
                return Ok(all);
            }
        }
    }

    fn compile(
        &self,
        call: &CompilerCall,
        messages: &mut BuildMessages,
        log: &mut PhaseLog,
    ) -> Result<ProcessResult> {
        let mut vars = self.cargo.vars.clone();
        vars.extend(call.vars.clone());
        let wrapper = vars.get(OsStr::new(WRAPPER)).filter(|w| !w.is_empty());
        let words: Vec<OsString> = wrapper.into_iter().chain(&call.args).cloned().collect();
        let Some((program, args)) = words.split_first() else {
            bail!("cargo named no compiler");
        };
        log.note(&line(&words));
        let unit = unit(call, self.workspace);
        let cargo = CargoCommand {
            folder: &call.folder,
            vars,
            policy: self.cargo.policy.clone(),
            ..self.cargo
        };
        let spec = cargo.command_spec(program.as_ref(), args)?;
        let places = self.cargo.path_scrubber();
        let ended = messages.listen_to_rustc(&cargo, spec, unit, places, log)?;
        log.note(&format!("[{}]", ended.exit));
        Ok(ended)
    }

    /// Explains why doc tests cannot run: something that they need is not built.
    fn broken(
        &self,
        package: &PackageId,
        id: &TargetId,
        account: &BuildAccount,
        exit: &Exit,
    ) -> DocTests {
        let messages = &account.messages;
        let below = self.workspace.below(package);
        if can_go_on(exit)
            && infra_failure(exit, &messages.err).is_none()
            && !messages.mentions(&below)
        {
            return NOT_REACHED;
        }
        let judge = TargetJudge {
            account,
            workspace: self.workspace,
            exit,
            limit: self.cargo.limit,
        };
        let target = Target {
            id: id.clone(),
            package: package.clone(),
            bears_tests: false,
            harness: true,
            required_features: Vec::new(),
            missing_features: Vec::new(),
            binaries: Vec::new(),
        };
        match judge.judge(&target) {
            TargetResult::Not(status, errors) => DocTests::Not(status, errors),
            TargetResult::Executable(_) | TargetResult::Compiled => {
                let why = "cargo made something else of them".to_owned();
                DocTests::Not(
                    Status::Inconclusive {
                        doubt: InconclusiveReason::Machine(why),
                    },
                    Vec::new(),
                )
            }
        }
    }
}

/// Creates the result if nothing is known about the doc tests because cargo would not tell.
fn gave_up(
    asked_for: &[(PackageId, TargetId)],
    why: Diagnostic,
    messages: BuildMessages,
    ended: ProcessResult,
) -> DocBuildResult {
    let message = format!("cargo does not say how it runs doc tests: {}", why.message);
    let doubt = InconclusiveReason::Machine(message);
    let not = DocTests::Not(Status::Inconclusive { doubt }, vec![why]);
    let all = asked_for.iter().map(|(_, id)| (id.clone(), not.clone()));
    DocBuildResult {
        doc_tests: all.collect(),
        used: messages.used,
        ended,
    }
}

/// Returns true if a command ended by itself.
fn can_go_on(exit: &Exit) -> bool {
    match exit {
        Exit::Code(_) => true,
        Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => false,
    }
}

/// All recorded calls of a doc build.
#[derive(Debug, Default)]
struct CompilerCalls {
    rustdoc: Vec<CompilerCall>,
    rustc: Vec<CompilerCall>,
}

impl CompilerCalls {
    /// Finds the call of rustdoc for a library.
    fn of(&self, workspace: &Workspace, package: &PackageId) -> Option<&CompilerCall> {
        let is_its = |call: &&CompilerCall| package_of(call, workspace) == Some(package);
        self.rustdoc.iter().find(is_its)
    }
}

/// Returns the package that a compiler is called for.
fn package_of<'a>(call: &CompilerCall, workspace: &'a Workspace) -> Option<&'a PackageId> {
    let folder = call.vars.get(OsStr::new("CARGO_MANIFEST_DIR"))?.to_str()?;
    workspace.package_in(Utf8Path::new(folder))
}

/// Returns the library that a compiler call makes.
fn unit(call: &CompilerCall, workspace: &Workspace) -> Option<Unit> {
    let name = name_of(TargetKind::Lib, &call.crate_name());
    Some((
        package_of(call, workspace)?.clone(),
        Some(TargetKind::Lib),
        name,
    ))
}
