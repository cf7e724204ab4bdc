//! What a config gets wrong that only the subject, the registry or both can tell: each is a
//! [`Mistake`](crate::config::mistake::Mistake) at its place in the file.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use semver::Version;

use crate::config::{Config, Family, did_you_mean};
use crate::environment::Surroundings;
use crate::manifest::Manifest;
use crate::published::{Published, Registry};
use crate::subject::Subject;
use crate::toolchain::Toolchain;

/// A feature or a profile that the subject does not have would fail every cell.
pub fn check_build(config: &Config, subject: &Subject) -> Result<()> {
    let features: BTreeSet<&str> = subject
        .members
        .iter()
        .flat_map(|m| &m.features)
        .map(String::as_str)
        .collect();
    for feature in &config.build.features {
        let name = feature.get_ref().as_str();
        // `package/feature` is for cargo to judge.
        if !name.contains('/') && !features.contains(name) {
            return Err(config
                .text
                .mistake(format!("no member of the subject has a feature `{name}`"))
                .at(feature.span(), "not among their features")
                .maybe_help(did_you_mean(name, features.iter().copied()))
                .into());
        }
    }
    let profile = config.build.profile.get_ref().as_str();
    let is_built_in = matches!(profile, "dev" | "release" | "test" | "bench");
    let root = subject.text_of("Cargo.toml")?.unwrap_or_default();
    if is_built_in || Manifest::parse(&root)?.has_profile(profile) {
        return Ok(());
    }
    Err(config
        .text
        .mistake(format!("the subject has no profile `{profile}`"))
        .at(config.build.profile.span(), "not declared")
        .help(format!(
            "declare [profile.{profile}] in its Cargo.toml, or name dev, release, test or bench"
        ))
        .into())
}

/// A family crate that the subject neither requires nor holds in its lock moves nothing.
pub fn check_families_used(config: &Config, subject: &Subject) -> Result<()> {
    let mut used = BTreeSet::new();
    for path in &subject.manifests {
        if let Some(text) = subject.text_of(path.as_str())? {
            used.extend(
                Manifest::parse(&text)
                    .with_context(|| format!("read {path}"))?
                    .required_packages(),
            );
        }
    }
    let lock = subject.text_of("Cargo.lock")?.unwrap_or_default();
    for family in &config.families {
        for krate in &family.crates {
            let name = krate.get_ref();
            if subject.members.iter().any(|member| member.name == *name) {
                return Err(config
                    .text
                    .mistake(format!("`{name}` is a member of the subject"))
                    .at(krate.span(), "cannot be pinned to a published version")
                    .help("a family holds crates that the subject depends on")
                    .into());
            }
            let is_locked = lock.contains(&format!("name = \"{name}\"\n"));
            if !used.contains(name) && !is_locked {
                let hint = did_you_mean(name, used.iter().map(String::as_str));
                return Err(config
                    .text
                    .mistake(format!("the subject does not use `{name}`"))
                    .at(krate.span(), "not among its dependencies")
                    .maybe_help(hint)
                    .into());
            }
        }
    }
    Ok(())
}

/// Every pin is a published version of every crate of its family, or the config is mistaken.
pub fn check_pins_published(
    config: &Config,
    subject: &Subject,
    registry: &Registry,
    resolver: &Toolchain,
    surroundings: &Surroundings,
    offline: bool,
    notes: &mut Vec<String>,
) -> Result<()> {
    let missing = unpublished(config, registry);
    if missing.is_empty() {
        return Ok(());
    }
    if !offline {
        let crates: Vec<&str> = config
            .families
            .iter()
            .flat_map(|f| &f.crates)
            .map(|c| c.get_ref().as_str())
            .collect();
        registry.refresh(&subject.root, &crates, resolver, surroundings)?;
    }
    for Unpublished { family, krate, pin } in unpublished(config, registry) {
        let known = registry.versions(krate).unwrap_or_default();
        if known.is_empty() {
            notes.push(format!(
                "nothing is known of what is published of {krate}; its pins are taken as they are"
            ));
            continue;
        }
        let version = &pin.get_ref().version;
        return Err(config
            .text
            .mistake(format!("{krate} {version} is not published"))
            .at(
                pin.span(),
                format!("a pin of family `{}`", family.name.get_ref()),
            )
            .help(nearest_versions(version, &known))
            .into());
    }
    Ok(())
}

/// A version that was withdrawn cannot enter a new lock.
pub fn check_pins_not_yanked(config: &Config, registry: &Registry) -> Result<()> {
    for family in &config.families {
        for pin in &family.ladder {
            let version = &pin.get_ref().version;
            let is_yanked = |name: &str| {
                let versions = registry.versions(name).unwrap_or_default();
                versions.iter().any(|p| p.version == *version && p.yanked)
            };
            if let Some(krate) = family.crates.iter().find(|c| is_yanked(c.get_ref())) {
                return Err(config
                    .text
                    .mistake(format!("{} {version} was yanked", krate.get_ref()))
                    .at(pin.span(), "no new lock can hold it")
                    .help("take it off the ladder")
                    .into());
            }
        }
    }
    Ok(())
}

fn unpublished<'a>(config: &'a Config, registry: &Registry) -> Vec<Unpublished<'a>> {
    let mut missing = Vec::new();
    for family in &config.families {
        for krate in &family.crates {
            let Some(versions) = registry.versions(krate.get_ref()) else {
                continue;
            };
            for pin in &family.ladder {
                let is_published = versions.iter().any(|p| p.version == pin.get_ref().version);
                if !is_published {
                    missing.push(Unpublished {
                        family,
                        krate: krate.get_ref(),
                        pin,
                    });
                }
            }
        }
    }
    missing
}

/// The published versions around one that is not.
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
    pin: &'a toml::Spanned<crate::model::cell::Pin>,
}
