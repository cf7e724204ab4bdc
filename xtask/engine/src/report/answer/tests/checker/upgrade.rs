//! How far rows can go, read back.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::seen::{Family, Shown, major};
use super::words::{holds, listed, rows, versions};

/// `gadget 2.0.0 works ... on stable: nothing that passes at 0.0.0 fails there; 1.0.0 does not.`
pub fn upgrade(family: &Family, sentence: &str, told: &mut Told) -> Result<(), String> {
    let halves = sentence.split_once(" without a change of code ");
    let (what, rest) = halves.ok_or("half")?;
    let (on, rest) = rest.split_once(": ").ok_or("no rows")?;
    let from = start(family, rest)?;
    for row in rows(family, on, 0)? {
        let now = family
            .today
            .and_then(|at| family.rows[&row].get(&at)?.as_ref());
        let passes_now = now.is_some_and(|cell| cell.has_pass());
        holds(
            !passes_now || family.today == Some(from),
            "today is not what it is held against",
        )?;
        let fates = fates(family, &row, from)?;
        let later: Vec<u64> = fates.keys().copied().collect();
        let newest = of(&fates, Shown::Passes).last().copied();
        let after = fates.iter().filter(|(at, _)| Some(**at) > newest);
        let after: Vec<Option<Shown>> = after.map(|(_, fate)| *fate).collect();
        let n_breaks_after = after.iter().filter(|f| **f == Some(Shown::Fails)).count();
        match what.strip_prefix(&format!("{} ", family.name)) {
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
                adjusted(family, rest, major(what)?)?;
            }
            None => {
                holds(newest.is_none(), "one works")?;
                let is_open = |fate: &Option<Shown>| matches!(fate, None | Some(Shown::Unsure));
                let has_open = fates.values().any(is_open);
                let says_tested = what.starts_with("No tested");
                holds(has_open == says_tested, "whether all were tested")?;
            }
        }
        let broken = match (
            rest.split_once(" fails at "),
            rest.split_once(" fails there; "),
        ) {
            (Some((_, list)), _) => listed(list, &later)?,
            (None, Some((_, list))) if list.contains(" do not") || list.contains(" does not") => {
                versions(list.split(" do").next().unwrap_or_default(), &later)?
            }
            (None, _) => BTreeSet::new(),
        };
        holds(broken == of(&fates, Shown::Fails), "other pins break")?;
        told.extend(broken.iter().map(|at| (row.clone(), *at)));
        let unsure = match rest.split_once("something has no verdict at ") {
            Some((_, list)) => listed(list, &later)?,
            None => BTreeSet::new(),
        };
        holds(
            unsure == of(&fates, Shown::Unsure),
            "other pins have no verdict",
        )?;
        let n_tested = fates.values().flatten().count();
        let is_told = rest.contains(&format!("{n_tested} of {} later pins w", later.len()));
        holds(is_told == (n_tested < later.len()), "how many were tested")?;
    }
    Ok(())
}

/// What the sentence holds pins against.
fn start(family: &Family, rest: &str) -> Result<u64, String> {
    match rest.split_once("passes today (") {
        Some((_, rest)) => {
            let from = major(rest)?;
            holds(family.today == Some(from), "that is not today")?;
            Ok(from)
        }
        None => major(rest.split_once("passes at ").ok_or("no start")?.1),
    }
}

fn fates(family: &Family, row: &str, from: u64) -> Result<BTreeMap<u64, Option<Shown>>, String> {
    let later = family.later(row, from)?;
    let fates = later
        .iter()
        .map(|at| Ok((*at, family.fate(row, from, *at)?)));
    fates.collect()
}

fn of(fates: &BTreeMap<u64, Option<Shown>>, fate: Shown) -> BTreeSet<u64> {
    let at = fates.iter().filter(|(_, f)| **f == Some(fate));
    at.map(|(at, _)| *at).collect()
}

