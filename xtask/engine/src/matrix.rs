//! The matrix: a config together with what this machine has of it. Checked as far as can be told
//! before anything runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use semver::Version;

use crate::checks::{
    check_build, check_families_used, check_pins_not_yanked, check_pins_published,
};
use crate::config::mistake::Mistake;
use crate::config::{Config, Family};
use crate::environment::Surroundings;
use crate::model::cell::Cell;
use crate::model::run::FamilyRecord;
use crate::published::{Published, Registry};
use crate::subject::Subject;
use crate::toolchain::{Found, Row, Toolchain, look_for_all};

/// The oldest cargo that can resolve for all toolchains: it knows a fallback for rust-versions.
/// <https://doc.rust-lang.org/cargo/reference/config.html#resolverincompatible-rust-versions>
const OLDEST_RESOLVER: Version = Version::new(1, 84, 0);

/// A config together with what this machine has of it.
pub struct Matrix {
    /// What `matrix.toml` says.
    pub config: Config,
    /// The toolchains, here or missing, in the order of the config.
    pub rows: Vec<Row>,
    /// The toolchain whose cargo resolves for all cells.
    pub resolver: Toolchain,
    /// What children see of the environment.
    pub surroundings: Surroundings,
    /// What is under migration.
    pub subject: Subject,
    /// A hash of the subject's files, its lock aside.
    pub sources: String,
    /// A hash of what decides and is neither the subject's nor a toolchain's: the environment,
    /// cargo's own config, and what the subject reaches outside its folder.
    pub conditions: String,
    /// What is published.
    pub registry: Registry,
    /// What a person should know that stops nothing.
    pub notes: Vec<String>,
}

impl Matrix {
    /// Looks at the machine, the subject and the registry.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] for whatever the person at the keyboard can mend; other errors when the
    /// machine does not let the tool look.
    pub fn open(config: Config, offline: bool) -> Result<Self> {
        let rows = look_for_all(&config)?;
        let resolver = resolver(&rows)?;
        let surroundings = Surroundings::gather(&config.environment, &config.build);
        let subject = Subject::read(&config, &resolver, &surroundings)?;
        let registry = Registry::of_subject(&subject.root, &resolver)?;
        let mut notes = Vec::new();
        check_families_used(&config, &subject)?;
        check_pins_published(
            &config,
            &subject,
            &registry,
            &resolver,
            &surroundings,
            offline,
            &mut notes,
        )?;
        check_pins_not_yanked(&config, &registry)?;
        if subject.record.dirty {
            notes.push(
                "the subject has uncommitted changes; its files are taken as they are".into(),
            );
        }
        if let Some(locks) = &config.run.locks
            && !config.folder().join(locks).is_dir()
        {
            notes.push(format!(
                "{} is not there, so no lock is committed",
                locks.display()
            ));
        }
        let above = subject.root.parent().unwrap_or(&subject.root).as_std_path();
        notes.extend(configs_above(above).map(|file| {
            format!(
                "cells do not see {}, which stands above the subject",
                file.display()
            )
        }));
        check_build(&config, &subject)?;
        let sources = subject.sources();
        let conditions = conditions(&surroundings, &subject)?;
        Ok(Self {
            config,
            rows,
            resolver,
            surroundings,
            subject,
            sources,
            conditions,
            registry,
            notes,
        })
    }

