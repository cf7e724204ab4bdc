//! The lock of a cell: the subject's own, moved as far as the pin needs and no further, proved to
//! hold the family at the pin, and repaired where it does not fit the toolchain.
//!
//! One modern cargo resolves all cells, one after another, so that cells do not differ by resolver.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand};
use semver::Version;

use crate::exec::at_pin::not_at_pin;
use crate::exec::bounds::Bounds;
use crate::exec::cargo::{Cargo, Said, first_error, resolve_doubt, unknown_to_registry};
use crate::exec::clock::Clock;
use crate::exec::lockfile::{holding, readable};
use crate::exec::log::Log;
use crate::exec::process::Interrupt;
use crate::exec::records::Records;
use crate::exec::resolution::Resolution;
use crate::exec::{drift, key, missing_feature, msrv, repair, stage};
use crate::files::remove;
use crate::matrix::Matrix;
use crate::model::cell::bare;
use crate::model::diagnostic::Diagnostic;
use crate::model::moved::{Fault, Moved};
use crate::model::outcome::Needs;
use crate::model::status::{Class, Doubt, Status};
use crate::setting::Setting;
use crate::text;

/// Resolves cells, one at a time.
pub struct Resolver<'a> {
    /// The matrix: its subject, its registry, and the cargo that resolves.
    pub matrix: &'a Matrix,
    /// The folder of the copy that is resolved: of the checkout that the subject lies in.
    pub folder: Utf8PathBuf,
    /// Where resolutions are kept.
    pub kept: Utf8PathBuf,
    /// How they are kept.
    pub records: &'a Records<'a>,
    /// Whether a lock must be committed and fit as it is.
    pub locked: bool,
    /// Whether the network is off limits.
    pub offline: bool,
    /// Whether what is kept is looked at.
    pub fresh: bool,
    /// Whether the run should end.
    pub interrupt: &'a Interrupt,
    /// Cargo's own lock on its package cache would make others wait without a word. It holds which
    /// checkout is laid out.
    pub turn: Mutex<Option<Utf8PathBuf>>,
}

