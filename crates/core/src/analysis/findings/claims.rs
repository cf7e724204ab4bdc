//! Judging the claims of a migration plan by a run, with the evidence.

use globset::GlobMatcher;
use semver::{Version, VersionReq};

use crate::analysis::findings::min_toolchain::is_refused;
use crate::analysis::frontier::{ChangePoint, History, frontier, histories};
use crate::config::{Claim, ClaimKind};
use crate::model::cell::PinnedAt;
use crate::model::run::findings::{JudgedClaim, LeastToolchain, Truth};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::rust_version::parse_rust_version;

/// The maximum number of evidence lines per claim.
const MOST_EVIDENCE: usize = 8;

/// Judges claims.
#[must_use]
pub fn judge(run: &Run, claims: &[Claim], least: &[LeastToolchain]) -> Vec<JudgedClaim> {
    let judged = |claim: &Claim| {
        let (truth, mut evidence) = match &claim.claimed {
            ClaimKind::LeastRust { rust, pin } => least_rust(run, claim, rust, pin, least),
            ClaimKind::Changes { target, case, at } => {
                changes(run, claim, target, case.as_ref(), at.as_ref())
            }
            ClaimKind::Passes { targets, pin } => passes(run, claim, targets, pin),
        };
        if let Some(rest) = evidence.len().checked_sub(MOST_EVIDENCE).filter(|n| *n > 0) {
            evidence.truncate(MOST_EVIDENCE);
            evidence.push(format!("and {rest} more"));
        }
        JudgedClaim {
            says: claim.says.clone(),
            truth,
            evidence,
        }
    };
    claims.iter().map(judged).collect()
}

/// The cells at a pin that ended.
fn at_pin<'a>(run: &'a Run, claim: &Claim, pin: &Version) -> Vec<&'a CellRecord> {
    let pin = PinnedAt::from(pin.clone());
    let cells = run.cells.iter().filter(|record| {
        let of = &record.cell.pin;
        of.family == claim.family && of.at == pin && record.outcome().is_some()
    });
    cells.collect()
}

fn least_rust(
    run: &Run,
    claim: &Claim,
    rust: &str,
    pin: &Version,
    least: &[LeastToolchain],
) -> (Truth, Vec<String>) {
    let claimed = parse_rust_version(rust);
    let known = least
        .iter()
        .find(|l| l.family == claim.family && l.pin == pin.to_string());
    let declared = known.and_then(|known| known.declared.as_ref());
    let mut evidence = Vec::new();
    if let Some(need) = declared {
        evidence.push(format!("{} declares rustc {}", need.package, need.rustc));
    }
    let (mut is_contradicted, mut is_measured) = (false, false);
    for record in at_pin(run, claim, pin) {
        let (Some(rustc), Some(outcome)) = (run.rustc(&record.cell.row), record.outcome()) else {
            continue;
        };
        let is_older = claimed.as_ref().is_some_and(|claimed| rustc < *claimed);
        if is_older && !is_refused(outcome) {
            is_contradicted = true;
            evidence.push(format!(
                "{} gets as far as its targets on rustc {rustc}",
                record.id
            ));
        } else if is_refused(outcome) {
            evidence.push(format!("{}: {}", record.id, outcome.status));
        } else {
            is_measured = true;
        }
    }
    let truth = match (declared, claimed) {
        (_, _) if is_contradicted => Truth::Refuted,
        (Some(need), Some(claimed)) if need.rustc == claimed => Truth::Confirmed,
        (Some(_), Some(_)) => Truth::Refuted,
        (_, _) => Truth::Inconclusive,
    };
    if known.is_none() {
        evidence.push(format!(
            "no cell at {pin} was tested, so nothing is known of its lock"
        ));
    } else if declared.is_none() {
        evidence.push(format!("no crate of the family declares a rustc at {pin}"));
    } else if !is_measured {
        evidence.push("declared only: no toolchain that is new enough has tested it".to_owned());
    }
    (truth, evidence)
}

