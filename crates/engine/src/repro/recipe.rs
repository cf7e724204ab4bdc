//! The recipe of a cell: all that makes it again with cargo alone. What files it has in the place of
//! the subject's own, its lock, its environment, and the commands, in their order.

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

/// All that makes a cell again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The cell.
    pub cell: CellId,
    /// What was said against it while it was resolved.
    pub error: Option<Diagnostic>,
    /// Where the workspace lies in its checkout; empty for the top.
    pub inside: Utf8PathBuf,
    /// What its copy of the checkout holds in the place of files, by their paths in it.
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// The folders in it that hold nothing, which git does not keep.
    pub empty_folders: Vec<Utf8PathBuf>,
    /// Its `Cargo.lock`; none where there is no lock at this pin.
    pub lock: Option<String>,
    /// What moved forward in that lock, since something did not compile with it as it was.
    pub moved: Vec<Moved>,
    /// The folder of its toolchain, which holds `bin/cargo`.
    pub sysroot: String,
    /// The host triple.
    pub host: String,
    /// Variables that decide.
    pub vars: BTreeMap<String, VarValue>,
    /// Variables that do not decide and that it sees as they are.
    pub passed: Vec<String>,
    /// Variables that only what is fetched needs, and that must not be written down.
    pub secrets: Vec<String>,
    /// What links in the place of the toolchain's own.
    pub linker: Option<Linker>,
    /// What is done, in order.
    pub steps: Vec<RecipeStep>,
}

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VarValue {
    /// As it is.
    Plain(String),
    /// One that must not be written down.
    Secret,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeStep {
    /// What cargo is told.
    pub args: Vec<String>,
    /// The target that it builds and tests; none for the build of all.
    pub target: Option<TargetId>,
}

impl Recipe {
    /// The recipe of a cell that was resolved, and that was staged where its lock allows it.
    ///
    /// # Errors
    ///
    /// When a file of the subject cannot be read, or a path is no text.
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
            host: toolchain.host.clone(),
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

    /// The recipe with what moved forward in its lock.
    #[must_use]
    pub fn with(self, moved: Vec<Moved>) -> Self {
        Self { moved, ..self }
    }

    /// A shell script that does all of it from a checkout of the subject, and knows nothing of this
    /// tool.
    #[must_use]
    pub fn script(&self) -> String {
        shell::script(self)
    }
}

/// What a recipe sets by itself, or what says nothing to cargo.
fn is_own(name: &str) -> bool {
    let library_path = crate::machine::child_env::library_path_variable();
    let own = [
        "PATH",
        "HOME",
        "TMPDIR",
        "CARGO_HOME",
        "CARGO_TERM_COLOR",
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

/// The build of all that builds. Stable since cargo 1.74:
/// <https://doc.rust-lang.org/cargo/commands/cargo-build.html>
fn build(matrix: &Matrix, context: &CellContext<'_>, has_examples: bool) -> RecipeStep {
    let cargo = &context.toolchain.cargo;
    let mut build = RecipeStep::of(["build", "--workspace", "--tests", "--frozen"]);
    if has_examples {
        build.args.push("--examples".to_owned());
    }
    if *cargo >= Version::new(1, 74, 0) {
        build.args.push("--keep-going".to_owned());
    }
    let build = build.with(&matrix.config.build.flags(cargo));
    build.with(&context.features.flags())
}

/// What is done where it is not known which targets there are.
fn blind(matrix: &Matrix, context: &CellContext<'_>) -> Vec<RecipeStep> {
    let test = RecipeStep::of(["test", "--workspace", "--no-fail-fast", "--frozen"]);
    let test = test.with(&matrix.config.build.flags(&context.toolchain.cargo));
    let build = build(matrix, context, matrix.config.build.examples);
    vec![build, test.with(&context.features.flags())]
}

/// The build, and each target by itself: one that does not build would stop all others. Among all
/// members where no other target goes by that name, since a package by itself can have fewer features.
fn steps(matrix: &Matrix, context: &CellContext<'_>, workspace: &Workspace) -> Vec<RecipeStep> {
    let mut steps = vec![build(matrix, context, workspace.has_examples())];
    let cargo = &context.toolchain.cargo;
    let mut add = |id: &TargetId, package: &PackageId, does: &str, chosen: &[String]| {
        let (step, features) = match workspace.is_only(id) {
            true => (
                RecipeStep::of([does, "--workspace"]),
                context.features.flags(),
            ),
            false => (
                RecipeStep::of([does, "--package", &workspace.spec(package)]),
                workspace.feature_flags(package, context.features),
            ),
        };
        let step = step.with(chosen).with(&["--frozen".to_owned()]);
        let step = step.with(&matrix.config.build.flags(cargo));
        let step = step.with(&features);
        steps.push(RecipeStep {
            target: Some(id.clone()),
            ..step
        });
    };
    for target in &workspace.targets {
        if target.missing_features.is_empty() {
            let does = if target.bears_tests { "test" } else { "build" };
            add(&target.id, &target.package, does, &choice(&target.id));
        }
    }
    if matrix.config.build.doc_tests {
        for (package, id) in &workspace.documented {
            add(id, package, "test", &["--doc".to_owned()]);
        }
    }
    steps
}
