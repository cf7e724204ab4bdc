//! What a run's JSON shows, parsed independently of the reports.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The result of a target or case in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Passes,
    Fails,
    /// It ran without a verdict.
    Unsure,
}

/// A case of a target, or the target itself.
pub type Thing = (String, Option<String>);

/// The results of a cell that ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenCell {
    /// The results of targets and cases.
    pub things: BTreeMap<Thing, Shown>,
    /// The first error of each target.
    pub errors: BTreeMap<String, String>,
    /// The failure kind of each failed target and case: `compile`.
    pub classes: BTreeMap<Thing, String>,
    /// The status of the whole cell, and whether it is a verdict.
    pub status: String,
    pub is_verdict: bool,
}

/// The cells of a row by major version; `None` if nobody ran it.
pub type SeenRow = BTreeMap<u64, Option<SeenCell>>;

/// One family of a run.
pub struct SeenFamily {
    pub name: String,
    pub today: Option<u64>,
    /// The adjustments by pin.
    pub adjusted: BTreeMap<u64, String>,
    pub rows: BTreeMap<String, SeenRow>,
}

/// A run as seen in its JSON.
pub struct Seen {
    pub families: Vec<SeenFamily>,
    pub is_finished: bool,
}

/// The major version of a version.
pub fn major(version: &str) -> Result<u64, String> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| format!("no version: {version}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn shown(value: &Value) -> Option<Shown> {
    let class = value["class"].as_str();
    match value["status"].as_str()? {
        "passed" => Some(Shown::Passes),
        "failed" if class == Some("drift") => Some(Shown::Unsure),
        "failed" => Some(Shown::Fails),
        "inconclusive" => Some(Shown::Unsure),
        _ => None,
    }
}

impl SeenCell {
    fn of(outcome: &Value) -> Self {
        let mut cell = Self {
            status: text(&outcome["class"]),
            is_verdict: matches!(shown(outcome), Some(Shown::Passes | Shown::Fails)),
            ..Self::default()
        };
        for target in items(&outcome["targets"]) {
            let id = ["package", "kind", "name"].map(|part| text(&target[part]));
            let id = format!("{} {}:{}", id[0], id[1], id[2]);
            cell.classes
                .insert((id.clone(), None), text(&target["class"]));
            let own = shown(target).map(|shown| ((id.clone(), None), shown));
            cell.things.extend(own);
            for case in items(&target["cases"]) {
                let thing = (id.clone(), case["name"].as_str().map(str::to_owned));
                cell.classes.insert(thing.clone(), text(&case["class"]));
                cell.things.extend(shown(case).map(|shown| (thing, shown)));
            }
            let error = items(&target["errors"]).next();
            cell.errors
                .extend(error.map(|error| (id, text(&error["message"]))));
        }
        cell
    }

    /// The targets, by name.
    pub fn targets(&self) -> BTreeSet<&str> {
        self.things
            .keys()
            .map(|(target, _)| target.as_str())
            .collect()
    }

    /// Whether anything in the cell passes.
    pub fn has_pass(&self) -> bool {
        self.things.values().any(|shown| *shown == Shown::Passes)
    }

    /// The failure kind of a target or case.
    pub fn class(&self, (target, case): &Thing) -> Option<&String> {
        let own = self.classes.get(&(target.clone(), case.clone()));
        own.or_else(|| self.classes.get(&(target.clone(), None)))
    }

    /// The result of a target or case: a case of a target that did not get that far has the
    /// target's result.
    pub fn at(&self, (target, case): &Thing) -> Option<Shown> {
        let own = self.things.get(&(target.clone(), case.clone()));
        let has_cases = self
            .things
            .keys()
            .any(|(of, case)| of == target && case.is_some());
        let whole = || {
            self.things
                .get(&(target.clone(), None))
                .filter(|_| !has_cases)
        };
        own.or_else(whole).copied()
    }
}

impl Seen {
    pub fn of(run: &Value) -> Self {
        let families = items(&run["families"]).map(|family| {
            let name = text(&family["name"]);
            let mut rows: BTreeMap<String, SeenRow> = BTreeMap::new();
            let of_family = |record: &&Value| record["pin"]["family"] == family["name"];
            for record in items(&run["cells"]).filter(of_family) {
                let at = major(&text(&record["pin"]["version"])).unwrap_or_default();
                let has_ended = record["state"] == "ended";
                let cell = has_ended.then(|| SeenCell::of(&record["outcome"]));
                let row = rows.entry(text(&record["toolchain"])).or_default();
                row.insert(at, cell);
            }
            let adjusted = items(&family["adjusted"]).map(|adjusted| {
                let at = major(&text(&adjusted["at"]["version"])).unwrap_or_default();
                let changes = items(&adjusted["changes"]).map(text);
                (at, changes.collect::<Vec<_>>().join(" and "))
            });
            SeenFamily {
                today: family["todays"][0]["version"]
                    .as_str()
                    .and_then(|today| major(today).ok()),
                adjusted: adjusted.collect(),
                name,
                rows,
            }
        });
        Self {
            families: families.collect(),
            is_finished: run["finished"] == true,
        }
    }
}

impl SeenFamily {
    pub fn row(&self, name: &str) -> Result<&SeenRow, String> {
        self.rows.get(name).ok_or(format!("no row {name}"))
    }

