//! What a cell works with: what all cells share, what this one is made of, and where it works.

use std::time::Duration;

use camino::Utf8Path;

use crate::exec::budget::Budget;
use crate::exec::cargo::Cargo;
use crate::exec::disk::Keeper;
use crate::exec::lock::Resolver;
use crate::exec::process::Interrupt;
use crate::exec::shop::Shops;
use crate::exec::store::Store;
use crate::exec::workplace::LaneFolders;
use crate::matrix::Matrix;
use crate::model::event::{Event, Listener};
use crate::model::outcome::{Kind, Phase, TargetId};
use crate::setting::Setting;

/// Everything a cell needs that other cells need too.
pub struct Common<'a> {
    /// The matrix.
    pub matrix: &'a Matrix,
    /// The one resolver.
    pub resolver: &'a Resolver<'a>,
    /// What is kept from run to run.
    pub store: &'a Store,
    /// The results folder.
    pub results: &'a Utf8Path,
    /// The budget of jobs.
    pub budget: &'a Budget,
    /// What is compiled where.
    pub shops: &'a Shops,
    /// What keeps the disk within its bound.
    pub keeper: &'a Keeper<'a>,
    /// The program that links, in place of the toolchain's own.
    pub linker: Option<&'a Utf8Path>,
    /// Whether kept outcomes are looked at.
    pub fresh: bool,
    /// Whoever listens.
    pub listener: &'a dyn Listener,
    /// Whether the run should end.
    pub interrupt: &'a Interrupt,
}

/// One cell at work.
pub struct Work<'a> {
    /// What it shares with others.
    pub common: &'a Common<'a>,
    /// What it is made of.
    pub setting: &'a Setting<'a>,
    /// Where it works.
    pub folders: LaneFolders,
    /// The one target that is looked at, as a person would write it; `None` for all.
    pub only: Option<String>,
}

impl Work<'_> {
    /// Whether a target is looked at. Whoever asks about a library's doc tests has to know whether
    /// it builds.
    #[must_use]
    pub fn is_asked_for(&self, target: &TargetId) -> bool {
        let Some(only) = self.only.as_deref() else {
            return true;
        };
        let doc = TargetId {
            kind: Kind::Doc,
            ..target.clone()
        };
        target.goes_by(only) || (target.kind == Kind::Lib && doc.goes_by(only))
    }

    /// The cell's own cargo, at work on its copy.
    #[must_use]
    pub fn cargo(&self, limit: Duration) -> Cargo<'_> {
        let mut vars = self.setting.vars(self.setting.toolchain);
        vars.insert(
            "CARGO_TARGET_DIR".into(),
            self.folders.target.as_os_str().to_owned(),
        );
        if let Some(linker) = self.common.linker {
            let host = self.setting.toolchain.host.to_uppercase().replace('-', "_");
            let name = format!("CARGO_TARGET_{host}_LINKER");
            vars.insert(name.into(), linker.as_os_str().to_owned());
        }
        Cargo {
            toolchain: self.setting.toolchain,
            folder: &self.folders.subject,
            vars,
            limit,
            interrupt: self.common.interrupt,
            budget: Some(self.common.budget),
        }
    }

    /// Tells that a phase begins.
    pub fn enter(&self, phase: Phase) {
        self.common.listener.hear(Event::Entered {
            cell: &self.setting.cell.id(),
            phase,
        });
    }

    /// Tells what is being done.
    pub fn step(&self, what: &str) {
        self.common.listener.hear(Event::Step {
            cell: &self.setting.cell.id(),
            what,
        });
    }
}