    /// Every cell, rows within families, in the order of the config.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for family in &self.config.families {
            for row in &self.rows {
                cells.extend(family.ladder.iter().map(|pin| Cell {
                    toolchain: row.label.clone(),
                    pin: pin.get_ref().clone(),
                }));
            }
        }
        cells
    }

    /// The family of a cell.
    #[must_use]
    pub fn family(&self, cell: &Cell) -> Option<&Family> {
        self.config
            .families
            .iter()
            .find(|f| *f.name.get_ref() == cell.pin.family)
    }

    /// The row of a cell.
    #[must_use]
    pub fn row(&self, cell: &Cell) -> Option<&Row> {
        self.rows.iter().find(|r| r.label == cell.toolchain)
    }

    /// Where the committed lock of a cell stands, if the config names a folder for them.
    #[must_use]
    pub fn committed_lock(&self, cell: &Cell) -> Option<PathBuf> {
        let folder = self.config.run.locks.as_ref()?;
        Some(
            self.config
                .folder()
                .join(folder)
                .join(format!("{}.lock", cell.id())),
        )
    }

    /// Checks that every cell has a committed lock, for a run that insists on them.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] that names the first that is missing.
    pub fn check_locks<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a Cell>,
    ) -> Result<(), Mistake> {
        let keep =
            "every run leaves its locks in the folder `locks` of its results, to be committed";
        for cell in cells {
            let Some(path) = self.committed_lock(cell) else {
                let message =
                    "--locked needs committed locks, and the config names no folder of them";
                return Err(self
                    .config
                    .text
                    .mistake(message)
                    .help(format!("add `locks = \"FOLDER\"` to [run]; {keep}")));
            };
            if !path.is_file() {
                let message = format!("--locked, and {} has no committed lock", cell.id());
                return Err(self
                    .config
                    .text
                    .mistake(message)
                    .help(format!("{} is not there; {keep}", path.display())));
            }
        }
        Ok(())
    }

    /// The families as reports keep them.
    #[must_use]
    pub fn family_records(&self) -> Vec<FamilyRecord> {
        let record = |family: &Family| FamilyRecord {
            name: family.name.get_ref().clone(),
            crates: family.crates.iter().map(|c| c.get_ref().clone()).collect(),
            pins: family.ladder.iter().map(|p| p.get_ref().clone()).collect(),
            published: self.published(family),
        };
        self.config.families.iter().map(record).collect()
    }

    /// What is published of a whole family between the ends of its ladder.
    fn published(&self, family: &Family) -> Vec<Version> {
        let (Some(first), Some(last)) = (family.ladder.first(), family.ladder.last()) else {
            return Vec::new();
        };
        let range = &first.get_ref().version..=&last.get_ref().version;
        let of_crate = |name: &str| -> BTreeSet<Version> {
            let known = self.registry.versions(name);
            let usable = |p: &&Published| !p.yanked && p.version.pre.is_empty();
            let known = known
                .iter()
                .flat_map(|versions| versions.iter())
                .filter(usable);
            known
                .map(|p| p.version.clone())
                .filter(|v| range.contains(&v))
                .collect()
        };
        let all = family.crate_names().into_iter().map(of_crate);
        let common = all.reduce(|a, b| a.intersection(&b).cloned().collect());
        common.unwrap_or_default().into_iter().collect()
    }

    /// What the registry's index says against a cell, before anything is resolved: the first
    /// family crate that declares a newer rustc than the row has.
    #[must_use]
    pub fn forecast(&self, cell: &Cell) -> Option<String> {
        let rustc = &self.row(cell)?.toolchain()?.rustc;
        self.family(cell)?.crates.iter().find_map(|krate| {
            let name = krate.get_ref();
            let versions = self.registry.versions(name)?;
            let published = versions.iter().find(|p| p.version == cell.pin.version)?;
            let needs = published
                .rust_version
                .as_ref()
                .filter(|needs| *needs > rustc)?;
            Some(format!("{name} {} needs rustc {needs}", cell.pin.version))
        })
    }

    /// Checks that work folders below `cache` would not make cargo see what stands above them.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] that names what stands there.
    pub fn check_cache(&self, cache: &Path) -> Result<(), Mistake> {
        let help = "set PINMATRIX_CACHE to a folder elsewhere";
        let message = "cargo would mix what stands above the work folders into every cell";
        if let Some(file) = configs_above(cache).next() {
            return Err(Mistake::new(format!("{message}: {}", file.display())).help(help));
        }
        // A package that is no workspace looks for one in the folders above it.
        let manifests = cache.ancestors().map(|folder| folder.join("Cargo.toml"));
        match manifests
            .filter(|_| !self.subject.is_workspace)
            .find(|file| file.is_file())
        {
            Some(file) => Err(Mistake::new(format!("{message}: {}", file.display())).help(help)),
            None => Ok(()),
        }
    }
}

/// Why each toolchain that is not here is not.
fn missing(rows: &[Row]) -> String {
    let why = |row: &Row| match &row.found {
        Found::Here(_) => None,
        Found::Missing { why } => Some(format!("\n{} is missing: {why}", row.label)),
    };
    rows.iter().filter_map(why).collect()
}

/// The newest cargo there is resolves for all.
fn resolver(rows: &[Row]) -> Result<Toolchain> {
    let newest = rows
        .iter()
        .filter_map(Row::toolchain)
        .max_by(|a, b| a.cargo.cmp(&b.cargo));
    match newest {
        Some(toolchain) if toolchain.cargo >= OLDEST_RESOLVER => Ok(toolchain.clone()),
        Some(toolchain) => Err(Mistake::new(format!(
            "the newest cargo of the matrix is {}, and resolving for several toolchains takes {OLDEST_RESOLVER}",
            toolchain.cargo
        ))
        .help(format!(
            "add a newer toolchain to matrix.toml, for example `rustup = \"stable\"`{}",
            missing(rows)
        ))
        .into()),
        None => Err(Mistake::new("no toolchain of the matrix is on this machine")
            .help(format!("`toolchains install` gets those that rustup or Debian has{}", missing(rows)))
            .into()),
    }
}

/// Cargo configs in a folder and above it, cargo's own home aside, that decide anything.
fn configs_above(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let home = cargo_home();
    let folders: Vec<PathBuf> = folder.ancestors().map(|f| f.join(".cargo")).collect();
    folders
        .into_iter()
        .filter(move |folder| Some(folder) != home.as_ref())
        .flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name)))
        .filter(|file| file.is_file() && decides(file))
}

/// Where cargo keeps its own config and all it fetches.
/// <https://doc.rust-lang.org/cargo/guide/cargo-home.html>
fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

fn conditions(surroundings: &Surroundings, subject: &Subject) -> Result<String> {
    let read = |name: &str| std::fs::read_to_string(cargo_home()?.join(name)).ok();
    let config = ["config.toml", "config"].map(read);
    let parts = (surroundings.deciding(), config, &subject.outside);
    let json = serde_json::to_vec(&parts).context("write the conditions of a run")?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

/// A config that only holds aliases decides nothing.
fn decides(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    match text.parse::<toml::Table>() {
        Ok(table) => table.keys().any(|key| key != "alias"),
        Err(_) => true,
    }
}
