//! The data that the page's script shows on demand: the targets and cases of rows, and the outcome
//! of every cell. Neighbours have most of it in common, so each value is stored once and referenced
//! by index.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pinmatrix_core::analysis::frontier::{ChangeKind, ChangePoint};
use pinmatrix_core::analysis::of_point;
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::command::command_around;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::failure_kind::FailureKind;
use pinmatrix_core::model::outcome::moved::MoveReason;
use pinmatrix_core::model::outcome::{CaseOutcome, Outcome, Phase, TargetId, TargetOutcome};
use pinmatrix_core::model::run::verdict::Deviation;
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run, State};
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text;
use serde::Serialize;

use crate::html::interned::{Interned, Texts};
use crate::html::locks::Packages;
use crate::html::status_tracks::{StatusTrack, way};
use crate::html::{locks, status_tracks};

/// The text for a cell that a merged run lacks because no part has it.
const MISSING: &str = "missing: no results answer this cell";

/// The maximum duration, in seconds: infinity has no JSON form.
const LONGEST: f64 = 1e9;

/// All data. Numbers are indices into `texts` unless documented otherwise.
#[derive(Debug, Serialize)]
pub struct Data {
    /// The command that runs a cell again, before and after the cell's name.
    command: (String, String),
    /// All texts.
    texts: Vec<String>,
    /// All results of targets other than passing.
    problems: Vec<ProblemData>,
    /// All status tracks along the ladder: letters, and marks of changes.
    ways: Vec<StatusTrack>,
    /// The differences between locks, each a list of texts.
    locks: Vec<Vec<usize>>,
    /// By letter of a status track: its word in a grid, its meaning, and its names in the style
    /// sheet.
    words: BTreeMap<char, (String, &'static str, &'static str)>,
    /// The families.
    families: Vec<FamilyData>,
}

/// One family: its targets, and its rows.
#[derive(Debug, Serialize)]
struct FamilyData {
    name: String,
    pins: Vec<String>,
    targets: Vec<TargetData>,
    rows: Vec<RowData>,
}

/// A target, and all cases that it had anywhere.
#[derive(Debug, Serialize)]
struct TargetData {
    name: usize,
    cases: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct RowData {
    name: String,
    /// The part after the pin in the names of its cells.
    suffix: String,
    cells: Vec<CellData>,
    /// For each target its index, the index of its track, and those of its cases; empty if all
    /// cases follow the target.
    targets: Vec<(usize, usize, Vec<usize>)>,
}

/// A cell that ended, or a text for one that did not.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum CellData {
    Said(usize),
    Ended(Box<EndedData>),
}

/// The details of a cell that ended.
#[derive(Debug, Serialize)]
struct EndedData {
    status: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deviations: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<usize>,
    /// Indices into `problems`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved: Vec<usize>,
    /// What does not compile with the lock as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    old_lock: Vec<usize>,
    /// Crates of the family at other versions than the pin's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<usize>,
    phases: Vec<Timed>,
    /// The pin with the previous lock, and the index of the difference from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<(usize, usize)>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reused: bool,
}

/// A phase, how it ended, its wall and CPU time in seconds, and its log.
type Timed = (Phase, usize, f64, f64, Option<usize>);

/// The result of a target that did not simply pass, or of the cell as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct ProblemData {
    /// The index of the target.
    target: Option<usize>,
    status: usize,
    /// For each error: the code, the location, the message, and the full text.
    errors: Vec<[Option<usize>; 4]>,
    /// For each case: the name, the status, the output, and the flaky attempts.
    cases: Vec<[Option<usize>; 4]>,
}

/// The data while it is collected.
struct DataCollector<'a> {
    run: &'a Run,
    points: BTreeMap<&'a CellId, Vec<&'a ChangePoint>>,
    deviations: BTreeMap<&'a CellId, Vec<&'a Deviation>>,
    locks: Option<&'a Utf8Path>,
    texts: Texts,
    problems: Interned<ProblemData>,
    ways: Interned<StatusTrack>,
    differences: Interned<Vec<usize>>,
}

