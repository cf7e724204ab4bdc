//! `report.html`: a run as one self-contained page. It shows the answer, the grid and the details
//! of every cell; without scripts the answer, the grid and the lists still work.

mod status_tracks;

mod data;
mod heat;
mod interned;
mod locks;
mod plots;

use anyhow::{Context, Result};
use askama::Template;
use camino::Utf8Path;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::between::Between;
use pinmatrix_core::model::run::findings::{JudgedClaim, Truth, WorkItem, WorklistCause};
use pinmatrix_core::text;
use pinmatrix_core::text::count;

use crate::answer::{Sentence, SentencePart, answer, upgrade};
use crate::closing_line;
use crate::html::heat::{Heat, heats};
use crate::html::plots::{Lanes, Staircase, lanes, staircases};
use crate::sections::change_points::{ChangePointGroup, grouped, until};
use crate::sections::packages::shown::ShownTable;
use crate::sections::packages::version_sets::SetTable;
use crate::sections::packages::{self, copies, old_lock, shown, version_sets};
use crate::sections::{flaky, gaps, sandbox_denials, timeline, untested, verdict};

/// The file's name in the results folder.
pub const FILE: &str = "report.html";

/// The folder of lock files in a results folder.
pub const LOCKS: &str = "locks";

/// The maximum number of entries in each list of the page; `summary.md` has all of them.
const MOST_ENTRIES: usize = 200;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = concat!(
    include_str!("html/read.js"),
    include_str!("html/rows.js"),
    include_str!("html/details.js"),
    include_str!("html/filter.js"),
);

#[derive(Template)]
#[template(path = "page.html")]
struct HtmlPage<'a> {
    /// The nonce of the page's own script and style; external text cannot guess it.
    nonce: String,
    style: &'static str,
    script: &'static str,
    data: String,
    run: &'a Run,
    started: String,
    answer: Vec<Sentence>,
    closing_line: String,
    verdict: Option<String>,
    /// The gaps of a merged run.
    gaps: Vec<String>,
    deviations: Vec<String>,
    heats: Vec<Heat>,
    changes: Vec<ChangeRow>,
    stairs: Vec<Staircase>,
    /// How far each row can upgrade: the row, the newest pin that works, those that do not, those
    /// without a verdict, and how many later pins were tested.
    upgrades: Vec<[String; 5]>,
    /// What nobody ran, one line each.
    untested: Vec<String>,
    lanes: Option<Lanes>,
    time: Option<String>,
    flaky: Vec<String>,
    old_locks: Vec<String>,
    packages: Vec<String>,
    copies: Vec<String>,
    sets: Vec<SetTable>,
    shown: Vec<ShownTable>,
    undeclared: Vec<String>,
}

/// A row of the table of changes.
struct ChangeRow {
    target: String,
    cases: String,
    kind: &'static str,
    before: String,
    after: String,
    known: String,
    rows: String,
    error: String,
    cell: String,
}

