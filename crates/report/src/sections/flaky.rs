//! The flaky cases of a run: what failed and then passed. All reports use this list.

use std::fmt;

use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::outcome::{Flaky, TargetId};
use pinmatrix_core::model::run::Run;

/// One flaky case and its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlakyCase<'a> {
    /// The cell.
    pub cell: &'a CellId,
    /// The target.
    pub target: &'a TargetId,
    /// The test's path, as libtest prints it.
    pub name: &'a str,
    /// How often it failed, and the output of the first failure.
    pub flaky: &'a Flaky,
}

/// All flaky cases of a run, in plan order.
#[must_use]
pub fn flaky(run: &Run) -> Vec<FlakyCase<'_>> {
    let mut found = Vec::new();
    for record in &run.cells {
        for target in record.outcome().into_iter().flat_map(|o| &o.targets) {
            let cases = target.cases.iter();
            found.extend(cases.filter_map(|case| {
                Some(FlakyCase {
                    cell: &record.id,
                    target: &target.id,
                    name: &case.name,
                    flaky: case.flaky.as_ref()?,
                })
            }));
        }
    }
    found
}

/// One line: the location, how often it failed, and the message of the first failure.
impl fmt::Display for FlakyCase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cell,
            target,
            name,
            flaky,
        } = self;
        write!(f, "{cell} {target} {name}: {flaky}")?;
        match flaky.message() {
            Some(message) => write!(f, ", first: {message}"),
            None => Ok(()),
        }
    }
}
