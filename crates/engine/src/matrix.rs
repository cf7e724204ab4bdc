//! The matrix: a config together with what this machine has for it. Everything that can be checked
//! before a run is checked here.

mod validate;
mod resolver;
mod required_crates;
mod ladders;
mod used_crates;
mod version_sets;
pub mod family_packages;
pub mod pin_context;
pub mod cell_context;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::analysis::baseline::Baseline;
use pinmatrix_core::config::{Config, Family, FeatureSet, Network, together};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::{Cell, Pin, Row};
use pinmatrix_core::model::run::version_set::VersionSet;
use pinmatrix_core::model::run::{Adjusted, FamilyRecord, SourceRecord, TodayRecord};
use pinmatrix_core::model::status::InconclusiveReason;
use pinmatrix_core::path::normalized;
use pinmatrix_core::search::plan::Candidate;

use crate::machine::cargo_home::{configs_above, own_config};
use crate::machine::child_env::ChildEnv;
use crate::machine::nextest::{self, Nextest};
use crate::machine::toolchain::{Toolchain, ToolchainLookup, look_for_all};
use crate::matrix::ladders::{Ladders, index_state, patch_records};
use crate::matrix::pin_context::{PinContext, PinContextBuilder, PinContexts};
use crate::matrix::required_crates::RequiredCrates;
use crate::matrix::resolver::resolver;
use crate::matrix::version_sets::{VersionSets, blocked};
use crate::registry::ladder::Ladder;
use crate::registry::published::Registry;

use crate::subject::path_pin::locals;
use crate::subject::source_tree::{SourceReader, SourceTree, not_selected};
use crate::subject::tags::take_tags;
use crate::subject::today::Today;

/// A config together with what this machine has for it.
pub struct Matrix {
    /// The contents of `matrix.toml`.
    pub config: Config,
    /// The subject's folder as an absolute path, which identifies its work folders.
    pub place: Utf8PathBuf,
    /// The toolchains, available or missing, in the order of the config.
    pub toolchains: Vec<ToolchainLookup>,
    /// The toolchain whose cargo resolves for all cells.
    pub resolver: Toolchain,
    /// The environment of children.
    pub child_env: ChildEnv,
    /// The revisions of the subject, in the order of the config.
    pub trees: Vec<SourceTree>,
    /// The ladders, in the order of the config's families.
    pub ladders: Vec<Ladder>,
    /// What each revision of the subject is on, in the order of the config's families.
    todays: Vec<Vec<Option<Today>>>,
    /// The versions of the followers at each version, in the order of the config's families.
    sets: Vec<Vec<VersionSet>>,
    /// cargo-nextest, if it runs the tests.
    pub nextest: Option<Nextest>,
    /// The source of the published versions.
    pub registry: Registry,
    /// The expected result of a run.
    pub baseline: Option<Baseline>,
    /// Notes for the user that stop nothing.
    pub notes: Vec<String>,
    /// What the cells of each pin have in common.
    pin_contexts: PinContexts,
    /// The file names of the committed locks.
    committed: BTreeSet<String>,
}

