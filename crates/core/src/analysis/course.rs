//! How results develop along the ladder of a row: every turn between passing and failing, in order.

use crate::analysis::frontier::{ChangeKind, ChangePoint};
use crate::model::cell::{PinnedAt, Row};
use crate::model::outcome::TargetId;

/// The turns of one target or group of cases on one row; at least one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The family's name.
    pub family: String,
    /// The row.
    pub row: Row,
    /// The target; `None` for whether any target can be built at all.
    pub target: Option<TargetId>,
    /// The cases; empty if all cases of the target share the course.
    pub cases: Vec<String>,
    /// The turns in ladder order: breaks and fixes alternate.
    pub turns: Vec<CourseTurn>,
    /// The first error after its first break.
    pub error: Option<String>,
}

/// A turn from passing to failing, or back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CourseTurn {
    /// The first tested pin after the turn.
    pub at: PinnedAt,
    /// Whether it broke there or passed again.
    pub change: ChangeKind,
    /// Whether to pass only means to be built there: nothing here runs it.
    pub is_built: bool,
}

impl Course {
    /// Whether a change point concerns the same target and cases, on any row.
    #[must_use]
    pub fn is_of_kind(&self, point: &ChangePoint) -> bool {
        (&self.family, &self.target, &self.cases) == (&point.family, &point.target, &point.cases)
    }

    /// Whether a change point concerns the same target on the same row.
    fn is_near(&self, point: &ChangePoint) -> bool {
        (&self.family, &self.row, &self.target) == (&point.family, &point.row, &point.target)
    }
}

/// Groups change points into courses, in their order.
pub fn courses(points: &[ChangePoint]) -> Vec<Course> {
    let mut courses: Vec<Course> = Vec::new();
    for point in points {
        let turn = match point.change {
            ChangeKind::Break | ChangeKind::Fix => CourseTurn {
                at: point.after.at.clone(),
                change: point.change,
                is_built: point.after.status.is_built(),
            },
            ChangeKind::Shift => continue,
        };
        let error = point.after.error.as_ref();
        let error = error.filter(|_| point.change == ChangeKind::Break);
        // The points of one target on one row are adjacent.
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
