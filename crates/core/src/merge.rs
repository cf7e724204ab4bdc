//! Merging the results of several machines into one run: the best known outcome of each cell, with
//! missing cells and contradictions listed.
//!
//! A pure function that does not depend on the order of the parts.

mod compatibility;
mod reconcile;

mod rows;
mod infer;

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::config::Config;
use crate::error::UserError;
use crate::model::cell::CellId;
use crate::model::run::findings::Findings;
use crate::model::run::gaps::{Conflict, ConflictSide, MergeGaps};
use crate::model::run::timeline::LaneSpan;
use crate::model::run::{
    CellRecord, FamilyRecord, Run, SCHEMA, SourceRecord, State, ToolchainRecord,
};

/// The results of one machine.
#[derive(Clone, Debug)]
pub struct ShardResult {
    /// The name of the part.
    pub name: String,
    /// The run that it contains.
    pub run: Run,
}

/// Several results merged into one.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The merged run, without its findings, its command and its results folder, which the caller
    /// sets. It counts as unfinished if a cell is missing.
    pub run: Run,
    /// The gaps in the merged run.
    pub gaps: MergeGaps,
    /// The part that provided the outcome, by cell.
    pub taken: BTreeMap<CellId, String>,
    /// Notes for the user that do not prevent the merge.
    pub notes: Vec<String>,
}

/// Merges results, as `run_json.rs` reads them, which must be from the config's matrix.
///
/// # Errors
///
/// A [`UserError`] if there is no part, if a part is invalid, or if two parts differ in the
/// subject, the pins or the toolchains.
pub fn merge(mut parts: Vec<ShardResult>, config: &Config) -> Result<Merged, UserError> {
    parts.sort_by(|a, b| (a.run.started, &a.name).cmp(&(b.run.started, &b.name)));
    parts.dedup_by(|a, b| a.name == b.name);
    compatibility::check(&parts, config)?;
    let Some(first) = parts.first() else {
        return Err(UserError::new("there is nothing to merge").help("name the results folders"));
    };
    let toolchains = toolchains(&parts);
    let mut taken = BTreeMap::new();
    let mut conflicts = Vec::new();
    let mut cells = Vec::new();
    let earlier = earlier(&parts);
    let installed = toolchains.iter().filter(|t| t.source.is_some());
    let installed: BTreeSet<&str> = installed.map(|t| t.label.as_str()).collect();
    for (id, known) in known(&parts) {
        let settled = reconcile::reconcile(reconcile::CellParts {
            known: &known,
            earlier: earlier.get(id).map_or(&[], Vec::as_slice),
            has_toolchain: installed.contains(known[0].record.cell.row.toolchain.as_str()),
        });
        if !settled.sides.is_empty() {
            conflicts.push(Conflict {
                cell: id.clone(),
                sides: settled.sides,
            });
        }
        taken.extend(settled.part.map(|part| (id.clone(), part)));
        cells.push(CellRecord {
            id: id.clone(),
            cell: known[0].record.cell.clone(),
            state: settled.state,
        });
    }
    let started = first.run.started;
    let ends = parts
        .iter()
        .map(|part| after(part, started) + part.run.seconds);
    let mut run = Run {
        schema: SCHEMA,
        started,
        seconds: ends.fold(0.0, f64::max),
        finished: false,
        command: String::new(),
        out: String::new(),
        shard: None,
        sources: first.run.sources.clone(),
        resolver: first.run.resolver.clone(),
        toolchains,
        families: families(&parts),
        cells,
        timeline: timeline(&parts, &taken),
        findings: Findings::default(),
    };
    let rows = config.rows();
    rows::tell_missing(&mut run);
    run.drop_unused_pins();
    rows::fill(&mut run, &rows, config);
    rows::sort(&mut run, &rows);
    infer::infer(&mut run, config);
    let missing: Vec<CellId> = run
        .cells
        .iter()
        .filter(|record| record.state == State::Pending)
        .map(|record| record.id.clone())
        .collect();
    run.finished = missing.is_empty();
    let places = run.cells.iter().enumerate();
    let places: BTreeMap<&CellId, usize> =
        places.map(|(index, record)| (&record.id, index)).collect();
    conflicts.sort_by_key(|conflict| places.get(&conflict.cell).copied());
    Ok(Merged {
        gaps: MergeGaps { missing, conflicts },
        taken,
        notes: notes(&parts),
        run,
    })
}

/// Checks that results match the current matrix.
///
/// # Errors
///
/// A [`UserError`] that says what has changed.
pub fn check_matrix(
    run: &Run,
    sources: &[SourceRecord],
    families: &[FamilyRecord],
) -> Result<(), UserError> {
    match compatibility::differs((&run.sources, &run.families), (sources, families)) {
        Some(what) => {
            let message = format!("the results are of something else than is here: {what}");
            Err(UserError::new(message).help("run the first round again on what is here"))
        }
        None => Ok(()),
    }
}

/// What one part knows about a cell.
struct PartOutcome<'a> {
    part: &'a ShardResult,
    record: &'a CellRecord,
}