/// Collects the data for the script from a run and from the locks in a folder.
#[must_use]
pub fn data(run: &Run, points: &[ChangePoint], locks: Option<&Utf8Path>) -> Data {
    let mut at: BTreeMap<&CellId, Vec<&ChangePoint>> = BTreeMap::new();
    for point in points {
        at.entry(&point.after.cell).or_default().push(point);
    }
    let mut deviations: BTreeMap<&CellId, Vec<&Deviation>> = BTreeMap::new();
    for deviation in run.findings.verdict.iter().flat_map(|v| &v.deviations) {
        deviations
            .entry(&deviation.cell)
            .or_default()
            .push(deviation);
    }
    let mut collector = DataCollector {
        run,
        points: at,
        deviations,
        locks,
        texts: Texts::default(),
        problems: Interned::default(),
        ways: Interned::default(),
        differences: Interned::default(),
    };
    let families = run.families.iter().map(|family| collector.family(family));
    let (before, behind) = command_around(run);
    Data {
        families: families.collect(),
        command: (text::sanitize(&before), text::sanitize(&behind)),
        problems: collector.problems.into_things(),
        ways: collector.ways.into_things(),
        locks: collector.differences.into_things(),
        words: words(),
        texts: collector.texts.into_texts(),
    }
}

/// The words of the grid by letter, for readers and for screen readers.
fn words() -> BTreeMap<char, (String, &'static str, &'static str)> {
    let of_kind = |kind: FailureKind| {
        let (meaning, look) = kind.on_the_page();
        (
            kind.letter().0,
            (format!("✘ {}", kind.word()), meaning, look),
        )
    };
    // Of kinds that share a letter, the first gives the word.
    let kinds = FailureKind::ALL.into_iter().rev().map(of_kind);
    let others = [
        ('✔', "passes", "passed"),
        ('?', "inconclusive", "inconclusive"),
        ('≈', "inferred, not run", "inferred"),
        ('□', "built, not run", "built"),
        ('·', "not run", "skipped"),
    ];
    let others =
        others.map(|(letter, meaning, look)| (letter, (letter.to_string(), meaning, look)));
    kinds.chain(others).collect()
}

/// The sorted targets of a family, each with its sorted cases.
type Targets<'a> = BTreeMap<&'a TargetId, BTreeSet<&'a str>>;

impl<'a> DataCollector<'a> {
    fn family(&mut self, family: &'a FamilyRecord) -> FamilyData {
        let rows = self.run.rows(family);
        let outcomes = rows.iter().flatten().filter_map(|record| record.outcome());
        let mut targets: Targets<'_> = BTreeMap::new();
        for target in outcomes.flat_map(|outcome| &outcome.targets) {
            let cases = targets.entry(&target.id).or_default();
            cases.extend(target.cases.iter().map(|case| case.name.as_str()));
        }
        let pins = rows.first().into_iter().flatten();
        FamilyData {
            name: text::one_line(&family.name),
            pins: pins
                .map(|record| text::one_line(&record.cell.pin.at.to_string()))
                .collect(),
            targets: self.targets(&targets),
            rows: rows
                .iter()
                .map(|row| self.row(family, &targets, row))
                .collect(),
        }
    }

    fn targets(&mut self, targets: &Targets<'_>) -> Vec<TargetData> {
        let numbered = targets.iter().map(|(id, cases)| TargetData {
            name: self.texts.number(&id.to_string()),
            cases: cases.iter().map(|case| self.texts.number(case)).collect(),
        });
        numbered.collect()
    }