/// Renders a run as a page, with the differences between the locks in a folder.
///
/// # Errors
///
/// If the run has no JSON form or the page cannot be rendered; neither can happen for a run that
/// was read from a file.
pub fn html(analysis: &Analysis<'_>, locks: Option<&Utf8Path>) -> Result<String> {
    let Analysis { run, points, .. } = analysis;
    let heats = heats(run, points);
    let data = data::data(run, points, locks);
    let verdict = run.findings.verdict.as_ref();
    let deviations = verdict.map(verdict::sorted).unwrap_or_default();
    let mut page = HtmlPage {
        nonce: String::new(),
        style: STYLE,
        script: SCRIPT,
        data: within_script(&serde_json::to_string(&data).context("write the page's data")?),
        run,
        started: started(run),
        answer: answer(analysis),
        closing_line: closing_line(&run.counts()),
        verdict: verdict::headline(run),
        gaps: gaps::lines(run)
            .into_iter()
            .chain(sandbox_denials::unbounded(run))
            .collect(),
        deviations: deviations.into_iter().map(ToString::to_string).collect(),
        heats,
        changes: grouped(points)
            .iter()
            .map(|alike| change(analysis, alike))
            .collect(),
        stairs: staircases(run),
        upgrades: analysis.upgrades.iter().map(upgrade::fields).collect(),
        untested: untested::lines(run),
        lanes: lanes(run),
        time: timeline::line(run),
        flaky: flaky::flaky(run).iter().map(ToString::to_string).collect(),
        old_locks: old_lock::all(run).collect(),
        packages: packages::lines(run),
        copies: copies::meeting(run)
            .into_iter()
            .chain(copies::lines(run))
            .collect(),
        sets: version_sets::tables(&run.families),
        shown: shown::tables(run),
        undeclared: run
            .findings
            .undeclared
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    // A hash of the page's content: the same run gives the same page, and text that contained the
    // hash would change it.
    let draft = page.render().context("put the page together")?;
    page.nonce = blake3::hash(draft.as_bytes()).to_hex()[..32].to_owned();
    page.render().context("put the page together")
}

/// Equivalent JSON without characters that are special in HTML or JavaScript.
fn within_script(json: &str) -> String {
    let signs = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    signs.iter().fold(json.to_owned(), |json, sign| {
        json.replace(*sign, &format!("\\u{:04x}", u32::from(*sign)))
    })
}

fn started(run: &Run) -> String {
    let seconds = i64::try_from(run.started).ok();
    let started = seconds.and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    let text = started.map(|started| {
        let (hour, minute, _) = started.to_hms();
        format!("{} {hour:02}:{minute:02} UTC", started.date())
    });
    text.unwrap_or_default()
}

fn change(analysis: &Analysis<'_>, alike: &ChangePointGroup) -> ChangeRow {
    let ChangePointGroup { point, rows } = alike;
    let until = until(analysis, alike);
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    ChangeRow {
        target: text::one_line(&point.subject()),
        cases: match point.cases.as_slice() {
            [] => "all".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        },
        kind: match point.change {
            pinmatrix_core::analysis::frontier::ChangeKind::Break => "break",
            pinmatrix_core::analysis::frontier::ChangeKind::Fix => "fix",
            pinmatrix_core::analysis::frontier::ChangeKind::Shift => "shift",
        },
        before: text::one_line(&point.before.to_string()),
        after: text::one_line(&format!("{}{until}", point.after)),
        known: text::one_line(&known(&point.between)),
        rows: rows.join(", "),
        error: point.after.error.clone().unwrap_or_default(),
        cell: point.after.cell.to_string(),
    }
}

/// How exactly a change is located, with remarks on single versions.
fn known(between: &Between) -> String {
    let remarks = between.remarks().into_iter();
    let brief = if between.is_exact() {
        "exactly".to_owned()
    } else {
        between.brief()
    };
    let parts: Vec<String> = std::iter::once(brief).chain(remarks).collect();
    parts.join("; ")
}

/// A remaining error on one line.
fn work(work: &WorkItem) -> String {
    crate::sections::findings::work(work)
}

fn times(cause: &WorklistCause) -> String {
    match cause.errors.len() {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// A mark that shows without colour whether a claim is true.
fn mark(claim: &JudgedClaim) -> char {
    match claim.truth {
        Truth::Confirmed => '✔',
        Truth::Refuted => '✘',
        Truth::Inconclusive => '?',
    }
}

/// An abbreviated revision, at the usual length.
fn revision(revision: &str) -> String {
    revision.chars().take(12).collect()
}

/// The text as shown in a list.
fn short(text: &str) -> String {
    text::ellipsis(&text::one_line(text), crate::LONGEST)
}

/// The first entries of a list, and the number of the others.
fn first<T>(list: &[T]) -> (&[T], usize) {
    let n = list.len().min(MOST_ENTRIES);
    (&list[..n], list.len() - n)
}

#[cfg(test)]
mod tests;
