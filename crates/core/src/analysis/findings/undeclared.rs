//! Code that needs a newer rustc without declaring it, found by comparing rows of several
//! toolchains.

use std::collections::BTreeMap;

use semver::Version;

use crate::config::{Config, Family};
use crate::model::cell::{CellId, PinnedAt, bare};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::moved::Tried;
use crate::model::outcome::{Outcome, TargetOutcome};
use crate::model::run::findings::{Rustc, Undeclared};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{FailureKind, Status};

/// Finds everything that, at one pin, does not compile on one toolchain but does on a newer one.
#[must_use]
pub fn undeclared(run: &Run, config: &Config) -> Vec<Undeclared> {
    let mut found = Vec::new();
    for record in &run.families {
        let mut families = config.families.iter();
        let Some(family) = families.find(|family| *family.name.get_ref() == record.name) else {
            continue;
        };
        for cells in at_each_pin(run, record) {
            found.extend(of_pin(family, &cells));
        }
    }
    found
}

/// A cell that ended, with the rustc of its row.
struct EndedCell<'a> {
    record: &'a CellRecord,
    outcome: &'a Outcome,
    rustc: Version,
}

/// Groups of a family's cells that differ only in their toolchain, oldest first.
fn at_each_pin<'a>(run: &'a Run, family: &FamilyRecord) -> Vec<Vec<EndedCell<'a>>> {
    let mut groups: BTreeMap<_, Vec<EndedCell<'a>>> = BTreeMap::new();
    for record in run.rows(family).into_iter().flatten() {
        let (row, at) = (&record.cell.row, &record.cell.pin.at);
        if let (Some(outcome), Some(rustc)) = (record.outcome(), run.rustc(row)) {
            let group = groups
                .entry((at, &row.source, &row.features, run.platform(row)))
                .or_default();
            group.push(EndedCell {
                record,
                outcome,
                rustc,
            });
        }
    }
    let mut groups: Vec<Vec<EndedCell<'a>>> = groups.into_values().collect();
    for group in &mut groups {
        group.sort_by(|a, b| a.rustc.cmp(&b.rustc));
    }
    groups
}

/// An error in a cell whose target compiles on a newer toolchain.
struct UndeclaredError<'a> {
    cell: &'a EndedCell<'a>,
    error: &'a Diagnostic,
    newer: &'a EndedCell<'a>,
}

fn of_pin(family: &Family, cells: &[EndedCell<'_>]) -> Vec<Undeclared> {
    let mut seen: BTreeMap<Option<&str>, Vec<UndeclaredError<'_>>> = BTreeMap::new();
    for (index, cell) in cells.iter().enumerate() {
        let newer = cells[index + 1..].iter().filter(|c| c.rustc > cell.rustc);
        for target in cell.outcome.targets.iter().filter(|t| is_refused(t)) {
            let Some(error) = target.errors.first() else {
                continue;
            };
            let mut newer = newer.clone();
            let compiles = |newer: &&EndedCell<'_>| {
                is_same_code(family, cell, newer, error) && is_built(newer.outcome, target)
            };
            let Some(newer) = newer.find(compiles) else {
                continue;
            };
            let of_package = seen.entry(error.package.as_deref()).or_default();
            of_package.push(UndeclaredError { cell, error, newer });
        }
    }
    seen.into_iter()
        .filter_map(|(package, seen)| put_together(package, &seen))
        .collect()
}

fn put_together(package: Option<&str>, seen: &[UndeclaredError<'_>]) -> Option<Undeclared> {
    let newest = seen.iter().max_by(|a, b| a.cell.rustc.cmp(&b.cell.rustc))?;
    let mut cells: Vec<CellId> = seen.iter().map(|s| s.cell.record.id.clone()).collect();
    cells.dedup();
    let rustc = |ran: &EndedCell<'_>| Rustc {
        toolchain: ran.record.cell.row.toolchain.clone(),
        rustc: ran.rustc.clone(),
    };
    let pin = &newest.cell.record.cell.pin;
    let error = Diagnostic {
        package: None,
        ..seen.first()?.error.clone()
    };
    Some(Undeclared {
        family: pin.family.clone(),
        pin: pin.at.to_string(),
        package: package.map(str::to_owned),
        cells,
        error: error.to_string(),
        fails_on: rustc(newest.cell),
        compiles_on: rustc(newest.newer),
    })
}

fn is_refused(target: &TargetOutcome) -> bool {
    target.status == Status::failed(FailureKind::Compile)
}

