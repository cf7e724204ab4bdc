//! The analysis of a run, made once: every report, and every sentence in it, is a function of it.

pub mod blame;
pub mod frontier;
pub mod baseline;
pub mod findings;

pub mod problems;
mod passing;
mod obstacles;
mod upgrade;
mod course;
mod run_result;
mod tally;

pub use self::course::{Course, CourseTurn};
pub use self::obstacles::{Obstacle, Obstacles};
use self::problems::Problem;
pub use self::problems::causes::of_point;
pub use self::run_result::{RunResult, judgement, run_result, unknown_failing};
pub use self::tally::Tally;
pub use self::upgrade::{PinFate, Upgrade, UpgradeStep};
use crate::analysis::frontier::{ChangePoint, frontier};
use crate::model::run::Run;

/// The analysis of a run.
#[derive(Clone, Debug)]
pub struct Analysis<'a> {
    /// The run.
    pub run: &'a Run,
    /// All change points.
    pub points: Vec<ChangePoint>,
    /// How far each row can upgrade, in the order of the run; a row about which nothing is known
    /// has no entry.
    pub upgrades: Vec<Upgrade<'a>>,
    /// What blocks the last tested pin of each family, on its first row; a family without known
    /// obstacles has no entry.
    pub obstacles: Vec<Obstacles<'a>>,
    /// The courses of everything that changed between passing and failing.
    pub courses: Vec<Course>,
    /// The results of each family's targets over all cells.
    pub tallies: Vec<Tally<'a>>,
    /// The problems, the most important first.
    pub problems: Vec<Problem>,
}

impl<'a> Analysis<'a> {
    /// Analyses a run.
    #[must_use]
    pub fn of(run: &'a Run) -> Self {
        let points = frontier(run);
        let families = run.families.iter();
        let upgrades = upgrade::upgrades(run);
        Self {
            run,
            obstacles: run
                .families
                .iter()
                .filter_map(|family| {
                    let mut rows = upgrades.iter().filter(|u| u.family == family.name);
                    obstacles::obstacles(run, rows.next()?)
                })
                .collect(),
            upgrades,
            courses: course::courses(&points),
            problems: problems::problems(run, &points),
            tallies: families.map(|family| Tally::of(run, family)).collect(),
            points,
        }
    }
}

#[cfg(test)]
mod tests;
