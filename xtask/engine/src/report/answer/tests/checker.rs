//! A second reading of a run, from its JSON, that shares nothing with the first: every sentence of an
//! answer is read back and held against what the cells show, and the first break of a row has to be told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a cell shows of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Passes,
    Fails,
    /// It ran and gave no verdict.
    Unsure,
}

/// What a cell that ended shows, by the name of a case, and by none for the target itself.
type Cell = BTreeMap<Option<String>, Shown>;

/// A run of one family and one target.
struct Seen {
    today: Option<u64>,
    /// The cells of each row by their major; none where no one ran it.
    rows: BTreeMap<String, BTreeMap<u64, Option<Cell>>>,
}

fn major(version: &str) -> Result<u64, String> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| format!("no version: {version}"))
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

impl Seen {
    fn of(run: &Value) -> Self {
        let mut rows: BTreeMap<String, BTreeMap<u64, Option<Cell>>> = BTreeMap::new();
        for record in run["cells"].as_array().into_iter().flatten() {
            let (row, pin) = (&record["toolchain"], &record["pin"]["version"]);
            let cell = (record["state"] == "ended").then(|| {
                let mut cell = Cell::new();
                for target in record["outcome"]["targets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    cell.extend(shown(target).map(|shown| (None, shown)));
                    for case in target["cases"].as_array().into_iter().flatten() {
                        let name = case["name"].as_str().map(str::to_owned);
                        cell.extend(shown(case).map(|shown| (name, shown)));
                    }
                }
                cell
            });
            let at = major(pin.as_str().unwrap_or_default()).unwrap_or_default();
            let row = rows.entry(row.as_str().unwrap_or_default().to_owned());
            row.or_default().insert(at, cell);
        }
        let today = run["families"][0]["today"].as_str();
        Self {
            today: today.and_then(|today| major(today).ok()),
            rows,
        }
    }

    fn row(&self, name: &str) -> Result<&BTreeMap<u64, Option<Cell>>, String> {
        self.rows.get(name).ok_or(format!("no row {name}"))
    }

    /// Which rows words such as `on stable` mean.
    fn rows_in(&self, words: &str) -> Result<Vec<String>, String> {
        let words = words
            .strip_prefix("on ")
            .ok_or(format!("no rows: {words}"))?;
        if words.starts_with("every ") {
            return Ok(self.rows.keys().cloned().collect());
        }
        let named = words.split(" and ").flat_map(|w| w.split(", "));
        let named: Vec<String> = named.map(str::to_owned).collect();
        match named.iter().find(|name| !self.rows.contains_key(*name)) {
            Some(name) => Err(format!("no row {name}")),
            None => Ok(named),
        }
    }

    /// What becomes at a cell of what passes at another: none where it was not run.
    fn fate(&self, row: &str, from: u64, to: u64) -> Result<Option<Shown>, String> {
        let row = self.row(row)?;
        let first = row.get(&from).and_then(Option::as_ref);
        let first = first.ok_or(format!("{from} was not run"))?;
        let Some(Some(later)) = row.get(&to) else {
            return Ok(None);
        };
        let passing = first.iter().filter(|(_, shown)| **shown == Shown::Passes);
        let fates = passing.map(|(thing, _)| later.get(thing).or(later.get(&None)).copied());
        let fates: Vec<Shown> = fates.flatten().collect();
        let has = |fate| fates.contains(&fate);
        Ok(Some(match (has(Shown::Fails), has(Shown::Unsure)) {
            (true, _) => Shown::Fails,
            (false, true) => Shown::Unsure,
            (false, false) => Shown::Passes,
        }))
    }

    /// What a case or the target itself shows: a case of a target that did not get so far shows what the
    /// target does.
    fn at(&self, row: &str, thing: &Option<String>, at: u64) -> Option<Shown> {
        let cell = self.rows.get(row)?.get(&at)?.as_ref()?;
        let has_cases = cell.keys().any(Option::is_some);
        let own = cell.get(thing).copied();
        own.or_else(|| cell.get(&None).copied().filter(|_| !has_cases))
    }

    /// The verdicts of one thing on a row, in order.
    fn verdicts(&self, row: &str, thing: &Option<String>) -> Vec<(u64, bool)> {
        let pins = self.rows.get(row).into_iter().flat_map(BTreeMap::keys);
        let verdict = |at: &u64| match self.at(row, thing, *at)? {
            Shown::Passes => Some((*at, true)),
            Shown::Fails => Some((*at, false)),
            Shown::Unsure => None,
        };
        pins.filter_map(verdict).collect()
    }

