//! The baseline: what is expected of a matrix, committed, so that a run is judged against it and a
//! change of it is read as a difference of lines.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::config::mistake::Mistake;
use crate::frontier::{History, histories};
use crate::model::run::{FamilyRecord, Run, State};
use crate::model::status::{Skip, Status};

mod judge;

pub use self::judge::judge;

/// The version of the baseline's form.
pub const SCHEMA: u32 = 1;

/// What is expected of a matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The ladder that it is for, by family.
    pub ladders: BTreeMap<String, Vec<String>>,
    /// What is expected, sorted.
    pub expectations: Vec<Expectation>,
}

/// From one pin on, something is expected of a target or of some of its cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The row, as it is written in reports.
    pub row: String,
    /// The family.
    pub family: String,
    /// The target; none for whether a cell gets as far as its targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The cases that it is about; none for what they come to together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<String>,
    /// The last pin that was seen to show what was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The first pin that was seen to show it.
    pub from: String,
    /// What: `passed`, or `failed(CLASS)`.
    pub expect: String,
    /// Why it is as it is; written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is worked on; written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The last day, `YYYY-MM-DD`, on which a failure is expected; written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// What tells one expectation from all others.
type Name<'a> = (
    &'a str,
    &'a str,
    Option<&'a str>,
    &'a [String],
    &'a str,
    &'a str,
);

impl Expectation {
    fn name(&self) -> Name<'_> {
        let target = self.target.as_deref();
        (
            &self.family,
            &self.row,
            target,
            &self.cases,
            &self.from,
            &self.expect,
        )
    }
}

/// What writing a baseline anew has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Lines that were not there.
    pub n_added: usize,
    /// Lines that are no more.
    pub n_removed: usize,
    /// Rows of which the run does not tell, and whose lines stay.
    pub kept: Vec<String>,
}

impl Baseline {
    /// Reads a baseline; `None` where there is none.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when it is none, or of another form.
    pub fn read(file: &Utf8Path) -> Result<Option<Self>, Mistake> {
        let text = match std::fs::read_to_string(file) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|e| Mistake::new(format!("cannot read {file}: {e}")))?,
        };
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let none = |e: serde_json::Error| {
            Mistake::new(format!("{file} is no baseline: {e}"))
                .help("mend it, or remove it and write it anew with `bless`")
        };
        let head: Head = serde_json::from_str(&text).map_err(none)?;
        if head.schema != SCHEMA {
            let message = format!(
                "{file} has schema {}, and this version reads {SCHEMA}",
                head.schema
            );
            return Err(Mistake::new(message)
                .help("keep it for the version that wrote it, or remove it and `bless` anew"));
        }
        let baseline: Self = serde_json::from_str(&text).map_err(none)?;
        for expectation in &baseline.expectations {
            if let Some(day) = expectation.expires.as_deref().filter(|day| !is_day(day)) {
                return Err(Mistake::new(format!("{file}: `{day}` is no day"))
                    .help("write it as YYYY-MM-DD"));
            }
        }
        Ok(Some(baseline))
    }

    /// The text of its file: one line an expectation.
    ///
    /// # Errors
    ///
    /// When a value has no JSON form; all have.
    pub fn text(&self) -> serde_json::Result<String> {
        let ladders = serde_json::to_string(&self.ladders)?;
        let lines = self.expectations.iter().map(serde_json::to_string);
        let lines = lines.collect::<serde_json::Result<Vec<_>>>()?.join(",\n");
        Ok(format!(
            "{{\n\"schema\": {},\n\"ladders\": {ladders},\n\"expectations\": [\n{lines}\n]\n}}\n",
            self.schema
        ))
    }

    /// Checks that it is for the ladders of a matrix.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] that names the first pin that differs.
    pub fn check(&self, families: &[FamilyRecord], file: &Utf8Path) -> Result<(), Mistake> {
        let ladders = ladders(families);
        if ladders == self.ladders {
            return Ok(());
        }
        let differs = ladders.iter().find_map(|(family, pins)| {
            let other = self.ladders.get(family).map_or(&[][..], Vec::as_slice);
            let length = pins.len().max(other.len());
            let at = (0..length).find(|at| pins.get(*at) != other.get(*at))?;
            let named =
                |pins: &[String]| pins.get(at).cloned().unwrap_or("no more pins".to_owned());
            Some(format!(
                "of {family} it has {}, and the matrix {}",
                named(other),
                named(pins)
            ))
        });
        let differs = differs.unwrap_or("it has a family that the matrix does not".to_owned());
        Err(
            Mistake::new(format!("{file} is for another ladder: {differs}"))
                .help("run with --no-baseline, and then write it anew with `bless`"),
        )
    }

    /// The baseline of a run: what it shows is expected from now on. Lines of rows that it does not
    /// tell of stay as they are, and what was written by hand stays with its line.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when the run did not end, or when a cell of it is in doubt.
    pub fn of(run: &Run, before: Option<&Self>) -> Result<(Self, Changed), Mistake> {
        check_whole(run)?;
        let mut changed = Changed::default();
        let mut expectations = Vec::new();
        let told = told(run);
        let old = before.map_or(&[][..], |before| &before.expectations);
        for expectation in old {
            let row = (expectation.family.as_str(), expectation.row.as_str());
            if !told.contains(&(row.0.to_owned(), row.1.to_owned())) {
                expectations.push(expectation.clone());
                changed.kept.push(expectation.row.clone());
            }
        }
        changed.kept.dedup();
        for history in histories(run) {
            let row = (history.family.name.clone(), history.row.to_string());
            if told.contains(&row) {
                expectations.extend(of_history(&history));
            }
        }
        for expectation in &mut expectations {
            if let Some(known) = old.iter().find(|known| known.name() == expectation.name()) {
                expectation.reason.clone_from(&known.reason);
                expectation.ticket.clone_from(&known.ticket);
                expectation.expires.clone_from(&known.expires);
            }
        }
        let is_in = |list: &[Expectation], one: &Expectation| list.contains(one);
        changed.n_added = expectations.iter().filter(|one| !is_in(old, one)).count();
        changed.n_removed = old.iter().filter(|one| !is_in(&expectations, one)).count();
        sort(&mut expectations);
        let baseline = Self {
            schema: SCHEMA,
            ladders: ladders(&run.families),
            expectations,
        };
        Ok((baseline, changed))
    }
}

