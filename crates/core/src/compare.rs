//! Two runs held against each other, or a run against its baseline: what broke, what was fixed, what
//! else changed, what got slower.

mod diff;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::compare::diff::{CellDiff, CellDifference};
use crate::model::cell::CellId;
use crate::model::run::verdict::Verdict;
use crate::model::run::{CellRecord, Run, State, verdict};
use crate::model::status::Status;

/// By what factor a time has to differ to be told. Machines that do nothing else vary by a tenth or
/// two, and those of CI engines by more.
pub const FACTOR: f64 = 1.5;

/// By how many seconds it has to differ besides: what takes less than that is noise to a person who
/// waits for minutes.
pub const SECONDS: f64 = 5.0;

/// What came of holding two things against each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// What is not the same in both, before any cell is looked at: toolchains, revisions, pins.
    pub differs: Vec<String>,
    /// What cells show otherwise, by kind, then in the order of the run.
    pub changes: Vec<Difference>,
    /// What took another time, the greatest difference first.
    pub times: Vec<DurationChange>,
    /// How many cells both have.
    pub n_compared: usize,
    /// How many cells only one has, or has an answer for.
    pub n_not_compared: usize,
}

/// How something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It passed, and does so no more.
    Broke,
    /// It failed, and passes.
    Fixed,
    /// It fails in another way.
    Shifted,
    /// It was not there.
    Appeared,
    /// It is not there any more.
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

/// Something that some cells show otherwise, all alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How it differs.
    pub kind: DifferenceKind,
    /// The target; none for the cell as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The case; none for the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// What it was, in words.
    pub before: String,
    /// What it is, in words.
    pub after: String,
    /// The first error of the first of those cells, where it fails now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The cells.
    pub cells: Vec<CellId>,
}

/// Something that took another time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DurationChange {
    /// The cell.
    pub cell: CellId,
    /// The target; none for the cell as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The case; none for the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// How long it took, in seconds.
    pub before: f64,
    /// How long it takes, in seconds.
    pub after: f64,
}

impl DurationChange {
    /// Whether it takes longer than it did.
    #[must_use]
    pub fn is_slower(&self) -> bool {
        self.after > self.before
    }
}

impl Comparison {
    /// Whether something passed that does so no more.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        self.changes
            .iter()
            .any(|change| change.kind == DifferenceKind::Broke)
    }
}

/// Holds a run against an earlier one.
#[must_use]
pub fn compare(before: &Run, after: &Run) -> Comparison {
    let old: BTreeMap<&CellId, &CellRecord> = before.cells.iter().map(|c| (&c.id, c)).collect();
    let mut finder = CellDiff::default();
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
        let is_in_doubt = |status: &Status| matches!(status, Status::Inconclusive { .. });
        if is_in_doubt(&was.status) || is_in_doubt(&is.status) {
            continue;
        }
        answered.insert(&record.id);
        finder.of_cell(&record.id, was, is);
        if !is_taken_over(old) && !is_taken_over(record) {
            finder.times_of_cell(&record.id, was, is);
        }
    }
    comparison.n_compared = answered.len();
    let all = before.cells.iter().chain(&after.cells);
    let open = all.filter(|record| record.outcome().is_some() && !answered.contains(&record.id));
    let open: BTreeSet<&CellId> = open.map(|record| &record.id).collect();
    comparison.n_not_compared = open.len();
    finder.finish(comparison)
}

/// Holds a run against what its baseline expects, from the verdict on it.
#[must_use]
pub fn against_baseline(run: &Run, verdict: &Verdict) -> Comparison {
    let mut finder = CellDiff::default();
    for deviation in &verdict.deviations {
        let kind = match deviation.kind {
            verdict::DeviationKind::Regressed | verdict::DeviationKind::New => {
                DifferenceKind::Broke
            }
            verdict::DeviationKind::Gone => DifferenceKind::Vanished,
            verdict::DeviationKind::Fixed => DifferenceKind::Fixed,
        };
        finder.add(CellDifference {
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
    finder.finish(Comparison {
        n_compared: n_ended.saturating_sub(verdict.n_inconclusive + n_unknown),
        n_not_compared: verdict.n_inconclusive + verdict.n_unjudged + n_unknown,
        ..Comparison::default()
    })
}

fn is_taken_over(record: &CellRecord) -> bool {
    matches!(record.state, State::Ended { reused: true, .. })
}

/// What decides and is not the same in both.
fn differs(before: &Run, after: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>| {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let told = |side: Option<&String>| side.map_or("none", String::as_str).to_owned();
            let (was, is) = (told(old.get(name)), told(new.get(name)));
            if was != is {
                lines.push(format!("{what} {name}: {was} → {is}"));
            }
        }
    };
    let toolchains = |run: &Run| {
        let told = run.toolchains.iter().map(|toolchain| {
            let said = [&toolchain.rustc, &toolchain.cargo].map(|said| said.as_deref());
            let said: Vec<&str> = said.into_iter().flatten().collect();
            let said = match said.is_empty() {
                true => "missing".to_owned(),
                false => said.join(", "),
            };
            (toolchain.label.clone(), said)
        });
        told.collect()
    };
    add("toolchain", &toolchains(before), &toolchains(after));
    let sources = |run: &Run| {
        let told = run.sources.iter().map(|source| {
            let subject = &source.subject;
            let label = source.label.as_ref().unwrap_or(&subject.path).clone();
            let revision = subject.revision.as_deref().unwrap_or("no revision");
            let content = &subject.content;
            let content = &content[..content.floor_char_boundary(12)];
            let dirty = if subject.dirty { ", with changes" } else { "" };
            (label, format!("{revision} (files {content}{dirty})"))
        });
        told.collect()
    };
    add("subject", &sources(before), &sources(after));
    let pins = |run: &Run| {
        let told = run.families.iter().map(|family| {
            let pins = family.pins.iter().map(|pin| pin.at.to_string());
            (family.name.clone(), pins.collect::<Vec<_>>().join(" "))
        });
        told.collect()
    };
    add("pins of", &pins(before), &pins(after));
    lines
}

#[cfg(test)]
pub(crate) mod tests;
