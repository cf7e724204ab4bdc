//! The baseline: the expected results of a matrix. It is committed, so that runs are judged against
//! it and changes to it can be reviewed as a line diff.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::analysis::frontier::{History, histories};
use crate::error::UserError;
use crate::model::cell::Cell;
use crate::model::outcome::Outcome;
use crate::model::run::{CellRecord, FamilyRecord, Run};

mod judge;

pub use self::judge::judge;

/// The schema version of the baseline.
pub const SCHEMA: u32 = 1;

/// The expected results of a matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The ladders it was written for, by family.
    pub ladders: BTreeMap<String, Vec<String>>,
    /// The rows it knows, by family. Older baselines do not have this field; they know the rows
    /// that have an expectation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, BTreeSet<String>>,
    /// The expectations, sorted.
    pub expectations: Vec<Expectation>,
}

/// An expectation for a target or some of its cases, from one pin on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The row, as written in reports.
    pub row: String,
    /// The family.
    pub family: String,
    /// The target; `None` for whether a cell reaches its targets at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The cases; empty for the target as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<String>,
    /// The last pin that showed the earlier result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The first pin that showed the expected result.
    pub from: String,
    /// The expected result: `passed`, or `failed(KIND)` with the code of the first error.
    pub expect: String,
    /// The reason for the result; written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ticket for the work on it; written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The last day, `YYYY-MM-DD`, on which a failure is expected; written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl Expectation {
    /// Whether this line takes over the hand-written notes of `other`: it expects the same result
    /// of the same target, even if the change is now known to begin elsewhere or covers other
    /// cases.
    fn succeeds(&self, other: &Self) -> bool {
        let thing = |e: &Self| {
            let target = e.target.clone();
            (e.family.clone(), e.row.clone(), target, e.expect.clone())
        };
        let is_shared = |case: &String| other.cases.contains(case);
        let is_alike = self.cases == other.cases || self.cases.iter().any(is_shared);
        thing(self) == thing(other) && is_alike
    }

    fn is_annotated(&self) -> bool {
        self.reason.is_some() || self.ticket.is_some() || self.expires.is_some()
    }
}

/// The differences between the old and the new baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlessSummary {
    /// The number of lines added.
    pub n_added: usize,
    /// The number of lines removed.
    pub n_removed: usize,
    /// Rows that the run does not cover; their lines are kept.
    pub kept: Vec<String>,
    /// Lines with hand-written notes that have no successor.
    pub lost: Vec<Expectation>,
}

impl Baseline {
    /// Parses the text of the baseline in `file`.
    ///
    /// # Errors
    ///
    /// A [`UserError`] if it is not a baseline, or has a different schema version.
    pub fn parse(text: &str, file: &Utf8Path) -> Result<Self, UserError> {
        #[derive(Deserialize)]
        struct BaselineHead {
            schema: u32,
        }
        let none = |e: serde_json::Error| {
            UserError::new(format!("{file} is not a valid baseline: {e}"))
                .help("fix it, or remove it and write it again with `bless`")
        };
        let head: BaselineHead = serde_json::from_str(text).map_err(none)?;
        if head.schema != SCHEMA {
            let message = format!(
                "{file} has schema {}, and this version reads {SCHEMA}",
                head.schema
            );
            return Err(UserError::new(message)
                .help("keep it for the version that wrote it, or remove it and `bless` anew"));
        }
        let baseline: Self = serde_json::from_str(text).map_err(none)?;
        for expectation in &baseline.expectations {
            if let Some(day) = expectation.expires.as_deref().filter(|day| !is_day(day)) {
                return Err(
                    UserError::new(format!("{file}: `{day}` is not a valid day"))
                        .help("write it as YYYY-MM-DD"),
                );
            }
        }
        Ok(baseline)
    }

    /// The text of the file: one line per expectation.
    ///
    /// # Errors
    ///
    /// If a value has no JSON form; all values have one.
    pub fn text(&self) -> serde_json::Result<String> {
        let ladders = serde_json::to_string(&self.ladders)?;
        let rows = if self.rows.is_empty() {
            String::new()
        } else {
            format!("\"rows\": {},\n", serde_json::to_string(&self.rows)?)
        };
        let lines = self.expectations.iter().map(serde_json::to_string);
        let lines = lines.collect::<serde_json::Result<Vec<_>>>()?.join(",\n");
        Ok(format!(
            "{{\n\"schema\": {},\n\"ladders\": {ladders},\n{rows}\"expectations\": [\n{lines}\n]\n}}\n",
            self.schema
        ))
    }