    /// All cells that ended.
    pub fn ended(&self) -> impl Iterator<Item = &SeenCell> {
        self.rows.values().flat_map(SeenRow::values).flatten()
    }

    /// All targets and cases in any cell.
    pub fn things(&self) -> BTreeSet<Thing> {
        self.ended()
            .flat_map(|cell| cell.things.keys().cloned())
            .collect()
    }

    /// All targets in any cell.
    pub fn targets(&self) -> BTreeSet<String> {
        self.things()
            .into_iter()
            .map(|(target, _)| target)
            .collect()
    }

    /// The verdicts of a target or case on a row, in order.
    pub fn verdicts(&self, row: &str, thing: &Thing) -> Vec<(u64, bool)> {
        let cells = self.rows.get(row).into_iter().flatten();
        let verdict = |(at, cell): (&u64, &Option<SeenCell>)| match cell.as_ref()?.at(thing)? {
            Shown::Passes => Some((*at, true)),
            Shown::Fails => Some((*at, false)),
            Shown::Unsure => None,
        };
        cells.filter_map(verdict).collect()
    }

    /// The verdicts of a target itself, on all rows.
    pub fn all_verdicts(&self, target: &str) -> Vec<bool> {
        let thing = (target.to_owned(), None);
        let rows = self.rows.keys();
        let verdicts = rows.flat_map(|row| self.verdicts(row, &thing));
        verdicts.map(|(_, passes)| passes).collect()
    }

    /// The turns of a target or case on a row, and whether each is a break.
    pub fn turns(&self, row: &str, thing: &Thing) -> Vec<(u64, bool)> {
        let verdicts = self.verdicts(row, thing);
        let pairs = verdicts.windows(2).filter(|pair| pair[0].1 != pair[1].1);
        pairs.map(|pair| (pair[1].0, !pair[1].1)).collect()
    }

    /// What can turn on a row: the cases of a target, or the target itself if it never reached a
    /// case.
    fn things_of(&self, row: &str) -> BTreeSet<Thing> {
        let cells = self
            .rows
            .get(row)
            .into_iter()
            .flat_map(SeenRow::values)
            .flatten();
        let things: BTreeSet<Thing> = cells.flat_map(|cell| cell.things.keys().cloned()).collect();
        let has_cases = |target: &str| {
            things
                .iter()
                .any(|(of, case)| of == target && case.is_some())
        };
        let own = things
            .iter()
            .filter(|(target, case)| case.is_some() || !has_cases(target));
        own.cloned().collect()
    }

    /// The targets of which anything turns, on some row, in a way that the filter accepts.
    pub fn targets_that_turn(&self, is_meant: impl Fn(&[(u64, bool)]) -> bool) -> BTreeSet<String> {
        let turning = self.rows.keys().flat_map(|row| {
            let things = self.things_of(row).into_iter();
            things.filter(|thing| is_meant(&self.turns(row, thing)))
        });
        turning.map(|(target, _)| target).collect()
    }

    /// The pins after a given one on a row.
    pub fn later(&self, row: &str, from: u64) -> Result<Vec<u64>, String> {
        let later = self.row(row)?.keys().copied();
        Ok(later.filter(|at| *at > from).collect())
    }

    /// The fate in one cell of what passes in another; `None` if it was not run.
    pub fn fate(&self, row: &str, from: u64, to: u64) -> Result<Option<Shown>, String> {
        let row = self.row(row)?;
        let first = row.get(&from).and_then(Option::as_ref);
        let first = first.ok_or(format!("{from} was not run"))?;
        let Some(Some(later)) = row.get(&to) else {
            return Ok(None);
        };
        if later.things.is_empty() {
            return Ok(Some(if later.is_verdict {
                Shown::Fails
            } else {
                Shown::Unsure
            }));
        }
        let passing = first
            .things
            .iter()
            .filter(|(_, shown)| **shown == Shown::Passes);
        let whole = |target: &str| later.things.get(&(target.to_owned(), None));
        let fates = passing.map(|(thing, _)| later.things.get(thing).or(whole(&thing.0)).copied());
        let fates: Vec<Shown> = fates.flatten().collect();
        let has = |fate| fates.contains(&fate);
        Ok(Some(match (has(Shown::Fails), has(Shown::Unsure)) {
            (true, _) => Shown::Fails,
            (false, true) => Shown::Unsure,
            (false, false) => Shown::Passes,
        }))
    }

    /// The targets with something that passes at one pin and fails at another, each with its error
    /// if it is not built, and with the cases that fail.
    pub fn lost(
        &self,
        row: &str,
        from: u64,
        to: u64,
    ) -> Result<BTreeMap<String, Vec<String>>, String> {
        let cell = |at: u64| {
            let cell = self.row(row)?.get(&at).and_then(Option::as_ref);
            cell.ok_or(format!("{at} was not run"))
        };
        let (first, last) = (cell(from)?, cell(to)?);
        let mut lost: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (thing, shown) in &first.things {
            let (target, case) = thing;
            if *shown != Shown::Passes || last.at(thing) != Some(Shown::Fails) {
                continue;
            }
            let reasons = lost.entry(target.clone()).or_default();
            let reason = match (last.errors.get(target), case) {
                (Some(error), _) => error.clone(),
                (None, Some(_)) => format!("{target} tests"),
                // Its cases are the reason.
                (None, None) => continue,
            };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        Ok(lost)
    }
}
