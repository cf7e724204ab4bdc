//! Problems: what a run shows that a person should be pointed at, each once however many cells show
//! it, with its place in the subject's repository where one is known.

mod told;

use std::collections::BTreeMap;
use std::fmt;

use camino::{Utf8Component, Utf8Path};
use semver::Version;

use crate::analysis::Analysis;
use crate::frontier::{Change, ChangePoint};
use crate::model::cell::CellId;
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{CaseOutcome, Outcome, TargetId};
use crate::model::run::{CellRecord, Run, SourceRecord};
use crate::model::status::{Class, Status};
use crate::model::verdict::{Deviation, Kind};
use crate::report::problems::told::{changes, expected, in_words, notes, place_of, what};
use crate::report::reproduce;
use crate::report::verdict::told;
use crate::text;

/// Something to be pointed at. Its texts are clean, and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub standing: Standing,
    /// What kind.
    pub check: Check,
    /// What fails: a target, the first of several, or the family where no target can be named.
    pub thing: String,
    /// The case, where it is one.
    pub case: Option<String>,
    /// How it fails.
    pub status: String,
    /// Where it is seen: the family, its pins, and the rows.
    pub seen: String,
    /// The first error, without its place.
    pub error: String,
    /// What a baseline says of it: `regressed: expected passed`.
    pub expected: Option<String>,
    /// The changes along the ladder that it comes with.
    pub changes: Vec<String>,
    /// What else has to be known of the cell that shows it: what moved in its lock, who is to blame.
    pub notes: Vec<String>,
    /// The command that shows it.
    pub command: String,
    /// Where in the repository.
    pub place: Option<Place>,
    /// The same in every run that has the problem, on whichever line it stands and whatever is said
    /// of it; no two problems of a run have the same.
    pub fingerprint: String,
}

impl Problem {
    /// What fails where, on one line: `app test:ratio odd_ratio: failed(test) at gadget 2.0.0 on
    /// stable, old`.
    #[must_use]
    pub fn title(&self) -> String {
        let case = self.case.iter().map(|case| format!(" {case}"));
        let Self {
            thing,
            status,
            seen,
            ..
        } = self;
        format!("{thing}{}: {status} at {seen}", case.collect::<String>())
    }

    /// The first error, what was expected, what changed, and the command that shows it: a line each.
    #[must_use]
    pub fn message(&self) -> String {
        let mut lines = vec![self.error.clone()];
        lines.extend(self.background());
        lines.push(format!("reproduce: {}", self.command));
        lines.join("\n")
    }

    /// What was expected, what changed, and what else has to be known: a line each.
    #[must_use]
    pub fn background(&self) -> Vec<String> {
        let expected = self.expected.iter();
        let background = expected.chain(&self.changes).chain(&self.notes);
        background.cloned().collect()
    }
}

/// A place in the repository that the subject is in, or in the subject where it is in none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, relative to the top, with `/`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// `app/tests/ratio.rs:7`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// It fails.
    Failed(Class),
    /// The machine kept it from an answer.
    Inconclusive,
    /// It should fail and passes.
    Fixed,
    /// It should be there and is not.
    Gone,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(class) => class.fmt(f),
            Self::Inconclusive => f.write_str("inconclusive"),
            Self::Fixed => f.write_str("fixed"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

/// How much a problem matters: what matters most comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// No baseline expects it.
    New,
    /// It should fail and passes: the baseline has to be told.
    Fixed,
    /// It says nothing of the pin: a doubt, or drift.
    Unsure,
    /// The baseline expects it.
    Known,
}

/// All problems of a run, the most important first: by what the baseline says of them, then those
/// of a change point, then in the order of the run.
#[must_use]
pub fn problems(analysis: &Analysis<'_>) -> Vec<Problem> {
    let run = analysis.run;
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: BTreeMap<Thing, usize> = BTreeMap::new();
    for record in &run.cells {
        for sighting in sightings(run, record) {
            let at = *known.entry(sighting.thing.clone()).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.sightings.push(sighting),
                None => groups.push(Group {
                    sightings: vec![sighting],
                }),
            }
        }
    }
    let points = Points::of(&analysis.points);
    let mut problems: Vec<(bool, Thing, Problem)> = Vec::new();
    for group in &groups {
        problems.extend(group.problem(run, &points));
    }
    tell_apart(&mut problems);
    // The order of the run is kept where nothing else decides.
    problems.sort_by_key(|(changes, _, problem)| (problem.standing, !changes));
    problems
        .into_iter()
        .map(|(_, _, problem)| problem)
        .collect()
}

