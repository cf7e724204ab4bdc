//! Rejects config entries that match no pin or feature: they would silently change, exclude or
//! claim nothing.

use std::collections::BTreeSet;

use anyhow::Result;
use pinmatrix_core::config::{
    ChosenPackages, ClaimKind, Config, Span, TestRunner, did_you_mean, is_in,
};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::{Cell, Pin};

use crate::manifest::Manifest;
use crate::registry::ladder::Ladder;
use crate::subject::Subject;
use crate::subject::source_tree::SourceTree;

/// Checks that each range of pins and each claim matches a pin.
///
/// # Errors
///
/// Returns a [`UserError`] that names the first one that does not.
pub fn pins(config: &Config, ladders: &[Ladder]) -> Result<(), UserError> {
    let pins = || ladders.iter().flat_map(Ladder::all).map(|of| of.pin);
    let nothing = |what: &str, at: &Span| {
        let error = config.text.error_at(format!("{what} matches nothing"));
        let help = "`plan` lists all cells; take it out, or widen its range";
        Err(error.at(at.clone(), "not a pin of the ladder").help(help))
    };
    for adjustment in &config.adjustments {
        if !pins().any(|pin| adjustment.is_for(pin)) {
            return nothing("an adjustment", &adjustment.at);
        }
    }
    let cells = || {
        let rows = config.rows().into_iter();
        rows.flat_map(move |row| {
            let cell = move |pin: &std::sync::Arc<Pin>| Cell {
                row: row.clone(),
                pin: pin.clone(),
            };
            pins().map(cell).collect::<Vec<_>>()
        })
    };
    // `--rev` replaces all sources, by which cells may be selected.
    let is_replaced = config.is_at_revision();
    let excluded = config.excludes.iter().map(|exclude| &exclude.cells);
    for which in excluded.chain(&config.includes) {
        if !is_replaced && !cells().any(|cell| which.means(&cell)) {
            return nothing("a selection of cells", &which.at);
        }
    }
    for range in config
        .feature_sets
        .iter()
        .filter_map(|set| set.pins.as_ref())
    {
        if !pins().any(|pin| is_in(range.get_ref(), &pin.at)) {
            return nothing("a range of a feature set", &range.span());
        }
    }
    for claim in &config.claims {
        let mut of_family = pins().filter(|pin| pin.family == claim.family);
        let is_there = match &claim.claimed {
            ClaimKind::LeastRust { pin, .. } | ClaimKind::Passes { pin, .. } => {
                of_family.any(|other| other.at.version() == Some(pin))
            }
            ClaimKind::Changes { at: Some(at), .. } => {
                of_family.any(|pin| pin.at.version().is_some_and(|version| at.matches(version)))
            }
            ClaimKind::Changes { at: None, .. } => true,
        };
        if !is_there {
            return nothing("a claim", &claim.at);
        }
    }
    Ok(())
}

/// Checks that each glob for packages matches a member of a revision of the subject, and that each
/// revision has a member left for each family.
///
/// # Errors
///
/// Returns a [`UserError`] that names the first glob or family of which that is not so.
pub fn selection(
    config: &Config,
    trees: &[SourceTree],
    notes: &mut Vec<String>,
) -> Result<(), UserError> {
    let members = || trees.iter().flat_map(|tree| &tree.subject.members);
    let names = || members().map(|member| member.name.as_str());
    let chosen = match &config.packages.chosen {
        ChosenPackages::Matching(globs) => globs.as_slice(),
        ChosenPackages::Affected(at) => {
            affected_known(config, trees, at)?;
            notes.extend(trees.iter().filter_map(not_locked));
            &[]
        }
        ChosenPackages::Default | ChosenPackages::All => &[],
    };
    // Another revision may have other members.
    let globs = chosen.iter().chain(&config.packages.excluded);
    for glob in globs.filter(|_| !config.is_at_revision()) {
        if !names().any(|name| glob.matches(name)) {
            let written = glob.written.get_ref();
            let message = format!("`{written}` matches no package of the subject");
            let names: BTreeSet<&str> = names().collect();
            let all = names.iter().copied().collect::<Vec<_>>().join(", ");
            let nearest = did_you_mean(written, names);
            let help = nearest.unwrap_or(format!("its packages are {all}"));
            return Err(match glob.written.span() {
                span if span.is_empty() => UserError::new(message),
                span => config.text.error_at(message).at(span, "selects nothing"),
            }
            .help(help));
        }
    }
    for tree in trees {
        let selections = || tree.selections.iter();
        let mut partial = selections().filter(|(_, selection)| !selection.is_whole());
        if let Some((family, _)) = partial.find(|(_, s)| s.is_idle && !s.is_empty()) {
            return Err(config
                .text
                .error_at(format!("no selected package reaches a crate of `{family}`"))
                .at(config.subject.span(), "no pin would change anything")
                .help("select packages that use it; `packages = \"affected\"` finds them"));
        }
        if let Some((family, _)) = selections().find(|(_, selection)| selection.is_empty()) {
            let revision = tree.label.as_ref();
            let revision = revision.map_or(String::new(), |label| format!(" at `{label}`"));
            let message = format!("no package of the subject{revision} is left to build");
            return Err(config
                .text
                .error_at(message)
                .at(config.subject.span(), format!("for family `{family}`"))
                .help("choose other packages, or exclude fewer"));
        }
    }
    Ok(())
}