fn changes(
    run: &Run,
    claim: &Claim,
    target: &GlobMatcher,
    case: Option<&GlobMatcher>,
    at: Option<&VersionReq>,
) -> (Truth, Vec<String>) {
    let is_target = |id: Option<&crate::model::outcome::TargetId>| {
        id.is_some_and(|id| target.is_match(id.to_string()))
    };
    let is_case = |cases: &[String]| {
        cases.is_empty() || case.is_none_or(|case| cases.iter().any(|name| case.is_match(name)))
    };
    let histories = histories(run);
    let meant = histories.iter().filter(|history| {
        let is_family = history.family.name == claim.family;
        is_family
            && is_target(history.target)
            && is_case(&history.cases)
            && !history.sides.is_empty()
    });
    let meant: Vec<&History<'_>> = meant.collect();
    let Some(first) = meant.first() else {
        let words = format!("no tested target is `{}`", target.glob());
        return (Truth::Inconclusive, vec![words]);
    };
    let points: Vec<ChangePoint> = frontier(run)
        .into_iter()
        .filter(|point| point.family == claim.family)
        .filter(|point| is_target(point.target.as_ref()) && is_case(&point.cases))
        .collect();
    // Only a row that ran completely can show that nothing changes.
    let rows = run.whole_rows();
    let row = |history: &History<'_>| (history.family.name.clone(), history.row.to_string());
    let is_whole = meant.iter().any(|history| rows.contains(&row(history)));
    if points.is_empty() {
        let truth = if is_whole {
            Truth::Refuted
        } else {
            Truth::Inconclusive
        };
        let unchanged = meant.iter().filter_map(|history| unchanged(history));
        return (truth, unchanged.collect());
    }
    let Some(at) = at else {
        return (Truth::Confirmed, points.iter().map(describe).collect());
    };
    let fits = points
        .iter()
        .map(|point| (fit(first.family, point, at), describe(point)));
    let mut fits: Vec<(RangeFit, String)> = fits.collect();
    // Evidence for the claim comes first.
    fits.sort_by_key(|(fit, _)| *fit);
    let (fits, mut evidence): (Vec<RangeFit>, Vec<String>) = fits.into_iter().unzip();
    let truth = if fits.contains(&RangeFit::Yes) {
        Truth::Confirmed
    } else if fits.contains(&RangeFit::Perhaps) {
        evidence.push("`--exact` settles it".to_owned());
        Truth::Inconclusive
    } else if is_whole {
        Truth::Refuted
    } else {
        Truth::Inconclusive
    };
    (truth, evidence)
}

/// Whether a change is at one of the claimed versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RangeFit {
    Yes,
    Perhaps,
    No,
}

/// The change is at the first tested pin after it, or at an untested version before that.
fn fit(family: &FamilyRecord, point: &ChangePoint, at: &VersionReq) -> RangeFit {
    let could_be = family.published.iter().filter(|version| {
        let version = PinnedAt::from((*version).clone());
        point.before.at < version && version < point.after.at
    });
    let could_be = could_be.chain(point.after.at.version());
    let could_be: Vec<bool> = could_be.map(|version| at.matches(version)).collect();
    match (
        could_be.iter().all(|fits| *fits),
        could_be.iter().any(|fits| *fits),
    ) {
        (true, true) => RangeFit::Yes,
        (false, true) => RangeFit::Perhaps,
        (_, false) => RangeFit::No,
    }
}

fn describe(point: &ChangePoint) -> String {
    let cases = match point.cases.as_slice() {
        [] => String::new(),
        [one] => format!(" {one}"),
        [first, rest @ ..] => format!(" {first} and {} more", rest.len()),
    };
    let untested = point.between.brief();
    let (row, subject) = (&point.row, point.subject());
    format!(
        "{row}: {subject}{cases}: {} → {} ({untested})",
        point.before, point.after
    )
}

fn unchanged(history: &History<'_>) -> Option<String> {
    let (first, last) = (history.sides.first()?, history.sides.last()?);
    let target = history.target?;
    let row = history.row;
    let n = history.sides.len();
    Some(format!(
        "{row}: {target}: {} at all {n} tested from {} to {}",
        first.status, first.at, last.at
    ))
}

fn passes(
    run: &Run,
    claim: &Claim,
    targets: &[GlobMatcher],
    pin: &Version,
) -> (Truth, Vec<String>) {
    let (mut passed, mut failed, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for record in at_pin(run, claim, pin) {
        let Some(outcome) = record.outcome() else {
            continue;
        };
        if is_refused(outcome) {
            refused.push(format!(
                "{}: {}, and says nothing about this",
                record.id, outcome.status
            ));
            continue;
        }
        let meant = outcome.targets.iter().filter(|target| {
            targets
                .iter()
                .any(|glob| glob.is_match(target.id.to_string()))
        });
        let mut n_passed = 0;
        for target in meant {
            let describe = || format!("{}: {}: {}", record.id, target.id, target.first_error());
            let is_verdict = target.status.is_verdict() && !target.status.is_built();
            match (is_verdict, target.status.is_failed()) {
                (true, false) => n_passed += 1,
                (true, true) => failed.push(describe()),
                (false, _) => refused.push(format!("{}, and says nothing about this", describe())),
            }
        }
        if n_passed > 0 {
            let pass = match n_passed {
                1 => "1 target passes".to_owned(),
                n => format!("{n} targets pass"),
            };
            passed.push(format!("{}: {pass}", record.id));
        }
    }
    // A glob that matches nothing is a typo, not something that passes.
    let cells = at_pin(run, claim, pin).into_iter();
    let target_ids = cells
        .filter_map(CellRecord::outcome)
        .flat_map(|outcome| &outcome.targets);
    let target_ids: Vec<String> = target_ids.map(|target| target.id.to_string()).collect();
    let unmet = targets
        .iter()
        .filter(|glob| !target_ids.iter().any(|id| glob.is_match(id)));
    let unmet: Vec<String> = unmet
        .map(|glob| format!("no tested target is `{}`", glob.glob()))
        .collect();
    let truth = match (failed.is_empty(), passed.is_empty() || !unmet.is_empty()) {
        (false, _) => Truth::Refuted,
        (true, false) => Truth::Confirmed,
        (true, true) => Truth::Inconclusive,
    };
    if failed.is_empty() && passed.is_empty() {
        refused.push(format!("no target of that name was tested at {pin}"));
    }
    (truth, [failed, unmet, passed, refused].concat())
}
