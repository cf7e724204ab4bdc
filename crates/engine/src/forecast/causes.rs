//! Says what changed in the sources at the changes that a run found.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_api::forecast::step;
use pinmatrix_api::offer::Offer;
use pinmatrix_core::analysis::frontier::{ChangePoint, frontier};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::outcome::TargetId;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::findings::Cause;
use semver::Version;

use crate::forecast::offers::trees;
use crate::forecast::targets::{UsingTarget, targets};
use crate::forecast::{is_of_family, kept_in, libraries, sources, with_large_stacks};
use crate::matrix::Matrix;

/// A target, and the versions before and after a change.
type Step = (TargetId, Version, Version);

/// Returns what changed in the sources at the change points of a run, as far as the sources are on this
/// machine: cargo fetched them for the cells.
///
/// # Errors
///
/// Returns an error if the sources or the targets of the subject cannot be read.
pub fn causes(matrix: &Matrix, run: &Run, cache: &Utf8Path) -> Result<Vec<Cause>> {
    with_large_stacks(|| causes_with(matrix, run, cache))?
}

fn causes_with(matrix: &Matrix, run: &Run, cache: &Utf8Path) -> Result<Vec<Cause>> {
    let points = frontier(run);
    let mut causes = Vec::new();
    for family in &matrix.config.families {
        let mut steps: BTreeSet<Step> = points
            .iter()
            .filter_map(|point| step_of(point, family))
            .collect();
        steps.extend(whole_way(run, family));
        if !steps.is_empty() {
            causes.extend(of_family(matrix, family, &steps, cache)?);
        }
    }
    Ok(causes)
}

/// Returns the step of a change point at which a compiler has a say.
fn step_of(point: &ChangePoint, family: &Family) -> Option<Step> {
    let is_failed = point.before.status.is_failed() || point.after.status.is_failed();
    let is_of_family = point.family == *family.name.get_ref();
    (is_failed && is_of_family).then_some(())?;
    let version = |at: &pinmatrix_core::model::cell::PinnedAt| at.version().cloned();
    Some((
        point.target.clone()?,
        version(&point.before.at)?,
        version(&point.after.at)?,
    ))
}

/// Returns the way from today's version to the last pin for the targets that fail there: what is left to
/// do is all that changed on it.
fn whole_way(run: &Run, family: &Family) -> Vec<Step> {
    let mut families = run.families.iter();
    let Some(record) = families.find(|record| record.name == *family.name.get_ref()) else {
        return Vec::new();
    };
    let today = record.todays.first().map(|today| &today.version);
    let last = record.pins.last().and_then(|pin| pin.at.version());
    let (Some(today), Some(last)) = (today, last) else {
        return Vec::new();
    };
    let at_last = run.cells.iter().filter(|cell| {
        cell.cell.pin.family == record.name && cell.cell.pin.at.version() == Some(last)
    });
    let targets = at_last
        .filter_map(|cell| cell.outcome())
        .flat_map(|outcome| &outcome.targets);
    let failed = targets.filter(|target| target.status.is_failed());
    failed
        .map(|target| (target.id.clone(), today.clone(), last.clone()))
        .collect()
}

fn of_family(
    matrix: &Matrix,
    family: &Family,
    steps: &BTreeSet<Step>,
    cache: &Utf8Path,
) -> Result<Vec<Cause>> {
    let name = family.name.get_ref();
    let tree = matrix
        .trees
        .first()
        .context("find a revision of the subject")?;
    let selection = tree.selections.get(name);
    let selection = selection.with_context(|| format!("find the packages of {name}"))?;
    let versions = steps.iter().flat_map(|(_, before, after)| [before, after]);
    let versions: BTreeSet<Version> = versions.cloned().collect();
    let versions: Vec<Version> = versions.into_iter().collect();
    let folder = kept_in(cache)?;
    let place = tree.subject.checkout.in_origin(&tree.subject.root);
    let (read, _) = trees(family, &versions, &sources(matrix, &place, false), &folder)?;
    let is_family = is_of_family(family, &libraries(&read));
    let using = targets(matrix, tree, family, selection, &is_family)?;
    let using: BTreeMap<&TargetId, &UsingTarget> =
        using.iter().map(|using| (&using.target, using)).collect();
    let offers: BTreeMap<&Version, Offer<'_>> = read
        .iter()
        .map(|read| (&read.version, Offer::of(&read.trees, &is_family)))
        .collect();
    let cause = |(target, before, after): &Step| {
        let uses = &using.get(target)?.uses;
        let changes = step(uses, offers.get(before)?, offers.get(after)?);
        let findings: Vec<_> = changes
            .findings
            .into_iter()
            .filter(|finding| finding.is_strong)
            .collect();
        (!findings.is_empty()).then(|| Cause {
            family: name.clone(),
            target: target.clone(),
            before: before.clone(),
            after: after.clone(),
            findings,
        })
    };
    Ok(steps.iter().filter_map(cause).collect())
}