impl Resolver<'_> {
    /// What is to be made of a command that could not resolve a cell, or not fetch for it.
    pub fn refused(&self, setting: &Setting<'_>, said: &Said) -> Resolution {
        // Offline, cargo cannot tell what there is not from what is not here.
        let is_far = !self.matrix.registry.is_local();
        let is_blind = is_far && (self.offline || self.denies_what_is_published(setting, said));
        let blind = is_blind.then_some(Doubt::Network);
        let doubt = resolve_doubt(said).or(blind).or(self.matrix.stand_in());
        match doubt.or_else(|| self.matrix.change(&setting.cell.pin).map(Doubt::Machine)) {
            Some(doubt) => in_doubt(doubt, said),
            None => {
                let mut error = first_error(&said.err);
                error.message += &missing_feature::help(&said.err, setting);
                Resolution::refused(Status::failed(Class::Resolve), error)
            }
        }
    }

    /// Whether a registry is said not to have what is known to be published.
    fn denies_what_is_published(&self, setting: &Setting<'_>, said: &Said) -> bool {
        unknown_to_registry(&said.err).is_some_and(|name| {
            let is_locked = |lock: String| lock.contains(&format!("name = \"{name}\""));
            let seed = self.seed(setting).ok().flatten();
            setting.family.holds(name)
                || self.matrix.registry.versions(name).is_some()
                || seed.is_some_and(is_locked)
        })
    }

    /// The lock that a cell starts from: its committed one, else the subject's own.
    fn seed(&self, setting: &Setting<'_>) -> Result<Option<String>> {
        match self.committed(setting)? {
            Some(lock) => Ok(Some(lock)),
            None => setting.tree.subject.text_of("Cargo.lock"),
        }
    }

    fn committed(&self, setting: &Setting<'_>) -> Result<Option<String>> {
        let is_there = self.matrix.has_committed_lock(setting.cell);
        let path = self.matrix.committed_lock(setting.cell);
        let Some(path) = path.filter(|_| is_there) else {
            return Ok(None);
        };
        let lock = fs::read_to_string(&path);
        lock.map(Some)
            .with_context(|| format!("read {}", path.display()))
    }

    /// The family's crates at the pin's version, if that was withdrawn of any.
    fn withdrawn(&self, setting: &Setting<'_>) -> Option<Vec<(String, Version)>> {
        let version = setting.cell.pin.at.version()?;
        let releases = self.matrix.registry.releases(&setting.family.crate_names());
        releases?.release(version)?.withdrawn()
    }

    /// What an earlier run found, if nothing that decides it has changed.
    #[must_use]
    pub fn known(&self, setting: &Setting<'_>) -> Option<Resolution> {
        if self.fresh {
            return None;
        }
        let key = self.key(setting).ok()?;
        self.records.read(&self.path(&key), &key)
    }

    /// Resolves a cell, or takes over what an earlier run found.
    ///
    /// # Errors
    ///
    /// When the work folder fails; what cargo says against the cell is a [`Resolution`].
    pub fn resolve(
        &self,
        setting: &Setting<'_>,
        log: &mut Log,
        clock: &mut Clock,
    ) -> Result<Resolution> {
        if let Some(known) = self.known(setting) {
            log.add(known.said.as_bytes());
            log.note("[all of that in an earlier run: nothing that decides the lock has changed]");
            return Ok(known);
        }
        let turn = || self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut laid_out = clock.wait(turn);
        let resolution = self.resolve_anew(setting, log, &mut laid_out)?;
        if let Some(change) = self.matrix.resolver.change() {
            let doubt = Doubt::Machine(change.clone());
            let status = Status::Inconclusive { doubt };
            return Ok(Resolution::refused(status, Diagnostic::said(change)));
        }
        if !matches!(resolution.status, Status::Inconclusive { .. }) {
            let key = self.key(setting)?;
            self.records.write(&self.path(&key), &key, &resolution)?;
        }
        Ok(resolution)
    }

    /// Lays out the copy that is resolved, without a lock; the workspace in it.
    pub(super) fn lay_out(
        &self,
        setting: &Setting<'_>,
        laid_out: &mut Option<Utf8PathBuf>,
    ) -> Result<Utf8PathBuf> {
        let subject = &setting.tree.subject;
        let pinned = stage::pinned_for_resolve(setting)?;
        // Nothing of the subject runs here, so that only what a cell changes has to be written anew.
        if laid_out.as_ref() == Some(&subject.checkout.top) {
            stage::rewrite(&pinned, &self.folder)?;
            remove(&self.folder.join(subject.lock()))?;
        } else {
            *laid_out = None;
            stage::lay_out(subject, &pinned, &self.folder)?;
            *laid_out = Some(subject.checkout.top.clone());
        }
        Ok(self.folder.join(&subject.inside))
    }

    fn resolve_anew(
        &self,
        setting: &Setting<'_>,
        log: &mut Log,
        laid_out: &mut Option<Utf8PathBuf>,
    ) -> Result<Resolution> {
        let workspace = self.lay_out(setting, laid_out)?;
        if let Some(mut seed) = self.seed(setting)? {
            if let Some(packages) = self.withdrawn(setting) {
                seed = holding(&seed, &packages)?;
            }
            let path = workspace.join("Cargo.lock");
            fs::write(&path, seed).with_context(|| format!("write {path}"))?;
        }
        let mut work = Work::new(self, setting, &workspace, log);
        let (mut status, mut errors) = work.settle()?;
        let secrets = &setting.ground.surroundings.secrets;
        let without = |text: String| secrets.without(&text).unwrap_or(text);
        for text in errors.iter_mut().flat_map(Diagnostic::texts) {
            *text = without(std::mem::take(text));
        }
        let lock = fs::read_to_string(workspace.join("Cargo.lock")).ok();
        let lock = lock.map(|lock| readable(lock, &setting.toolchain.cargo));
        if lock.is_none() && status == Status::Passed {
            status = Status::failed(Class::Resolve);
            errors.push(Diagnostic::said("cargo wrote no Cargo.lock"));
        }
        Ok(Resolution {
            status,
            errors,
            lock,
            moved: work.moved,
            needs: work.needs,
            said: without(text::bounded(&work.said, text::CASE_OUTPUT)),
        })
    }

    fn path(&self, key: &str) -> Utf8PathBuf {
        self.kept.join(format!("{key}.json"))
    }

    fn key(&self, setting: &Setting<'_>) -> Result<String> {
        let Setting {
            family, toolchain, ..
        } = setting;
        key::of(&(
            key::RULES,
            key::pinned(setting)?,
            (self.committed(setting)?, &setting.tree.lock),
            (self.locked, self.offline),
            (family.companions.written(), family.crate_names()),
            (&toolchain.rustc, &toolchain.host),
            &self.matrix.resolver.cargo_version,
            key::build(setting, &self.matrix.config),
            setting.conditions(),
        ))
    }
}