/// What several cells can show alike. The order of its lines numbers what is otherwise the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Thing {
    family: String,
    check: Check,
    /// None where its place says more, since errors of a library are seen in many targets.
    target: Option<TargetId>,
    case: Option<String>,
    code: Option<String>,
    place: Option<Place>,
}

impl Thing {
    /// All of it that stays when lines move.
    fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        if let Some(place) = &mut lasting.place {
            place.line = 0;
        }
        lasting
    }
}

/// One cell that shows something.
struct Sighting<'a> {
    thing: Thing,
    standing: Standing,
    record: &'a CellRecord,
    target: Option<String>,
    case: Option<String>,
    place: Option<Place>,
    status: String,
    error: String,
    expected: Option<String>,
}

fn sightings<'a>(run: &'a Run, record: &'a CellRecord) -> Vec<Sighting<'a>> {
    let Some(outcome) = record.outcome() else {
        return Vec::new();
    };
    let seer = Seer { run, record };
    let mut seen = Vec::new();
    if !outcome.errors.is_empty() || outcome.targets.is_empty() {
        let error = of_whole(outcome);
        seen.extend(seer.sighting(&outcome.status, None, None, error.as_ref()));
    }
    for target in &outcome.targets {
        if !target.errors.is_empty() || target.cases.is_empty() {
            let error = target.errors.first();
            seen.extend(seer.sighting(&target.status, Some(&target.id), None, error));
        }
        for case in &target.cases {
            seen.extend(seer.sighting(&case.status, Some(&target.id), Some(case), None));
        }
    }
    let deviations = run.findings.verdict.iter().flat_map(|v| &v.deviations);
    let of_cell = deviations.filter(|deviation| deviation.cell == record.id);
    seen.extend(of_cell.filter_map(|deviation| seer.surprise(deviation)));
    seen
}

/// What stands against a cell as a whole: of a doubt all that is said, since that can be two sides.
fn of_whole(outcome: &Outcome) -> Option<Diagnostic> {
    let mut error = outcome.errors.first()?.clone();
    if let Status::Inconclusive { .. } = outcome.status {
        let more = outcome.errors.iter().skip(1);
        error.message.extend(more.map(|more| format!("; {more}")));
    }
    Some(error)
}

/// Looks at one cell of a run.
struct Seer<'a> {
    run: &'a Run,
    record: &'a CellRecord,
}

