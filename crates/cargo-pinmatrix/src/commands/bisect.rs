//! `bisect`: asks one question along one axis, and shows the result.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix::{
    Axis, AxisEnds, BISECTION_FILE, BisectQuery, Bisected, Matrix, Point, PointPlace, Question,
    RunSettings, axis_text, bisect, bisect_points, cache_folder,
};
use pinmatrix_core::error::{UserError, nearest};
use pinmatrix_core::model::cell::{Cell, Pin, Row};
use pinmatrix_core::model::run::FamilyRecord;
use pinmatrix_core::model::run::between::Between;
use pinmatrix_core::model::run::bisection::{AskedPoint, Bisection, PointAnswer, SCHEMA};
use pinmatrix_core::search::bisect::BisectResult;
use pinmatrix_core::text::shell_word;
use pinmatrix_process::cancel::Cancel;

use crate::args::flags::{AxisFlags, BisectFlags, QuestionFlags};
use crate::output::stdout::{BOLD, DIM, GREEN, RED, RESET, YELLOW};
use crate::output::{progress, stdout};
use crate::{ExitStatus, Program, bad_out_dir, check_out, listen_for_signals, open};

/// How many lines of a compiler's or a test's output are shown for one point; its log has all.
const MOST_LINES: usize = 12;

/// Runs `bisect`.
///
/// # Errors
///
/// Returns a user error in the config, the flags, the question or the axis, or an error of the
/// machine.
pub fn run(program: Program, flags: &BisectFlags) -> Result<ExitStatus> {
    let cancel = Cancel::with_supervisors();
    listen_for_signals(&cancel)?;
    let progress = progress::Progress::new();
    let matrix = open(&flags.flags, &progress)?;
    let out = flags.flags.out()?;
    check_out(&out)?;
    let query = query_of(&matrix, flags)?;
    let replayed = flags
        .replay
        .as_deref()
        .map(|file| replay(file, &query))
        .transpose()?;
    let options = RunSettings {
        jobs: flags.jobs.or(matrix.config.run.jobs),
        lanes: flags.lanes.or(matrix.config.run.lanes),
        max_disk: matrix.config.run.max_disk,
        network: flags.flags.network(),
        fresh: flags.fresh,
        ..RunSettings::new(&out, cache_folder()?, program.words(), &cancel, &progress)
    };
    matrix.check_cache(&options.cache)?;
    std::fs::create_dir_all(&out).map_err(|e| bad_out_dir(&out, &e.to_string()))?;
    let bisected = match bisect(&matrix, &query, &options, replayed) {
        Err(_) if cancel.is_cancelled() => return Ok(ExitStatus::Interrupted),
        bisected => bisected?,
    };
    progress.end();
    let page = BisectPage {
        families: matrix.family_records(),
        query: &query,
        bisected: &bisected,
        out: &out,
        program,
        flags,
    };
    page.show()
}

/// Builds the query from the flags.
fn query_of(matrix: &Matrix, flags: &BisectFlags) -> Result<BisectQuery> {
    let question = question(&flags.question)?;
    let axis = axis_of(flags)?;
    let cell = place(matrix, flags)?;
    let mut points = bisect_points(matrix, &axis, &cell)?;
    if let Some(only) = &flags.only {
        let is_named = |point: &Point| point.name == *only || full_name(point) == Some(only);
        if !points.iter().any(is_named) {
            let names = points.iter().map(|point| point.name.as_str());
            let hint = nearest(only, names).map(|name| format!("did you mean `{name}`?"));
            let error = UserError::new(format!("there is no point `{only}` on this axis"));
            return Err(error.maybe_help(hint).into());
        }
        points.retain(is_named);
        points.truncate(1);
    }
    Ok(BisectQuery {
        question,
        axis,
        points,
    })
}

fn full_name(point: &Point) -> Option<&String> {
    match &point.place {
        PointPlace::Matrix => None,
        PointPlace::Commit(commit) | PointPlace::Dependency(commit) => Some(commit),
    }
}

