//! Judging a run against its baseline. Only cells that ran are judged: an inferred cell neither
//! confirms nor violates an expectation.

use time::OffsetDateTime;

use super::{Baseline, Expectation};
use crate::model::outcome::{Outcome, TargetOutcome};
use crate::model::run::verdict::{Deviation, DeviationKind, Verdict};
use crate::model::run::{CellRecord, Run, State};
use crate::model::status::Status;

/// Judges a run.
#[must_use]
pub fn judge(run: &Run, baseline: &Baseline) -> Verdict {
    let mut verdict = Verdict::default();
    for record in &run.cells {
        let outcome = match &record.state {
            State::Ended { outcome, .. } => outcome,
            State::Skipped { .. } => {
                verdict.n_unjudged += 1;
                continue;
            }
            State::Pending => {
                verdict.n_inconclusive += 1;
                continue;
            }
        };
        let pin = &record.cell.pin;
        let mut families = run.families.iter();
        if families.any(|family| family.name == pin.family && family.is_added(&pin.at)) {
            verdict.only_today.insert(record.id.clone());
            continue;
        }
        let lines = lines_of(baseline, record);
        if lines.is_empty() && !baseline.knows(record) {
            let row = format!("{} on {}", record.cell.pin.family, record.cell.row);
            let cells = verdict.unknown_rows.entry(row).or_default();
            cells.insert(record.id.clone());
            verdict.n_inconclusive += usize::from(outcome.has_doubt());
            continue;
        }
        let mut bench = CellJudge {
            record,
            baseline,
            lines,
            today: today(run),
            is_open: outcome.has_doubt(),
            verdict: &mut verdict,
        };
        bench.judge(outcome);
        if bench.is_open {
            verdict.n_inconclusive += 1;
        }
    }
    verdict
}

fn lines_of<'a>(baseline: &'a Baseline, record: &CellRecord) -> Vec<&'a Expectation> {
    let row = record.cell.row.to_string();
    let family = &record.cell.pin.family;
    let lines = baseline.expectations.iter();
    lines
        .filter(|line| line.row == row && line.family == *family)
        .collect()
}

/// The day on which the run started, in the format of `expires`.
fn today(run: &Run) -> String {
    let started = i64::try_from(run.started).ok();
    let started = started.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let day = started.unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
    format!(
        "{:04}-{:02}-{:02}",
        day.year(),
        u8::from(day.month()),
        day.day()
    )
}

/// A cell while it is judged.
struct CellJudge<'a> {
    record: &'a CellRecord,
    baseline: &'a Baseline,
    lines: Vec<&'a Expectation>,
    today: String,
    /// Whether the cell is inconclusive, or drifts where something is expected of it.
    is_open: bool,
    verdict: &'a mut Verdict,
}

/// The target and the case in question; `None` for the cell or the target as a whole.
type CasePath<'a> = (Option<&'a str>, Option<&'a str>);

