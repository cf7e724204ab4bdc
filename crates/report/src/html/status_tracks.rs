//! Status tracks along the ladder: one letter per pin, and marks where the status changes.

use pinmatrix_core::model::cell::PinnedAt;
use pinmatrix_core::model::outcome::TargetOutcome;
use pinmatrix_core::model::run::between::Between;
use pinmatrix_core::model::run::{CellRecord, FamilyRecord};
use pinmatrix_core::model::status::Status;

use crate::sections::strips::letter;

/// The letters of [`letter`] and `≈`, and parallel to them the marks: `|` if the status differs
/// from the previous verdict and nothing published lies between, `:` if something does.
pub type StatusTrack = (String, String);

/// The track of something with these statuses in the cells of a row.
pub fn way(
    family: &FamilyRecord,
    row: &[&CellRecord],
    statuses: &[Option<&Status>],
) -> StatusTrack {
    let (mut letters, mut marks) = (String::new(), String::new());
    let mut last: Option<(&Status, &PinnedAt)> = None;
    for (record, status) in row.iter().zip(statuses) {
        letters.push(match (record.is_inferred(), status) {
            (true, _) => '≈',
            (false, status) => letter(*status),
        });
        let pin = &record.cell.pin.at;
        let verdict = status.filter(|status| status.is_verdict());
        let before = last.filter(|(before, _)| verdict.is_some_and(|status| status != *before));
        marks.push(match before {
            None => ' ',
            Some((_, from)) if Between::of(family, from, pin).is_exact() => '|',
            Some(_) => ':',
        });
        last = verdict.map(|status| (status, pin)).or(last);
    }
    (letters, marks)
}

/// The status of a case; the target's own status if the target did not get to run any case.
pub fn of_case<'a>(target: &'a TargetOutcome, name: &str) -> Option<&'a Status> {
    let place = target
        .cases
        .binary_search_by(|case| case.name.as_str().cmp(name));
    match place {
        Ok(index) => target.cases.get(index).map(|case| &case.status),
        Err(_) if target.cases.is_empty() => Some(&target.status),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::testing::history;

    use super::*;

    fn track(letters: &str, n_patches: u64) -> StatusTrack {
        let run = history(letters, n_patches);
        let family = &run.families[0];
        let row = &run.rows(family)[0];
        let statuses = row.iter().map(|record| {
            let target = record.outcome().and_then(|outcome| outcome.targets.first());
            target.map(|target| &target.status)
        });
        way(family, row, &statuses.collect::<Vec<_>>())
    }

    #[test]
    fn a_change_is_marked_where_it_is_seen_first() {
        assert_eq!(track("..bx", 1), ("✔✔bt".to_owned(), "  ||".to_owned()));
        assert_eq!(track("..b", 3), ("✔✔b".to_owned(), "  :".to_owned()));
    }

    #[test]
    fn what_is_no_verdict_is_looked_past() {
        assert_eq!(track(".-d.", 1), ("✔·d✔".to_owned(), "    ".to_owned()));
        assert_eq!(track(".-b.", 1), ("✔·b✔".to_owned(), "  :|".to_owned()));
    }
}