    fn row(
        &mut self,
        family: &FamilyRecord,
        targets: &Targets<'_>,
        row: &[&'a CellRecord],
    ) -> RowData {
        let first = row.first().map(|record| &record.cell.row);
        let whole = first.map(ToString::to_string).unwrap_or_default();
        let suffix = first.and_then(|row| whole.strip_prefix(&row.toolchain));
        let suffix = text::one_line(suffix.unwrap_or_default());
        let name = text::one_line(&whole);
        let numbers: BTreeMap<&TargetId, usize> = targets.keys().copied().zip(0..).collect();
        let mut before: Option<(usize, Packages)> = None;
        let cells = row.iter().enumerate().map(|(index, record)| {
            let lock = self.lock(index, record, &mut before);
            self.place(&numbers, record, lock)
        });
        RowData {
            cells: cells.collect(),
            targets: self.row_targets(family, targets, row),
            name,
            suffix,
        }
    }

    /// The tracks of the targets that have results in a row.
    fn row_targets(
        &mut self,
        family: &FamilyRecord,
        targets: &Targets<'_>,
        row: &[&CellRecord],
    ) -> Vec<(usize, usize, Vec<usize>)> {
        let mut shown: BTreeMap<&TargetId, Vec<Option<&TargetOutcome>>> = BTreeMap::new();
        for (index, record) in row.iter().enumerate() {
            for target in record.outcome().into_iter().flat_map(|o| &o.targets) {
                let along = shown
                    .entry(&target.id)
                    .or_insert_with(|| vec![None; row.len()]);
                along[index] = Some(target);
            }
        }
        let mut found = Vec::new();
        for (number, (id, cases)) in targets.iter().enumerate() {
            let Some(along) = shown.get(id) else { continue };
            let of_target = along.iter().map(|target| target.map(|t| &t.status));
            let of_target = way(family, row, &of_target.collect::<Vec<_>>());
            let of_cases = cases.iter().map(|case| {
                let statuses = along
                    .iter()
                    .map(|target| status_tracks::of_case((*target)?, case));
                way(family, row, &statuses.collect::<Vec<_>>())
            });
            let of_cases: Vec<StatusTrack> = of_cases.collect();
            let are_alike = of_cases.iter().all(|way| *way == of_target);
            let of_cases = of_cases.into_iter().filter(|_| !are_alike);
            let of_cases = of_cases.map(|way| self.ways.number(way)).collect();
            found.push((number, self.ways.number(of_target), of_cases));
        }
        found
    }

    /// The difference from the previous lock, and the pin of that lock.
    fn lock(
        &mut self,
        index: usize,
        record: &CellRecord,
        before: &mut Option<(usize, Packages)>,
    ) -> Option<(usize, usize)> {
        record.outcome()?;
        let packages = locks::packages(self.locks?, &record.id)?;
        let difference = before.as_ref().map(|(from, old)| {
            let lines = locks::differences(old, &packages);
            let lines = lines.iter().map(|line| self.texts.number(line));
            (*from, self.differences.number(lines.collect()))
        });
        *before = Some((index, packages));
        difference
    }

    fn place(
        &mut self,
        numbers: &BTreeMap<&TargetId, usize>,
        record: &CellRecord,
        lock: Option<(usize, usize)>,
    ) -> CellData {
        let status = if self.run.findings.gaps.missing.contains(&record.id) {
            MISSING.to_owned()
        } else {
            record.status().to_string()
        };
        let status = self.texts.number(&status);
        let State::Ended { reused, outcome } = &record.state else {
            return CellData::Said(status);
        };
        let points = self.points.get(&record.id).cloned().unwrap_or_default();
        CellData::Ended(Box::new(EndedData {
            status,
            deviations: self.deviations(record),
            changes: points
                .iter()
                .flat_map(|point| changed(self.run, point))
                .map(|line| self.texts.number(&line))
                .collect(),
            problems: self.problems(numbers, outcome),
            moved: self.moved(outcome),
            old_lock: self.old_lock(outcome),
            copies: self.copies(outcome),
            phases: self.phases(record, outcome),
            lock,
            reused: *reused,
        }))
    }

    fn deviations(&mut self, record: &CellRecord) -> Vec<usize> {
        let deviations = self.deviations.get(&record.id).cloned().unwrap_or_default();
        deviations
            .iter()
            .map(|d| self.texts.number(&d.to_string()))
            .collect()
    }

    fn moved(&mut self, outcome: &Outcome) -> Vec<usize> {
        let moved = outcome.moved.iter();
        let back = moved.filter(|moved| moved.fault == MoveReason::TooNew);
        let lines = back.map(|moved| format!("{moved}, since {}", moved.because));
        lines.map(|line| self.texts.number(&line)).collect()
    }

    fn copies(&mut self, outcome: &Outcome) -> Vec<usize> {
        let copies = outcome.copies.iter();
        copies
            .map(|copy| self.texts.number(&copy.to_string()))
            .collect()
    }

    fn old_lock(&mut self, outcome: &Outcome) -> Vec<usize> {
        let lines = outcome.of_old_lock().into_iter();
        lines.map(|line| self.texts.number(&line)).collect()
    }

    /// The phases with times in tenths of a second, at most [`LONGEST`]. A log at the usual path is
    /// omitted.
    fn phases(&mut self, record: &CellRecord, outcome: &Outcome) -> Vec<Timed> {
        let tenths = |seconds: f64| (seconds.clamp(0.0, LONGEST) * 10.0).round() / 10.0;
        let phases = outcome.phases.iter().map(|phase| {
            let usual = format!("logs/{}/{}.log", record.id, phase.phase);
            let log = (phase.log != usual).then(|| self.texts.number(&phase.log));
            let (wall, cpu) = (tenths(phase.seconds), tenths(phase.cpu_seconds));
            (phase.phase, self.texts.number(&phase.exit), wall, cpu, log)
        });
        phases.collect()
    }

    fn problems(&mut self, numbers: &BTreeMap<&TargetId, usize>, outcome: &Outcome) -> Vec<usize> {
        let mut problems = Vec::new();
        if !outcome.errors.is_empty() {
            problems.push(ProblemData {
                target: None,
                status: self.texts.number(&outcome.status.to_string()),
                errors: self.errors(&outcome.errors),
                cases: Vec::new(),
            });
        }
        for target in &outcome.targets {
            let is_listed =
                |case: &&CaseOutcome| case.status != Status::Passed || case.flaky.is_some();
            let cases: Vec<&CaseOutcome> = target.cases.iter().filter(is_listed).collect();
            if target.status == Status::Passed && cases.is_empty() {
                continue;
            }
            problems.push(ProblemData {
                target: numbers.get(&target.id).copied(),
                status: self.texts.number(&target.status.to_string()),
                errors: self.errors(&target.errors),
                cases: cases.into_iter().map(|case| self.case(case)).collect(),
            });
        }
        problems
            .into_iter()
            .map(|problem| self.problems.number(problem))
            .collect()
    }

    fn errors(&mut self, errors: &[Diagnostic]) -> Vec<[Option<usize>; 4]> {
        let errors = errors.iter().map(|error| {
            let place = error.file.as_ref().map(|file| match error.line {
                Some(line) => format!("{file}:{line}"),
                None => file.clone(),
            });
            let texts = [&error.code, &place, &Some(error.words()), &error.rendered];
            texts.map(|text| text.as_ref().map(|text| self.texts.number(text)))
        });
        errors.collect()
    }

    fn case(&mut self, case: &CaseOutcome) -> [Option<usize>; 4] {
        let output = case
            .flaky
            .as_ref()
            .map_or(&case.output, |flaky| &flaky.output);
        [
            Some(self.texts.number(&case.name)),
            Some(self.texts.number(&case.status.to_string())),
            output.as_ref().map(|output| self.texts.number(output)),
            case.flaky
                .as_ref()
                .map(|flaky| self.texts.number(&flaky.to_string())),
        ]
    }
}

/// A change point on one line, as shown for its cell.
fn changed(run: &Run, point: &ChangePoint) -> Vec<String> {
    let cases = match point.cases.as_slice() {
        [] => String::new(),
        [case] => format!(" {case}"),
        cases => format!(" ({} cases)", cases.len()),
    };
    let change = match point.change {
        ChangeKind::Break => "breaks",
        ChangeKind::Fix => "is fixed",
        ChangeKind::Shift => "fails in another way",
    };
    let between = &point.between;
    let change = format!(
        "{}{cases} {change}: {} → {} ({between})",
        point.subject(),
        point.before,
        point.after
    );
    let findings = of_point(run, point)
        .iter()
        .filter(|finding| finding.is_strong);
    let causes = findings.map(|finding| format!("in the sources, {finding}"));
    [change].into_iter().chain(causes).collect()
}