/// One cell being resolved.
pub(super) struct Work<'a, 'b> {
    resolver: &'a Resolver<'a>,
    /// The workspace in the copy that is resolved.
    workspace: &'a Utf8Path,
    setting: &'a Setting<'a>,
    log: &'b mut Log,
    moved: Vec<Moved>,
    /// The rustc that the graph asks for.
    pub(super) needs: Option<Needs>,
    said: String,
}

/// What keeps a lock from fitting the toolchain, if anything does.
type Unmet = Option<(Class, Vec<Diagnostic>)>;

/// A step that can end in words against the cell.
type Step<T> = Result<std::result::Result<T, Resolution>>;

impl<'a, 'b> Work<'a, 'b> {
    /// One that begins.
    pub(super) fn new(
        resolver: &'a Resolver<'a>,
        setting: &'a Setting<'a>,
        workspace: &'a Utf8Path,
        log: &'b mut Log,
    ) -> Self {
        Self {
            resolver,
            workspace,
            setting,
            log,
            moved: Vec::new(),
            needs: None,
            said: String::new(),
        }
    }
}

impl Work<'_, '_> {
    /// From the pinned manifests and a seed to a lock that holds the pin and fits the toolchain.
    pub(super) fn settle(&mut self) -> Result<(Status, Vec<Diagnostic>)> {
        let rustc = &self.setting.toolchain.rustc;
        // Cargo would refuse a member that is too new for the rust-version it is made to declare.
        let by_members = msrv::unmet_by_members(&self.setting.tree.subject, rustc);
        let unmet = match by_members.is_empty() {
            true => self.try_settle()?,
            false => {
                let errors = by_members.iter().map(|d| d.diagnostic(rustc)).collect();
                Ok(Some((Class::Msrv, errors)))
            }
        };
        Ok(match unmet {
            Ok(None) => (Status::Passed, Vec::new()),
            Ok(Some((class, errors))) => (Status::failed(class), errors),
            Err(refused) => (refused.status, refused.errors),
        })
    }

    fn try_settle(&mut self) -> Step<Unmet> {
        let metadata = match self.metadata()? {
            Ok(metadata) => metadata,
            Err(refused) => return Ok(Err(refused)),
        };
        let metadata = match self.hold_together(metadata)? {
            Ok(metadata) => metadata,
            Err(refused) => return Ok(Err(refused)),
        };
        let demands = self.family_first(msrv::unmet(&metadata, &self.setting.toolchain.rustc));
        let by_pin = demands.iter().any(|d| self.is_of_family(&d.name));
        if demands.is_empty() || by_pin || self.resolver.locked {
            return Ok(Ok(self.judge(&metadata, &demands)));
        }
        self.repair(metadata, demands)
    }

    fn judge(&self, metadata: &Metadata, demands: &[msrv::Demand]) -> Unmet {
        let ground = drift::Ground {
            metadata,
            registry: &self.resolver.matrix.registry,
            rustc: &self.setting.toolchain.rustc,
            family: self.setting.family,
            pin: self.setting.cell.pin.at.version(),
        };
        (!demands.is_empty()).then(|| drift::judge(&ground, demands))
    }

    /// Moves companions that the resolver let drift to the pin's version, and proves that the
    /// graph holds each family crate once and at the pin.
    fn hold_together(&mut self, mut metadata: Metadata) -> Step<Metadata> {
        let mut tried = BTreeSet::new();
        // Moving one can free another that something of its was holding.
        while let Some(version) = self.setting.cell.pin.at.version().cloned()
            && let Some((name, from)) = self.astray(&metadata, &version, &mut tried)
        {
            let said = self.move_package(&name, &from, &version)?;
            if said.ended.exit.is_success() {
                tried.clear();
                metadata = match self.metadata()? {
                    Ok(metadata) => metadata,
                    Err(refused) => return Ok(Err(refused)),
                };
            } else if let Some(doubt) = resolve_doubt(&said) {
                return Ok(Err(in_doubt(doubt, &said)));
            } else {
                self.log
                    .note(&format!("[{name} {from} stays: nothing allows {version}]"));
            }
        }
        Ok(
            match not_at_pin(&metadata, self.setting.family, &self.setting.cell.pin.at) {
                None => Ok(metadata),
                Some(error) => Err(Resolution::refused(Status::failed(Class::Resolve), error)),
            },
        )
    }