impl Matrix {
    /// Reads the machine, the subject and the registry. Revisions of the subject are laid out below
    /// `cache`.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] for what the user can fix, and other errors if the machine does not
    /// let the tool look.
    pub fn open(mut config: Config, network: Network, cache: &Path) -> Result<Self> {
        take_tags(&mut config, network)?;
        let nextest = nextest::find(&config)?;
        let mut toolchains = look_for_all(&config)?;
        let resolver = resolver(&toolchains)?;
        let child_env = ChildEnv::gather(&config.environment, &config.build);
        let place = subject_root(&config)?;
        let reader = SourceReader {
            config: &config,
            place: &place,
            cache,
            cargo: &resolver,
            child_env: &child_env,
        };
        let trees = config.sources.iter().map(|source| reader.read(source));
        let trees: Vec<SourceTree> = trees.collect::<Result<_>>()?;
        let tree = trees.first().context("find a revision of the subject")?;
        // Paths in its cargo config can lead out of the checkout.
        let workspace = tree.subject.checkout.in_origin(&tree.subject.root);
        let registry = Registry::of_subject(&workspace, &resolver)?;
        let mut notes = Vec::new();
        let required = RequiredCrates::of(&config, &trees)?;
        validate::families_used(&config, &tree.subject, &required)?;
        validate::keys(&config, &trees)?;
        let asked = validate::ConfigCheck {
            config: &config,
            subject: &workspace,
            registry: &registry,
            resolver: &resolver,
            child_env: &child_env,
            network,
            required: &required,
        };
        asked.pins_readable()?;
        asked.pins_published(&mut notes)?;
        validate::pins_not_yanked(&config, &registry)?;
        validate::matched::selection(&config, &trees, &mut notes)?;
        validate::matched::nextest_profile(&config, &trees)?;
        for tree in &trees {
            validate::build(&config, tree)?;
        }
        validate::platform::known(&config, &toolchains, &resolver)?;
        validate::platform::configured(&config, &trees, &mut toolchains)?;
        validate::adjustments(&config, &tree.subject)?;
        validate::matched::overrides(&config, trees.iter().map(|tree| &tree.subject))?;
        let Ladders { ladders, todays } = Ladders::of(&config, &trees, &registry, &required)?;
        asked.followers_known(tree, &mut notes)?;
        let builder = VersionSets {
            config: &config,
            tree,
            registry: &registry,
        };
        let mut sets = builder.of_all(&ladders, &todays)?;
        if asked.refresh_blocked(&sets)? {
            sets = builder.of_all(&ladders, &todays)?;
        }
        if !config.run.past_blockers {
            config.blocked = blocked(&config, &sets);
        }
        validate::matched::pins(&config, &ladders)?;
        for tree in &trees {
            validate::outside::admit_pins(&config, &tree.subject, &ladders)?;
        }
        let locals = locals(&config, &ladders, &resolver, &child_env)?;
        notes.extend(registry.notes());
        notes.extend(warnings(&config, &trees));
        if let Some(tree) = trees.first() {
            notes.extend(validate::unbuilt::notes(&config, &tree.subject)?);
        }
        let builder = PinContextBuilder {
            config: &config,
            child_env: &child_env,
            cargo_home: &own_config(),
            locals: &locals,
            registry: &registry,
            sets: &sets,
        };
        let mut matrix = Self {
            pin_contexts: builder.contexts(&ladders)?,
            committed: committed(&config),
            baseline: None,
            config,
            place,
            toolchains,
            resolver,
            child_env,
            trees,
            ladders,
            todays,
            sets,
            nextest,
            registry,
            notes,
        };
        let families = matrix.family_records();
        matrix.baseline = crate::input::baseline_of(&matrix.config, &families, &mut matrix.notes)?;
        Ok(matrix)
    }

    /// Returns every cell by family and then by row, in the order of the config.
    #[must_use]
    pub fn cells(&self) -> Vec<Candidate> {
        let mut cells = Vec::new();
        for ladder in &self.ladders {
            let pins = ladder.all();
            for row in self.config.rows() {
                cells.extend(pins.iter().map(|of| {
                    let (row, pin) = (Arc::clone(&row), Arc::clone(of.pin));
                    Candidate {
                        cell: Cell { row, pin },
                        is_rung: of.is_rung,
                    }
                }));
            }
        }
        cells
    }

    /// Returns the family of a pin.
    #[must_use]
    pub fn family(&self, pin: &Pin) -> Option<&Family> {
        let mut families = self.config.families.iter();
        families.find(|f| *f.name.get_ref() == pin.family)
    }

    /// Describes what happened to a pin since the index was read, if it cannot be used any more.
    #[must_use]
    pub fn change(&self, pin: &Pin) -> Option<String> {
        let crates = self.family(pin)?.crate_names();
        self.registry.change(&crates, pin.at.version()?)
    }

    /// Returns the toolchain of a row, if it is available.
    #[must_use]
    pub fn toolchain(&self, row: &Row) -> Option<&Toolchain> {
        let sought = self.toolchains.iter().find(|t| t.label == row.toolchain);
        sought?.toolchain()
    }

    /// Returns what is wrong with the toolchain of a row, if it exists and does not respond.
    #[must_use]
    pub fn broken(&self, row: &Row) -> Option<&str> {
        let sought = self.toolchains.iter().find(|t| t.label == row.toolchain);
        sought?.broken()
    }

    /// Returns why the rejection of a cell may be wrong: the cargo that resolves may have replaced
    /// a newer one that does not respond.
    #[must_use]
    pub fn resolver_doubt(&self) -> Option<InconclusiveReason> {
        let broken = self.toolchains.iter().find(|t| t.broken().is_some())?;
        let why = format!("{}, which may resolve it, does not respond", broken.label);
        Some(InconclusiveReason::Machine(why))
    }

    /// Returns the revision of the subject that a row uses.
    #[must_use]
    pub fn tree(&self, row: &Row) -> Option<&SourceTree> {
        self.trees.iter().find(|tree| tree.label == row.source)
    }

    /// Returns the features that a row enables.
    #[must_use]
    pub fn features(&self, row: &Row) -> Option<&FeatureSet> {
        let mut sets = self.config.feature_sets.iter();
        sets.find(|set| set.label == row.features)
    }

