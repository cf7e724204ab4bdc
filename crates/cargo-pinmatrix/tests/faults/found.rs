//! What a run found: the values of `run.json` that do not depend on when and where it ran. Knows
//! neither files nor processes.

use pinmatrix_core::model::run::{CellRecord, Run, State};

/// A run without what depends on time: times, what was reused from an earlier run, and the two
/// texts that name its folders. Everything else is compared, so a new field is, too, unless it is
/// cleared here.
pub fn without_time(mut run: Run) -> Run {
    run.started = 0;
    run.seconds = 0.0;
    run.timeline.clear();
    run.command.clear();
    run.out.clear();
    for record in &mut run.cells {
        let State::Ended { reused, outcome } = &mut record.state else {
            continue;
        };
        *reused = false;
        for phase in &mut outcome.phases {
            phase.seconds = 0.0;
            phase.cpu_seconds = 0.0;
        }
        for target in &mut outcome.targets {
            target.seconds = 0.0;
            for case in &mut target.cases {
                case.seconds = 0.0;
            }
        }
    }
    run
}

/// The first difference between two runs without time, as text; `None` if they are the same.
pub fn difference(expected: &Run, found: &Run) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut cells = expected.cells.iter().zip(&found.cells);
    let told = match cells.find(|(expected, found)| expected != found) {
        Some((expected, found)) => difference_of_cells(expected, found),
        None => first_line(&format!("{expected:#?}"), &format!("{found:#?}")),
    };
    Some(told)
}

/// The first difference between two records of cells.
fn difference_of_cells(expected: &CellRecord, found: &CellRecord) -> String {
    let line = first_line(&format!("{expected:#?}"), &format!("{found:#?}"));
    let (was, is) = (expected.status(), found.status());
    format!("{} is {is}, expected {was}: {line}", found.id)
}

/// The first line in which two texts differ.
fn first_line(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines());
    match lines.find(|(expected, found)| expected != found) {
        Some((expected, found)) => {
            format!("found `{}`, expected `{}`", found.trim(), expected.trim())
        }
        None => "one of the two has more".to_owned(),
    }
}

/// The cells that ended and in which nothing is inconclusive.
pub fn judged(run: &Run) -> Vec<&CellRecord> {
    let is_judged = |record: &&CellRecord| record.outcome().is_some_and(|o| !o.has_doubt());
    run.cells.iter().filter(is_judged).collect()
}

/// The first cell of a part of a run that was judged in another way than in the whole run, as text.
pub fn judged_otherwise(whole: &Run, part: &Run) -> Option<String> {
    judged(part).into_iter().find_map(|record| {
        let same = whole.cells.iter().find(|other| other.id == record.id);
        match same {
            None => Some(format!("{} is not in the undisturbed run", record.id)),
            Some(same) if same == record => None,
            Some(same) => Some(difference_of_cells(same, record)),
        }
    })
}
