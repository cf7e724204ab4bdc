//! What the sources say of the changes that go with a problem.

use crate::analysis::frontier::ChangePoint;
use crate::model::forecast::Finding;
use crate::model::run::Run;
use crate::model::status::Status;
use crate::text;

/// The maximum number of causes to list per problem.
const MOST_CAUSES: usize = 3;

/// The maximum length of one cause, in characters.
const LONGEST: usize = 300;

/// What changed in the sources at some change points, one line each: what the error names, if it names
/// any of it.
pub(super) fn causes(run: &Run, points: &[&ChangePoint], error: &str) -> Vec<String> {
    let mut all: Vec<&Finding> = Vec::new();
    for finding in points.iter().flat_map(|point| of_point(run, point)) {
        let is_new =
            |known: &&Finding| (&known.named, &known.change) != (&finding.named, &finding.change);
        if all.iter().all(is_new) {
            all.push(finding);
        }
    }
    let named: Vec<&Finding> = all
        .iter()
        .copied()
        .filter(|finding| finding.is_in(error))
        .collect();
    // What a test showed has other reasons than a signature, unless it says so.
    let is_of_compiler = points.iter().any(|point| match point.after.status {
        Status::Failed { class } => !class.arises_while_running(),
        Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => true,
    });
    let meant = match named.is_empty() && is_of_compiler {
        true => all,
        false => named,
    };
    let shown = meant.iter().take(MOST_CAUSES);
    let mut lines: Vec<String> = shown
        .map(|finding| {
            text::ellipsis(
                &text::one_line(&format!("in the sources, {finding}")),
                LONGEST,
            )
        })
        .collect();
    if let Some(rest) = meant.get(MOST_CAUSES..).filter(|rest| !rest.is_empty()) {
        lines.push(format!(
            "in the sources, {}",
            text::count(rest.len(), "more change")
        ));
    }
    lines
}

/// What changed in the sources at a change point.
pub fn of_point<'a>(run: &'a Run, point: &ChangePoint) -> &'a [Finding] {
    let sides = (point.before.at.version(), point.after.at.version());
    let mut causes = run.findings.causes.iter();
    let cause = causes.find(|cause| {
        cause.family == point.family
            && Some(&cause.target) == point.target.as_ref()
            && (Some(&cause.before), Some(&cause.after)) == sides
    });
    cause.map_or(&[], |cause| &cause.findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::frontier::frontier;
    use crate::model::forecast::{Change, Place};
    use crate::model::run::findings::Cause;
    use crate::testing::history;

    /// A run in which a target breaks, with causes of these names.
    fn run_with(names: &[&str]) -> Run {
        let mut run = history("...bbb", 1);
        let point = &frontier(&run)[0];
        let version = |at: &crate::model::cell::PinnedAt| at.version().expect("a version").clone();
        let finding = |name: &&str| Finding {
            named: (*name).to_owned(),
            change: Change::Gone,
            is_strong: true,
            place: Place::default(),
        };
        let cause = Cause {
            family: point.family.clone(),
            target: point.target.clone().expect("a target"),
            before: version(&point.before.at),
            after: version(&point.after.at),
            findings: names.iter().map(finding).collect(),
        };
        run.findings.causes.push(cause);
        run
    }

    fn causes_of(names: &[&str], error: &str) -> Vec<String> {
        let run = run_with(names);
        let points = frontier(&run);
        causes(&run, &points.iter().collect::<Vec<_>>(), error)
    }

    #[test]
    fn what_the_error_names_is_told_alone() {
        let names = ["fam::a", "fam::B::turn", "fam::turner"];
        let error = "no function `turn` in crate `fam`";
        assert_eq!(
            causes_of(&names, error),
            ["in the sources, `fam::B::turn` is gone"]
        );
    }

    #[test]
    fn where_the_error_names_nothing_of_it_the_first_changes_are_told() {
        let names = ["fam::a", "fam::b", "fam::c", "fam::d", "fam::e"];
        let told = causes_of(&names, "mismatched types");
        assert_eq!(told.len(), 4);
        assert_eq!(told[3], "in the sources, 2 more changes");
        assert_eq!(causes_of(&[], "mismatched types"), [""; 0]);
    }
}
