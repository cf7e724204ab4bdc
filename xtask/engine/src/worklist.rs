//! The worklist: every error that the subject still has at one pin, by what causes it.

use std::collections::BTreeMap;

use crate::model::diagnostic::Diagnostic;
use crate::model::findings::{Cause, Work, Worklist};
use crate::model::outcome::{Outcome, TargetOutcome};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{Class, Status};

/// What is left to do at a pin, in what its tested cells show; `None` where none was tested on a
/// toolchain that is not too old. Only cells and targets that are wanted count.
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
    let mut causes: BTreeMap<String, BTreeMap<Error, Vec<String>>> = BTreeMap::new();
    for record in at_pin {
        // A toolchain that is too old, or a machine that failed, is nothing to mend in the subject.
        let Some(outcome) = record.outcome().filter(|outcome| !is_no_fault(outcome)) else {
            continue;
        };
        rows.push(record.cell.row.to_string());
        let mut add = |error: Error, items: Vec<String>, target: &str| {
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
                Error::of(error, &outcome.status.to_string()),
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
    let in_doubt = matches!(outcome.status, Status::Inconclusive { .. });
    outcome.targets.is_empty() && (is(Class::Msrv) || is(Class::Drift) || in_doubt)
}

/// An error, whichever targets and rows show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Error {
    file: Option<String>,
    line: Option<usize>,
    code: String,
    message: String,
}

impl Error {
    fn of(error: &Diagnostic, class: &str) -> Self {
        Self {
            file: error.file.clone(),
            line: error.line,
            code: error.code.clone().unwrap_or(class.to_owned()),
            message: error.words(),
        }
    }
}

fn of_target(target: &TargetOutcome, add: &mut dyn FnMut(Error, Vec<String>)) {
    if target.status.is_failed() {
        for error in &target.errors {
            add(Error::of(error, &target.status.to_string()), items(error));
        }
    }
    for case in target.cases.iter().filter(|case| case.status.is_failed()) {
        let said = case
            .said()
            .map(|said| format!(": {said}"))
            .unwrap_or_default();
        let (file, line) = case.panicked_at().unzip();
        let error = Error {
            file,
            line,
            code: case.status.to_string(),
            message: format!("{}{said}", case.name),
        };
        add(error, vec![format!("tests of {}", target.id)]);
    }
}

fn put_together(
    family: &FamilyRecord,
    pin: &str,
    rows: Vec<String>,
    causes: BTreeMap<String, BTreeMap<Error, Vec<String>>>,
) -> Worklist {
    let all = causes.values().flat_map(BTreeMap::keys);
    let all: std::collections::BTreeSet<&Error> = all.collect();
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for error in all {
        *files
            .entry(error.file.clone().unwrap_or("(no file)".to_owned()))
            .or_default() += 1;
    }
    let mut files: Vec<(String, usize)> = files.into_iter().collect();
    files.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let work = |(error, targets): (Error, Vec<String>)| Work {
        file: error.file,
        line: error.line,
        code: error.code,
        message: error.message,
        targets,
    };
    let cause = |(item, errors): (String, BTreeMap<Error, Vec<String>>)| Cause {
        item,
        errors: errors.into_iter().map(work).collect(),
    };
    let mut causes: Vec<Cause> = causes.into_iter().map(cause).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.errors.len()));
    Worklist {
        family: family.name.clone(),
        pin: pin.to_owned(),
        rows,
        causes,
        files,
    }
}

/// What an error is to be blamed on: the items that its message names, as its code reads them.
/// <https://doc.rust-lang.org/error_codes/error-index.html>
fn items(error: &Diagnostic) -> Vec<String> {
    let named: Vec<&str> = error.message.split('`').skip(1).step_by(2).collect();
    let within = |item: &str, of: &str| format!("{of}::{item}");
    match (error.code.as_deref().unwrap_or_default(), named.as_slice()) {
        // Each of several imports that are not there is a thing of its own.
        ("E0432", [_, ..]) => named.iter().map(|item| (*item).to_owned()).collect(),
        // method `m` is not a member of trait `T`; cannot find `x` in `m`
        ("E0407" | "E0437" | "E0438" | "E0433" | "E0425" | "E0412", [item, of, ..]) => {
            vec![within(item, of)]
        }
        // no method named `m` found for struct `S` in the current scope
        ("E0599" | "E0609" | "E0560", [item, of, ..]) => vec![within(item, of)],
        ("E0046", [item, ..]) => vec![format!("trait item {item}")],
        ("E0053" | "E0050" | "E0195", [item, ..]) => vec![format!("signature of {item}")],
        (_, [item, ..]) => vec![format!("{item}: {}", plain(&error.message))],
        (_, []) => vec![error.message.clone()],
    }
}

/// A message without what it quotes.
fn plain(message: &str) -> String {
    let unquoted: String = message.split('`').step_by(2).collect();
    unquoted.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(code: &str, message: &str) -> String {
        let error = Diagnostic {
            code: Some(code.to_owned()),
            ..Diagnostic::said(message)
        };
        items(&error).join(" and ")
    }

    #[test]
    fn an_error_is_blamed_on_the_item_that_it_names() {
        let cases = [
            (
                "E0407",
                "method `table` is not a member of trait `WasiView`",
                "WasiView::table",
            ),
            (
                "E0433",
                "cannot find `bindings` in `wasmtime_wasi`",
                "wasmtime_wasi::bindings",
            ),
            (
                "E0425",
                "cannot find function `turn` in crate `cog`",
                "cog::turn",
            ),
            (
                "E0599",
                "no method named `export_index` found for struct `wasmtime::component::Component` in the current scope",
                "wasmtime::component::Component::export_index",
            ),
            (
                "E0432",
                "unresolved imports `a::B`, `a::C`",
                "a::B and a::C",
            ),
            (
                "E0046",
                "not all trait items implemented, missing: `table`",
                "trait item table",
            ),
            (
                "E0053",
                "method `ctx` has an incompatible type for trait",
                "signature of ctx",
            ),
            (
                "E0310",
                "the parameter type `T` may not live long enough",
                "T: the parameter type may not live long enough",
            ),
            ("E0308", "mismatched types", "mismatched types"),
        ];
        for (code, message, item) in cases {
            assert_eq!(blamed(code, message), item);
        }
    }
}
