//! The occurrences of problems in single cells, before equal ones are grouped.

use crate::analysis::blame;
use crate::analysis::blame::Blame;
use crate::analysis::passing::Passing;
use crate::analysis::problems::describe::{expected, in_words};
use crate::analysis::problems::place::{SourcePlace, in_repository};
use crate::analysis::problems::{Check, LONGEST_NAME, ProblemKey, Severity};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{CaseOutcome, Outcome, TargetId};
use crate::model::run::verdict::{Deviation, DeviationKind};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{FailureKind, Status};
use crate::text;

/// One problem in one cell.
pub(in crate::analysis) struct Occurrence<'a> {
    pub(in crate::analysis) key: ProblemKey,
    pub(super) severity: Severity,
    pub(super) record: &'a CellRecord,
    pub(in crate::analysis) target: Option<String>,
    pub(in crate::analysis) case: Option<String>,
    pub(super) place: Option<SourcePlace>,
    pub(super) status: String,
    pub(in crate::analysis) error: String,
    pub(super) expected: Option<String>,
}

impl Occurrence<'_> {
    /// Whether it is a failure that the pin can be blamed for.
    pub(in crate::analysis) fn is_failure(&self) -> bool {
        matches!(self.key.check, Check::Failed(class) if class != FailureKind::Drift)
    }
}

/// All occurrences in one cell.
pub(in crate::analysis) fn occurrences<'a>(
    run: &'a Run,
    record: &'a CellRecord,
    today: Option<&Passing<'_>>,
) -> Vec<Occurrence<'a>> {
    let Some(outcome) = record.outcome() else {
        return Vec::new();
    };
    let collector = OccurrenceCollector { run, record, today };
    let mut seen = Vec::new();
    if !outcome.errors.is_empty() || outcome.targets.is_empty() {
        let error = of_whole(outcome);
        seen.extend(collector.occurrence(&outcome.status, None, None, error.as_ref()));
    }
    for target in &outcome.targets {
        if !target.errors.is_empty() || target.cases.is_empty() {
            let error = target.errors.first();
            seen.extend(collector.occurrence(&target.status, Some(&target.id), None, error));
        }
        for case in &target.cases {
            seen.extend(collector.occurrence(&case.status, Some(&target.id), Some(case), None));
        }
    }
    let deviations = run.findings.verdict.iter().flat_map(|v| &v.deviations);
    let of_cell = deviations.filter(|deviation| deviation.cell == record.id);
    seen.extend(of_cell.filter_map(|deviation| collector.surprise(deviation)));
    seen
}

/// The error of a cell as a whole; for an inconclusive cell all errors are joined, since they can
/// be the two sides of a conflict.
fn of_whole(outcome: &Outcome) -> Option<Diagnostic> {
    let mut error = outcome.errors.first()?.clone();
    if let Status::Inconclusive { .. } = outcome.status {
        let more = outcome.errors.iter().skip(1);
        error.message.extend(more.map(|more| format!("; {more}")));
    }
    Some(error)
}

/// Collects the occurrences of one cell.
struct OccurrenceCollector<'a, 't> {
    run: &'a Run,
    record: &'a CellRecord,
    /// What passes today on its row.
    today: Option<&'t Passing<'t>>,
}