    /// Checks that the baseline was written for the ladders of a matrix.
    ///
    /// # Errors
    ///
    /// A [`UserError`] that names the first pin that differs.
    pub fn check(&self, families: &[FamilyRecord], file: &Utf8Path) -> Result<(), UserError> {
        let ladders = ladders(families);
        if ladders == self.ladders {
            return Ok(());
        }
        let differs = ladders.iter().find_map(|(family, pins)| {
            let other = self.ladders.get(family).map_or(&[][..], Vec::as_slice);
            let length = pins.len().max(other.len());
            let index = (0..length).find(|index| pins.get(*index) != other.get(*index))?;
            let named = |pins: &[String]| {
                pins.get(index)
                    .cloned()
                    .unwrap_or("no more pins".to_owned())
            };
            Some(format!(
                "of {family} it has {}, and the matrix {}",
                named(other),
                named(pins)
            ))
        });
        let differs = differs.unwrap_or("it has a family that the matrix does not".to_owned());
        Err(
            UserError::new(format!("{file} is for another ladder: {differs}"))
                .help("run with --no-baseline, and then write it anew with `bless`"),
        )
    }

    /// Creates the baseline of a run: from now on its results are expected. Lines of rows that the
    /// run does not cover are kept, and hand-written notes stay with their lines.
    ///
    /// # Errors
    ///
    /// A [`UserError`] if the run did not end, or if one of its cells is inconclusive.
    pub fn of(run: &Run, before: Option<&Self>) -> Result<(Self, BlessSummary), UserError> {
        let run = &at_named_pins(run);
        check_whole(run)?;
        let mut changed = BlessSummary::default();
        let mut expectations = Vec::new();
        let whole_rows = run.whole_rows();
        let old = before.map_or(&[][..], |before| &before.expectations);
        let (rows, silent) = (rows(run), silent(run));
        for expectation in old {
            let Expectation {
                family,
                row,
                target,
                ..
            } = expectation;
            let of_row = (family.clone(), row.clone());
            if !whole_rows.contains(&of_row) && rows.contains(&of_row) {
                expectations.push(expectation.clone());
                changed.kept.push(row.clone());
            } else if silent.contains(&(of_row.0, of_row.1, target.clone())) {
                expectations.push(expectation.clone());
            }
        }
        changed.kept.dedup();
        for history in histories(run) {
            let row = (history.family.name.clone(), history.row.to_string());
            if whole_rows.contains(&row) {
                expectations.extend(of_history(&history));
            }
        }
        for known in old.iter().filter(|known| known.is_annotated()) {
            let mut successors = expectations
                .iter_mut()
                .filter(|one| one.succeeds(known))
                .peekable();
            if successors.peek().is_none() {
                changed.lost.push(known.clone());
            }
            // Of several lines that expect the same, prefer the one that begins at the same pin.
            let successors: Vec<&mut Expectation> = successors.collect();
            let same = successors
                .iter()
                .position(|one| one.from == known.from)
                .unwrap_or(0);
            if let Some(successor) = successors.into_iter().nth(same) {
                successor.reason.clone_from(&known.reason);
                successor.ticket.clone_from(&known.ticket);
                successor.expires.clone_from(&known.expires);
            }
        }
        let is_in = |list: &[Expectation], one: &Expectation| list.contains(one);
        changed.n_added = expectations.iter().filter(|one| !is_in(old, one)).count();
        changed.n_removed = old.iter().filter(|one| !is_in(&expectations, one)).count();
        let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let of_lines = expectations.iter();
        let of_lines = of_lines.map(|line| (line.family.clone(), line.row.clone()));
        for (family, row) in of_lines.chain(whole_rows) {
            known.entry(family).or_default().insert(row);
        }
        let mut baseline = Self {
            schema: SCHEMA,
            ladders: ladders(&run.families),
            rows: known,
            expectations,
        };
        baseline.sort();
        Ok((baseline, changed))
    }
}

/// The rows of a run's matrix, by family and name.
fn rows(run: &Run) -> BTreeSet<(String, String)> {
    let rows = run.cells.iter().map(|record| {
        let Cell { row, pin } = &record.cell;
        (pin.family.clone(), row.to_string())
    });
    rows.collect()
}

/// Targets for which a run gives no verdict because they only drift: their earlier expectations are
/// kept.
fn silent(run: &Run) -> BTreeSet<(String, String, Option<String>)> {
    let all = histories(run);
    let silent = all
        .iter()
        .filter(|history| history.sides.is_empty() && history.target.is_some());
    let silent = silent.map(|history| {
        let target = history.target.map(ToString::to_string);
        (history.family.name.clone(), history.row.to_string(), target)
    });
    silent.collect()
}