fn question(flags: &QuestionFlags) -> Result<Question> {
    if let Some(script) = &flags.script {
        let script = std::path::absolute(script).context("find the script")?;
        let script = Utf8PathBuf::try_from(script).context("read the script's path as text")?;
        if !script.is_file() {
            return Err(UserError::new(format!("script {script} is not there")).into());
        }
        return Ok(Question::Script(script));
    }
    Ok(match (&flags.case, &flags.target) {
        (Some(case), target) => Question::Case {
            target: target.clone(),
            case: case.clone(),
        },
        (None, Some(target)) => Question::Target(target.clone()),
        (None, None) => Question::Cell,
    })
}

fn axis_of(flags: &BisectFlags) -> Result<Axis> {
    let axis: &AxisFlags = &flags.axis;
    if let Some(toolchains) = &axis.toolchains {
        return Ok(Axis::Toolchains(AxisEnds::parse(toolchains)));
    }
    if let Some(commits) = &axis.commits {
        let AxisEnds {
            from: Some(from),
            to,
        } = AxisEnds::parse(commits)
        else {
            return Err(
                UserError::new(format!("`{commits}` names no range of commits"))
                    .help("for example `v1.0..HEAD`")
                    .into(),
            );
        };
        let to = to.unwrap_or("HEAD".to_owned());
        return Ok(Axis::Commits { from, to });
    }
    if let Some(repository) = &axis.dependency_commits {
        let repository = std::path::absolute(repository).context("find the repository")?;
        let repository = Utf8PathBuf::try_from(repository).context("read its path as text")?;
        if !repository.is_dir() {
            return Err(UserError::new(format!("{repository} is not there")).into());
        }
        return Ok(Axis::Dependency {
            repository,
            tags: flags.tags.clone(),
            between: flags
                .between
                .as_deref()
                .map(AxisEnds::parse)
                .unwrap_or_default(),
        });
    }
    Ok(Axis::Pins(
        axis.pins
            .as_deref()
            .map(AxisEnds::parse)
            .unwrap_or_default(),
    ))
}

/// Returns the cell that gives everything the axis does not vary.
fn place(matrix: &Matrix, flags: &BisectFlags) -> Result<Cell> {
    let families = || {
        matrix
            .config
            .families
            .iter()
            .map(|f| f.name.get_ref().as_str())
    };
    let family = one_of("family", flags.family.as_deref(), families())?;
    let installed = || {
        let installed = matrix
            .toolchains
            .iter()
            .filter(|sought| sought.toolchain().is_some());
        installed.map(|sought| sought.label.as_str())
    };
    let toolchain = match &flags.toolchain {
        Some(label) => one_of("toolchain", Some(label), installed())?,
        None => installed().next().context("find a toolchain")?.to_owned(),
    };
    let sets = || matrix.config.feature_sets.iter();
    let labels = || sets().filter_map(|set| set.label.as_deref());
    let features = match &flags.features {
        Some(label) => Some(one_of("feature set", Some(label), labels())?),
        None => sets().next().and_then(|set| set.label.clone()),
    };
    let mut ladders = matrix.config.families.iter().zip(&matrix.ladders);
    let ladder = ladders.find(|(of, _)| *of.name.get_ref() == family);
    let (_, ladder) = ladder.context("find the family")?;
    let pins: Vec<&Arc<Pin>> = ladder.all().into_iter().map(|of| of.pin).collect();
    let names: Vec<String> = pins.iter().map(|pin| pin.at.to_string()).collect();
    let pin = match &flags.pin {
        Some(name) => {
            let name = one_of("pin", Some(name), names.iter().map(String::as_str))?;
            pins.into_iter().find(|pin| pin.at.to_string() == name)
        }
        None => ladder.rungs.last(),
    };
    Ok(Cell {
        row: Arc::new(Row {
            toolchain,
            source: matrix.trees.first().and_then(|tree| tree.label.clone()),
            features,
        }),
        pin: Arc::clone(pin.context("find a pin")?),
    })
}

/// Returns the name that is given, or else the only one there is.
fn one_of<'a>(
    what: &str,
    named: Option<&str>,
    names: impl Iterator<Item = &'a str>,
) -> Result<String, UserError> {
    let names: Vec<&str> = names.collect();
    match (named, names.as_slice()) {
        (Some(name), names) if names.contains(&name) => Ok(name.to_owned()),
        (Some(name), names) => {
            let hint = nearest(name, names.iter().copied());
            let hint = hint.map(|name| format!("did you mean `{name}`?"));
            let hint = hint.unwrap_or(format!("there are {}", names.join(", ")));
            Err(UserError::new(format!("there is no {what} `{name}` here")).help(hint))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, names) => Err(
            UserError::new(format!("specify the {what} with `--{what}`"))
                .help(format!("there are {}", names.join(", "))),
        ),
    }
}