/// What is known about each cell, in the order of the parts.
fn known(parts: &[ShardResult]) -> BTreeMap<&CellId, Vec<PartOutcome<'_>>> {
    let mut known: BTreeMap<&CellId, Vec<PartOutcome<'_>>> = BTreeMap::new();
    for part in parts {
        for record in &part.run.cells {
            known
                .entry(&record.id)
                .or_default()
                .push(PartOutcome { part, record });
        }
    }
    known
}

/// The conflicts that earlier merges found, by cell.
fn earlier(parts: &[ShardResult]) -> BTreeMap<&CellId, Vec<&ConflictSide>> {
    let mut earlier: BTreeMap<&CellId, Vec<&ConflictSide>> = BTreeMap::new();
    let gaps = parts.iter().map(|part| &part.run.findings.gaps);
    for conflict in gaps.flat_map(|gaps| &gaps.conflicts) {
        let sides = earlier.entry(&conflict.cell).or_default();
        sides.extend(&conflict.sides);
    }
    earlier
}

/// The toolchains, each with the most complete record of any part.
fn toolchains(parts: &[ShardResult]) -> Vec<ToolchainRecord> {
    let mut toolchains: Vec<ToolchainRecord> = Vec::new();
    for record in parts.iter().flat_map(|part| &part.run.toolchains) {
        let how_well = |record: &ToolchainRecord| (record.rustc.is_some(), record.source.is_some());
        match toolchains
            .iter_mut()
            .find(|known| known.label == record.label)
        {
            None => toolchains.push(record.clone()),
            Some(known) if how_well(record) > how_well(known) => known.clone_from(record),
            Some(_) => {}
        }
    }
    toolchains
}

/// The families, with everything that any part saw published.
fn families(parts: &[ShardResult]) -> Vec<FamilyRecord> {
    let mut families = parts
        .first()
        .map(|part| part.run.families.clone())
        .unwrap_or_default();
    for (index, family) in families.iter_mut().enumerate() {
        let others = parts.iter().filter_map(|part| part.run.families.get(index));
        let published = others
            .clone()
            .flat_map(|other| other.published.iter().cloned());
        let published: BTreeSet<_> = published.collect();
        let unusable = others.clone().flat_map(|other| other.unusable.clone());
        let unusable = unusable.filter(|unusable| !published.contains(&unusable.version));
        let unusable: BTreeSet<_> = unusable.collect();
        family.unusable = unusable.into_iter().collect();
        family.unusable.dedup_by(|a, b| a.version == b.version);
        let is_known = |version: &Version| {
            let mut unusable = family.unusable.iter();
            published.contains(version) || unusable.any(|unusable| unusable.version == *version)
        };
        // The parts may have read the index at different times.
        if others.clone().any(|other| other.index != family.index) {
            family.index = None;
        }
        let yanked = others.clone().flat_map(|other| other.yanked.clone());
        let yanked: BTreeSet<_> = yanked.filter(|version| !is_known(version)).collect();
        family.yanked = yanked.into_iter().collect();
        let unlisted = others.clone().flat_map(|other| other.unlisted.clone());
        family.unlisted = unlisted.collect::<BTreeSet<_>>().into_iter().collect();
        family.published = published.into_iter().collect();
        let declared = others.flat_map(|other| other.declared.clone());
        family.declared = declared.collect();
    }
    families
}

/// The number of seconds from `started`, the start of the first part, to the start of `part`.
fn after(part: &ShardResult, started: u64) -> f64 {
    part.run.started.saturating_sub(started) as f64
}

/// The lane spans of the outcomes that were taken. Each part's lanes are kept separate.
fn timeline(parts: &[ShardResult], taken: &BTreeMap<CellId, String>) -> Vec<LaneSpan> {
    let started = parts.first().map_or(0, |part| part.run.started);
    let mut timeline = Vec::new();
    let mut n_lanes = 0;
    for part in parts {
        let spans = part.run.timeline.iter();
        let spans = spans.filter(|span| taken.get(&span.cell) == Some(&part.name));
        let spans: Vec<&LaneSpan> = spans.collect();
        let lanes: BTreeSet<usize> = spans.iter().map(|span| span.lane).collect();
        let lanes: BTreeMap<usize, usize> = lanes.into_iter().zip(n_lanes..).collect();
        n_lanes += lanes.len();
        timeline.extend(spans.into_iter().map(|span| LaneSpan {
            lane: lanes.get(&span.lane).copied().unwrap_or_default(),
            start: after(part, started) + span.start,
            ..span.clone()
        }));
    }
    timeline
}

fn notes(parts: &[ShardResult]) -> Vec<String> {
    let unended = parts.iter().filter(|part| !part.run.finished);
    let mut notes: Vec<String> = unended
        .map(|part| format!("{} did not end; what it had by then is taken", part.name))
        .collect();
    let resolvers: BTreeSet<&str> = parts.iter().map(|p| p.run.resolver.as_str()).collect();
    if resolvers.len() > 1 {
        let resolvers = Vec::from_iter(resolvers).join(", ");
        notes.push(format!(
            "locks were resolved by several cargos: {resolvers}"
        ));
    }
    notes
}

#[cfg(test)]
mod tests;