/// Removes the cells at pins that the config does not name. The version that the subject is on
/// today moves, and the baseline would have to follow.
fn at_named_pins(run: &Run) -> Run {
    let mut run = run.clone();
    let families = run.families.clone();
    run.cells.retain(|record| {
        let pin = &record.cell.pin;
        let family = families.iter().find(|family| family.name == pin.family);
        !family.is_some_and(|family| family.is_added(&pin.at))
    });
    for family in &mut run.families {
        let known = family.clone();
        family.pins.retain(|pin| !known.is_added(&pin.at));
    }
    run
}

fn ladders(families: &[FamilyRecord]) -> BTreeMap<String, Vec<String>> {
    let pins = |family: &FamilyRecord| {
        let pins = family.pins.iter();
        let named = pins.filter(|pin| !family.is_added(&pin.at));
        named.map(|pin| pin.at.to_string()).collect()
    };
    let ladders = families
        .iter()
        .map(|family| (family.name.clone(), pins(family)));
    ladders.collect()
}

fn check_whole(run: &Run) -> Result<(), UserError> {
    if !run.finished {
        return Err(
            UserError::new("the last run did not end, so it cannot be a baseline")
                .help("run the matrix to its end first; it goes on from where it was"),
        );
    }
    let has_doubt = |record: &&CellRecord| record.outcome().is_some_and(Outcome::has_doubt);
    match run.cells.iter().find(has_doubt) {
        Some(record) => {
            let message = format!(
                "something in {} is inconclusive, so nothing can be expected of it",
                record.id
            );
            Err(UserError::new(message)
                .help("run the matrix again; a doubt is settled by the next run"))
        }
        None => Ok(()),
    }
}

/// The lines of one history: its first result, and each change.
fn of_history(history: &History<'_>) -> Vec<Expectation> {
    let mut lines: Vec<Expectation> = Vec::new();
    let mut last: Option<&crate::analysis::frontier::ChangeSide> = None;
    for side in &history.sides {
        let is_same = last.is_some_and(|last| last.shown == side.shown);
        if !is_same {
            lines.push(Expectation {
                row: history.row.to_string(),
                family: history.family.name.clone(),
                target: history.target.map(ToString::to_string),
                cases: history.cases.clone(),
                after: last.map(|last| last.at.to_string()),
                from: side.at.to_string(),
                expect: side.shown.clone(),
                reason: None,
                ticket: None,
                expires: None,
            });
        }
        last = Some(side);
    }
    lines
}

/// The sort key of a pin within its family.
type PinRank = (bool, Option<Version>, usize);

impl Baseline {
    /// Whether the cell's row was in a run that was blessed.
    fn knows(&self, record: &CellRecord) -> bool {
        let rows = self.rows.get(&record.cell.pin.family);
        rows.is_some_and(|rows| rows.contains(&record.cell.row.to_string()))
    }

    /// Sorts the lines by family, row, target, cases and pin.
    fn sort(&mut self) {
        let ladders = std::mem::take(&mut self.ladders);
        self.expectations.sort_by_cached_key(|e| {
            let ladder = ladders.get(&e.family).map_or(&[][..], Vec::as_slice);
            let thing = (
                e.family.clone(),
                e.row.clone(),
                e.target.clone(),
                e.cases.clone(),
            );
            (thing, rank(ladder, &e.from))
        });
        self.ladders = ladders;
    }

    /// The rank of a pin in its family: published versions in their order, then unreleased pins in
    /// ladder order.
    fn rank(&self, family: &str, pin: &str) -> PinRank {
        rank(self.ladders.get(family).map_or(&[][..], Vec::as_slice), pin)
    }
}

fn rank(ladder: &[String], pin: &str) -> PinRank {
    match Version::parse(pin) {
        Ok(version) => (false, Some(version), 0),
        Err(_) => {
            let index = ladder.iter().position(|known| known == pin);
            (true, None, index.unwrap_or(ladder.len()))
        }
    }
}

/// Whether the text is a calendar day, written as `YYYY-MM-DD`.
fn is_day(written: &str) -> bool {
    let parts: Vec<&str> = written.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |part: &str, length| {
        if part.len() == length {
            part.parse::<u16>().ok()
        } else {
            None
        }
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let month = u8::try_from(month)
        .ok()
        .and_then(|month| time::Month::try_from(month).ok());
    let day = u8::try_from(day).unwrap_or_default();
    month.is_some_and(|month| time::Date::from_calendar_date(i32::from(year), month, day).is_ok())
}

#[cfg(test)]
mod tests;
