//! The worklist: every error that the subject still has at one pin, grouped by cause.

use std::collections::BTreeMap;

use crate::analysis::blame::items;
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{Outcome, TargetOutcome};
use crate::model::run::findings::{WorkItem, Worklist, WorklistCause};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{FailureKind, Status};

/// The work left at a pin according to its tested cells; `None` if none was tested on a toolchain
/// that is new enough. Only cells and targets that the filters accept count.
#[must_use]
pub fn worklist(
    run: &Run,
    family: &FamilyRecord,
    pin: &str,
    is_cell_wanted: &dyn Fn(&CellRecord) -> bool,
    is_target_wanted: &dyn Fn(&str) -> bool,
) -> Option<Worklist> {
    let at_pin = run.cells.iter().filter(|record| {
        let of = &record.cell.pin;
        of.family == family.name && of.at.to_string() == pin && is_cell_wanted(record)
    });
    let mut rows = Vec::new();
    let mut causes: BTreeMap<String, BTreeMap<DistinctError, Vec<String>>> = BTreeMap::new();
    for record in at_pin {
        // A toolchain that is too old, or a machine failure, cannot be fixed in the subject.
        let Some(outcome) = record.outcome().filter(|outcome| !is_no_fault(outcome)) else {
            continue;
        };
        rows.push(record.cell.row.to_string());
        let mut add = |error: DistinctError, items: Vec<String>, target: &str| {
            for item in items {
                let targets = causes
                    .entry(item)
                    .or_default()
                    .entry(error.clone())
                    .or_default();
                if !target.is_empty() && !targets.iter().any(|known| known == target) {
                    targets.push(target.to_owned());
                }
            }
        };
        for error in &outcome.errors {
            add(
                DistinctError::of(error, &outcome.status.to_string()),
                items(error),
                "",
            );
        }
        for target in &outcome.targets {
            let id = target.id.to_string();
            if is_target_wanted(&id) {
                of_target(target, &mut |error, items| add(error, items, &id));
            }
        }
    }
    (!rows.is_empty()).then(|| put_together(family, pin, rows, causes))
}

fn is_no_fault(outcome: &Outcome) -> bool {
    let is = |class| outcome.status == Status::failed(class);
    let inconclusive = matches!(outcome.status, Status::Inconclusive { .. });
    outcome.targets.is_empty() && (is(FailureKind::Msrv) || is(FailureKind::Drift) || inconclusive)
}

/// An error, regardless of the targets and rows that show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DistinctError {
    file: Option<String>,
    line: Option<usize>,
    code: String,
    message: String,
}

impl DistinctError {
    fn of(error: &Diagnostic, class: &str) -> Self {
        Self {
            file: error.file.clone(),
            line: error.line,
            code: error.code.clone().unwrap_or(class.to_owned()),
            message: error.words(),
        }
    }
}

fn of_target(target: &TargetOutcome, add: &mut dyn FnMut(DistinctError, Vec<String>)) {
    if target.status.is_failed() {
        for error in &target.errors {
            add(
                DistinctError::of(error, &target.status.to_string()),
                items(error),
            );
        }
    }
    for case in target.cases.iter().filter(|case| case.status.is_failed()) {
        let message = case
            .message()
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        let (file, line) = case.panicked_at().unzip();
        let error = DistinctError {
            file,
            line,
            code: case.status.to_string(),
            message: format!("{}{message}", case.name),
        };
        add(error, vec![format!("tests of {}", target.id)]);
    }
}

fn put_together(
    family: &FamilyRecord,
    pin: &str,
    rows: Vec<String>,
    causes: BTreeMap<String, BTreeMap<DistinctError, Vec<String>>>,
) -> Worklist {
    let all = causes.values().flat_map(BTreeMap::keys);
    let all: std::collections::BTreeSet<&DistinctError> = all.collect();
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for error in all {
        *files
            .entry(error.file.clone().unwrap_or("(no file)".to_owned()))
            .or_default() += 1;
    }
    let mut files: Vec<(String, usize)> = files.into_iter().collect();
    files.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let work = |(error, targets): (DistinctError, Vec<String>)| WorkItem {
        file: error.file,
        line: error.line,
        code: error.code,
        message: error.message,
        targets,
    };
    let cause = |(item, errors): (String, BTreeMap<DistinctError, Vec<String>>)| WorklistCause {
        item,
        errors: errors.into_iter().map(work).collect(),
        changes: Vec::new(),
    };
    let mut causes: Vec<WorklistCause> = causes.into_iter().map(cause).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.errors.len()));
    Worklist {
        family: family.name.clone(),
        pin: pin.to_owned(),
        rows,
        causes,
        files,
    }
}