    /// Where one thing turns on a row, and whether it breaks there.
    fn turns(&self, row: &str, thing: &Option<String>) -> Vec<(u64, bool)> {
        let verdicts = self.verdicts(row, thing);
        let pairs = verdicts.windows(2).filter(|pair| pair[0].1 != pair[1].1);
        pairs.map(|pair| (pair[1].0, !pair[1].1)).collect()
    }

    /// The pins after one on a row.
    fn later(&self, row: &str, from: u64) -> Result<Vec<u64>, String> {
        Ok(self
            .row(row)?
            .keys()
            .copied()
            .filter(|at| *at > from)
            .collect())
    }
}

/// The versions in a list such as `1.0.0, 3.0.0 to 5.0.0 and 7.0.0`.
fn versions(list: &str, all: &[u64]) -> Result<BTreeSet<u64>, String> {
    let mut found = BTreeSet::new();
    for word in list.split(", ").flat_map(|part| part.split(" and ")) {
        match word.split_once(" to ") {
            None => _ = found.insert(major(word)?),
            Some((first, last)) => {
                let (first, last) = (major(first)?, major(last)?);
                found.extend(all.iter().filter(|at| first <= **at && **at <= last));
            }
        }
    }
    Ok(found)
}

fn holds(is_so: bool, what: &str) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| what.to_owned())
}

/// The case that a sentence is about, or the target itself, or all its cases; and the rest of it.
fn thing(sentence: &str) -> Option<(Vec<Option<String>>, &str)> {
    let both = || vec![Some("one".to_owned()), Some("two".to_owned())];
    if let Some(rest) = sentence.strip_prefix("2 cases of `app test:t` ") {
        return Some((both(), rest));
    }
    if let Some(rest) = sentence.strip_prefix("`app test:t` ") {
        return Some((vec![None], rest));
    }
    let (name, rest) = sentence
        .strip_prefix('`')?
        .split_once("` of `app test:t` ")?;
    Some((vec![Some(name.to_owned())], rest))
}

/// What sentences told of: turns, by row, thing and pin.
type Told = BTreeSet<(String, u64)>;

/// What broke last, on which rows and where.
type Broken = (Vec<String>, Vec<Option<String>>, u64);

/// Holds an answer against a run.
pub fn check(run: &Value, answer: &str) -> Result<(), String> {
    let seen = Seen::of(run);
    let mut told = Told::new();
    let mut last_break = None;
    for sentence in answer.lines() {
        let checked = statement(&seen, sentence, &mut told, &mut last_break);
        checked.map_err(|why| format!("{why}: {sentence}"))?;
    }
    for row in seen.rows.keys() {
        let names = ["one", "two"].map(|name| Some(name.to_owned()));
        let turns = names.iter().flat_map(|name| seen.turns(row, name));
        let first = turns.filter(|turn| turn.1).map(|turn| turn.0).min();
        if let Some(at) = first {
            let is_told = told.contains(&(row.clone(), at));
            holds(is_told, &format!("a break at {at} on {row} is not told"))?;
        }
    }
    Ok(())
}

fn statement(
    seen: &Seen,
    sentence: &str,
    told: &mut Told,
    last_break: &mut Option<Broken>,
) -> Result<(), String> {
    if sentence.contains(" without a change of code ") {
        return upgrade(seen, sentence);
    }
    if let Some(rest) = sentence.strip_prefix("Moving gadget from ") {
        return constant(seen, rest);
    }
    if let Some(rest) = sentence.strip_prefix("It still passes at ") {
        return still(seen, rest, last_break.as_ref());
    }
    if let Some(rest) = sentence.strip_prefix("They still pass at ") {
        return still(seen, rest, last_break.as_ref());
    }
    if let Some((things, rest)) = thing(sentence) {
        if let Some(rest) = rest.strip_prefix("fails wherever it ran") {
            holds(rest.starts_with(": "), "no error")?;
            let all = seen.rows.keys().flat_map(|row| seen.verdicts(row, &None));
            return holds(
                all.clone().next().is_some() && all.into_iter().all(|v| !v.1),
                "it passes",
            );
        }
        if let Some((rows, _)) = rest.split_once(" at the same pins of gadget") {
            let rows = rows.strip_prefix("fails on ").ok_or("no rows")?;
            let (one, other) = rows.split_once(" and passes on ").ok_or("one row")?;
            let passes = seen.verdicts(other, &None);
            let mut fails = seen.verdicts(one, &None).into_iter().filter(|v| !v.1);
            return holds(
                fails.any(|(at, _)| passes.contains(&(at, true))),
                "at no pin",
            );
        }
        let rest = match rest.strip_prefix("follow") {
            Some(rest) => format!("breaks{}", rest.trim_start_matches('s')),
            None => rest.to_owned(),
        };
        return turning(seen, &things, &rest, told, last_break);
    }
    // What says nothing of what passes and fails along the ladder.
    let others = [
        "With gadget, the one target passes wherever it ran, in ",
        "1 of 1 target passes wherever it ran",
        "Elsewhere ",
        "No gadget after ",
        "Whether any gadget after ",
        "gadget ",
        "From ",
        "Nothing can be said of the code: ",
        "Nothing was tested: ",
        "Some targets pass at some pins and fail at others, and no case of theirs ran at both.",
    ];
    holds(
        others.iter().any(|words| sentence.starts_with(words)),
        "not understood",
    )?;
    other(seen, sentence, told)
}