/// Reads an earlier bisection of the same question along the same axis.
fn replay(file: &Utf8Path, query: &BisectQuery) -> Result<Bisection> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| UserError::new(format!("cannot read {file}: {e}")))?;
    let bisection: Bisection = serde_json::from_str(&text)
        .map_err(|e| UserError::new(format!("{file} is not a valid bisection: {e}")))?;
    if bisection.schema != SCHEMA {
        let message = format!(
            "{file} has schema {}, and this version reads {SCHEMA}",
            bisection.schema
        );
        return Err(UserError::new(message)
            .help("bisect again without --replay")
            .into());
    }
    let (question, along) = (query.question.to_string(), axis_text(&query.axis));
    if bisection.question != question || bisection.axis != along {
        let message = format!(
            "{file} asked about {} along {}, and not about {question} along {along}",
            bisection.question, bisection.axis
        );
        return Err(UserError::new(message)
            .help("name the bisection of this question")
            .into());
    }
    Ok(bisection)
}

/// What the terminal shows at the end.
struct BisectPage<'a> {
    families: Vec<FamilyRecord>,
    query: &'a BisectQuery,
    bisected: &'a Bisected,
    out: &'a Utf8Path,
    program: Program,
    flags: &'a BisectFlags,
}

impl BisectPage<'_> {
    fn show(&self) -> Result<ExitStatus> {
        let mut page = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut page);
        stdout::write(&page)?;
        let Some(end) = &self.bisected.end else {
            return Ok(ExitStatus::Interrupted);
        };
        Ok(match end {
            BisectResult::Found { .. } => ExitStatus::Passed,
            BisectResult::EndsAgree(PointAnswer::Good) if self.flags.only.is_some() => {
                ExitStatus::Passed
            }
            BisectResult::EndsAgree(_) => ExitStatus::Failed,
            BisectResult::EndCannotTell(_) => ExitStatus::Inconclusive,
        })
    }

    /// Writes where else the answer is known to change.
    fn write_elsewhere(&self, page: &mut String) -> std::fmt::Result {
        let points = &self.query.points;
        let others = self.bisected.elsewhere.iter().map(|(index, answer)| {
            let answer = match answer {
                PointAnswer::Good => "good",
                PointAnswer::Bad | PointAnswer::CannotTell => "bad",
            };
            format!("{} is {answer}", points[*index].name)
        });
        let others: Vec<String> = others.collect();
        if others.is_empty() {
            Ok(())
        } else {
            writeln!(page, "not the only change: {}", others.join(", "))
        }
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        let BisectQuery {
            question, points, ..
        } = self.query;
        let n_asked = self.bisected.record.asked.len();
        let n_known = self
            .bisected
            .record
            .asked
            .iter()
            .filter(|asked| asked.known)
            .count();
        writeln!(
            page,
            "\n{BOLD}{question}{RESET}, along {}",
            self.bisected.record.axis
        )?;
        match &self.bisected.end {
            None => writeln!(page, "interrupted; what was answered is kept")?,
            Some(BisectResult::EndsAgree(_)) if self.flags.only.is_some() => {
                self.write_point(page, 0)?
            }
            Some(BisectResult::EndsAgree(answer)) => {
                self.write_point(page, 0)?;
                self.write_point(page, points.len() - 1)?;
                let what = match answer {
                    PointAnswer::Good => "both ends are good",
                    PointAnswer::Bad | PointAnswer::CannotTell => "both ends are bad",
                };
                writeln!(
                    page,
                    "{what}, so there is no change to find; a change that was undone may lie between"
                )?;
            }
            Some(BisectResult::EndCannotTell(index)) => {
                self.write_point(page, *index)?;
                writeln!(page, "an end that cannot tell leaves the question open")?;
            }
            Some(BisectResult::Found {
                before,
                after,
                inconclusive,
            }) => {
                self.write_point(page, *before)?;
                self.write_point(page, *after)?;
                writeln!(
                    page,
                    "{}",
                    self.exactness(*before, *after, inconclusive.len())
                )?;
                self.write_elsewhere(page)?;
                writeln!(page)?;
                writeln!(page, "{DIM}{}{RESET}", self.command(*before))?;
                writeln!(page, "{DIM}{}{RESET}", self.command(*after))?;
            }
        }
        let known = match n_known {
            0 => String::new(),
            n => format!(", {n} of them known already"),
        };
        writeln!(
            page,
            "\nasked {n_asked} of {} points{known}; {}",
            points.len(),
            self.out.join(BISECTION_FILE)
        )
    }

    /// Describes how exactly the change is located; `n_inconclusive` points in between could not
    /// tell.
    fn exactness(&self, before: usize, after: usize, n_inconclusive: usize) -> String {
        let between = self.between(before, after);
        let remarks = between.remarks().into_iter();
        let remarks: String = remarks.map(|remark| format!("; {remark}")).collect();
        if n_inconclusive > 0 {
            return format!("not exact: {n_inconclusive} between them could not tell{remarks}");
        }
        match &self.query.axis {
            Axis::Pins(_) if between.is_exact() => {
                format!("exact: nothing that is published and not yanked lies between{remarks}")
            }
            Axis::Pins(_) => format!("not exact: {between}"),
            Axis::Toolchains(_) => "neighbours among the toolchains that are here".to_owned(),
            Axis::Commits { .. } | Axis::Dependency { .. } => {
                "exact: the second follows on the first".to_owned()
            }
        }
    }

    /// Returns what is published between two points, if they are pins.
    fn between(&self, before: usize, after: usize) -> Between {
        let Axis::Pins(_) = &self.query.axis else {
            return Between::default();
        };
        let [before, after] = [before, after].map(|index| &self.query.points[index].cell.pin);
        let mut families = self.families.iter();
        let family = families.find(|family| family.name == before.family);
        family.map_or_else(Between::default, |family| {
            Between::of(family, &before.at, &after.at)
        })
    }

    fn asked(&self, index: usize) -> Option<&AskedPoint> {
        let name = &self.query.points.get(index)?.name;
        self.bisected
            .record
            .asked
            .iter()
            .find(|asked| asked.point == *name)
    }

    fn write_point(&self, page: &mut String, index: usize) -> std::fmt::Result {
        let Some(asked) = self.asked(index) else {
            return Ok(());
        };
        let (color, mark) = match asked.answer {
            PointAnswer::Good => (GREEN, "✔ good"),
            PointAnswer::Bad => (RED, "✘ bad "),
            PointAnswer::CannotTell => (YELLOW, "? cannot tell"),
        };
        let (point, summary) = (&asked.point, &asked.why.summary);
        writeln!(page, "{color}{mark}{RESET}  {point}  {summary}")?;
        let detail = asked.why.detail.as_deref().unwrap_or_default();
        for line in detail.lines().take(MOST_LINES) {
            writeln!(page, "        {DIM}{line}{RESET}")?;
        }
        Ok(())
    }

    /// Returns the command that shows one point.
    fn command(&self, index: usize) -> String {
        let Some(point) = self.query.points.get(index) else {
            return String::new();
        };
        let plain = |cell: &Cell| {
            let words = format!("repro {}", shell_word(cell.id().as_str()));
            crate::command_line(self.program, &words, &self.flags.flags)
        };
        match (&self.query.question, &point.place) {
            (Question::Cell | Question::Target(_) | Question::Case { .. }, PointPlace::Matrix) => {
                plain(&point.cell)
            }
            (
                Question::Cell | Question::Target(_) | Question::Case { .. },
                PointPlace::Commit(commit),
            ) => {
                // With --rev the matrix has no axis of sources.
                let mut cell = point.cell.clone();
                Arc::make_mut(&mut cell.row).source = None;
                format!("{} --rev {commit}", plain(&cell))
            }
            (_, _) => {
                // The program's own name for itself stands before the flags.
                let words = std::env::args().skip(1);
                let words = words.skip_while(|word| word == "matrix" || word == "pinmatrix");
                let words: Vec<String> = words.map(|word| shell_word(&word)).collect();
                format!(
                    "{} {} --only {}",
                    self.program.words(),
                    words.join(" "),
                    point.name
                )
            }
        }
    }
}
