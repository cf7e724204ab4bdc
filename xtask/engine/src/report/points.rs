//! Change points as people and programs read them: alike ones of several rows together, with the
//! first error, the log and the command of each side; and how far what was not tested reaches.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::analysis::Analysis;
use crate::frontier::{Change, ChangePoint, Side};
use crate::model::between::Between;
use crate::model::cell::{At, Row};
use crate::model::command::reproduce;
use crate::model::run::{CellRecord, Run};
use crate::report::{escaped, line};
use crate::text;

/// The file's name in the results folder.
pub const FILE: &str = "frontier.json";

/// A change point, with the commands that show its two sides.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    point: &'a ChangePoint,
    exact: bool,
    n_untested: usize,
    show_before: String,
    show_after: String,
}

/// All change points of a run, for programs.
///
/// # Errors
///
/// When they have no JSON form; they always have.
pub fn json(analysis: &Analysis<'_>) -> serde_json::Result<String> {
    let Analysis { run, points, .. } = analysis;
    let shown: Vec<Shown<'_>> = points
        .iter()
        .map(|point| Shown {
            exact: point.is_exact(),
            n_untested: point.between.n_untested(),
            show_before: reproduce(run, &point.before.cell),
            show_after: reproduce(run, &point.after.cell),
            point,
        })
        .collect();
    Ok(serde_json::to_string_pretty(&shown)? + "\n")
}

/// Change points of several rows that differ in nothing but their row.
pub(super) struct Alike {
    /// The first of them.
    pub point: ChangePoint,
    /// The rows of all.
    pub rows: Vec<Row>,
}

/// Change points, those together that differ in nothing but their row.
pub(super) fn alike(points: &[ChangePoint]) -> Vec<Alike> {
    let is_alike = |a: &ChangePoint, b: &ChangePoint| {
        let side = |a: &Side, b: &Side| a.at == b.at && a.status == b.status;
        (&a.family, &a.target, &a.cases) == (&b.family, &b.target, &b.cases)
            && side(&a.before, &b.before)
            && side(&a.after, &b.after)
    };
    let mut groups: Vec<Alike> = Vec::new();
    for point in points {
        match groups
            .iter_mut()
            .find(|group| is_alike(&group.point, point))
        {
            Some(group) => group.rows.push(point.row.clone()),
            None => groups.push(Alike {
                rows: vec![point.row.clone()],
                point: point.clone(),
            }),
        }
    }
    groups
}

/// The section of a summary: where things change along the ladder, how exactly that is known, and
/// how to see it.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(out: &mut String, analysis: &Analysis<'_>) -> std::fmt::Result {
    let run = analysis.run;
    let groups = alike(&analysis.points);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Change points\n")?;
    writeln!(
        out,
        "| target | cases | last | first | untested between | rows |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for Alike { point, rows } in &groups {
        let cases = match point.cases.as_slice() {
            [] => "all".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let until = until(analysis, point);
        let until = until.map(|at| format!(", until {at}")).unwrap_or_default();
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        let fields = [
            point.subject(),
            cases,
            point.before.to_string(),
            format!("{}{until}", point.after),
            untested(&point.between),
            rows.join(", "),
        ];
        let fields = fields.map(|field| escaped(&field));
        writeln!(out, "| {} |", fields.join(" | "))?;
    }
    writeln!(out)?;
    for Alike { point, .. } in &groups {
        write_sides(out, run, point)?;
    }
    writeln!(out)
}

/// Where what breaks at a change point passes again, if it does.
pub(super) fn until<'a>(analysis: &'a Analysis<'_>, point: &ChangePoint) -> Option<&'a At> {
    if !point.is_island || point.change != Change::Break {
        return None;
    }
    let course = analysis.courses.iter().find(|course| course.is_of(point))?;
    let mut turns = course.turns.iter();
    turns.find(|turn| turn.at == point.after.at)?;
    turns.next().map(|turn| &turn.at)
}

/// How many versions between are untested, for a column that says so.
fn untested(between: &Between) -> String {
    match (between.n_untested(), between.is_exact()) {
        (0, true) => "exact".to_owned(),
        (0, false) => "not known".to_owned(),
        (n, _) => n.to_string(),
    }
}

/// What each side of a change shows, and the command that shows it.
fn write_sides(out: &mut String, run: &Run, point: &ChangePoint) -> std::fmt::Result {
    writeln!(
        out,
        "- {} at {}:",
        escaped(&point.subject()),
        escaped(&point.after.at.to_string())
    )?;
    for side in [&point.before, &point.after] {
        let error = side.error.iter().map(|error| format!(": {}", line(error)));
        let log = side.log.iter().map(|log| format!(" ([log]({log}))"));
        writeln!(
            out,
            "  - {}{}{}, `{}`",
            escaped(&side.words()),
            error.collect::<String>(),
            log.collect::<String>(),
            text::one_line(&reproduce(run, &side.cell)),
        )?;
    }
    for remark in point.between.remarks() {
        writeln!(out, "  - between: {}", escaped(&remark))?;
    }
    Ok(())
}

/// Pins of one row that no one ran, between two that ran and agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The row.
    pub row: Row,
    /// The pin before it, which ran.
    pub after: At,
    /// The pin behind it, which ran.
    pub before: At,
    /// How many pins of the ladder lie in it.
    pub n_pins: usize,
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            after,
            before,
            n_pins,
        } = self;
        write!(f, "{row}: {n_pins} between {after} and {before}")
    }
}

/// How far what was inferred reaches.
#[must_use]
pub fn stretches(run: &Run) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for family in &run.families {
        for row in run.rows(family) {
            let ran = |record: &&CellRecord| record.outcome().is_some();
            let ends: Vec<usize> = (0..row.len()).filter(|at| ran(&row[*at])).collect();
            for pair in ends.windows(2) {
                let inside = row[pair[0]..pair[1]].iter();
                let n_pins = inside.filter(|record| record.is_inferred()).count();
                if n_pins > 0 {
                    stretches.push(Stretch {
                        row: Row::clone(&row[pair[0]].cell.row),
                        after: row[pair[0]].cell.pin.at.clone(),
                        before: row[pair[1]].cell.pin.at.clone(),
                        n_pins,
                    });
                }
            }
        }
    }
    stretches
}

/// The section of a summary that says how far what was not tested reaches.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_stretches(out: &mut String, run: &Run) -> std::fmt::Result {
    let stretches = stretches(run);
    if stretches.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Not tested\n")?;
    writeln!(
        out,
        "Both sides of each stretch ran and agree; what lies between is inferred and may differ all the same. `--full` settles it.\n"
    )?;
    for stretch in stretches {
        writeln!(out, "- {}", escaped(&stretch.to_string()))?;
    }
    writeln!(out)
}
