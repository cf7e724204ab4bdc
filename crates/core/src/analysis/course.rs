//! How something went along the ladder of a row: every turn between passing and failing, in order.

use crate::analysis::frontier::{ChangeKind, ChangePoint};
use crate::model::cell::{PinSource, Row};
use crate::model::outcome::TargetId;

/// The turns of one thing on one row; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The family's name.
    pub family: String,
    /// The row.
    pub row: Row,
    /// The target; none where it is about whether any target can be built at all.
    pub target: Option<TargetId>,
    /// The cases; none where all of the target's went this way.
    pub cases: Vec<String>,
    /// The turns, in the order of the ladder: breaks and fixes by turns.
    pub turns: Vec<CourseTurn>,
    /// The first error after its first break.
    pub error: Option<String>,
}

/// A turn from passing to failing, or back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CourseTurn {
    /// The first pin that was tested after it.
    pub at: PinSource,
    /// Whether it broke there, or passed again.
    pub change: ChangeKind,
}

impl Course {
    /// Whether a change point is of the same target and cases, on whichever row.
    #[must_use]
    pub fn is_of_kind(&self, point: &ChangePoint) -> bool {
        (&self.family, &self.target, &self.cases) == (&point.family, &point.target, &point.cases)
    }

    /// Whether it is of the same target on the same row.
    fn is_near(&self, point: &ChangePoint) -> bool {
        (&self.family, &self.row, &self.target) == (&point.family, &point.row, &point.target)
    }
}

/// The courses that some change points make up, in their order.
pub fn courses(points: &[ChangePoint]) -> Vec<Course> {
    let mut courses: Vec<Course> = Vec::new();
    for point in points {
        let turn = match point.change {
            ChangeKind::Break | ChangeKind::Fix => CourseTurn {
                at: point.after.at.clone(),
                change: point.change,
            },
            ChangeKind::Shift => continue,
        };
        let error = point.after.error.as_ref();
        let error = error.filter(|_| point.change == ChangeKind::Break);
        // Points of one target on one row stand together.
        let near = courses.iter_mut().rev();
        let mut near = near.take_while(|course| course.is_near(point));
        match near.find(|course| course.cases == point.cases) {
            Some(course) => {
                course.turns.push(turn);
                course.error = course.error.take().or_else(|| error.cloned());
            }
            None => courses.push(Course {
                family: point.family.clone(),
                row: point.row.clone(),
                target: point.target.clone(),
                cases: point.cases.clone(),
                turns: vec![turn],
                error: error.cloned(),
            }),
        }
    }
    courses
}
