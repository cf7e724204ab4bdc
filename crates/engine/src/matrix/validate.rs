//! Finds user errors in a config that only the subject or the registry reveal. Each is a [`UserError`]
//! with its position in the file.

pub mod matched;
pub mod outside;
pub mod platform;
pub mod unbuilt;

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8Path;
use pinmatrix_core::config::{Config, Family, Followers, Network, Pins, did_you_mean};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::bare;
use pinmatrix_core::model::run::version_set::VersionSet;
use semver::Version;

use crate::machine::child_env::ChildEnv;
use crate::machine::own_env;
use crate::machine::toolchain::Toolchain;
use crate::manifest::{Manifest, requirements_of};
use crate::matrix::required_crates::RequiredCrates;
use crate::matrix::used_crates::Requirements;
use crate::registry::index::SkippedLine;
use crate::registry::published::{Published, Registry};
use crate::subject::Subject;
use crate::subject::source_tree::SourceTree;

/// Rejects a missing linker, which would fail every cell.
fn linker(config: &Config) -> Result<(), UserError> {
    let Some(linker) = &config.build.linker else {
        return Ok(());
    };
    let program = linker.get_ref().program();
    let path = own_env::var("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    if cfg!(unix) && folders.any(|folder| folder.join(program).is_file()) {
        return Ok(());
    }
    Err(config
        .text
        .error_at(format!("`{program}` is not on the path"))
        .at(linker.span(), "cannot link with it")
        .help("install it, or leave `linker` out"))
}

/// Rejects sandbox permissions for a target of an unknown package, which would have no effect.
fn sandbox(config: &Config, subject: &Subject) -> Result<(), UserError> {
    let names = || subject.members.iter().map(|member| member.name.as_str());
    for allowed in &config.sandbox.allowed {
        // The last part of a target's name may be given alone.
        let Some((package, _)) = allowed.of.split_once(' ') else {
            continue;
        };
        if !names().any(|name| name == package) {
            return Err(config
                .text
                .error_at(format!("the subject has no package `{package}`"))
                .at(allowed.at.clone(), "allowed for a target of it")
                .maybe_help(did_you_mean(package, names())));
        }
    }
    Ok(())
}

/// Rejects a feature or a profile that the subject does not have, which would fail every cell.
pub fn build(config: &Config, tree: &SourceTree) -> Result<()> {
    let subject = &tree.subject;
    let wanted = || config.feature_sets.iter().flat_map(|set| &set.features);
    for selection in tree.selections.values() {
        let members = subject.members.iter();
        let selected = members.filter(|member| selection.holds(&member.name));
        let features: BTreeSet<&str> = selected
            .flat_map(|m| &m.features)
            .map(String::as_str)
            .collect();
        for feature in wanted() {
            let name = feature.get_ref().as_str();
            // Cargo checks `package/feature`.
            if !name.contains('/') && !features.contains(name) {
                return Err(config
                    .text
                    .error_at(format!("no selected package has a feature `{name}`"))
                    .at(feature.span(), "not among their features")
                    .maybe_help(did_you_mean(name, features.iter().copied()))
                    .into());
            }
        }
    }
    linker(config)?;
    sandbox(config, subject)?;
    let profile = config.build.profile.get_ref().as_str();
    let is_built_in = matches!(profile, "dev" | "release" | "test" | "bench");
    let root = subject.text_of("Cargo.toml")?.unwrap_or_default();
    if is_built_in || Manifest::parse(&root)?.has_profile(profile) {
        return Ok(());
    }
    Err(config
        .text
        .error_at(format!("the subject has no profile `{profile}`"))
        .at(config.build.profile.span(), "not declared")
        .help(format!(
            "declare [profile.{profile}] in its Cargo.toml, or name dev, release, test or bench"
        ))
        .into())
}