    /// A crate of the family that is not at the pin's version, though that is published, and that
    /// was not tried since anything last moved.
    fn astray(
        &self,
        metadata: &Metadata,
        version: &Version,
        tried: &mut BTreeSet<(String, Version)>,
    ) -> Option<(String, Version)> {
        let of_family = metadata
            .packages
            .iter()
            .filter(|p| bare(&p.version) != *version)
            .filter(|p| p.source.is_some() && self.is_of_family(&p.name));
        let mut astray: Vec<(String, Version)> = of_family
            .filter(|p| !self.resolver.locked && self.is_published(&p.name, version))
            .map(|p| (p.name.to_string(), p.version.clone()))
            .collect();
        astray.sort();
        astray
            .into_iter()
            .find(|package| tried.insert(package.clone()))
    }

    fn repair(&mut self, mut metadata: Metadata, mut demands: Vec<msrv::Demand>) -> Step<Unmet> {
        let mut tried = BTreeSet::new();
        while let Some(step) = repair::next_step(
            &metadata,
            &demands,
            &self.resolver.matrix.registry,
            &self.setting.toolchain.rustc,
            |name| self.is_of_family(name),
            &mut tried,
        ) {
            let said = self.move_package(&step.package, &step.from, &step.to)?;
            if !said.ended.exit.is_success() {
                if let Some(doubt) = resolve_doubt(&said) {
                    return Ok(Err(in_doubt(doubt, &said)));
                }
                continue;
            }
            self.moved.push(Moved {
                package: step.package,
                from: step.from.to_string(),
                to: step.to.to_string(),
                because: step.because,
                fault: Fault::TooNew,
            });
            metadata = match self.metadata()? {
                Ok(metadata) => metadata,
                Err(refused) => return Ok(Err(refused)),
            };
            demands = self.family_first(msrv::unmet(&metadata, &self.setting.toolchain.rustc));
            if demands.is_empty() {
                break;
            }
        }
        Ok(Ok(self.judge(&metadata, &demands)))
    }

    fn metadata(&mut self) -> Step<Metadata> {
        let mut args = vec!["metadata", "--format-version", "1"];
        args.extend(["--filter-platform", &self.setting.toolchain.host]);
        let features = self.setting.features.flags();
        args.extend(features.iter().map(String::as_str));
        if self.resolver.locked {
            args.push("--locked");
        }
        let said = self.say(&args)?;
        if !said.ended.exit.is_success() {
            return Ok(Err(self.resolver.refused(self.setting, &said)));
        }
        let metadata = MetadataCommand::parse(&said.out).context("read cargo's metadata")?;
        self.needs = Some(msrv::highest(&metadata, |name| self.is_of_family(name)));
        Ok(Ok(metadata))
    }

    fn move_package(&mut self, name: &str, from: &Version, to: &Version) -> Result<Said> {
        let package = format!("{name}@{from}");
        self.say(&[
            "update",
            "--package",
            &package,
            "--precise",
            &to.to_string(),
        ])
    }

    pub(super) fn say(&mut self, args: &[&str]) -> Result<Said> {
        let mut args = args.to_vec();
        if self.resolver.offline {
            args.push("--offline");
        }
        let matrix = self.resolver.matrix;
        let mut vars = self.setting.vars(&matrix.resolver);
        vars.insert(
            "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS".into(),
            "fallback".into(),
        );
        let cargo = Cargo {
            toolchain: &matrix.resolver,
            folder: self.workspace,
            checkout: &self.resolver.folder,
            vars,
            limit: matrix.config.timeouts.resolve,
            bounds: Bounds::OPEN,
            interrupt: self.resolver.interrupt,
            budget: None,
        };
        let said = cargo.say(&args, self.log)?;
        let told = format!(
            "$ cargo {}\n{}[{}]\n",
            args.join(" "),
            said.err,
            said.ended.exit
        );
        self.said.push_str(&told);
        Ok(said)
    }

    fn is_of_family(&self, name: &str) -> bool {
        self.setting.family.holds(name)
    }

    fn is_published(&self, name: &str, version: &Version) -> bool {
        match self.resolver.matrix.registry.versions(name) {
            Some(versions) => versions.iter().any(|p| bare(&p.version) == *version),
            None => true,
        }
    }

    fn family_first(&self, mut demands: Vec<msrv::Demand>) -> Vec<msrv::Demand> {
        let crates = &self.setting.family.crates;
        demands.sort_by_key(|d| {
            let place = crates
                .iter()
                .position(|c| *c.get_ref() == d.name)
                .unwrap_or(crates.len());
            (place, !self.is_of_family(&d.name))
        });
        demands
    }
}

fn in_doubt(doubt: Doubt, said: &Said) -> Resolution {
    let error = match doubt == Doubt::Interrupted {
        true => Diagnostic::said("interrupted"),
        false => first_error(&said.err),
    };
    Resolution::refused(Status::Inconclusive { doubt }, error)
}