/// `gadget 2.0.0 works ... on stable: nothing that passes at 0.0.0 fails there; 1.0.0 does not.`
fn upgrade(seen: &Seen, sentence: &str) -> Result<(), String> {
    let (what, rest) = sentence
        .split_once(" without a change of code ")
        .ok_or("half")?;
    let (rows, rest) = rest.split_once(": ").ok_or("no rows")?;
    let from = match rest.split_once("passes today (") {
        Some((_, rest)) => {
            let from = major(rest)?;
            holds(seen.today == Some(from), "that is not today")?;
            from
        }
        None => major(rest.split_once("passes at ").ok_or("no start")?.1)?,
    };
    for row in seen.rows_in(rows)? {
        let now = seen.today.and_then(|at| seen.rows[&row].get(&at)?.as_ref());
        let passes_now = now.is_some_and(|cell| cell.values().any(|s| *s == Shown::Passes));
        holds(
            !passes_now || seen.today == Some(from),
            "today is not what it is held against",
        )?;
        let later = seen.later(&row, from)?;
        let fates = later
            .iter()
            .map(|at| Ok((*at, seen.fate(&row, from, *at)?)));
        let fates: BTreeMap<u64, Option<Shown>> = fates.collect::<Result<_, String>>()?;
        let of = |fate| -> BTreeSet<u64> {
            let at = fates.iter().filter(|(_, f)| **f == Some(fate));
            at.map(|(at, _)| *at).collect()
        };
        let newest = of(Shown::Passes).last().copied();
        let after = fates.iter().filter(|(at, _)| Some(**at) > newest);
        let after: Vec<Option<Shown>> = after.map(|(_, fate)| *fate).collect();
        let n_breaks_after = after.iter().filter(|f| **f == Some(Shown::Fails)).count();
        match what.strip_prefix("gadget ") {
            Some(what) => {
                holds(
                    newest == Some(major(what)?),
                    "another is the newest that works",
                )?;
                let is_last = what.ends_with(" works") && !what.contains("newest");
                holds(is_last == (n_breaks_after == 0), "what comes after it")?;
                let is_newest = what.ends_with("is the newest that works");
                holds(
                    !is_newest || n_breaks_after == after.len(),
                    "not all after it break",
                )?;
            }
            None => {
                holds(newest.is_none(), "one works")?;
                let untested = fates
                    .values()
                    .any(|f| matches!(f, None | Some(Shown::Unsure)));
                holds(
                    untested || !what.starts_with("No tested"),
                    "all were tested",
                )?;
                holds(
                    !untested || what.starts_with("No tested"),
                    "not all were tested",
                )?;
            }
        }
        let broken = match (
            rest.split_once(" fails at "),
            rest.split_once(" fails there; "),
        ) {
            (Some((_, list)), _) => listed(list, &later)?,
            (None, Some((_, list))) if list.contains(" do not") || list.contains(" does not") => {
                let list = list.split(" do").next().unwrap_or_default();
                versions(list, &later)?
            }
            (None, _) => BTreeSet::new(),
        };
        holds(broken == of(Shown::Fails), "other pins break")?;
        let unsure = match rest.split_once("something has no verdict at ") {
            Some((_, list)) => listed(list, &later)?,
            None => BTreeSet::new(),
        };
        holds(unsure == of(Shown::Unsure), "other pins have no verdict")?;
        let n_tested = fates.values().flatten().count();
        let is_told = rest.contains(&format!("{n_tested} of {} later pins w", later.len()));
        holds(is_told == (n_tested < later.len()), "how many were tested")?;
    }
    Ok(())
}

/// A list that ends with its sentence or the next part of it.
fn listed(list: &str, all: &[u64]) -> Result<BTreeSet<u64>, String> {
    let list = list.split("; ").next().unwrap_or_default();
    let list = list.split(", and `").next().unwrap_or_default();
    versions(list.trim_end_matches('.'), all)
}

