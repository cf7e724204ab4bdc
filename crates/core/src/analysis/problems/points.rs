//! The change points that go with a problem.

use std::collections::BTreeMap;

use crate::analysis::frontier::{ChangeKind, ChangePoint};
use crate::analysis::problems::Occurrence;
use crate::model::cell::CellId;
use crate::text;

/// The breaks and shifts of a run, by the first cell that shows them.
pub(super) struct Points<'a>(BTreeMap<&'a CellId, Vec<&'a ChangePoint>>);

impl<'a> Points<'a> {
    pub(super) fn of(points: &'a [ChangePoint]) -> Self {
        let mut by_cell: BTreeMap<&CellId, Vec<&ChangePoint>> = BTreeMap::new();
        for point in points {
            match point.change {
                ChangeKind::Break | ChangeKind::Shift => {
                    let of_cell = by_cell.entry(&point.after.cell);
                    of_cell.or_default().push(point);
                }
                ChangeKind::Fix => {}
            }
        }
        Self(by_cell)
    }

    pub(super) fn at(&self, occurrence: &Occurrence<'_>) -> Option<&'a ChangePoint> {
        let is_of = |point: &&&ChangePoint| {
            let target = point.target.as_ref().map(ToString::to_string);
            let is_case = |case: &String| {
                let case = text::one_line(case);
                occurrence.key.case.as_ref() == Some(&case)
            };
            target == occurrence.target
                && (point.cases.is_empty() || point.cases.iter().any(is_case))
        };
        self.0
            .get(&occurrence.record.id)?
            .iter()
            .find(is_of)
            .copied()
    }
}
