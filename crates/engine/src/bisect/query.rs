//! A bisection query: a question, the axis to search, and the points of that axis.

use std::sync::Arc;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::config::did_you_mean;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::{Cell, Pin, PinnedAt, Row};
use pinmatrix_core::model::outcome::{CaseOutcome, Outcome, TargetId, TargetOutcome};
use pinmatrix_core::model::run::bisection::{BisectTarget, Evidence, PointAnswer};
use pinmatrix_core::model::status::{FailureKind, Status};
use semver::Version;

use crate::machine::toolchain::Toolchain;
use crate::matrix::Matrix;
use crate::subject::git::{Repository, short};

/// The question to ask at every point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether the whole cell passes.
    Cell,
    /// Whether a target passes, given its name or the way reports write it.
    Target(String),
    /// Whether a case passes; the target tells apart several cases of one name.
    Case {
        /// The target.
        target: Option<String>,
        /// The test's path.
        case: String,
    },
    /// A program that decides by its exit code: 0 means good, 125 cannot tell, any other bad.
    Script(Utf8PathBuf),
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cell => f.write_str("the whole cell"),
            Self::Target(target) => f.write_str(target),
            Self::Case { target: None, case } => f.write_str(case),
            Self::Case {
                target: Some(target),
                case,
            } => write!(f, "{target} {case}"),
            Self::Script(file) => write!(f, "script {file}"),
        }
    }
}

/// The axis to search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Every published version from one pin to another.
    Pins(AxisEnds),
    /// The toolchains of the matrix, ordered by their rustc.
    Toolchains(AxisEnds),
    /// Commits of the subject.
    Commits {
        /// The older end.
        from: String,
        /// The newer end.
        to: String,
    },
    /// Commits of the family's own repository, between two of its releases.
    Dependency {
        /// The path of the repository.
        repository: Utf8PathBuf,
        /// The pattern of its tags, such as `v{version}`.
        tags: String,
        /// The two releases.
        between: AxisEnds,
    },
}

/// The two ends of an axis. An end that is not named is that of the matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxisEnds {
    /// The first point.
    pub from: Option<String>,
    /// The last point.
    pub to: Option<String>,
}

impl AxisEnds {
    /// Parses `FROM..TO`, in which either end may be left out.
    #[must_use]
    pub fn parse(written: &str) -> Self {
        let (from, to) = written.split_once("..").unwrap_or((written, written));
        let named = |end: &str| (!end.is_empty()).then(|| end.to_owned());
        Self {
            from: named(from),
            to: named(to),
        }
    }
}

/// One point of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name: a version, a label or a commit.
    pub name: String,
    /// The cell that answers the question.
    pub cell: Cell,
    /// How the point differs from that cell.
    pub place: PointPlace,
}

/// Where the code for a point comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointPlace {
    /// It is a cell of the matrix.
    Matrix,
    /// A commit of the subject.
    Commit(String),
    /// A commit of the family's repository.
    Dependency(String),
}

/// A question with the points to ask it at.
#[derive(Clone, Debug)]
pub struct BisectQuery {
    /// The question.
    pub question: Question,
    /// The axis.
    pub axis: Axis,
    /// The points, in the order of the axis.
    pub points: Vec<Point>,
}

/// Returns the points of an axis. `cell` gives everything that the axis does not vary.
///
/// # Errors
///
/// Returns a [`UserError`] if an end does not exist or the axis is empty.
pub fn points(matrix: &Matrix, axis: &Axis, cell: &Cell) -> Result<Vec<Point>> {
    let points = match axis {
        Axis::Pins(ends) => pins(matrix, ends, cell)?,
        Axis::Toolchains(ends) => toolchains(matrix, ends, cell)?,
        Axis::Commits { from, to } => {
            let repository = Repository::of(&matrix.place)?.ok_or_else(|| {
                UserError::new(format!("{} is in no git repository", matrix.place))
                    .help("commits of the subject need git")
            })?;
            let line = repository.line(from, to)?;
            line.into_iter()
                .map(|commit| of_commit(cell, commit))
                .collect()
        }
        Axis::Dependency {
            repository,
            tags,
            between,
        } => dependency(matrix, repository, tags, between, cell)?,
    };
    match points.len() {
        0 | 1 => Err(
            UserError::new("there is nothing between the two ends to look at")
                .help("the two ends are the same; name others")
                .into(),
        ),
        _ => Ok(points),
    }
}