/// Returns a note on members that the lock does not hold, which count as affected.
fn not_locked(tree: &SourceTree) -> Option<String> {
    let members = tree
        .subject
        .members
        .iter()
        .map(|member| member.name.as_str());
    let unknown: Vec<&str> = members
        .filter(|name| !tree.locked.contains_key(*name))
        .collect();
    let names = unknown.join(", ");
    (!unknown.is_empty())
        .then(|| format!("Cargo.lock does not hold {names}, so they count as affected"))
}

/// Checks that each revision has the lock from which the affected packages are read.
fn affected_known(config: &Config, trees: &[SourceTree], at: &Span) -> Result<(), UserError> {
    if trees.iter().all(|tree| tree.lock.is_some()) {
        return Ok(());
    }
    Err(config
        .text
        .error_at("which packages are affected is read from a Cargo.lock, and there is none")
        .at(at.clone(), "needs a lock")
        .help("run `cargo generate-lockfile` and do not ignore the file, or list the packages"))
}

/// Checks that a revision of the subject has the profile with which nextest is to run its tests.
///
/// # Errors
///
/// Returns a [`UserError`] if none has it, and other errors if a file cannot be read.
pub fn nextest_profile(config: &Config, trees: &[SourceTree]) -> Result<()> {
    const FILE: &str = ".config/nextest.toml";
    let TestRunner::Nextest { at, profile } = &config.run.runner else {
        return Ok(());
    };
    let mut known = BTreeSet::from(["default".to_owned()]);
    for tree in trees {
        let text = tree.subject.text_of(FILE)?.unwrap_or_default();
        let table: toml::Table = toml::from_str(&text).unwrap_or_default();
        let profiles = table.get("profile").and_then(toml::Value::as_table);
        known.extend(profiles.into_iter().flat_map(|table| table.keys().cloned()));
    }
    if known.contains(profile) {
        return Ok(());
    }
    let names = known.iter().map(String::as_str);
    let all = known.iter().cloned().collect::<Vec<_>>().join(", ");
    let help = did_you_mean(profile, names).unwrap_or(format!("it has {all}"));
    Err(config
        .text
        .error_at(format!("{FILE} of the subject has no profile `{profile}`"))
        .at(at.clone(), "runs the tests with it")
        .help(help)
        .into())
}

/// Checks that each feature and each dependency that an override renames or drops is there in a
/// revision of the subject.
///
/// # Errors
///
/// Returns a [`UserError`] that names the first one that is not, and other errors if a manifest
/// cannot be read.
pub fn overrides<'a>(config: &Config, subjects: impl Iterator<Item = &'a Subject>) -> Result<()> {
    // Another revision may require other features.
    if config.adjustments.is_empty() || config.is_at_revision() {
        return Ok(());
    }
    let mut manifests = Vec::new();
    for subject in subjects {
        manifests.extend(subject.checkout.manifests(&subject.manifests)?);
    }
    for adjustment in &config.adjustments {
        let nothing = |message: String, help: &str| {
            let error = config.text.error_at(message);
            error
                .at(adjustment.at.clone(), "changes nothing")
                .help(help)
        };
        let mut families = config.families.iter();
        let family = families.find(|family| *family.name.get_ref() == adjustment.family);
        for edits in &adjustment.change.dependencies {
            let is_meant = |manifest: &Manifest| {
                let mut name = manifest.package().into_iter();
                name.any(|name| edits.is_for(name))
            };
            let meant = || manifests.iter().filter(|manifest| is_meant(manifest));
            for key in edits.drop.iter().chain(edits.rename.keys()) {
                if meant().any(|manifest| manifest.has_dependency(key)) {
                    continue;
                }
                let message = format!("no package that it changes has a dependency `{key}`");
                return Err(
                    nothing(message, "name it by its key in a Cargo.toml of the subject").into(),
                );
            }
        }
        for (krate, features) in &adjustment.change.features {
            for feature in features.keys() {
                let moves = |key: &str, name: &str| family.is_none_or(|f| f.moves_by(key, name));
                if manifests.iter().any(|m| m.asks_for(krate, feature, moves)) {
                    continue;
                }
                let message = format!("the subject asks for no feature `{feature}` of `{krate}`");
                return Err(nothing(
                    message,
                    "name a feature as it stands in a Cargo.toml of the subject",
                )
                .into());
            }
        }
    }
    Ok(())
}
