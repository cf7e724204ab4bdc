//! Checks whether parts can belong to one run. Their content is untrusted and can be anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ShardResult;
use crate::config::Config;
use crate::error::UserError;
use crate::model::cell::{Cell, CellId, Pin, PinnedAt, Row};
use crate::model::run::version_set::VersionSet;
use crate::model::run::{FamilyRecord, Run, SourceRecord, ToolchainRecord};
use crate::text::named;

/// Checks each part on its own, and all against the first.
///
/// # Errors
///
/// A [`UserError`] that names the part, or the two parts, and the problem or difference.
pub(super) fn check(parts: &[ShardResult], config: &Config) -> Result<(), UserError> {
    let rows = config.rows();
    for part in parts {
        let name = &part.name;
        if let Some(why) = foreign(&part.run, config) {
            let file = config.text.file().display();
            let message = format!("{name} is of another matrix than {file}: {why}");
            return Err(
                UserError::new(message).help("name the config that it was run with: --config")
            );
        }
        if let Some(why) = malformed(&part.run, &rows) {
            let message = format!("{name} is not a run as this tool writes it: {why}");
            return Err(
                UserError::new(message).help("run that part again, and leave it out until then")
            );
        }
    }
    let Some((first, others)) = parts.split_first() else {
        return Ok(());
    };
    for other in others {
        if let Some(what) = differs(of(&first.run), of(&other.run)) {
            let help = "merge only what was run on the same files and pins";
            return Err(not_of_one(first, other, &what).help(help));
        }
    }
    // Two parts that lack a toolchain say nothing about each other's, so compare all pairs.
    for (index, one) in parts.iter().enumerate() {
        for other in &parts[index + 1..] {
            let mut pairs = one.run.toolchains.iter().zip(&other.run.toolchains);
            if let Some(what) = pairs.find_map(|(a, b)| compilers(a, b)) {
                let help = "let all machines have the same: name exact versions in matrix.toml";
                return Err(not_of_one(one, other, &what).help(help));
            }
        }
    }
    Ok(())
}

fn not_of_one(one: &ShardResult, other: &ShardResult, what: &str) -> UserError {
    let (one, other) = (&one.name, &other.name);
    UserError::new(format!("{one} and {other} are not of one run: {what}"))
}

/// Returns how a part differs from what the config names.
fn foreign(run: &Run, config: &Config) -> Option<String> {
    let labels = |list: Vec<String>| list.join(", ");
    let pairs = [
        (
            "toolchains",
            run.toolchains.iter().map(|t| t.label.clone()).collect(),
            config.toolchains.iter().map(|t| t.label.clone()).collect(),
        ),
        (
            "families",
            run.families
                .iter()
                .map(|family| family.name.clone())
                .collect(),
            config
                .families
                .iter()
                .map(|f| f.name.get_ref().clone())
                .collect(),
        ),
        (
            "sources",
            run.sources
                .iter()
                .map(|s| s.label.clone().unwrap_or_default())
                .collect(),
            config
                .sources
                .iter()
                .map(|s| s.label.clone().unwrap_or_default())
                .collect(),
        ),
    ];
    let mut pairs = pairs.into_iter();
    let (what, has, asked): (_, Vec<String>, Vec<String>) = pairs.find(|(_, a, b)| a != b)?;
    let (has, asked) = (named(&labels(has)), named(&labels(asked)));
    Some(format!(
        "its {what} are `{has}`, and there they are `{asked}`"
    ))
}

/// Returns what makes a part impossible as a run of a matrix with these rows.
fn malformed(run: &Run, rows: &[Arc<Row>]) -> Option<String> {
    let known: BTreeSet<&Row> = rows.iter().map(AsRef::as_ref).collect();
    let is_known =
        |Cell { row, pin }: &Cell| known.contains(row.as_ref()) && is_on_ladder(run, pin);
    if let Some(record) = run.cells.iter().find(|record| !is_known(&record.cell)) {
        let name = named(record.id.as_str());
        return Some(format!("the matrix has no cell `{name}`"));
    }
    let recorded: BTreeSet<&CellId> = run.cells.iter().map(|record| &record.id).collect();
    let rungs = run.families.iter().flat_map(|family| &family.pins);
    let rungs: Vec<Arc<Pin>> = rungs.cloned().map(Arc::new).collect();
    let cells = rows.iter().flat_map(|row| {
        rungs.iter().map(|pin| Cell {
            row: Arc::clone(row),
            pin: Arc::clone(pin),
        })
    });
    let mut ids = cells.map(|cell| cell.id());
    let lacking = ids.find(|id| !recorded.contains(id))?;
    Some(format!(
        "the cell `{}` is not there",
        named(lacking.as_str())
    ))
}