impl<'a> Seer<'a> {
    fn sighting(
        &self,
        status: &Status,
        target: Option<&TargetId>,
        case: Option<&CaseOutcome>,
        error: Option<&Diagnostic>,
    ) -> Option<Sighting<'a>> {
        let check = match status {
            Status::Passed | Status::Skipped { .. } => return None,
            Status::Failed { class } => Check::Failed(*class),
            Status::Inconclusive { .. } => Check::Inconclusive,
        };
        let name = target.map(ToString::to_string);
        let verdict = self.run.findings.verdict.as_ref();
        let case_name = case.map(|case| case.name.as_str());
        let news = verdict.and_then(|v| v.news(&self.record.id, name.as_deref(), case_name));
        let is_known = verdict.is_some_and(|v| v.knows(&self.record.id)) && news.is_none();
        let standing = match check {
            Check::Failed(_) if is_known => Standing::Known,
            Check::Failed(class) if class != Class::Drift => Standing::New,
            Check::Failed(_) | Check::Inconclusive | Check::Fixed | Check::Gone => Standing::Unsure,
        };
        let place = match (case, error) {
            (Some(case), _) => case.panicked_at(),
            (None, Some(error)) => error.file.clone().zip(error.line),
            (None, None) => None,
        };
        let place = place.and_then(|(file, line)| self.place(&file, line));
        let of_code = place.clone().filter(|_| case.is_none());
        let thing = Thing {
            family: self.record.cell.pin.family.clone(),
            check,
            target: target.filter(|_| of_code.is_none()).cloned(),
            case: case.map(|case| text::one_line(&case.name)),
            code: error.and_then(|error| error.code.clone()),
            place: of_code,
        };
        let said = match (case, error) {
            (Some(case), _) => case.said().map_or(status.to_string(), str::to_owned),
            (None, Some(error)) => in_words(error, place.is_some()),
            (None, None) => status.to_string(),
        };
        Some(Sighting {
            thing,
            standing,
            record: self.record,
            expected: news.map(expected),
            target: name,
            case: case.map(|case| case.name.clone()),
            place,
            status: text::ellipsis(&text::one_line(&status.to_string()), LONGEST_NAME),
            error: said,
        })
    }

    /// What should fail and passes, or should be there and is not.
    fn surprise(&self, deviation: &Deviation) -> Option<Sighting<'a>> {
        let (check, standing) = match deviation.kind {
            Kind::Fixed => (Check::Fixed, Standing::Fixed),
            Kind::Gone => (Check::Gone, Standing::New),
            Kind::Regressed | Kind::New => return None,
        };
        let name = deviation.target.as_ref();
        let mut targets = self.record.outcome().into_iter().flat_map(|o| &o.targets);
        let target = targets.find(|target| name == Some(&target.id.to_string()));
        let thing = Thing {
            family: self.record.cell.pin.family.clone(),
            check,
            target: target.map(|target| target.id.clone()),
            // A target that is gone has no name but the one that is written.
            case: [deviation.target.as_deref(), deviation.case.as_deref()]
                .map(|name| text::one_line(name.unwrap_or_default()))
                .join(" ")
                .into(),
            code: None,
            place: None,
        };
        Some(Sighting {
            thing,
            standing,
            record: self.record,
            target: deviation.target.clone(),
            case: deviation.case.clone(),
            place: None,
            status: deviation.kind.to_string(),
            error: told(deviation),
            expected: None,
        })
    }

    /// A place as it stands in the repository; none where it is not among the subject's own files.
    fn place(&self, file: &str, line: usize) -> Option<Place> {
        let label = &self.record.cell.row.source;
        let is_meant = |source: &&SourceRecord| source.label == *label;
        let source = self.run.sources.iter().find(is_meant)?;
        let file = file.replace('\\', "/");
        let file = within(Utf8Path::new(&file))?;
        let folder = source.subject.folder.as_deref().unwrap_or_default();
        let file = match within(Utf8Path::new(folder)) {
            Some(folder) => format!("{folder}/{file}"),
            None => file,
        };
        Some(Place { file, line }).filter(|_| line > 0)
    }
}

/// Where what has no place is shown by engines that want one: the subject's root manifest.
#[must_use]
pub fn place_of_all(run: &Run) -> Place {
    let folder = run
        .sources
        .first()
        .and_then(|s| s.subject.folder.as_deref());
    let folder = folder.and_then(|folder| within(Utf8Path::new(folder)));
    let file = match folder {
        Some(folder) => format!("{folder}/Cargo.toml"),
        None => "Cargo.toml".to_owned(),
    };
    Place { file, line: 1 }
}

/// The longest path that is taken for one, in bytes, as on most systems.
const LONGEST_PATH: usize = 4096;

/// A path that leads to a file of the subject, tidied; none where it leads elsewhere: out of it, into
/// the target folder, or into the unpacked crate `NAME-VERSION`.
fn within(file: &Utf8Path) -> Option<String> {
    if file.as_str().len() > LONGEST_PATH || file.as_str().chars().any(char::is_control) {
        return None;
    }
    let mut parts = Vec::new();
    for component in file.components() {
        match component {
            Utf8Component::Normal(part) => parts.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir | Utf8Component::RootDir | Utf8Component::Prefix(_) => {
                return None;
            }
        }
    }
    let first = parts.first()?;
    let versions = first.match_indices('-').map(|(at, _)| &first[at + 1..]);
    let is_crate = versions.map(Version::parse).any(|version| version.is_ok());
    (*first != "target" && !is_crate).then(|| parts.join("/"))
}

