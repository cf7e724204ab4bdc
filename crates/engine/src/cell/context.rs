//! The inputs of a cell: what all cells share, what this one consists of, and where it works.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::event::{Event, Listener};
use pinmatrix_core::model::outcome::{Phase, TargetId, TargetKind};
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::jobserver::JobBudget;
use pinmatrix_process::sandbox::policy::{Policy, SHARED};

use crate::cache::outcome_store::OutcomeStore;
use crate::cargo::CargoCommand;
use crate::cell::sandbox::{CellSandbox, SandboxedCell};
use crate::machine::cargo_home::{cargo_home, own_config};
use crate::machine::secrets::Secrets;
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::resolve::Resolver;
use crate::workdir::build_groups::BuildGroups;
use crate::workdir::evict::Evictor;
use crate::workdir::lane_dirs::LaneDirs;

/// The variable that names the folder for temporary files.
const TMPDIR: &str = "TMPDIR";

/// The variable that names the target folder to cargo.
pub const TARGET_DIR: &str = "CARGO_TARGET_DIR";
/// The variable that names the folder for intermediate artifacts.
/// <https://doc.rust-lang.org/cargo/reference/build-cache.html>
const BUILD_DIR: &str = "CARGO_BUILD_BUILD_DIR";

/// Everything that all cells of a run share.
pub struct RunContext<'a> {
    /// The matrix.
    pub matrix: &'a Matrix,
    /// The resolver, which all cells share.
    pub resolver: &'a Resolver<'a>,
    /// The outcomes stored by earlier runs.
    pub store: &'a OutcomeStore<'a>,
    /// The results folder.
    pub results: &'a Utf8Path,
    /// The job budget.
    pub budget: &'a JobBudget,
    /// The build groups.
    pub groups: &'a BuildGroups,
    /// What builds and tests may access.
    pub sandbox: &'a CellSandbox<'a>,
    /// Keeps disk usage within its limit.
    pub evictor: &'a Evictor<'a>,
    /// The linker to use instead of the toolchain's default.
    pub linker: Option<&'a Utf8Path>,
    /// Whether compiled code must not contain the path at which it was compiled.
    pub remaps: bool,
    /// Whether stored outcomes are ignored.
    pub fresh: bool,
    /// Receives the run's events.
    pub listener: &'a dyn Listener,
    /// Tells whether the run should stop.
    pub cancel: &'a Cancel,
}

/// One cell in progress.
pub struct CellWork<'a> {
    /// What it shares with other cells.
    pub run_context: &'a RunContext<'a>,
    /// What it consists of.
    pub context: &'a CellContext<'a>,
    /// Where it works.
    pub folders: LaneDirs,
    /// The only target to look at, as a person would write it; `None` for all.
    pub only: Option<String>,
}

