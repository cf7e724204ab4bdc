//! Runs a bisection: lanes evaluate its points, and each answer is written at once.

pub mod query;
mod ask;
mod script;
mod dependency;

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::event::Event;
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::outcome::moved::forward;
use pinmatrix_core::model::run::bisection::{
    AskedPoint, BisectTarget, Bisection, Evidence, PointAnswer, SCHEMA,
};
use pinmatrix_core::model::status::Status;
use pinmatrix_core::search::bisect::{BisectResult, PointState, end, next};

use crate::bisect::query::{Axis, BisectQuery, PointPlace, Question, about, answer};
use crate::cache::key;
use crate::cell::context::RunContext;
use crate::cell::known;
use crate::fs_ext::{CACHEDIR_TAG, write_whole};
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::run::{RunSettings, groups_of, with_run_context};
use crate::workdir::work_dirs::WorkDirs;

/// The file's name in the results folder.
pub const FILE: &str = "bisection.json";

/// How often a lane that waits for another lane's result checks for an interrupt.
const TICK: Duration = Duration::from_millis(200);

/// A bisection that has ended.
pub struct Bisected {
    /// The points that were evaluated, and their answers.
    pub record: Bisection,
    /// The result; `None` if the bisection was interrupted.
    pub end: Option<BisectResult>,
    /// The other points, by index, whose known answer differs from that of the end on their side.
    pub elsewhere: Vec<(usize, PointAnswer)>,
}

/// Runs a bisection to its end. The answers in `replayed` are reused.
///
/// # Errors
///
/// Returns a [`UserError`] if the question is about something that does not exist, or if `replayed`
/// was made under other conditions. Returns other errors if the results or the work folders cannot
/// be written.
pub fn bisect(
    matrix: &Matrix,
    query: &BisectQuery,
    settings: &RunSettings<'_>,
    replayed: Option<Bisection>,
) -> Result<Bisected> {
    let waits = || {
        let note = "another run works on this subject; waiting for it to end";
        settings.listener.on_event(Event::Noted(note));
    };
    let place = &matrix.place;
    let work_dirs = WorkDirs::lock(&settings.cache, place, settings.cancel, waits)?;
    let cells = matrix.cells();
    work_dirs.remove_outdated_groups(&groups_of(
        matrix,
        cells.iter().map(|candidate| &candidate.cell),
    ))?;
    with_run_context(matrix, settings, &work_dirs, |run_context, n_lanes| {
        let asking = BisectLanes {
            matrix,
            query,
            work_dirs: &work_dirs,
            run_context,
            state: Mutex::new(BisectState::new(
                query,
                conditions_of(matrix, query)?,
                replayed,
            )?),
            changed: Condvar::new(),
        };
        write_whole(&settings.out.join("CACHEDIR.TAG"), CACHEDIR_TAG.as_bytes())?;
        asking.write(&asking.state())?;
        let lanes = rayon::ThreadPoolBuilder::new().num_threads(n_lanes).build();
        let results = lanes
            .context("start the lanes")?
            .broadcast(|lane| asking.work(lane.index()));
        let results: Result<Vec<()>> = results.into_iter().collect();
        let elsewhere = asking.elsewhere(&asking.state());
        let state = asking
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(user_error) = state.user_error {
            return Err(user_error.into());
        }
        results?;
        Ok(Bisected {
            end: end(&state.points),
            elsewhere,
            record: state.record,
        })
    })
}

/// The state that all lanes share.
struct BisectState {
    points: Vec<PointState>,
    record: Bisection,
    /// What the question is about, determined from the outcomes of the ends.
    about: Option<BisectTarget>,
    /// The outcomes found so far, until it is known what the question is about.
    waiting: BTreeMap<usize, FoundOutcome>,
    user_error: Option<UserError>,
    /// Whether a lane has failed to evaluate a point.
    has_failed: bool,
}