/// Rejects a family crate that the subject neither requires nor has in its lock: pinning it would
/// change nothing.
pub fn families_used(
    config: &Config,
    subject: &Subject,
    required: &RequiredCrates<'_>,
) -> Result<()> {
    let manifests = subject.checkout.manifests(&subject.manifests)?;
    let used = manifests.iter().flat_map(Manifest::required_packages);
    let used: BTreeSet<String> = used.collect();
    let lock = subject.text_of("Cargo.lock")?.unwrap_or_default();
    for family in &config.families {
        for krate in &family.crates {
            let name = krate.get_ref();
            if subject.members.iter().any(|member| member.name == *name) {
                return Err(config
                    .text
                    .error_at(format!("`{name}` is a member of the subject"))
                    .at(krate.span(), "cannot be pinned to a published version")
                    .help("a family holds crates that the subject depends on")
                    .into());
            }
            let is_locked = lock.contains(&format!("name = \"{name}\"\n"));
            if !used.contains(name) && !is_locked && !required.ever_requires(name) {
                let hint = did_you_mean(name, used.iter().map(String::as_str));
                return Err(config
                    .text
                    .error_at(format!("the subject does not use `{name}`"))
                    .at(krate.span(), "not among its dependencies")
                    .maybe_help(hint)
                    .into());
            }
        }
    }
    Ok(())
}

/// Rejects a key that names no dependency on a crate of its family, and a crate of which no key is
/// named: it would not move.
pub fn keys(config: &Config, trees: &[SourceTree]) -> Result<()> {
    // Another revision may have other dependencies.
    let mut manifests = Vec::new();
    for subject in trees.iter().map(|tree| &tree.subject) {
        manifests.extend(subject.checkout.manifests(&subject.manifests)?);
    }
    let requirements = requirements_of(&manifests);
    for family in config.families.iter().filter(|f| !f.keys.is_empty()) {
        let is_listed = |package: &str| family.crate_names().contains(&package);
        let own = || {
            requirements
                .iter()
                .filter(|(_, own)| is_listed(&own.package))
        };
        for key in &family.keys {
            if own().any(|(_, own)| own.key == *key.get_ref()) {
                continue;
            }
            let name = family.name.get_ref();
            let keys: BTreeSet<&str> = own().map(|(_, own)| own.key.as_str()).collect();
            let all = keys.iter().copied().collect::<Vec<_>>().join(", ");
            let nearest = did_you_mean(key.get_ref(), keys);
            return Err(config
                .text
                .error_at(format!(
                    "no dependency on a crate of `{name}` has the key `{}`",
                    key.get_ref()
                ))
                .at(key.span(), "moves nothing")
                .help(nearest.unwrap_or(format!("the keys are {all}")))
                .into());
        }
        for krate in &family.crates {
            let mut on_it = own()
                .filter(|(_, own)| own.package == *krate.get_ref())
                .peekable();
            let is_required = on_it.peek().is_some();
            if is_required && !on_it.any(|(_, own)| family.moves_by(&own.key, &own.package)) {
                return Err(config
                    .text
                    .error_at(format!(
                        "`keys` names no dependency on `{}`",
                        krate.get_ref()
                    ))
                    .at(krate.span(), "would not move")
                    .help("add its key, or take it out of `crates`")
                    .into());
            }
        }
    }
    Ok(())
}

/// Rejects overrides and `cap-lints` that would have no effect or would disable something else.
pub fn adjustments(config: &Config, subject: &Subject) -> Result<()> {
    let edits = config.adjustments.iter();
    let edits = edits.flat_map(|a| &a.change.dependencies);
    for member in edits.flat_map(|edits| &edits.members) {
        let names = || subject.members.iter().map(|m| m.name.as_str());
        if !names().any(|name| name == member) {
            let error = config
                .text
                .error_at(format!("`{member}` is not a member of the subject"));
            return Err(error.maybe_help(did_you_mean(member, names())).into());
        }
    }
    let sets_flags = config.build.cap_lints.is_some()
        || config.adjustments.iter().any(|a| !a.change.cfg.is_empty());
    if !sets_flags {
        return Ok(());
    }
    for crate::subject::CargoConfig { path, text, .. } in subject.cargo_configs()? {
        // RUSTFLAGS in the environment replaces the rustflags of a cargo config.
        // https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags
        if text
            .lines()
            .any(|line| line.trim_start().starts_with("rustflags"))
        {
            let message = format!("`cfg` and `cap-lints` would hide the rustflags of {path}");
            let help = "repeat them in [env]: `set = { RUSTFLAGS = \"...\" }`";
            let is_repeated = config.environment.set.contains_key("RUSTFLAGS");
            if !is_repeated {
                return Err(config.text.error_at(message).help(help).into());
            }
        }
    }
    Ok(())
}