fn pins(matrix: &Matrix, ends: &AxisEnds, cell: &Cell) -> Result<Vec<Point>> {
    let pins = published(matrix, &cell.pin.family)?;
    let names: Vec<String> = pins.iter().map(|pin| pin.at.to_string()).collect();
    let (from, to) = within(&names, ends, "pin")?;
    let point = |(name, pin): (&String, &Arc<Pin>)| Point {
        name: name.clone(),
        cell: Cell {
            row: cell.row.clone(),
            pin: pin.clone(),
        },
        place: PointPlace::Matrix,
    };
    Ok(names
        .iter()
        .zip(&pins)
        .take(to + 1)
        .skip(from)
        .map(point)
        .collect())
}

/// Returns the pins of a family: rungs, and the published versions in between.
fn published(matrix: &Matrix, family: &str) -> Result<Vec<Arc<Pin>>> {
    let families = matrix.config.families.iter().zip(&matrix.ladders);
    let mut ladders = families.filter(|(of, _)| of.name.get_ref() == family);
    let (_, ladder) = ladders.next().context("find the family")?;
    Ok(ladder
        .all()
        .into_iter()
        .map(|of| Arc::clone(of.pin))
        .collect())
}

fn toolchains(matrix: &Matrix, ends: &AxisEnds, cell: &Cell) -> Result<Vec<Point>> {
    if let Some(sought) = matrix.toolchains.iter().find(|t| t.broken().is_some()) {
        // A boundary that skips a toolchain which cannot answer would be wrong.
        let why = sought.broken().unwrap_or_default();
        anyhow::bail!("{} does not respond: {why}", sought.label);
    }
    let found = matrix.toolchains.iter();
    let found = found.filter_map(|sought| Some((sought.toolchain()?, &sought.label)));
    // What a toolchain says of one platform says nothing of another.
    let platform = matrix.toolchain(&cell.row).map(Toolchain::triple);
    let found = found.filter(|(toolchain, _)| platform.is_none_or(|of| of == toolchain.triple()));
    let found = found.map(|(toolchain, label)| (toolchain.rustc.clone(), label.clone()));
    let mut found: Vec<(Version, String)> = found.collect();
    found.sort();
    let names: Vec<String> = found.into_iter().map(|(_, label)| label).collect();
    let (from, to) = within(&names, ends, "toolchain")?;
    let point = |label: &String| Point {
        name: label.clone(),
        cell: Cell {
            row: Arc::new(Row {
                toolchain: label.clone(),
                ..Row::clone(&cell.row)
            }),
            pin: cell.pin.clone(),
        },
        place: PointPlace::Matrix,
    };
    Ok(names.iter().take(to + 1).skip(from).map(point).collect())
}

fn of_commit(cell: &Cell, commit: String) -> Point {
    let source = Some(short(&commit).to_owned());
    Point {
        name: short(&commit).to_owned(),
        cell: Cell {
            row: Arc::new(Row {
                source,
                ..Row::clone(&cell.row)
            }),
            pin: cell.pin.clone(),
        },
        place: PointPlace::Commit(commit),
    }
}