fn is_on_ladder(run: &Run, pin: &Pin) -> bool {
    let family = run.families.iter().find(|family| family.name == pin.family);
    family.is_some_and(|family| match &pin.at {
        PinnedAt::Version { version } => {
            family.published.contains(version) || family.pins.contains(pin)
        }
        PinnedAt::Git { .. } | PinnedAt::Path { .. } => family.pins.contains(pin),
    })
}

/// What is to run: the revisions of the subject, and the families with their pins.
type MatrixIdentity<'a> = (&'a [SourceRecord], &'a [FamilyRecord]);

fn of(run: &Run) -> MatrixIdentity<'_> {
    (&run.sources, &run.families)
}

/// Returns how two matrices differ in what is to run.
pub(super) fn differs(one: MatrixIdentity<'_>, other: MatrixIdentity<'_>) -> Option<String> {
    for (a, b) in one.0.iter().zip(other.0) {
        if a.subject.content != b.subject.content {
            let label = a.label.iter().map(|label| format!(" `{label}`"));
            let label = label.collect::<String>();
            let (a, b) = (named(&a.subject.content), named(&b.subject.content));
            return Some(format!(
                "the files of the subject{label} hash to {a}, and to {b}"
            ));
        }
    }
    let mut families = one.1.iter().zip(other.1);
    families.find_map(|(a, b)| ladders(a, b))
}

fn ladders(one: &FamilyRecord, other: &FamilyRecord) -> Option<String> {
    let name = named(&one.name);
    if one.crates != other.crates {
        return Some(format!("family `{name}` has other crates"));
    }
    if one.not_selected != other.not_selected {
        return Some(format!("for family `{name}`, other packages are built"));
    }
    if let Some(difference) = sets(one, other) {
        return Some(difference);
    }
    let length = one.pins.len().max(other.pins.len());
    let differ =
        |index: &usize| one.pins.get(*index).map(place_of) != other.pins.get(*index).map(place_of);
    let index = (0..length).find(differ)?;
    let pin = |pins: &[Pin]| match pins.get(index) {
        Some(pin) => named(&pin.at.to_string()),
        None => "no more pins".to_owned(),
    };
    Some(format!(
        "of {name} the one has {}, and the other {}",
        pin(&one.pins),
        pin(&other.pins)
    ))
}

/// How the versions of followers differ, which each part found in the index that it read.
fn sets(one: &FamilyRecord, other: &FamilyRecord) -> Option<String> {
    one.sets.iter().find_map(|set| {
        let mut others = other.sets.iter();
        let same = others.find(|other| other.version == set.version)?;
        let words = |set: &VersionSet| match &set.blocker {
            Some(blocker) => format!("is blocked, since {}", named(&blocker.to_string())),
            None => format!("goes with {}", named(&set.to_string())),
        };
        let (name, version) = (named(&one.name), &set.version);
        (set != same).then(|| {
            format!(
                "{name} {version} in the one {}, and in the other {}",
                words(set),
                words(same)
            )
        })
    })
}

/// A pin without the location of its folder, which differs on every machine.
fn place_of(pin: &Pin) -> (String, Option<(&str, &str)>) {
    let repository = match &pin.at {
        PinnedAt::Git { git, rev, .. } => Some((git.as_str(), rev.as_str())),
        PinnedAt::Version { .. } | PinnedAt::Path { .. } => None,
    };
    (pin.at.to_string(), repository)
}

/// Returns how the compilers of one label differ, if both machines have them.
fn compilers(one: &ToolchainRecord, other: &ToolchainRecord) -> Option<String> {
    let programs = [
        (one.compiler(), other.compiler()),
        (one.cargo.clone(), other.cargo.clone()),
    ];
    let differing = programs.into_iter().find_map(|programs| match programs {
        (Some(a), Some(b)) if a != b => Some((a, b)),
        (_, _) => None,
    });
    let (a, b) = differing?;
    Some(format!(
        "toolchain `{}` is {}, and {}",
        named(&one.label),
        named(&a),
        named(&b)
    ))
}