/// The inputs for checking the pins of a config against a registry.
pub struct ConfigCheck<'a> {
    pub config: &'a Config,
    pub subject: &'a Utf8Path,
    pub registry: &'a Registry,
    pub resolver: &'a Toolchain,
    pub child_env: &'a ChildEnv,
    pub network: Network,
    pub required: &'a RequiredCrates<'a>,
}

impl ConfigCheck<'_> {
    /// Checks that every named pin is a published version of every crate of its family. If a family
    /// asks for the newest version, the index is refreshed first.
    pub fn pins_published(&self, notes: &mut Vec<String>) -> Result<()> {
        let Self {
            config, registry, ..
        } = self;
        let is_open = |family: &Family| matches!(&family.pins, Pins::Chosen(c) if c.to.is_none());
        let is_stale = self.network == Network::Online
            && !registry.is_local()
            && config.families.iter().any(is_open);
        if !is_stale && self.unpublished().is_empty() {
            return Ok(());
        }
        if self.network == Network::Online {
            let crates = config.families.iter().flat_map(Family::crate_names);
            let followers = config.families.iter().flat_map(|f| f.followers.named());
            let followers = followers.map(|name| name.get_ref().as_str());
            let crates: Vec<&str> = crates.chain(followers).collect();
            self.refresh(&crates)?;
        }
        for Unpublished { family, krate, pin } in self.unpublished() {
            let known = registry.versions(krate).unwrap_or_default();
            let place = format!("a pin of family `{}`", family.name.get_ref());
            if known.is_empty() && matches!(family.pins, Pins::Written(_)) {
                notes.push(format!(
                    "nothing is known of what is published of {krate}; its pins are taken as they are"
                ));
                continue;
            }
            let version = pin.get_ref();
            let entry = registry.entry(krate).unwrap_or_default();
            let of_pin = |p: &&SkippedLine| p.version.as_ref().map(bare).as_ref() == Some(version);
            let message = match entry.passed_over.iter().find(of_pin) {
                Some(line) => format!("{krate} {version} {}", line.why),
                None if entry.is_empty() => format!("{krate} is not known to the registry"),
                None => format!("{krate} {version} is not published"),
            };
            let mut help = nearest_versions(version, &known);
            if !entry.lives_at(version) {
                help += "; `[[adjust]]` can replace or drop it there";
            }
            return Err(config
                .text
                .error_at(message)
                .at(pin.span(), place)
                .help(help)
                .into());
        }
        Ok(())
    }

    fn unpublished(&self) -> Vec<Unpublished<'_>> {
        unpublished(self.config, self.registry, self.required)
    }

    fn refresh(&self, crates: &[&str]) -> Result<()> {
        let Self {
            subject,
            resolver,
            child_env,
            ..
        } = self;
        self.registry.refresh(subject, crates, resolver, child_env)
    }

    /// Gets anew what is published of a follower that blocks a pin, since a newer version may go
    /// with it. Returns true if it did.
    pub fn refresh_blocked(&self, sets: &[Vec<VersionSet>]) -> Result<bool> {
        let blockers = sets.iter().flatten().filter_map(|set| set.blocker.as_ref());
        let blocking: BTreeSet<&str> = blockers.map(|b| b.package.as_str()).collect();
        if blocking.is_empty() || self.network == Network::Offline || self.registry.is_local() {
            return Ok(false);
        }
        let crates = self.config.families.iter().flat_map(Family::crate_names);
        let crates: Vec<&str> = crates.chain(blocking).collect();
        self.refresh(&crates)?;
        Ok(true)
    }

    /// Gets what is published of crates that may follow a family, where it is not here yet. What
    /// cannot be had is noted.
    pub fn followers_known(&self, tree: &SourceTree, notes: &mut Vec<String>) -> Result<()> {
        let is_auto = |family: &Family| matches!(family.followers, Followers::Auto(_));
        let families = self.config.families.iter();
        let named = families.flat_map(|family| family.followers.named());
        let mut names: BTreeSet<String> = named.map(|name| name.get_ref().clone()).collect();
        if self.config.families.iter().any(is_auto) {
            let requirements = Requirements::of(tree)?;
            names.extend(requirements.published().into_iter().map(str::to_owned));
        }
        let is_unknown = |name: &String| {
            let entry = self.registry.entry(name);
            entry.is_some_and(|entry| entry.is_empty())
        };
        names.retain(is_unknown);
        if !names.is_empty() && self.network == Network::Online && !self.registry.is_local() {
            let crates: Vec<&str> = names.iter().map(String::as_str).collect();
            self.refresh(&crates)?;
            names.retain(is_unknown);
        }
        notes.extend(names.into_iter().map(|name| {
            format!("nothing is known of what is published of {name}, so it follows no family")
        }));
        Ok(())
    }

    /// Checks that published versions can be read if a config selects pins from them.
    pub fn pins_readable(&self) -> Result<()> {
        for family in &self.config.families {
            let Pins::Chosen(choice) = &family.pins else {
                continue;
            };
            if self
                .registry
                .releases(&family.crate_names(), |_, _| true)
                .is_none()
            {
                let message =
                    "what is published cannot be read from here, so no pins can be chosen";
                return Err(self
                    .config
                    .text
                    .error_at(message)
                    .at(choice.span.clone(), "chosen from what is published")
                    .help("write the pins out; a git index is for cargo alone to read")
                    .into());
            }
        }
        Ok(())
    }
}