fn dependency(
    matrix: &Matrix,
    repository: &Utf8PathBuf,
    tags: &str,
    between: &AxisEnds,
    cell: &Cell,
) -> Result<Vec<Point>> {
    let dependency = Repository::of(repository)?.ok_or_else(|| {
        UserError::new(format!("{repository} is not a git repository"))
            .help("clone the dependency's repository, with its tags, and name that folder")
    })?;
    let pins = published(matrix, &cell.pin.family)?;
    let releases = pins.iter().filter(|pin| pin.at.version().is_some());
    let names: Vec<String> = releases.map(|pin| pin.at.to_string()).collect();
    let (from, to) = within(&names, between, "release")?;
    let tag = |index: usize| -> Result<String> {
        let name = tags.replace("{version}", &names[index]);
        match dependency.commit(&format!("refs/tags/{name}")) {
            Some(commit) => Ok(commit),
            None => Err(UserError::new(format!("{repository} has no tag `{name}`"))
                .help("say with --tags what its tags look like, for example `v{version}`; `git fetch --tags` gets them")
                .into()),
        }
    };
    let (older, newer) = (tag(from)?, tag(to)?);
    // For a release from a branch of its own, use the commit where that branch began.
    let base = dependency.ask(&["merge-base", &older, &newer]).ok();
    let base = base.ok_or_else(|| {
        UserError::new("the two releases have no history in common")
            .help("a shallow clone has only a part of it")
    })?;
    let point = |commit: String| Point {
        name: short(&commit).to_owned(),
        cell: Cell {
            row: cell.row.clone(),
            pin: Arc::new(Pin {
                family: cell.pin.family.clone(),
                at: PinnedAt::Path {
                    label: short(&commit).to_owned(),
                    path: Utf8PathBuf::new(),
                },
            }),
        },
        place: PointPlace::Dependency(commit),
    };
    Ok(dependency
        .line(&base, &newer)?
        .into_iter()
        .map(point)
        .collect())
}

/// Returns the positions of two ends in a list. An end that is not named is the end of the list.
fn within(names: &[String], ends: &AxisEnds, what: &str) -> Result<(usize, usize), UserError> {
    let find = |name: &String| {
        names.iter().position(|known| known == name).ok_or_else(|| {
            UserError::new(format!("there is no {what} `{name}` on this axis"))
                .maybe_help(did_you_mean(name, names.iter().map(String::as_str)))
        })
    };
    let from = ends.from.as_ref().map_or(Ok(0), find)?;
    let to = ends
        .to
        .as_ref()
        .map_or(Ok(names.len().saturating_sub(1)), find)?;
    if to < from {
        return Err(
            UserError::new(format!("{} comes before {}", names[to], names[from]))
                .help("write the older end first: `FROM..TO`"),
        );
    }
    Ok((from, to))
}

/// Finds the target of a question in the outcomes of both ends.
///
/// # Errors
///
/// Returns a [`UserError`] that names the closest match if neither end has such a target or case,
/// or if it is ambiguous.
pub fn about(question: &Question, ends: &[&Outcome]) -> Result<BisectTarget, UserError> {
    let targets: Vec<&TargetOutcome> = ends.iter().flat_map(|outcome| &outcome.targets).collect();
    let (wanted, case) = match question {
        Question::Cell | Question::Script(_) => return Ok(BisectTarget::Cell),
        Question::Target(target) => (Some(target), None),
        Question::Case { target, case } => (target.as_ref(), Some(case)),
    };
    let is_meant = |id: &TargetId| wanted.is_none_or(|wanted| id.is_called(wanted));
    let has_case = |target: &TargetOutcome| {
        case.is_none_or(|case| target.cases.iter().any(|known| known.name == *case))
    };
    let meant = || targets.iter().filter(|target| is_meant(&target.id));
    let mut found: Vec<&TargetId> = meant().filter(|t| has_case(t)).map(|t| &t.id).collect();
    found.sort();
    found.dedup();
    match (found.as_slice(), case) {
        ([only], None) => Ok(BisectTarget::Target((*only).clone())),
        ([only], Some(case)) => Ok(BisectTarget::Case((*only).clone(), case.clone())),
        ([], _) => Err(missing(
            question,
            wanted,
            case,
            &targets,
            meant().count() > 0,
        )),
        ([first, others @ ..], _) => {
            let names = others
                .iter()
                .map(|id| format!(", `{id}`"))
                .collect::<String>();
            Err(
                UserError::new(format!("`{question}` could be of `{first}`{names}"))
                    .help("name one of them with --target"),
            )
        }
    }
}