/// Whether the code with the error is the same in two cells of one pin: either their locks are
/// identical, or the error is in a crate of the family, which has the pin's version in both, and no
/// newer package fixes it.
fn is_same_code(
    family: &Family,
    cell: &EndedCell<'_>,
    newer: &EndedCell<'_>,
    error: &Diagnostic,
) -> bool {
    let (one, other) = (&cell.outcome.lock, &newer.outcome.lock);
    if one.is_some() && one == other {
        return true;
    }
    let package = error.package.as_deref().and_then(|p| p.split_once(' '));
    let of_family = package.filter(|(name, _)| family.holds(name));
    let Some((_, version)) = of_family else {
        return false;
    };
    let is_at_pin = match &cell.record.cell.pin.at {
        PinnedAt::Version { version: pin } => {
            Version::parse(version).is_ok_and(|version| bare(&version) == *pin)
        }
        PinnedAt::Git { .. } | PinnedAt::Path { .. } => true,
    };
    let tried = cell.outcome.old_lock.as_ref().map(|old| &old.tried);
    is_at_pin
        && match tried {
            Some(Tried::Newer { .. } | Tried::Newest) => true,
            Some(Tried::Locked) | None => false,
        }
}

/// Whether a target was built, with everything it needs.
fn is_built(outcome: &Outcome, target: &TargetOutcome) -> bool {
    let mut targets = outcome.targets.iter();
    let counterpart = targets.find(|counterpart| counterpart.id == target.id);
    counterpart.is_some_and(|counterpart| match &counterpart.status {
        Status::Passed => true,
        Status::Failed { class } => class.arises_while_running() && !counterpart.cases.is_empty(),
        Status::Skipped { .. } | Status::Inconclusive { .. } => {
            !counterpart.cases.is_empty() || counterpart.status.is_built()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::SourceText;
    use crate::model::outcome::moved::OldLock;
    use crate::testing::{case, ended, outcome, record, run, target, test_named, toolchain};

    fn fails(package: Option<&str>, lock: &str, tried: Option<Tried>) -> Outcome {
        let error = Diagnostic {
            code: Some("E0658".to_owned()),
            package: package.map(str::to_owned),
            ..Diagnostic::from_message("unstable")
        };
        let failed = Status::failed(FailureKind::Compile);
        let target = TargetOutcome::not_run(test_named("a"), failed, vec![error]);
        Outcome {
            lock: Some(lock.to_owned()),
            old_lock: tried.map(|tried| OldLock {
                targets: Vec::new(),
                mended: Vec::new(),
                broken: Vec::new(),
                tried,
            }),
            ..outcome(vec![target])
        }
    }

    fn passes(lock: &str) -> Outcome {
        Outcome {
            lock: Some(lock.to_owned()),
            ..outcome(vec![target("a", vec![case("it", Status::Passed, None)])])
        }
    }

    /// The findings from two rows; the older toolchain comes last, which is allowed.
    fn of(old: Outcome, new: Outcome) -> Vec<Undeclared> {
        let mut run = run(vec![
            record("new", 1, ended(new)),
            record("old", 1, ended(old)),
        ]);
        run.toolchains = vec![
            toolchain("new", Some("rustc 1.80.0")),
            toolchain("old", Some("rustc 1.70.0")),
        ];
        let config = "[subject]\npath = \".\"\n[[toolchain]]\nlabel = \"old\"\nrustup = \"old\"\n\
             [[toolchain]]\nlabel = \"new\"\nrustup = \"new\"\n\
             [[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\npins = [\"1.0.0\"]\n";
        let text = SourceText::new(Path::new("matrix.toml"), config.to_owned());
        undeclared(&run, &Config::parse(text).expect("a config"))
    }

    const GADGET: Option<&str> = Some("gadget 1.0.0");

    #[test]
    fn a_family_crate_that_compiles_on_a_newer_toolchain_only_needs_it() {
        let found = of(fails(GADGET, "x", Some(Tried::Newest)), passes("y"));
        let [found] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(found.package.as_deref(), GADGET);
        assert_eq!(found.error, "E0658 unstable");
        assert_eq!(
            found.cells,
            [CellId::clone(&record("old", 1, ended(passes("x"))).id)]
        );
        assert_eq!(found.fails_on.rustc, Version::new(1, 70, 0));
        assert_eq!(found.compiles_on.toolchain, "new");
    }

    #[test]
    fn what_only_a_newer_package_might_mend_is_not_the_toolchains() {
        let of = |package, tried, lock| of(fails(package, "x", tried), passes(lock)).len();
        // Nothing newer was tried, and the newer toolchain has a different lock.
        assert_eq!(of(GADGET, Some(Tried::Locked), "y"), 0);
        assert_eq!(of(GADGET, None, "y"), 0);
        // A package outside the family may have had a different version.
        assert_eq!(of(Some("other 1.0.0"), Some(Tried::Newest), "y"), 0);
        assert_eq!(of(Some("gadget 1.0.1"), Some(Tried::Newest), "y"), 0);
        assert_eq!(of(None, None, "y"), 0);
        // With the same lock, only the toolchain differs.
        assert_eq!(of(GADGET, Some(Tried::Locked), "x"), 1);
        assert_eq!(of(Some("other 1.0.0"), Some(Tried::Newest), "x"), 1);
        assert_eq!(of(None, None, "x"), 1);
    }

    #[test]
    fn what_a_newer_toolchain_does_not_compile_either_is_not_the_toolchains() {
        let failing = || fails(GADGET, "x", Some(Tried::Newest));
        assert!(of(failing(), failing()).is_empty());
        assert!(of(passes("x"), failing()).is_empty());
    }
}