/// Rejects a yanked version, which cannot enter a new lock.
pub fn pins_not_yanked(config: &Config, registry: &Registry) -> Result<()> {
    for family in &config.families {
        for pin in named(&family.pins) {
            let version = pin.get_ref();
            let is_yanked = |name: &str| {
                let versions = registry.versions(name).unwrap_or_default();
                let mut alike = versions.iter().filter(|p| bare(&p.version) == *version);
                alike.clone().next().is_some() && alike.all(|p| p.yanked)
            };
            let asks = matches!(&family.pins, Pins::Chosen(choice) if choice.yanked);
            if let Some(krate) = family
                .crates
                .iter()
                .find(|c| !asks && is_yanked(c.get_ref()))
            {
                return Err(config
                    .text
                    .error_at(format!("{} {version} was yanked", krate.get_ref()))
                    .at(pin.span(), "no new lock can hold it")
                    .help("take it off the ladder, or choose pins with `yanked = true`")
                    .into());
            }
        }
    }
    Ok(())
}

/// Returns the versions that a config names.
fn named(pins: &Pins) -> Vec<&toml::Spanned<Version>> {
    match pins {
        Pins::Written(pins) => pins.iter().collect(),
        Pins::Chosen(choice) => {
            let ends = [Some(&choice.from), choice.to.as_ref()];
            ends.into_iter().flatten().chain(&choice.include).collect()
        }
    }
}

/// Returns the named pins that a crate of their family does not have. One that is not yet published
/// there, or no longer, need not have it unless it is required there.
fn unpublished<'a>(
    config: &'a Config,
    registry: &Registry,
    required: &RequiredCrates<'_>,
) -> Vec<Unpublished<'a>> {
    let mut missing = Vec::new();
    for family in &config.families {
        for krate in family.crate_names() {
            let (Some(versions), Some(entry)) = (registry.versions(krate), registry.entry(krate))
            else {
                continue;
            };
            let is_absent = |version: &Version| {
                !entry.is_empty()
                    && !entry.lives_at(version)
                    && !required.requires(family, krate, version)
            };
            let is_published = |version: &Version| {
                versions.iter().any(|p| bare(&p.version) == *version) || is_absent(version)
            };
            let pins = named(&family.pins).into_iter();
            missing.extend(
                pins.filter(|pin| !is_published(pin.get_ref()))
                    .map(|pin| Unpublished { family, krate, pin }),
            );
        }
    }
    missing
}

/// Describes the published versions closest to an unpublished one.
fn nearest_versions(version: &Version, known: &[Published]) -> String {
    let usable = || known.iter().filter(|p| !p.yanked).map(|p| &p.version);
    let below = usable().filter(|v| *v < version).max();
    let above = usable().filter(|v| *v > version).min();
    match (below, above) {
        (Some(below), Some(above)) => {
            format!("published are {below} before it and {above} after it")
        }
        (Some(newest), None) => format!("the newest published version is {newest}"),
        (None, Some(oldest)) => format!("the oldest published version is {oldest}"),
        (None, None) => "no version of it can be used".to_owned(),
    }
}

struct Unpublished<'a> {
    family: &'a Family,
    krate: &'a str,
    pin: &'a toml::Spanned<Version>,
}