fn missing(
    question: &Question,
    wanted: Option<&String>,
    case: Option<&String>,
    targets: &[&TargetOutcome],
    is_target_there: bool,
) -> UserError {
    let names: Vec<String> = targets.iter().map(|target| target.id.to_string()).collect();
    if targets.is_empty() {
        return UserError::new("neither end got as far as any target")
            .help("ask about the whole cell, or name other ends");
    }
    match (case, wanted) {
        (Some(case), _) if is_target_there => {
            let cases = targets.iter().flat_map(|target| &target.cases);
            let cases: Vec<&str> = cases.map(|case| case.name.as_str()).collect();
            let built = "a target that builds at neither end shows no cases";
            let hint = did_you_mean(case, cases).unwrap_or(built.to_owned());
            UserError::new(format!("there is no case `{question}` at either end")).help(hint)
        }
        (_, Some(wanted)) => UserError::new(format!("there is no target `{wanted}`"))
            .maybe_help(did_you_mean(wanted, names.iter().map(String::as_str))),
        (_, None) => UserError::new(format!("there is no `{question}`")),
    }
}

/// Returns the answer of an outcome and its evidence. When commits of a dependency are tested, an
/// error outside the subject is the dependency's own and says nothing about the question.
#[must_use]
pub fn answer(
    about: &BisectTarget,
    outcome: &Outcome,
    is_own: &dyn Fn(&str) -> bool,
) -> (PointAnswer, Evidence) {
    let target = |id: &TargetId| outcome.targets.iter().find(|target| target.id == *id);
    match about {
        BisectTarget::Cell => match outcome.targets.iter().find(|t| t.status.is_failed()) {
            Some(failing) => of_target(failing, is_own),
            None => of_whole(outcome),
        },
        BisectTarget::Target(id) => match target(id) {
            Some(target) => of_target(target, is_own),
            None => without(outcome),
        },
        BisectTarget::Case(id, name) => {
            let Some(target) = target(id) else {
                return without(outcome);
            };
            match target.cases.iter().find(|case| case.name == *name) {
                Some(case) => (of_status(&case.status), why_case(case)),
                None if target.cases.is_empty() => of_target(target, is_own),
                None => (
                    PointAnswer::CannotTell,
                    Evidence::line("it has no such case"),
                ),
            }
        }
    }
}

/// Answers for an outcome without the requested target: a failure that affected all targets is the
/// answer; otherwise there is none.
fn without(outcome: &Outcome) -> (PointAnswer, Evidence) {
    if outcome.targets.is_empty() {
        of_whole(outcome)
    } else {
        (
            PointAnswer::CannotTell,
            Evidence::line("it has no such target"),
        )
    }
}

fn of_whole(outcome: &Outcome) -> (PointAnswer, Evidence) {
    let status = &outcome.status;
    let why = match outcome.errors.first() {
        Some(error) => Evidence {
            summary: format!("{status}: {error}"),
            detail: error.rendered.clone(),
        },
        None => Evidence::line(status.to_string()),
    };
    (of_status(status), why)
}

fn of_target(target: &TargetOutcome, is_own: &dyn Fn(&str) -> bool) -> (PointAnswer, Evidence) {
    let error = target.errors.first();
    let file = error.and_then(|error| error.file.as_deref());
    let is_compile = target.status == Status::failed(FailureKind::Compile);
    let answer = if is_compile && file.is_none_or(|file| !is_own(file)) {
        PointAnswer::CannotTell
    } else {
        of_status(&target.status)
    };
    let summary = if target.status.is_failed() {
        format!("{}: {}", target.status, target.first_error())
    } else {
        target.status.to_string()
    };
    let mut failing = target.cases.iter().filter(|case| case.status.is_failed());
    let printed = || failing.next().and_then(|case| case.output.clone());
    let rendered = error.and_then(|error| error.rendered.clone());
    let detail = rendered.or_else(printed);
    (answer, Evidence { summary, detail })
}

fn why_case(case: &CaseOutcome) -> Evidence {
    let message = case.message().map(|message| format!(": {message}"));
    Evidence {
        summary: format!("{}{}", case.status, message.unwrap_or_default()),
        detail: case.output.clone(),
    }
}

fn of_status(status: &Status) -> PointAnswer {
    match status {
        Status::Passed => PointAnswer::Good,
        Status::Failed { .. } if status.is_verdict() => PointAnswer::Bad,
        Status::Skipped { .. } if status.is_built() => PointAnswer::Good,
        Status::Failed { .. } | Status::Skipped { .. } | Status::Inconclusive { .. } => {
            PointAnswer::CannotTell
        }
    }
}
