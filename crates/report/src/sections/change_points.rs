//! Change points for people and programs: equal ones of several rows are grouped, with the first
//! error, the log and the command of each side.

use std::collections::BTreeMap;
use std::fmt::Write;

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::analysis::frontier::{ChangeKind, ChangePoint, ChangeSide};
use pinmatrix_core::analysis::of_point;
use pinmatrix_core::model::cell::{PinnedAt, Row};
use pinmatrix_core::model::command::reproduce;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::between::Between;
use pinmatrix_core::text;
use serde::Serialize;

use crate::{escaped, line};

/// The file's name in the results folder.
pub const FILE: &str = "frontier.json";

/// A change point, with the commands that reproduce its two sides.
#[derive(Serialize)]
struct ChangePointJson<'a> {
    #[serde(flatten)]
    point: &'a ChangePoint,
    exact: bool,
    n_untested: usize,
    show_before: String,
    show_after: String,
}

/// All change points of a run, as JSON.
///
/// # Errors
///
/// If they have no JSON form; they always have one.
pub fn json(analysis: &Analysis<'_>) -> serde_json::Result<String> {
    let Analysis { run, points, .. } = analysis;
    let shown: Vec<ChangePointJson<'_>> = points
        .iter()
        .map(|point| ChangePointJson {
            exact: point.is_exact(),
            n_untested: point.between.n_untested(),
            show_before: reproduce(run, &point.before.cell),
            show_after: reproduce(run, &point.after.cell),
            point,
        })
        .collect();
    Ok(serde_json::to_string_pretty(&shown)? + "\n")
}

/// Change points that differ only in their row.
pub(crate) struct ChangePointGroup {
    /// The first change point of the group.
    pub point: ChangePoint,
    /// The rows of all change points.
    pub rows: Vec<Row>,
}

/// Groups change points that differ only in their row, in ladder order.
pub(crate) fn grouped(points: &[ChangePoint]) -> Vec<ChangePointGroup> {
    let is_alike = |a: &ChangePoint, b: &ChangePoint| {
        let side = |a: &ChangeSide, b: &ChangeSide| a.at == b.at && a.status == b.status;
        (&a.family, &a.target, &a.cases, a.is_island)
            == (&b.family, &b.target, &b.cases, b.is_island)
            && side(&a.before, &b.before)
            && side(&a.after, &b.after)
    };
    let mut groups: Vec<ChangePointGroup> = Vec::new();
    for point in points {
        match groups
            .iter_mut()
            .find(|group| is_alike(&group.point, point))
        {
            Some(group) => group.rows.push(point.row.clone()),
            None => groups.push(ChangePointGroup {
                rows: vec![point.row.clone()],
                point: point.clone(),
            }),
        }
    }
    let mut families: Vec<String> = Vec::new();
    for group in &groups {
        if !families.contains(&group.point.family) {
            families.push(group.point.family.clone());
        }
    }
    groups.sort_by_key(|group| {
        let family = families.iter().position(|name| *name == group.point.family);
        (family, group.point.after.at.clone())
    });
    groups
}

/// Writes the section of a summary: where results change along the ladder, how exactly that is
/// located, and how to reproduce it.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut String, analysis: &Analysis<'_>) -> std::fmt::Result {
    let run = analysis.run;
    let groups = grouped(&analysis.points);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Change points\n")?;
    writeln!(
        out,
        "| target | cases | last | first | untested between | rows |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for alike in &groups {
        let ChangePointGroup { point, rows } = alike;
        let cases = match point.cases.as_slice() {
            [] => "all".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let until = until(analysis, alike);
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
    for ChangePointGroup { point, .. } in &groups {
        write_sides(out, run, point)?;
    }
    writeln!(out)
}

/// Where what breaks at a change point passes again: `, until 3.0.0`, with the rows if it does so
/// only on some.
pub(crate) fn until(analysis: &Analysis<'_>, alike: &ChangePointGroup) -> String {
    let ChangePointGroup { point, rows } = alike;
    if point.change != ChangeKind::Break || !point.is_island {
        return String::new();
    }
    let mut ends: BTreeMap<&PinnedAt, Vec<String>> = BTreeMap::new();
    for row in rows {
        let mut courses = analysis.courses.iter();
        let course = courses.find(|course| course.row == *row && course.is_of_kind(point));
        let mut turns = course.into_iter().flat_map(|course| &course.turns);
        if turns.any(|turn| turn.at == point.after.at)
            && let Some(next) = turns.next()
        {
            ends.entry(&next.at).or_default().push(row.to_string());
        }
    }
    let is_one = ends.values().any(|of| of.len() == rows.len());
    let notes = ends.iter().map(|(at, of)| {
        if is_one {
            format!(", until {at}")
        } else {
            format!(", until {at} on {}", of.join(", "))
        }
    });
    notes.collect()
}

/// The number of untested versions in between, for a column with that heading.
fn untested(between: &Between) -> String {
    match (between.n_untested(), between.is_exact()) {
        (0, true) => "exact".to_owned(),
        (0, false) => "not known".to_owned(),
        (n, _) => n.to_string(),
    }
}

/// Writes the result of each side of a change, and the command that reproduces it.
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
    for finding in of_point(run, point)
        .iter()
        .filter(|finding| finding.is_strong)
    {
        writeln!(out, "  - in the sources, {}", line(&finding.to_string()))?;
    }
    for remark in point.between.remarks() {
        writeln!(out, "  - between: {}", escaped(&remark))?;
    }
    Ok(())
}
