//! The recipe of a cell: everything needed to reproduce it with cargo alone. It consists of the
//! files that replace the subject's own, the lock, the environment, and the commands in order.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use cargo_metadata::PackageId;
use pinmatrix_core::config::{Linker, takes_settings};
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::TargetId;
use pinmatrix_core::model::outcome::moved::Moved;
use semver::Version;

use crate::build::choice;
use crate::cargo::targets::Workspace;
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::resolve::resolution::Resolution;
use crate::workdir::stage;

mod shell;

/// Everything needed to reproduce a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The cell.
    pub cell: CellId,
    /// The error of its resolution, if any.
    pub error: Option<Diagnostic>,
    /// The path of the workspace in its checkout; empty for the top.
    pub inside: Utf8PathBuf,
    /// The files that replace those of the checkout, by their path in it.
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// The empty folders of the checkout, which git does not store.
    pub empty_folders: Vec<Utf8PathBuf>,
    /// Its `Cargo.lock`; `None` if this pin has no lock.
    pub lock: Option<String>,
    /// The packages that moved forward in that lock because something did not compile without that.
    pub moved: Vec<Moved>,
    /// The folder of its toolchain, which contains `bin/cargo`.
    pub sysroot: String,
    /// The name under which rustup starts it, if it was found through rustup.
    pub rustup: Option<String>,
    /// The host triple.
    pub host: String,
    /// The triples of the packages that are fetched: the host's, and that of the row's platform.
    pub triples: Vec<String>,
    /// The variables that affect results.
    pub vars: BTreeMap<String, VarValue>,
    /// The variables that do not affect results and are passed through.
    pub passed: Vec<String>,
    /// The variables that only fetching needs and that must not be written to any file.
    pub secrets: Vec<String>,
    /// The linker to use instead of the toolchain's default.
    pub linker: Option<Linker>,
    /// The commands, in order.
    pub steps: Vec<RecipeStep>,
}

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VarValue {
    /// A value that may be shown.
    Plain(String),
    /// A value that must not be written to any file.
    Secret,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeStep {
    /// The arguments of cargo.
    pub args: Vec<String>,
    /// The target that it builds and tests; `None` for the build of all.
    pub target: Option<TargetId>,
}

impl Recipe {
    /// Creates the recipe of a cell that is resolved, and staged if it has a usable lock.
    ///
    /// # Errors
    ///
    /// Returns an error if a file of the subject cannot be read or a path is not UTF-8.
    pub fn of(
        matrix: &Matrix,
        context: &CellContext<'_>,
        resolution: &Resolution,
        workspace: Option<&Workspace>,
    ) -> Result<Self> {
        let subject = &context.tree.subject;
        let mut files = stage::pinned(context)?;
        for (path, text) in std::mem::take(&mut files) {
            if subject.checkout.text_of(&path)?.as_deref() != Some(&*text) {
                files.insert(path, text);
            }
        }
        let toolchain = context.toolchain;
        let sysroot = toolchain.sysroot.to_str();
        let sysroot = sysroot.context("read the toolchain's path as text")?;
        let child_env = &context.pin_context.child_env;
        let mut vars = child_env.cache_relevant().clone();
        // No variable has this name; see the linker below.
        vars.remove("linker");
        if takes_settings(&toolchain.cargo) {
            vars.retain(|name, _| !child_env.is_setting(name));
        }
        let value = |value: String| match child_env.secrets.without(&value) {
            Some(_) => VarValue::Secret,
            None => VarValue::Plain(value),
        };
        let vars: BTreeMap<String, VarValue> =
            vars.into_iter().map(|(n, v)| (n, value(v))).collect();
        let all = context.vars(toolchain);
        let is_secret =
            |name: &str, value: &OsString| child_env.is_secret_from_outside(name.as_ref(), value);
        let others = all
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value)));
        let others = others.filter(|(name, _)| !vars.contains_key(*name) && !is_own(name));
        let (secrets, passed): (Vec<_>, Vec<_>) =
            others.partition(|(name, value)| is_secret(name, value));
        let names = |named: Vec<(&str, &OsString)>| -> Vec<String> {
            named.into_iter().map(|(name, _)| name.to_owned()).collect()
        };
        Ok(Self {
            cell: context.cell.id(),
            error: resolution.errors.first().cloned(),
            inside: subject.inside.clone(),
            files,
            empty_folders: subject.checkout.empty_folders(),
            lock: resolution.lock.clone(),
            moved: Vec::new(),
            sysroot: sysroot.to_owned(),
            rustup: toolchain.rustup.clone(),
            host: toolchain.host.clone(),
            triples: toolchain.triples().into_iter().map(str::to_owned).collect(),
            passed: names(passed),
            secrets: names(secrets),
            vars,
            linker: matrix.config.build.linker.as_ref().map(|l| *l.get_ref()),
            steps: match (&resolution.lock, workspace) {
                (None, _) => vec![RecipeStep::of(["metadata", "--format-version=1"])],
                (Some(_), None) => blind(matrix, context),
                (Some(_), Some(workspace)) => steps(matrix, context, workspace),
            },
        })
    }

    /// Adds the packages that moved forward in its lock.
    #[must_use]
    pub fn with(self, moved: Vec<Moved>) -> Self {
        Self { moved, ..self }
    }

    /// Makes it build tests for the platform and not run them.
    #[must_use]
    pub fn without_running(mut self, workspace: Option<&Workspace>) -> Self {
        // Those of a procedural macro run on the host.
        let runs = |step: &RecipeStep| {
            let target = step.target.as_ref();
            target.is_some_and(|id| workspace.is_some_and(|all| all.is_of_proc_macro(id)))
        };
        let is_doc = |step: &RecipeStep| step.args.iter().any(|arg| arg == "--doc");
        self.steps.retain(|step| !is_doc(step) || runs(step));
        for step in &mut self.steps {
            if step.args.first().is_some_and(|arg| arg != "build") && !runs(step) {
                step.args.push("--no-run".to_owned());
            }
        }
        self
    }

    /// Returns a shell script that does all of this from a checkout of the subject, without this
    /// tool.
    #[must_use]
    pub fn script(&self) -> String {
        shell::script(self)
    }
}