/// `; at 1.0.0 [[adjust]] changes the features of gadget`, where it does.
fn adjusted(family: &Family, rest: &str, newest: u64) -> Result<(), String> {
    let told = rest.split_once(" `[[adjust]]` changes ");
    let told = told.map(|(_, changes)| changes.split("; ").next().unwrap_or_default());
    let told = told.map(|changes| changes.split(", and `").next().unwrap_or_default());
    let told = told.map(|changes| changes.trim_end_matches('.').to_owned());
    holds(
        told.as_ref() == family.adjusted.get(&newest),
        "what is adjusted",
    )
}

/// `0.0.0 to 3.0.0 changes nothing on stable: each test shows ...`
pub fn constant(family: &Family, rest: &str) -> Result<(), String> {
    let (from, rest) = rest.split_once(" to ").ok_or("no end")?;
    let (to, rest) = rest.split_once(" changes nothing ").ok_or("no verdict")?;
    let (on, rest) = rest.split_once(": ").ok_or("no rows")?;
    let (from, to) = (major(from)?, major(to)?);
    adjusted(family, rest, to)?;
    for row in rows(family, on, 0)? {
        let later = family.later(&row, from)?;
        holds(later.last() == Some(&to), "another is the last")?;
        let cells = family.row(&row)?;
        let things = |at: &u64| Some(&cells.get(at)?.as_ref()?.things);
        let first = things(&from);
        let is_same = |at: &u64| things(at) == first;
        holds(
            first.is_some() && later.iter().all(is_same),
            "something changes",
        )?;
    }
    Ok(())
}

/// `gadget 2.0.0, on stable, something that passes today fails in 4 targets, for 2 reasons: …`
pub fn stands_before(family: &Family, rest: &str) -> Result<(), String> {
    let (at, rest) = rest.split_once(", on ").ok_or("no row")?;
    let (row, rest) = rest.split_once(", something that ").ok_or("no row")?;
    let (words, reasons) = rest.split_once(": ").ok_or("no reasons")?;
    let from = match words.strip_prefix("passes today ") {
        Some(_) => family.today.ok_or("no today")?,
        None => major(words.strip_prefix("passes at ").ok_or("no start")?)?,
    };
    let at = major(at)?;
    let cells = family.row(row)?;
    let ended = cells.iter().filter(|(_, cell)| cell.is_some());
    let last = ended.map(|(at, _)| *at).next_back();
    holds(last == Some(at), "another is the last that was tested")?;
    let lost = family.lost(row, from, at)?;
    let n_targets = lost.len();
    holds(
        words.contains(&format!("fails in {n_targets} targets")),
        &format!("it fails in {n_targets} targets"),
    )?;
    let mut by_reason: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (target, errors) in &lost {
        for error in errors {
            by_reason.entry(error).or_default().insert(target);
        }
    }
    let n = by_reason.len();
    let is_told = match n {
        1 => words.ends_with("for one reason"),
        n => words.ends_with(&format!("for {n} reasons")),
    };
    holds(is_told, &format!("there are {n} reasons"))?;
    for (error, targets) in by_reason {
        let Some((_, rest)) = reasons.split_once(&format!("{error}, in ")) else {
            continue;
        };
        let own = rest
            .split("; ")
            .next()
            .unwrap_or_default()
            .trim_end_matches('.');
        let is_told = match targets.first() {
            Some(only) if targets.len() == 1 => own == format!("`{only}`"),
            _ => own == format!("{} targets", targets.len()),
        };
        holds(is_told, &format!("{error} is in {}", targets.len()))?;
    }
    Ok(())
}

/// `Your lock holds gadget 7.0.0, which is no pin of this ladder.`
pub fn off_the_ladder(family: &Family, sentence: &str) -> Result<(), String> {
    let today = family.today.ok_or("no today")?;
    holds(
        sentence.contains(&format!("{} {today}.", family.name)),
        "another is today",
    )?;
    let mut rows = family.rows.values();
    holds(rows.all(|row| !row.contains_key(&today)), "it is a pin")
}
