//! Comparing two runs, or a run with its baseline: what broke, what was fixed, what else changed,
//! what got slower.

mod diff;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::compare::diff::{CellDiff, CellDifference};
use crate::model::cell::CellId;
use crate::model::run::verdict::Verdict;
use crate::model::run::{CellRecord, Run, State, verdict};
use crate::model::status::Status;

/// The factor by which a duration must differ to be reported. Idle machines vary by ten to twenty
/// percent, and CI machines by more.
pub const FACTOR: f64 = 1.5;

/// The number of seconds by which a duration must also differ: less is noise to a user who waits
/// for minutes.
pub const SECONDS: f64 = 5.0;

/// The differences between two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Differences in the inputs: toolchains, revisions, pins.
    pub differs: Vec<String>,
    /// Differences in the results, by kind, then in the order of the run.
    pub changes: Vec<Difference>,
    /// Differences in durations, the greatest first.
    pub times: Vec<DurationChange>,
    /// The number of cells with a result in both.
    pub n_compared: usize,
    /// The number of cells that only one of them has, or has a result for.
    pub n_not_compared: usize,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It passed and no longer does.
    Broke,
    /// It failed and now passes.
    Fixed,
    /// It fails in a different way.
    Shifted,
    /// It was not there before.
    Appeared,
    /// It is no longer there.
    Vanished,
}

impl std::fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Broke => "broke",
            Self::Fixed => "fixed",
            Self::Shifted => "shifted",
            Self::Appeared => "appeared",
            Self::Vanished => "vanished",
        })
    }
}

/// A difference that some cells share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The kind of difference.
    pub kind: DifferenceKind,
    /// The target; `None` for the cell as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The case; `None` for the target as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The earlier result, as text.
    pub before: String,
    /// The later result, as text.
    pub after: String,
    /// The first error in the first of these cells, if it fails now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The cells that show the difference.
    pub cells: Vec<CellId>,
}

/// A duration that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DurationChange {
    /// The cell.
    pub cell: CellId,
    /// The target; `None` for the cell as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The case; `None` for the target as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The earlier duration, in seconds.
    pub before: f64,
    /// The later duration, in seconds.
    pub after: f64,
}

impl DurationChange {
    /// Whether it takes longer than before.
    #[must_use]
    pub fn is_slower(&self) -> bool {
        self.after > self.before
    }
}

impl Comparison {
    /// Whether something that passed no longer does.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        self.changes
            .iter()
            .any(|change| change.kind == DifferenceKind::Broke)
    }
}

/// Compares a run with an earlier one.
#[must_use]
pub fn compare(before: &Run, after: &Run) -> Comparison {
    let old: BTreeMap<&CellId, &CellRecord> = before.cells.iter().map(|c| (&c.id, c)).collect();
    let mut diff = CellDiff::default();
    let mut comparison = Comparison {
        differs: differs(before, after),
        ..Comparison::default()
    };
    let mut answered: BTreeSet<&CellId> = BTreeSet::new();
    for record in &after.cells {
        let pair = old
            .get(&record.id)
            .and_then(|old| Some((*old, old.outcome()?)));
        let (Some((old, was)), Some(is)) = (pair, record.outcome()) else {
            continue;
        };
        let is_inconclusive = |status: &Status| matches!(status, Status::Inconclusive { .. });
        if is_inconclusive(&was.status) || is_inconclusive(&is.status) {
            continue;
        }
        answered.insert(&record.id);
        diff.of_cell(&record.id, was, is);
        if !is_taken_over(old) && !is_taken_over(record) {
            diff.times_of_cell(&record.id, was, is);
        }
    }
    comparison.n_compared = answered.len();
    let all = before.cells.iter().chain(&after.cells);
    let open = all.filter(|record| record.outcome().is_some() && !answered.contains(&record.id));
    let open: BTreeSet<&CellId> = open.map(|record| &record.id).collect();
    comparison.n_not_compared = open.len();
    diff.finish(comparison)
}

/// Compares a run with its baseline, based on the verdict.
#[must_use]
pub fn against_baseline(run: &Run, verdict: &Verdict) -> Comparison {
    let mut diff = CellDiff::default();
    for deviation in &verdict.deviations {
        let kind = match deviation.kind {
            verdict::DeviationKind::Regressed | verdict::DeviationKind::New => {
                DifferenceKind::Broke
            }
            verdict::DeviationKind::Gone => DifferenceKind::Vanished,
            verdict::DeviationKind::Fixed => DifferenceKind::Fixed,
        };
        diff.add(CellDifference {
            kind,
            cell: &deviation.cell,
            target: deviation.target.as_deref(),
            case: deviation.case.as_deref(),
            before: deviation.expected.clone(),
            after: deviation.found.clone(),
            error: None,
        });
    }
    let n_ended = run.cells.iter().filter(|cell| cell.outcome().is_some());
    let n_ended = n_ended.count();
    let is_unknown = |record: &&CellRecord| !verdict.knows(&record.id);
    let sure = run
        .cells
        .iter()
        .filter_map(|record| Some((record, record.outcome()?)));
    let sure = sure.filter(|(_, outcome)| !outcome.has_doubt());
    let n_unknown = sure.map(|(record, _)| record).filter(is_unknown).count();
    diff.finish(Comparison {
        n_compared: n_ended.saturating_sub(verdict.n_inconclusive + n_unknown),
        n_not_compared: verdict.n_inconclusive + verdict.n_unjudged + n_unknown,
        ..Comparison::default()
    })
}

fn is_taken_over(record: &CellRecord) -> bool {
    matches!(record.state, State::Ended { reused: true, .. })
}

/// The inputs that differ between the runs.
fn differs(before: &Run, after: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>| {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let shown = |side: Option<&String>| side.map_or("none", String::as_str).to_owned();
            let (was, is) = (shown(old.get(name)), shown(new.get(name)));
            if was != is {
                lines.push(format!("{what} {name}: {was} → {is}"));
            }
        }
    };
    let toolchains = |run: &Run| {
        let labelled = run.toolchains.iter().map(|toolchain| {
            let versions = [toolchain.compiler(), toolchain.cargo.clone()];
            let versions: Vec<String> = versions.into_iter().flatten().collect();
            let versions = if versions.is_empty() {
                "missing".to_owned()
            } else {
                versions.join(", ")
            };
            (toolchain.label.clone(), versions)
        });
        labelled.collect()
    };
    add("toolchain", &toolchains(before), &toolchains(after));
    let sources = |run: &Run| {
        let labelled = run.sources.iter().map(|source| {
            let subject = &source.subject;
            let label = source.label.as_ref().unwrap_or(&subject.path).clone();
            let revision = subject.revision.as_deref().unwrap_or("no revision");
            let content = &subject.content;
            let content = &content[..content.floor_char_boundary(12)];
            let dirty = if subject.dirty { ", with changes" } else { "" };
            (label, format!("{revision} (files {content}{dirty})"))
        });
        labelled.collect()
    };
    add("subject", &sources(before), &sources(after));
    let pins = |run: &Run| {
        let labelled = run.families.iter().map(|family| {
            let pins = family.pins.iter().map(|pin| pin.at.to_string());
            (family.name.clone(), pins.collect::<Vec<_>>().join(" "))
        });
        labelled.collect()
    };
    add("pins of", &pins(before), &pins(after));
    lines
}

#[cfg(test)]
pub(crate) mod tests;