/// The longest error that is told, in characters.
const LONGEST_ERROR: usize = 1000;

/// The longest name of a target, a case or a status in a title, in characters.
const LONGEST_NAME: usize = 120;

/// The same thing, wherever it was seen.
struct Group<'a> {
    sightings: Vec<Sighting<'a>>,
}

impl Group<'_> {
    fn problem(&self, run: &Run, points: &Points) -> Option<(bool, Thing, Problem)> {
        let standing = self.sightings.iter().map(|seen| seen.standing).min()?;
        let alike = self.sightings.iter();
        let alike: Vec<&Sighting<'_>> = alike.filter(|s| s.standing == standing).collect();
        let first = alike.first()?;
        let points: Vec<ChangePoint> = alike.iter().filter_map(|s| points.at(s)).cloned().collect();
        let is_name = |name: String| text::ellipsis(&text::one_line(&name), LONGEST_NAME);
        let (thing, case) = what(&alike, first);
        let problem = Problem {
            standing,
            check: first.thing.check,
            thing: is_name(thing),
            case: case.map(is_name),
            status: first.status.clone(),
            seen: text::one_line(&place_of(&first.thing.family, &alike)),
            error: text::ellipsis(&text::one_line(&first.error), LONGEST_ERROR),
            expected: first.expected.as_deref().map(text::one_line),
            changes: changes(points),
            notes: notes(run, first),
            command: text::one_line(&reproduce(run, &first.record.id)),
            place: first.place.clone(),
            fingerprint: String::new(),
        };
        let has_changed = !problem.changes.is_empty();
        Some((has_changed, first.thing.clone(), problem))
    }
}

/// Fingerprints, from all that lasts; what is the same in that is numbered by its lines.
fn tell_apart(problems: &mut [(bool, Thing, Problem)]) {
    let mut order: Vec<usize> = (0..problems.len()).collect();
    order.sort_by(|a, b| problems[*a].1.cmp(&problems[*b].1));
    let mut n_seen: BTreeMap<Thing, usize> = BTreeMap::new();
    for at in order {
        let (_, thing, problem) = &mut problems[at];
        let lasting = thing.lasting();
        let n = n_seen.entry(lasting.clone()).or_default();
        let mut hasher = blake3::Hasher::new();
        let target = lasting.target.map(|target| target.to_string());
        let file = lasting.place.map(|place| place.file);
        let parts = [target, lasting.case, lasting.code, file];
        let parts = parts.map(Option::unwrap_or_default);
        let check = lasting.check.to_string();
        for part in [lasting.family, check, n.to_string()].iter().chain(&parts) {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        problem.fingerprint = hasher.finalize().to_hex()[..32].to_owned();
        *n += 1;
    }
}

/// The breaks and shifts of a run, by the cell that shows them first.
struct Points(BTreeMap<CellId, Vec<ChangePoint>>);

impl Points {
    fn of(points: &[ChangePoint]) -> Self {
        let mut by_cell: BTreeMap<CellId, Vec<ChangePoint>> = BTreeMap::new();
        for point in points {
            match point.change {
                Change::Break | Change::Shift => {
                    let of_cell = by_cell.entry(point.after.cell.clone());
                    of_cell.or_default().push(point.clone());
                }
                Change::Fix => {}
            }
        }
        Self(by_cell)
    }

    fn at(&self, sighting: &Sighting<'_>) -> Option<&ChangePoint> {
        let is_of = |point: &&ChangePoint| {
            let target = point.target.as_ref().map(ToString::to_string);
            let is_case = |case: &String| {
                let case = text::one_line(case);
                sighting.thing.case.as_ref() == Some(&case)
            };
            target == sighting.target && (point.cases.is_empty() || point.cases.iter().any(is_case))
        };
        self.0.get(&sighting.record.id)?.iter().find(is_of)
    }
}

#[cfg(test)]
mod tests;