impl BisectState {
    fn new(
        query: &BisectQuery,
        conditions: String,
        replayed: Option<Bisection>,
    ) -> Result<Self, UserError> {
        let names = query.points.iter().map(|point| point.name.clone());
        let mut state = Self {
            points: vec![PointState::Open; query.points.len()],
            record: Bisection {
                schema: SCHEMA,
                question: query.question.to_string(),
                axis: axis(&query.axis),
                conditions,
                points: names.collect(),
                about: None,
                asked: Vec::new(),
            },
            about: match query.question {
                Question::Cell | Question::Script(_) => Some(BisectTarget::Cell),
                Question::Target(_) | Question::Case { .. } => None,
            },
            waiting: BTreeMap::new(),
            user_error: None,
            has_failed: false,
        };
        let Some(replayed) = replayed else {
            return Ok(state);
        };
        if replayed.conditions != state.record.conditions {
            let message = "the bisection that is replayed is of another state of the subject, of the toolchains or of the script";
            return Err(UserError::new(message).help("bisect again without --replay"));
        }
        if replayed.about.is_some() {
            state.about.clone_from(&replayed.about);
            state.record.about = replayed.about;
        }
        for asked in replayed.asked {
            let index = state
                .record
                .points
                .iter()
                .position(|name| *name == asked.point);
            let is_sure = asked.answer != PointAnswer::CannotTell && state.about.is_some();
            let is_here = |index: &usize| query.points[*index].cell.id() == asked.cell;
            if let Some(index) = index.filter(|index| is_sure && is_here(index)) {
                state.points[index] = PointState::Answered(asked.answer);
                state.record.asked.push(AskedPoint {
                    known: true,
                    ..asked
                });
            }
        }
        Ok(state)
    }

    fn is_over(&self) -> bool {
        self.user_error.is_some() || self.has_failed || end(&self.points).is_some()
    }
}

/// Returns a hash of everything that answers depend on besides their points.
fn conditions_of(matrix: &Matrix, query: &BisectQuery) -> Result<String> {
    // For commits of the subject, its current files make no difference.
    let sources = match &query.axis {
        Axis::Commits { .. } => Vec::new(),
        Axis::Pins(_) | Axis::Toolchains(_) | Axis::Dependency { .. } => matrix
            .trees
            .iter()
            .map(|tree| tree.sources.as_str())
            .collect(),
    };
    let script = match &query.question {
        Question::Script(file) => fs::read(file).with_context(|| format!("read {file}"))?,
        Question::Cell | Question::Target(_) | Question::Case { .. } => Vec::new(),
    };
    let toolchains = matrix
        .toolchains
        .iter()
        .filter_map(|sought| sought.toolchain());
    let toolchains: Vec<&str> = toolchains.map(|t| t.rustc_verbose.as_str()).collect();
    let around = matrix.child_env.cache_relevant();
    key::of(&(sources, script, toolchains, around))
}

/// Returns the name of an axis.
#[must_use]
pub fn axis(axis: &Axis) -> String {
    match axis {
        Axis::Pins(_) => "pins".to_owned(),
        Axis::Toolchains(_) => "toolchains".to_owned(),
        Axis::Commits { .. } => "commits".to_owned(),
        Axis::Dependency { .. } => "commits of the dependency".to_owned(),
    }
}

/// Everything that the lanes of a bisection share.
struct BisectLanes<'a> {
    matrix: &'a Matrix,
    query: &'a BisectQuery,
    work_dirs: &'a WorkDirs,
    run_context: &'a RunContext<'a>,
    state: Mutex<BisectState>,
    changed: Condvar,
}

/// The outcome of a point.
struct FoundOutcome {
    outcome: Outcome,
    /// Whether it was known from an earlier run.
    is_known: bool,
}

/// The result of one point.
enum PointResult {
    Outcome(Box<FoundOutcome>),
    Answer(PointAnswer, String),
}