fn ladders(families: &[FamilyRecord]) -> BTreeMap<String, Vec<String>> {
    let pins = |family: &FamilyRecord| family.pins.iter().map(|pin| pin.at.to_string()).collect();
    let ladders = families
        .iter()
        .map(|family| (family.name.clone(), pins(family)));
    ladders.collect()
}

fn check_whole(run: &Run) -> Result<(), Mistake> {
    if !run.finished {
        return Err(
            Mistake::new("the last run did not end, so it is no baseline")
                .help("run the matrix to its end first; it goes on from where it was"),
        );
    }
    let doubt = |status: &Status| matches!(status, Status::Inconclusive { .. });
    match run.cells.iter().find(|record| doubt(&record.status())) {
        Some(record) => {
            let message = format!(
                "{} is {}, which nothing can be expected of",
                record.id,
                record.status()
            );
            Err(Mistake::new(message)
                .help("run the matrix again; a doubt is settled by the next run"))
        }
        None => Ok(()),
    }
}

/// The rows of which a run tells: some of their cells ran, and none was left out by a selection.
fn told(run: &Run) -> BTreeSet<(String, String)> {
    let mut told = BTreeSet::new();
    for family in &run.families {
        for row in run.rows(family) {
            let is_partial = row.iter().any(|record| match &record.state {
                State::Skipped { reason } => match reason {
                    Skip::NotSelected(_) | Skip::NotAnEnd => true,
                    Skip::ToolchainMissing
                    | Skip::Excluded(_)
                    | Skip::BetweenRungs
                    | Skip::Inferred
                    | Skip::Ignored
                    | Skip::NotReached
                    | Skip::NothingToTest
                    | Skip::RequiredFeatures(_) => false,
                },
                State::Pending | State::Ended { .. } => false,
            });
            let ran = row.iter().find(|record| record.outcome().is_some());
            if let Some(record) = ran.filter(|_| !is_partial) {
                told.insert((family.name.clone(), record.cell.row.to_string()));
            }
        }
    }
    told
}

/// The lines of one history: where it begins, and each change.
fn of_history(history: &History<'_>) -> Vec<Expectation> {
    let mut lines: Vec<Expectation> = Vec::new();
    let mut last: Option<&crate::frontier::Side> = None;
    for side in &history.sides {
        let is_same = last.is_some_and(|last| last.status == side.status);
        if !is_same {
            lines.push(Expectation {
                row: history.row.to_string(),
                family: history.family.name.clone(),
                target: history.target.map(ToString::to_string),
                cases: history.cases.clone(),
                after: last.map(|last| last.at.to_string()),
                from: side.at.to_string(),
                expect: side.status.to_string(),
                reason: None,
                ticket: None,
                expires: None,
            });
        }
        last = Some(side);
    }
    lines
}

/// By family, row, target, cases and pin.
fn sort(expectations: &mut [Expectation]) {
    expectations.sort_by(|a, b| {
        let key = |e: &Expectation| {
            (
                e.family.clone(),
                e.row.clone(),
                e.target.clone(),
                e.cases.clone(),
            )
        };
        key(a)
            .cmp(&key(b))
            .then_with(|| rank(&a.from).cmp(&rank(&b.from)))
    });
}

/// Where a pin stands among others: published versions in their order, and then all that is not
/// released.
fn rank(pin: &str) -> (bool, Option<Version>, &str) {
    match Version::parse(pin) {
        Ok(version) => (false, Some(version), ""),
        Err(_) => (true, None, pin),
    }
}

fn is_day(written: &str) -> bool {
    let parts: Vec<&str> = written.split('-').collect();
    let is_number =
        |part: &&str, length| part.len() == length && part.chars().all(|c| c.is_ascii_digit());
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    is_number(year, 4)
        && is_number(month, 2)
        && is_number(day, 2)
        && ("01"..="12").contains(month)
        && ("01"..="31").contains(day)
}

#[cfg(test)]
mod tests;