impl CellWork<'_> {
    /// Returns true if a target is requested. A request for a library's doc tests includes the
    /// library, because they need it to build.
    #[must_use]
    pub fn is_asked_for(&self, target: &TargetId) -> bool {
        let Some(only) = self.only.as_deref() else {
            return true;
        };
        let doc = TargetId {
            kind: TargetKind::Doc,
            ..target.clone()
        };
        target.is_called(only) || (target.kind == TargetKind::Lib && doc.is_called(only))
    }

    /// Returns the cell's own cargo, working on its copy, in the sandbox of the build or of a
    /// target's tests: it runs code of the subject or its dependencies.
    ///
    /// # Errors
    ///
    /// Returns an error if the lane's folders cannot be written.
    pub fn sandboxed_cargo(
        &self,
        target: Option<&TargetId>,
        limit: Duration,
    ) -> Result<CargoCommand<'_>> {
        let mut cargo = self.cargo(limit);
        cargo.policy = self.policy(target);
        self.isolate_home(&mut cargo.vars, &cargo.policy);
        if self.run_context.remaps {
            let wrapper = cargo.vars.get(OsStr::new("RUSTC_WRAPPER"));
            let wrapper = self.folders.remapper(wrapper.and_then(|w| w.to_str()))?;
            let wrapper = wrapper.into_os_string();
            cargo.vars.insert("RUSTC_WRAPPER".into(), wrapper);
        }
        Ok(cargo)
    }

    /// Returns what the build, or a target's tests, may access.
    #[must_use]
    pub fn policy(&self, target: Option<&TargetId>) -> Policy {
        let cell = SandboxedCell {
            context: self.context,
            folders: &self.folders,
            linker: self.run_context.linker,
        };
        self.run_context.sandbox.policy(&cell, target)
    }

    /// Replaces the user's home and temporary folders by the cell's own and removes secrets,
    /// unless `matrix.toml` requests them.
    pub fn isolate_home(&self, vars: &mut BTreeMap<OsString, OsString>, policy: &Policy) {
        let environment = &self.run_context.matrix.config.environment;
        let is_asked_for = |name: &str| {
            environment.set.contains_key(name) || environment.pass.iter().any(|p| p == name)
        };
        // Registry tokens are not needed any more, since nothing is fetched from here on.
        let child_env = &self.context.pin_context.child_env;
        vars.retain(|name, value| !child_env.is_secret_from_outside(name, value));
        // Otherwise cargo would look for its own home below `HOME`.
        if let Some(home) = cargo_home() {
            vars.entry("CARGO_HOME".into()).or_insert(home.into());
        }
        if !is_asked_for("HOME") {
            vars.insert("HOME".into(), self.folders.home().into_os_string());
        }
        if is_asked_for(TMPDIR) {
            return;
        }
        let own = match policy.files.as_ref().is_some_and(|f| f.has_private(SHARED)) {
            // The user's folder is visible through a private one, or else the system's folder
            // is used.
            true if vars.contains_key(OsStr::new(TMPDIR)) && self.temporary().is_none() => SHARED,
            true => return,
            false => self.folders.tmp.as_str(),
        };
        vars.insert(TMPDIR.into(), own.into());
    }

    /// Returns the path at which the tool finds the user's folder for temporary files, if builds
    /// and tests see a private folder in its place.
    #[must_use]
    pub fn temporary(&self) -> Option<Utf8PathBuf> {
        let vars = self.context.vars(self.context.toolchain);
        let asked = Utf8Path::new(vars.get(OsStr::new(TMPDIR))?.to_str()?);
        let mut private = self.folders.private().into_iter();
        private.find_map(|private| {
            let below = asked.strip_prefix(private.place).ok()?;
            Some(private.folder.join(below))
        })
    }

    /// Returns true if a variable or a cargo config puts the target folder elsewhere, where
    /// other cells could use it too.
    fn has_other_target(&self, vars: &BTreeMap<OsString, OsString>) -> bool {
        let own = self.context.tree.cargo_config.lines();
        let of_home = own_config().into_iter().flatten();
        let of_home: Vec<String> = of_home.collect();
        let of_home = of_home.iter().flat_map(|config| config.lines());
        let variables = [TARGET_DIR, BUILD_DIR, "CARGO_BUILD_TARGET_DIR"];
        let keys = ["target-dir", "build-dir"];
        variables
            .iter()
            .any(|name| vars.contains_key(OsStr::new(name)))
            || own
                .chain(of_home)
                .any(|line| keys.iter().any(|key| line.contains(key)))
    }

    /// Returns the cell's own cargo, working on its copy, without a sandbox.
    #[must_use]
    pub fn cargo(&self, limit: Duration) -> CargoCommand<'_> {
        let mut vars = self.context.vars(self.context.toolchain);
        // Cargo's default target folder is where tests expect it. Otherwise the variables stay
        // unset, so that build scripts do not see them.
        if self.has_other_target(&vars) {
            for name in [TARGET_DIR, BUILD_DIR] {
                let target = self.folders.target.as_os_str().to_owned();
                vars.insert(name.into(), target);
            }
        }
        if let Some(linker) = self.run_context.linker {
            let host = self.context.toolchain.host.to_uppercase().replace('-', "_");
            let name = format!("CARGO_TARGET_{host}_LINKER");
            vars.insert(name.into(), linker.as_os_str().to_owned());
        }
        CargoCommand {
            toolchain: self.context.toolchain,
            folder: &self.folders.subject,
            checkout: &self.folders.checkout,
            vars,
            limit,
            policy: Policy::OPEN,
            cancel: self.run_context.cancel,
            budget: Some(self.run_context.budget),
        }
    }

    /// Returns the secrets that must not be written to any file.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.context.pin_context.child_env.secrets
    }

    /// Reports that a phase begins.
    pub fn enter(&self, phase: Phase) {
        self.run_context.listener.on_event(Event::Entered {
            cell: &self.context.cell.id(),
            phase,
        });
    }

    /// Reports the current step.
    pub fn step(&self, what: &str) {
        self.run_context.listener.on_event(Event::Step {
            cell: &self.context.cell.id(),
            what,
        });
    }
}