    /// Returns what the cells of a pin have in common.
    #[must_use]
    pub fn pin_context(&self, pin: &Pin) -> Option<&Arc<PinContext>> {
        self.pin_contexts.of(pin)
    }

    /// Returns the path of a cell's committed lock, if the config names a folder for them.
    #[must_use]
    pub fn committed_lock(&self, cell: &Cell) -> Option<PathBuf> {
        let folder = self.config.run.locks.as_ref()?;
        let folder = self.config.folder().join(folder);
        Some(folder.join(format!("{}.lock", cell.id())))
    }

    /// Returns true if a cell has a committed lock.
    #[must_use]
    pub fn has_committed_lock(&self, cell: &Cell) -> bool {
        !self.committed.is_empty() && self.committed.contains(&format!("{}.lock", cell.id()))
    }

    /// Checks that every cell has a committed lock, for a run with `--locked`.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] that names the first missing lock.
    pub fn check_locks<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a Cell>,
    ) -> Result<(), UserError> {
        let keep =
            "every run leaves its locks in the folder `locks` of its results, to be committed";
        for cell in cells {
            // What the subject is on today uses the subject's own lock.
            if self.is_only_today(&cell.pin) {
                continue;
            }
            let Some(path) = self.committed_lock(cell) else {
                let message =
                    "--locked needs committed locks, and the config names no folder of them";
                return Err(self
                    .config
                    .text
                    .error_at(message)
                    .help(format!("add `locks = \"FOLDER\"` to [run]; {keep}")));
            };
            if !path.is_file() {
                let message = format!("--locked, and {} has no committed lock", cell.id());
                return Err(self
                    .config
                    .text
                    .error_at(message)
                    .help(format!("{} is not there; {keep}", path.display())));
            }
        }
        Ok(())
    }

    /// Converts the families to the form in which reports store them.
    #[must_use]
    pub fn family_records(&self) -> Vec<FamilyRecord> {
        let families = self.config.families.iter().zip(&self.ladders);
        let families = families.zip(self.todays.iter().zip(&self.sets));
        let record = |((family, ladder), (on, sets)): (_, (&Vec<Option<Today>>, _))| {
            let (family, ladder): (&Family, &Ladder) = (family, ladder);
            let sets: &Vec<VersionSet> = sets;
            let all = || ladder.all().into_iter().map(|of| of.pin);
            let declared = |pin: &Arc<Pin>| {
                let needs = self.pin_context(pin)?.needs.iter();
                let newest = needs.map(|(_, rustc)| rustc).max()?;
                Some((pin.at.version()?.clone(), newest.clone()))
            };
            FamilyRecord {
                name: family.name.get_ref().clone(),
                crates: family.crates.iter().map(|c| c.get_ref().clone()).collect(),
                pins: ladder.rungs.iter().map(|pin| Pin::clone(pin)).collect(),
                published: all().filter_map(|pin| pin.at.version().cloned()).collect(),
                unusable: ladder.unusable.clone(),
                yanked: ladder.yanked.clone(),
                unlisted: ladder.unlisted.clone(),
                declared: all().filter_map(declared).collect(),
                todays: self.trees.iter().zip(on).filter_map(record_of).collect(),
                added: ladder.added.clone(),
                adjusted: all().filter_map(|pin| self.adjusted(pin)).collect(),
                sets: sets.clone(),
                shown: family.shown.iter().map(|c| c.get_ref().clone()).collect(),
                index: index_state(&self.registry, family, sets),
                absent: ladder.absent.clone(),
                patched: patch_records(&self.trees, family, ladder, sets),
                not_selected: not_selected(&self.trees, family.name.get_ref()),
            }
        };
        families.map(record).collect()
    }

    /// Returns the overrides of a pin; `None` if there are none.
    fn adjusted(&self, pin: &Pin) -> Option<Adjusted> {
        let adjustments = self.config.adjustments.iter();
        let changes = together(adjustments.filter(|a| a.is_for(pin)).map(|a| &a.change)).words();
        let at = pin.at.clone();
        (!changes.is_empty()).then_some(Adjusted { at, changes })
    }

    /// Returns true if a version is a pin only because the subject is on it today.
    fn is_only_today(&self, pin: &Pin) -> bool {
        let mut families = self.config.families.iter().zip(&self.ladders);
        families.any(|(family, ladder)| {
            let is_added = |version| ladder.added.contains(version);
            *family.name.get_ref() == pin.family && pin.at.version().is_some_and(is_added)
        })
    }

    /// Returns the rungs that the subject is on today, which everything else is compared with, each
    /// with the label of the revision that is on it.
    #[must_use]
    pub fn today(&self) -> Vec<(Option<String>, Pin)> {
        let ladders = self.ladders.iter().zip(&self.todays);
        let rungs = ladders.flat_map(|(ladder, todays)| {
            self.trees.iter().zip(todays).filter_map(|(tree, today)| {
                let version = &today.as_ref()?.version;
                let mut rungs = ladder.rungs.iter();
                let rung = rungs.find(|pin| pin.at.version() == Some(version))?;
                Some((tree.label.clone(), Pin::clone(rung)))
            })
        });
        if self.config.run.today {
            rungs.collect()
        } else {
            Vec::new()
        }
    }

    /// Converts the revisions of the subject to the form in which reports store them.
    #[must_use]
    pub fn source_records(&self) -> Vec<SourceRecord> {
        let record = |tree: &SourceTree| SourceRecord {
            label: tree.label.clone(),
            subject: tree.subject.record.clone(),
        };
        self.trees.iter().map(record).collect()
    }

    /// Returns why a cell will fail according to the registry's index, before anything is resolved:
    /// the first family crate that declares a newer rustc than the row has.
    #[must_use]
    pub fn forecast(&self, cell: &Cell) -> Option<String> {
        let rustc = &self.toolchain(&cell.row)?.rustc;
        let mut needs = self.pin_context(&cell.pin)?.needs.iter();
        let (name, needed) = needs.find(|(_, needed)| needed > rustc)?;
        Some(format!("{name} {} needs rustc {needed}", cell.pin.at))
    }

    /// Checks that cargo would not read anything above the work folders below `cache`.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] that names the file there.
    pub fn check_cache(&self, cache: &Path) -> Result<(), UserError> {
        let help = "set PINMATRIX_CACHE to a folder elsewhere";
        let message = "cargo would mix what stands above the work folders into every cell";
        if let Some(file) = configs_above(cache).next() {
            return Err(UserError::new(format!("{message}: {}", file.display())).help(help));
        }
        // A package without a workspace looks for one in the parent folders.
        let is_open = self.trees.iter().any(|tree| !tree.subject.is_workspace);
        let manifests = cache.ancestors().map(|folder| folder.join("Cargo.toml"));
        match manifests.filter(|_| is_open).find(|file| file.is_file()) {
            Some(file) => Err(UserError::new(format!("{message}: {}", file.display())).help(help)),
            None => Ok(()),
        }
    }
}