/// `0.0.0 to 3.0.0 changes nothing on stable: each test shows ...`
fn constant(seen: &Seen, rest: &str) -> Result<(), String> {
    let (from, rest) = rest.split_once(" to ").ok_or("no end")?;
    let (to, rest) = rest.split_once(" changes nothing ").ok_or("no verdict")?;
    let (rows, _) = rest.split_once(": ").ok_or("no rows")?;
    let (from, to) = (major(from)?, major(to)?);
    for row in seen.rows_in(rows)? {
        let later = seen.later(&row, from)?;
        holds(later.last() == Some(&to), "another is the last")?;
        let cells = seen.row(&row)?;
        let first = cells.get(&from).and_then(Option::as_ref);
        let is_same = |at: &u64| cells.get(at).and_then(Option::as_ref) == first;
        holds(
            first.is_some() && later.iter().all(is_same),
            "something changes",
        )?;
    }
    Ok(())
}

/// `breaks at gadget 2.0.0, on stable: why.`, and what turns more than once.
fn turning(
    seen: &Seen,
    things: &[Option<String>],
    rest: &str,
    told: &mut Told,
    last_break: &mut Option<Broken>,
) -> Result<(), String> {
    let (turns, rows) = rest.rsplit_once(", on ").ok_or("no rows")?;
    let rows = rows
        .split(": ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let rows = seen.rows_in(&format!("on {rows}"))?;
    let turns = turns.replace(" and ", ", ").replace(", and ", ", ");
    let mut expected = Vec::new();
    for turn in turns.split(", ") {
        let at = turn.rsplit(' ').next().unwrap_or_default();
        let is_break = turn.starts_with("break");
        let is_fix = turn.starts_with("pass") || turn.starts_with("begin");
        holds(is_break || is_fix, "no turn")?;
        expected.push((major(at)?, is_break));
    }
    for row in &rows {
        for thing in things {
            let found = seen.turns(row, thing);
            let is_whole = expected.len() > 1;
            let first = found.iter().find(|turn| turn.1 == expected[0].1);
            let is_so = match is_whole {
                true => found == expected,
                false => first == expected.first(),
            };
            holds(is_so, &format!("{thing:?} turns at {found:?} on {row}"))?;
            let is_first = found.first() == expected.first();
            holds(
                !turns.starts_with("begin") || is_first,
                "it had passed before",
            )?;
        }
        told.extend(expected.iter().map(|(at, _)| (row.clone(), *at)));
    }
    if let Some((at, _)) = expected.iter().find(|turn| turn.1) {
        *last_break = Some((rows, things.to_vec(), *at));
    }
    Ok(())
}

/// `1.0.0; 2 versions between are untested.`
fn still(seen: &Seen, rest: &str, last: Option<&Broken>) -> Result<(), String> {
    let (rows, things, at) = last.ok_or("nothing broke")?;
    let before = major(rest)?;
    let own = rest.split(['.', ',', ';']).take(3).collect::<String>();
    let named = rows
        .iter()
        .filter(|row| own.ends_with(&format!(" on {row}")));
    let named: Vec<&String> = named.collect();
    let rows = if named.is_empty() {
        rows.iter().collect()
    } else {
        named
    };
    for row in rows {
        for thing in things {
            let verdicts = seen.verdicts(row, thing);
            let known = verdicts.iter().rev().find(|(pin, _)| pin < at);
            holds(
                known == Some(&(before, true)),
                "another is the last before it",
            )?;
        }
    }
    Ok(())
}

/// Sentences about the run as a whole.
fn other(seen: &Seen, sentence: &str, told: &mut Told) -> Result<(), String> {
    let all = || seen.rows.keys().flat_map(|row| seen.verdicts(row, &None));
    if sentence.contains("passes wherever it ran") {
        holds(
            all().next().is_some() && all().all(|verdict| verdict.1),
            "it fails",
        )?;
        let ended = seen.rows.values().flat_map(BTreeMap::values);
        let (n_cells, n_ran) = (ended.clone().count(), all().count());
        if let Some((_, cells)) = sentence.split_once(", in ") {
            let is_so = match n_ran == n_cells {
                true if n_cells == 1 => cells.starts_with("the one cell"),
                true => cells.starts_with(&format!("all {n_cells} cells")),
                false => cells.starts_with(&format!("{n_ran} of {n_cells} cell")),
            };
            holds(is_so, "other numbers of cells")?;
        }
    }
    if let Some(rest) = sentence.strip_prefix("Elsewhere ") {
        for part in rest.trim_end_matches('.').split("at ").skip(1) {
            let (at, row) = part.split_once(" on ").ok_or("no row")?;
            let row = row.trim_end_matches(',').trim_end_matches(" and").trim();
            let row = row.trim_end_matches(',').to_owned();
            holds(seen.rows.contains_key(&row), "no such row")?;
            told.insert((row, major(at)?));
        }
    }
    Ok(())
}