impl CellJudge<'_> {
    fn judge(&mut self, outcome: &Outcome) {
        let (status, found) = if outcome.targets.is_empty() {
            (outcome.status.clone(), of_cell(outcome))
        } else {
            (Status::Passed, String::new())
        };
        let shown = status.to_string();
        self.compare((None, None), (&status, &shown), &found);
        if outcome.targets.is_empty() {
            return;
        }
        for target in &outcome.targets {
            self.judge_target(target);
        }
        let names: Vec<String> = outcome.targets.iter().map(|t| t.id.to_string()).collect();
        let targets = self.lines.iter().filter_map(|line| line.target.as_deref());
        let mut gone: Vec<&str> = targets
            .filter(|name| !names.iter().any(|t| t == name))
            .collect();
        gone.sort_unstable();
        gone.dedup();
        for target in gone {
            self.miss((Some(target), None));
        }
    }

    fn judge_target(&mut self, target: &TargetOutcome) {
        let name = target.id.to_string();
        let before = self.verdict.deviations.len();
        for case in &target.cases {
            let message = case.message().map(|message| format!(": {message}"));
            let shown = case.status.to_string();
            let found = format!("{shown}{}", message.unwrap_or_default());
            let thing = (Some(name.as_str()), Some(case.name.as_str()));
            self.compare(thing, (&case.status, &shown), &found);
        }
        let lines = self
            .lines
            .iter()
            .filter(|line| line.target.as_deref() == Some(&name));
        let cases: Vec<String> = lines.flat_map(|line| line.cases.clone()).collect();
        for case in cases {
            let is_there = target.cases.iter().any(|known| known.name == case);
            if !is_there && !target.cases.is_empty() {
                self.miss((Some(&name), Some(&case)));
            }
        }
        let of_cases = self.verdict.deviations.split_off(before);
        let found = format!("{}: {}", target.status, target.first_error());
        self.compare(
            (Some(&name), None),
            (&target.status, &target.shown()),
            &found,
        );
        // A deviation that all cases share is reported for the target; otherwise the deviations of
        // the cases are reported.
        let of_target = self
            .verdict
            .deviations
            .get(before)
            .map(|deviation| deviation.kind);
        let is_same = |deviation: &Deviation| Some(deviation.kind) == of_target;
        let is_whole = of_cases.len() == target.cases.len() && of_cases.iter().all(is_same);
        if !of_cases.is_empty() && !is_whole {
            self.verdict.deviations.truncate(before);
            self.verdict.deviations.extend(of_cases);
        }
    }

    fn compare(&mut self, thing: CasePath<'_>, (status, shown): (&Status, &str), found: &str) {
        let expected = self.expected(thing);
        if !status.is_verdict() {
            // Drift says nothing about the pin, so its expectation stays open.
            self.is_open |= status.is_failed() && !expected.is_empty();
            return;
        }
        // What was only built here and ran elsewhere, or the other way round, cannot be compared.
        let is_of_run = |word: &str| {
            let kinds = ["passed", "failed(test)", "failed(timeout)", "failed(crash)"];
            kinds.iter().any(|kind| word.starts_with(kind))
        };
        let expects = |is: &dyn Fn(&str) -> bool| expected.iter().any(|line| is(&line.expect));
        let is_half_known = status.is_built() && expects(&is_of_run)
            || is_of_run(shown) && expects(&|word| word == "built");
        if is_half_known {
            return;
        }
        let kind = match expected.as_slice() {
            [] if status.is_failed() => {
                Some((DeviationKind::New, "nothing is expected of it".to_owned()))
            }
            [] => None,
            lines => match lines.iter().find(|line| line.expect == shown) {
                Some(line) => self.expired(line, status),
                None => {
                    let words: Vec<&str> = lines.iter().map(|line| line.expect.as_str()).collect();
                    let kind = if status.is_failed() {
                        DeviationKind::Regressed
                    } else {
                        DeviationKind::Fixed
                    };
                    Some((kind, words.join(" or ")))
                }
            },
        };
        match kind {
            None if expected.is_empty() => {}
            None => self.verdict.n_expected += 1,
            Some((kind, expected)) => self.deviate(kind, thing, expected, found),
        }
    }

    /// Returns the deviation of a failure that has expired and is no longer expected.
    fn expired(&self, line: &Expectation, status: &Status) -> Option<(DeviationKind, String)> {
        let expires = line.expires.as_ref()?;
        let is_over = status.is_failed() && *expires < self.today;
        is_over.then(|| {
            (
                DeviationKind::Regressed,
                format!("{} until {expires}", line.expect),
            )
        })
    }

    /// Reports something that the baseline knows but a cell that ran does not have.
    fn miss(&mut self, thing: CasePath<'_>) {
        let expected = self.expected(thing);
        if expected
            .iter()
            .any(|line| line.expect == Status::Passed.to_string())
        {
            self.deviate(
                DeviationKind::Gone,
                thing,
                "passed".to_owned(),
                "it is not there",
            );
        }
    }

    /// The expectations for a target or case at the cell's pin: the line that applies there, or
    /// both lines between which nobody had tested.
    fn expected(&self, (target, case): CasePath<'_>) -> Vec<&Expectation> {
        let pin = self.record.cell.pin.at.to_string();
        let rank = |pin: &str| self.baseline.rank(&self.record.cell.pin.family, pin);
        let is_of = |line: &&Expectation| line.target.as_deref() == target;
        let of_target = self.lines.iter().copied().filter(is_of);
        let is_of_case = |line: &&Expectation| match case {
            Some(case) => line.cases.iter().any(|known| known == case),
            None => false,
        };
        let mut lines: Vec<&Expectation> = of_target.clone().filter(is_of_case).collect();
        if lines.is_empty() {
            // A case without its own line follows its target.
            lines = of_target.filter(|line| line.cases.is_empty()).collect();
        }
        lines.sort_by_cached_key(|line| rank(&line.from));
        let n_before = lines
            .iter()
            .filter(|line| rank(&line.from) <= rank(&pin))
            .count();
        let holds = n_before.checked_sub(1).and_then(|at| lines.get(at));
        let next = lines.get(n_before).filter(|line| {
            let after = line.after.as_deref();
            after.is_some_and(|after| rank(after) < rank(&pin))
        });
        holds.into_iter().chain(next).copied().collect()
    }

    fn deviate(
        &mut self,
        kind: DeviationKind,
        (target, case): CasePath<'_>,
        expected: String,
        found: &str,
    ) {
        self.verdict.deviations.push(Deviation {
            kind,
            cell: self.record.id.clone(),
            target: target.map(str::to_owned),
            case: case.map(str::to_owned),
            expected,
            found: found.to_owned(),
        });
    }
}

fn of_cell(outcome: &Outcome) -> String {
    match outcome.errors.first() {
        Some(error) => format!("{}: {error}", outcome.status),
        None => outcome.status.to_string(),
    }
}