impl<'a> OccurrenceCollector<'a, '_> {
    fn occurrence(
        &self,
        status: &Status,
        target: Option<&TargetId>,
        case: Option<&CaseOutcome>,
        error: Option<&Diagnostic>,
    ) -> Option<Occurrence<'a>> {
        let check = match status {
            Status::Passed | Status::Skipped { .. } => return None,
            Status::Failed { class } => Check::Failed(*class),
            Status::Inconclusive { .. } => Check::Inconclusive,
        };
        let name = target.map(ToString::to_string);
        let verdict = self.run.findings.verdict.as_ref();
        let case_name = case.map(|case| case.name.as_str());
        let news = verdict.and_then(|v| v.news(&self.record.id, name.as_deref(), case_name));
        let is_known = match verdict.filter(|v| !v.is_of_unknown_row(&self.record.id)) {
            Some(verdict) => verdict.knows(&self.record.id) && news.is_none(),
            None => self.fails_today(name.as_deref(), case_name),
        };
        let severity = match check {
            Check::Failed(_) if is_known => Severity::Known,
            Check::Failed(class) if class != FailureKind::Drift => Severity::New,
            Check::Failed(_) | Check::Inconclusive | Check::Fixed | Check::Gone => Severity::Unsure,
        };
        let place = match (case, error) {
            (Some(case), _) => case.panicked_at(),
            (None, Some(error)) => error.file.clone().zip(error.line),
            (None, None) => None,
        };
        let place = place.and_then(|place| in_repository(self.run, self.record, &place));
        let shared = error.and_then(|error| self.shared(target, error));
        let is_item = matches!(shared, Some(Blame::Item(_) | Blame::ItemIn { .. }));
        let is_of_code = case.is_none() && (shared.is_some() || place.is_some());
        let key = ProblemKey {
            family: self.record.cell.pin.family.clone(),
            check,
            target: target.filter(|_| !is_of_code).cloned(),
            case: case.map(|case| text::one_line(&case.name)),
            // Compilers of different versions give the same missing item different codes.
            code: error.and_then(|e| e.code.clone()).filter(|_| !is_item),
            place: place.clone().filter(|_| shared.is_none()),
            gist: match (case, error) {
                (Some(case), _) => case.message().map(blame::gist),
                (None, Some(error)) if !is_item => Some(blame::gist_of(error)),
                (None, Some(_) | None) => None,
            }
            .unwrap_or_default(),
            blame: shared,
        };
        let message = match (case, error) {
            (Some(case), _) => case.message().map_or(status.to_string(), str::to_owned),
            (None, Some(error)) => in_words(error, place.is_some()),
            (None, None) => status.to_string(),
        };
        Some(Occurrence {
            key,
            severity,
            record: self.record,
            expected: news.map(expected),
            target: name,
            case: case.map(|case| case.name.clone()),
            place,
            status: text::ellipsis(&text::one_line(&status.to_string()), LONGEST_NAME),
            error: message,
        })
    }

    /// Whether something that fails does not pass today either.
    fn fails_today(&self, target: Option<&str>, case: Option<&str>) -> bool {
        self.today.is_some_and(|today| match (target, case) {
            (None, _) => !today.has_any(),
            (Some(target), None) => !today.has_some_of(target),
            (Some(target), Some(_)) => !today.has(target, case),
        })
    }

    /// The cause of an error that other targets may share.
    fn shared(&self, target: Option<&TargetId>, error: &Diagnostic) -> Option<Blame> {
        let is_pinned = |family: &&FamilyRecord| family.name == self.record.cell.pin.family;
        let family = self.run.families.iter().find(is_pinned)?;
        let package = target.map_or("", |target| &target.package);
        blame::shared(error, &family.crates, package)
    }

    /// The occurrence for something that should fail but passes, or should exist but does not.
    fn surprise(&self, deviation: &Deviation) -> Option<Occurrence<'a>> {
        let (check, severity) = match deviation.kind {
            DeviationKind::Fixed => (Check::Fixed, Severity::Fixed),
            DeviationKind::Gone => (Check::Gone, Severity::New),
            DeviationKind::Regressed | DeviationKind::New => return None,
        };
        let name = deviation.target.as_ref();
        let mut targets = self.record.outcome().into_iter().flat_map(|o| &o.targets);
        let target = targets.find(|target| name == Some(&target.id.to_string()));
        let key = ProblemKey {
            family: self.record.cell.pin.family.clone(),
            check,
            target: target.map(|target| target.id.clone()),
            // A target that is gone is known only by its written name.
            case: [deviation.target.as_deref(), deviation.case.as_deref()]
                .map(|name| text::one_line(name.unwrap_or_default()))
                .join(" ")
                .into(),
            code: None,
            blame: None,
            place: None,
            gist: String::new(),
        };
        Some(Occurrence {
            key,
            severity,
            record: self.record,
            target: deviation.target.clone(),
            case: deviation.case.clone(),
            place: None,
            status: deviation.kind.to_string(),
            error: deviation.to_string(),
            expected: None,
        })
    }
}
