//! The members of the subject that are not built, and the features that others lack because of
//! that.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::run::{FamilyRecord, Run};
use pinmatrix_core::text::count;

/// The number of packages that a line names.
const MOST: usize = 10;

/// A line for each family of which not all packages of the subject are built.
#[must_use]
pub fn not_built(families: &[FamilyRecord]) -> Vec<String> {
    let partial = families.iter().filter(|f| !f.not_selected.is_empty());
    let line = |family: &FamilyRecord| {
        let packages = count(family.not_selected.len(), "package");
        let names = named(family.not_selected.iter().cloned());
        let of = &family.name;
        format!("not selected, and neither built nor tested for {of}: {packages}: {names}")
    };
    partial.map(line).collect()
}

/// The lines of [`not_built`], and one on the packages that have fewer features than in a build of
/// the whole workspace.
#[must_use]
pub fn lines(run: &Run) -> Vec<String> {
    let mut fewer: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let outcomes = run.cells.iter().filter_map(|cell| cell.outcome());
    for package in outcomes.flat_map(|outcome| &outcome.fewer_features) {
        let name = package.package.split(' ').next().unwrap_or_default();
        let lacks = fewer.entry(name).or_default();
        lacks.extend(package.lacks.iter().map(String::as_str));
    }
    let mut lines = not_built(&run.families);
    if !fewer.is_empty() {
        let packages = count(fewer.len(), "package");
        let words = fewer.into_iter().map(|(name, lacks)| {
            let lacks: Vec<&str> = lacks.into_iter().collect();
            format!("{name} ({})", lacks.join(", "))
        });
        lines.push(format!(
            "without them, features that the whole workspace enables are off in {packages}: {}",
            named(words)
        ));
    }
    lines
}

fn named(words: impl ExactSizeIterator<Item = String>) -> String {
    let n_more = words.len().saturating_sub(MOST);
    let named: Vec<String> = words.take(MOST).collect();
    let more = (n_more > 0).then(|| format!(" and {n_more} more"));
    format!("{}{}", named.join(", "), more.unwrap_or_default())
}
