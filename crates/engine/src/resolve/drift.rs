//! Whose doing it is that something outside the family is too new: the pin's, or drift.
//!
//! The pin's, where a family crate asks for it and nothing older would do. Drift otherwise: then
//! the cell says nothing of its pin, whatever the lock could not be repaired for.

use std::collections::BTreeSet;

use camino::Utf8Path;
use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::FailureKind;
use semver::Version;

use crate::registry::published::{Published, Registry};
use crate::resolve::msrv::{Demand, parents};

/// What it is judged by.
pub struct DriftContext<'a> {
    /// The graph with the lock as it is.
    pub metadata: &'a Metadata,
    /// What else is published.
    pub registry: &'a Registry,
    /// The cell's rustc.
    pub rustc: &'a Version,
    /// The family that is pinned.
    pub family: &'a Family,
    /// What it is pinned at, where that is published.
    pub pin: Option<&'a Version>,
}

/// Who brings in a package that is too new.
enum DriftCause {
    /// It is the family's or the subject's own.
    Own,
    /// The pin does, in words.
    Pin(String),
    /// Neither.
    Drift,
}

/// The class of a cell whose lock holds packages that are too new, with an error for each. One that
/// the pin brings in makes it the pin's, whatever has drifted beside it.
#[must_use]
pub fn judge(pin_context: &DriftContext<'_>, demands: &[Demand]) -> (FailureKind, Vec<Diagnostic>) {
    let (mut of_pin, mut drifted) = (Vec::new(), Vec::new());
    for demand in demands {
        let mut error = demand.diagnostic(pin_context.rustc);
        match pin_context.cause(demand) {
            DriftCause::Own => of_pin.push(error),
            DriftCause::Pin(why) => {
                error.message.push_str(&format!("; {why}"));
                of_pin.push(error);
            }
            DriftCause::Drift => {
                // Of what the subject asks for itself, a demand does not say so.
                if let [asker] = demand.through.as_slice() {
                    error.message.push_str(&format!(" (through {asker})"));
                }
                drifted.push(error);
            }
        }
    }
    let class = match of_pin.is_empty() {
        true => FailureKind::Drift,
        false => FailureKind::Msrv,
    };
    of_pin.append(&mut drifted);
    (class, of_pin)
}

impl DriftContext<'_> {
    fn cause(&self, demand: &Demand) -> DriftCause {
        let mut packages = self.metadata.packages.iter();
        let package = packages.find(|p| *p.name == demand.name && p.version == demand.version);
        let Some(package) = package.filter(|p| p.source.is_some()) else {
            return DriftCause::Own;
        };
        if self.family.holds(&demand.name) {
            return DriftCause::Own;
        }
        let versions = self.registry.versions(&demand.name).unwrap_or_default();
        // Where nothing is known of what is published, nothing can be held against the pin.
        if versions.is_empty() {
            return DriftCause::Drift;
        }
        let fits = |p: &&Published| {
            let declared = p.rust_version.as_ref();
            // What an edition asks for is not known to an index; this one is seen not to fit.
            let is_new = p.version == demand.version || declared.is_some_and(|v| v > self.rustc);
            !is_new && !p.yanked
        };
        let fitting: Vec<&Published> = versions.iter().filter(fits).collect();
        self.asker(package, &fitting)
            .or_else(|| self.follower(package, &fitting))
            .map_or(DriftCause::Drift, DriftCause::Pin)
    }

    /// A family crate that asks for a package and admits none of the versions that fit.
    fn asker(&self, package: &Package, fitting: &[&Published]) -> Option<String> {
        let parents = parents(self.metadata);
        let ids: BTreeSet<_> = parents.get(&package.id)?.iter().collect();
        let packages = self.metadata.packages.iter();
        let of_family = packages.filter(|p| ids.contains(&p.id) && self.family.holds(&p.name));
        let asks = |d: &&Dependency| {
            d.name == *package.name
                && d.kind != DependencyKind::Development
                && d.req.matches(&package.version)
        };
        let mut strict = of_family.filter(|asker| {
            let asked: Vec<_> = asker.dependencies.iter().filter(asks).collect();
            let admits = |p: &Published| asked.iter().all(|d| d.req.matches(&p.version));
            !fitting.iter().any(|p| admits(p))
        });
        let asker = strict.next()?;
        let (name, version) = (&asker.name, &asker.version);
        Some(format!(
            "{name} {version} asks for it and admits no version that fits"
        ))
    }

    /// What itself uses the family, and of which every version that fits refuses the pin.
    fn follower(&self, package: &Package, fitting: &[&Published]) -> Option<String> {
        let pin = self.pin?;
        let in_use = parents(self.metadata);
        let uses = |p: &&Package| {
            let users = in_use.get(&p.id).into_iter().flatten();
            self.family.holds(&p.name) && users.into_iter().any(|id| *id == package.id)
        };
        let used = self.metadata.packages.iter().find(uses)?;
        let refuses = |p: &&Published| {
            let mut of_family = p.requires.iter().filter(|(n, _)| self.family.holds(n));
            of_family.any(|(_, req)| !req.matches(pin))
        };
        let name = &used.name;
        (!fitting.is_empty() && fitting.iter().all(refuses))
            .then(|| format!("no version of it that fits takes {name} {pin}"))
    }
}

/// The package outside the family whose manifest a cargo is too old to read, as far as cargo says
/// so. A lock also holds what no cell builds, such as optional dependencies, and `cargo fetch` reads
/// all of it.
#[must_use]
pub fn unreadable(err: &str, family: &Family) -> Option<String> {
    let (_, rest) = err.split_once("failed to parse manifest at `")?;
    let manifest = Utf8Path::new(rest.split('`').next()?);
    let folder = manifest.parent()?.file_name()?;
    let mut dashes = folder.match_indices('-');
    let (name, version) = dashes.find_map(|(at, _)| {
        let version = Version::parse(folder.get(at + 1..)?).ok()?;
        Some((folder.get(..at)?, version))
    })?;
    (!family.holds(name)).then(|| format!("{name} {version}"))
}