/// Returns the subject's folder as an absolute path, which identifies its work folders.
///
/// # Errors
///
/// Returns an error if the path is not UTF-8.
pub fn subject_root(config: &Config) -> Result<Utf8PathBuf> {
    let place = std::path::absolute(config.subject_folder()).context("find the subject")?;
    let place = Utf8PathBuf::try_from(place).context("read the subject's path as text")?;
    Ok(normalized(&place))
}

/// Converts what a revision of the subject is on to the form in which reports store it.
fn record_of((tree, today): (&SourceTree, &Option<Today>)) -> Option<TodayRecord> {
    let Today { version, is_locked } = today.as_ref()?;
    Some(TodayRecord {
        source: tree.label.clone(),
        version: version.clone(),
        is_fresh: !is_locked,
    })
}

/// Returns notes for the user that stop nothing.
fn warnings(config: &Config, trees: &[SourceTree]) -> Vec<String> {
    let mut notes = Vec::new();
    let plain = config.sources.iter().zip(trees);
    let mut plain = plain.filter(|(source, _)| source.rev.is_none());
    if plain.any(|(_, tree)| tree.subject.record.dirty) {
        notes.push("the subject has uncommitted changes; its files are taken as they are".into());
    }
    if let Some(locks) = &config.run.locks
        && !config.folder().join(locks).is_dir()
    {
        let locks = locks.display();
        notes.push(format!("{locks} is not there, so no lock is committed"));
    }
    for checkout in trees.iter().map(|tree| &tree.subject.checkout) {
        notes.extend(checkout.notes.iter().cloned());
        notes.extend(checkout.missing_submodules.iter().map(|submodule| {
            format!(
                "submodule {} is not checked out, and cells do not have it",
                submodule.display()
            )
        }));
        let above = checkout.origin.parent().unwrap_or(&checkout.origin);
        for file in configs_above(above.as_std_path()) {
            let (file, origin) = (file.display(), &checkout.origin);
            let note = format!("cells do not see {file}, which stands above {origin}");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// Returns the file names of the committed locks.
fn committed(config: &Config) -> BTreeSet<String> {
    let folder = config.run.locks.as_ref();
    let folder = folder.and_then(|folder| config.folder().join(folder).read_dir().ok());
    let names = folder.into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".lock")).collect()
}