impl BisectLanes<'_> {
    fn work(&self, lane: usize) -> Result<()> {
        while let Some(index) = self.take() {
            let point = &self.query.points[index];
            let found = self.ask(point, lane);
            let mut state = self.state();
            state.has_failed |= found.is_err();
            let noted = found.and_then(|found| self.note(&mut state, index, found));
            drop(state);
            self.changed.notify_all();
            noted?;
        }
        Ok(())
    }

    /// Returns the next point for a lane. Waits if another lane's answer is needed to decide.
    /// Returns `None` once the bisection is over or cancelled.
    fn take(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if self.run_context.cancel.is_cancelled() || state.is_over() {
                return None;
            }
            if let Some(index) = next(&state.points, 1).first().copied() {
                state.points[index] = PointState::Running;
                return Some(index);
            }
            let is_under_way = state.points.contains(&PointState::Running);
            if !is_under_way {
                return None;
            }
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn note(&self, state: &mut BisectState, index: usize, found: PointResult) -> Result<()> {
        if self.run_context.cancel.is_cancelled() {
            return Ok(());
        }
        let found = match found {
            PointResult::Answer(answer, summary) => {
                self.record_answer(state, index, (answer, Evidence::line(summary)), false);
                return self.write(state);
            }
            PointResult::Outcome(found) => *found,
        };
        state.waiting.insert(index, found);
        if state.about.is_none() {
            let last = self.query.points.len() - 1;
            let ends = [0, last].map(|end| state.waiting.get(&end).map(|found| &found.outcome));
            let [Some(first), Some(other)] = ends else {
                return Ok(());
            };
            let doubt = |outcome: &&Outcome| matches!(outcome.status, Status::Inconclusive { .. });
            if [first, other].iter().any(doubt) {
                // An inconclusive result at an end is not a user error.
                for (index, found) in std::mem::take(&mut state.waiting) {
                    let (_, why) = answer(&BisectTarget::Cell, &found.outcome, &|_| true);
                    let answer = (PointAnswer::CannotTell, why);
                    self.record_answer(state, index, answer, found.is_known);
                }
                return self.write(state);
            }
            match about(&self.query.question, &[first, other]) {
                Ok(about) => {
                    state.record.about = Some(about.clone());
                    state.about = Some(about);
                }
                Err(user_error) => {
                    state.user_error = Some(user_error);
                    return Ok(());
                }
            }
        }
        let Some(about) = state.about.clone() else {
            return Ok(());
        };
        for (index, FoundOutcome { outcome, is_known }) in std::mem::take(&mut state.waiting) {
            let (answer, mut why) = answer(&about, &outcome, &|file| self.is_own(index, file));
            if let Some(moved) = forward(&outcome.moved) {
                why.summary.push_str(&format!(" ({moved})"));
            }
            self.record_answer(state, index, (answer, why), is_known);
        }
        self.write(state)
    }

    /// Returns the points beside the change whose answer differs from that of the end on their
    /// side. The answers come from this bisection or from runs of the matrix.
    fn elsewhere(&self, state: &BisectState) -> Vec<(usize, PointAnswer)> {
        let (Some(BisectResult::Found { before, after, .. }), Some(about)) =
            (end(&state.points), &state.about)
        else {
            return Vec::new();
        };
        let answer_at = |index: usize| match state.points.get(index)? {
            PointState::Answered(answer) => Some(*answer),
            PointState::Open | PointState::Running => self.known_answer(index, about),
        };
        let last = state.points.len() - 1;
        let beside = (0..before).chain(after..last);
        let others = beside.filter_map(|index| {
            let expected = answer_at(if index < before { 0 } else { last })?;
            let answer = answer_at(index).filter(|answer| *answer != PointAnswer::CannotTell)?;
            (answer != expected).then_some((index, answer))
        });
        others.collect()
    }

    /// Returns the answer for a point from what runs of the matrix stored.
    fn known_answer(&self, index: usize, about: &BisectTarget) -> Option<PointAnswer> {
        let point = &self.query.points[index];
        match (&point.place, &self.query.question) {
            (PointPlace::Commit(_) | PointPlace::Dependency(_), _) | (_, Question::Script(_)) => {
                return None;
            }
            (PointPlace::Matrix, Question::Cell | Question::Target(_) | Question::Case { .. }) => {}
        }
        let context = CellContext::of(self.matrix, &point.cell).ok()??;
        let outcome = known(self.run_context, &context)?;
        Some(answer(about, &outcome, &|file| self.is_own(index, file)).0)
    }

    /// Returns true if an error in a file is about the question. One in the dependency's own commit
    /// is not.
    fn is_own(&self, index: usize, file: &str) -> bool {
        match self.query.points[index].place {
            PointPlace::Matrix | PointPlace::Commit(_) => true,
            PointPlace::Dependency(_) => {
                let trees = self.matrix.trees.iter();
                let mut subjects = trees.map(|tree| &tree.subject);
                subjects.any(|subject| subject.holds(file))
            }
        }
    }

    fn record_answer(
        &self,
        state: &mut BisectState,
        index: usize,
        (answer, why): (PointAnswer, Evidence),
        known: bool,
    ) {
        let point = &self.query.points[index];
        state.points[index] = PointState::Answered(answer);
        let words = match answer {
            PointAnswer::Good => "good",
            PointAnswer::Bad => "bad",
            PointAnswer::CannotTell => "cannot tell",
        };
        let note = format!("{}: {words}: {}", point.name, why.summary);
        self.run_context.listener.on_event(Event::Noted(&note));
        state.record.asked.push(AskedPoint {
            point: point.name.clone(),
            cell: point.cell.id(),
            answer,
            why,
            known,
        });
    }

    fn write(&self, state: &BisectState) -> Result<()> {
        let text = serde_json::to_string_pretty(&state.record).context("write a bisection")?;
        write_whole(
            &self.run_context.results.join(FILE),
            format!("{text}\n").as_bytes(),
        )
    }

    fn state(&self) -> MutexGuard<'_, BisectState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