/// Returns true for variables that a recipe sets itself, or that mean nothing to cargo.
fn is_own(name: &str) -> bool {
    let library_path = crate::machine::child_env::library_path_variable();
    let own = [
        "PATH",
        "HOME",
        "TMPDIR",
        "CARGO_HOME",
        "CARGO_TERM_COLOR",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        library_path,
    ];
    own.contains(&name)
}

impl RecipeStep {
    fn of<const N: usize>(args: [&str; N]) -> Self {
        Self {
            args: args.map(str::to_owned).into(),
            target: None,
        }
    }

    fn with(mut self, flags: &[String]) -> Self {
        self.args.extend(flags.iter().cloned());
        self
    }
}

/// Returns the command that builds everything it can. `--keep-going` is stable since cargo 1.74:
/// <https://doc.rust-lang.org/cargo/commands/cargo-build.html>
fn build(
    matrix: &Matrix,
    context: &CellContext<'_>,
    beyond_tests: impl Iterator<Item = String>,
) -> RecipeStep {
    let cargo = &context.toolchain.cargo;
    let build = RecipeStep::of(["build", "--tests", "--frozen"]);
    let mut build = build.with(&context.selection.flags());
    build.args.extend(beyond_tests);
    if *cargo >= Version::new(1, 74, 0) {
        build.args.push("--keep-going".to_owned());
    }
    let build = build.with(&context.build_flags(&matrix.config.build));
    build.with(&context.features.flags())
}

/// Returns the commands for a cell whose targets are unknown.
fn blind(matrix: &Matrix, context: &CellContext<'_>) -> Vec<RecipeStep> {
    let test = RecipeStep::of(["test", "--no-fail-fast", "--frozen"]);
    let test = test.with(&context.selection.flags());
    let test = test.with(&context.build_flags(&matrix.config.build));
    let config = &matrix.config.build;
    let beyond_tests = [
        (config.examples, "--examples"),
        (config.benches, "--benches"),
    ];
    let beyond_tests = beyond_tests.into_iter().filter(|(is_built, _)| *is_built);
    let build = build(
        matrix,
        context,
        beyond_tests.map(|(_, flag)| flag.to_owned()),
    );
    vec![build, test.with(&context.features.flags())]
}

/// Returns the commands that build everything and then test each target by itself, since one that
/// does not build would stop all others. They select all selected packages if no other target has the
/// same name, since a package by itself can have fewer features.
fn steps(matrix: &Matrix, context: &CellContext<'_>, workspace: &Workspace) -> Vec<RecipeStep> {
    let mut steps = vec![build(matrix, context, workspace.flags_beyond_tests())];
    let mut add = |id: &TargetId, package: &PackageId, does: &[String], chosen: &[String]| {
        let does = RecipeStep::of([]).with(does);
        let (step, features) = if workspace.is_only(id) {
            (
                does.with(&context.selection.flags()),
                context.features.flags(),
            )
        } else {
            (
                does.with(&["--package".to_owned(), workspace.spec(package)]),
                workspace.feature_flags(package, context.features),
            )
        };
        let step = step.with(chosen).with(&["--frozen".to_owned()]);
        let mut flags = context.build_flags(&matrix.config.build);
        if step.args.first().is_some_and(|arg| arg == "nextest") {
            // There, `--profile` is nextest's own.
            for flag in &mut flags {
                *flag = flag.replace("--profile=", "--cargo-profile=");
            }
        }
        let step = step.with(&flags);
        let step = step.with(&features);
        steps.push(RecipeStep {
            target: Some(id.clone()),
            ..step
        });
    };
    for target in &workspace.targets {
        if target.missing_features.is_empty() {
            let nextest = matrix.nextest.as_ref();
            let is_of_host = context.toolchain.triple() == context.toolchain.host;
            let does: Vec<String> = match nextest.filter(|_| is_of_host) {
                _ if !target.bears_tests => vec!["build".to_owned()],
                None => vec!["test".to_owned()],
                Some(nextest) => {
                    let profile = format!("--profile={}", nextest.profile);
                    let words = ["nextest", "run", "--no-fail-fast", "--no-tests=pass"];
                    words
                        .map(str::to_owned)
                        .into_iter()
                        .chain([profile])
                        .collect()
                }
            };
            add(&target.id, &target.package, &does, &choice(&target.id));
        }
    }
    if matrix.config.build.doc_tests {
        for (package, id) in &workspace.documented {
            add(id, package, &["test".to_owned()], &["--doc".to_owned()]);
        }
    }
    steps
}
