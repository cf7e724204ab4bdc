//! Checks sentences on how far rows can upgrade.

use std::collections::{BTreeMap, BTreeSet};

use super::Covered;
use super::seen::{SeenCell, SeenFamily, Shown, major};
use super::words::{holds, listed, rows, versions};

/// `gadget 2.0.0 works ... on stable: nothing that passes at 0.0.0 fails there; 1.0.0 does not.`
pub fn upgrade(family: &SeenFamily, sentence: &str, covered: &mut Covered) -> Result<(), String> {
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
                adjusted(family, rest, from, major(what)?)?;
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
        covered.extend(broken.iter().map(|at| (row.clone(), *at)));
        let unsure = match rest.split_once("something has no verdict at ") {
            Some((_, list)) => listed(list, &later)?,
            None => BTreeSet::new(),
        };
        holds(
            unsure == of(&fates, Shown::Unsure),
            "other pins have no verdict",
        )?;
        let n_tested = fates.values().flatten().count();
        let is_counted = rest.contains(&format!("{n_tested} of {} later pins w", later.len()));
        holds(
            is_counted == (n_tested < later.len()),
            "how many were tested",
        )?;
    }
    Ok(())
}

/// The pin with which the sentence compares others.
fn start(family: &SeenFamily, rest: &str) -> Result<u64, String> {
    match rest.split_once("passes today (") {
        Some((_, rest)) => {
            let from = major(rest)?;
            holds(family.today == Some(from), "that is not today")?;
            Ok(from)
        }
        None => major(rest.split_once("passes at ").ok_or("no start")?.1),
    }
}

fn fates(
    family: &SeenFamily,
    row: &str,
    from: u64,
) -> Result<BTreeMap<u64, Option<Shown>>, String> {
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

/// `; [[adjust]] applies at 1.0.0: features of gadget`, if it does and differs from the start.
fn adjusted(family: &SeenFamily, rest: &str, from: u64, newest: u64) -> Result<(), String> {
    let changes = rest.split_once(&format!("; `[[adjust]]` applies at {newest}.0.0: "));
    let changes = changes.map(|(_, changes)| changes.split("; ").next().unwrap_or_default());
    let changes = changes.map(|changes| changes.split(", and `").next().unwrap_or_default());
    let changes = changes.map(|changes| changes.trim_end_matches('.').to_owned());
    holds(
        changes.as_ref()
            == family
                .adjusted
                .get(&newest)
                .filter(|own| Some(*own) != family.adjusted.get(&from)),
        "what is adjusted",
    )
}

/// `0.0.0 to 3.0.0 changes nothing on stable: each test shows ...`
pub fn unchanged(family: &SeenFamily, rest: &str) -> Result<(), String> {
    let (from, rest) = rest.split_once(" to ").ok_or("no end")?;
    let (to, rest) = rest.split_once(" changes nothing ").ok_or("no verdict")?;
    let (on, rest) = rest.split_once(": ").ok_or("no rows")?;
    let (from, to) = (major(from)?, major(to)?);
    adjusted(family, rest, from, to)?;
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

/// `stable, gadget 2.0.0 breaks 4 targets, for 2 reasons: … (3 targets); … (`t`).`
pub fn stands_before(family: &SeenFamily, rest: &str) -> Result<(), String> {
    let (row, rest) = rest.split_once(", ").ok_or("no row")?;
    let (at, rest) = rest.split_once(" breaks ").ok_or("no pin")?;
    let (words, reasons) = rest.split_once(": ").ok_or("no reasons")?;
    let at = major(at.rsplit(' ').next().unwrap_or_default())?;
    let cells = family.row(row)?;
    let passes = |at: &u64| {
        cells
            .get(at)
            .is_some_and(|cell| cell.as_ref().is_some_and(SeenCell::has_pass))
    };
    let today = family.today.filter(passes);
    let from = today.or_else(|| cells.keys().copied().find(passes));
    let from = from.ok_or("nothing passes")?;
    let mut ended = cells.iter().filter(|(_, cell)| cell.is_some());
    let last = ended.next_back().map(|(at, _)| *at);
    holds(last == Some(at), "another is the last that was tested")?;
    let lost = family.lost(row, from, at)?;
    let mut causes: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (target, own) in &lost {
        for reason in own {
            causes.entry(reason).or_default().insert(target);
        }
    }
    let n = causes.len();
    let by = match n {
        1 => "one reason".to_owned(),
        n => format!("{n} reasons"),
    };
    let expected = format!("{} targets, for {by}", lost.len());
    holds(words == expected, &format!("it breaks {expected}"))?;
    let mut reasons: Vec<&str> = reasons.trim_end_matches('.').split("; ").collect();
    let rest = reasons.last().and_then(|last| last.strip_prefix("and "));
    let rest = rest.and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    if rest.is_some() {
        reasons.pop();
    }
    holds(
        reasons.len() + rest.unwrap_or(0) == n,
        "how many reasons are told",
    )?;
    for reason in reasons {
        let shows = |(error, targets): &(&&String, &BTreeSet<&String>)| {
            let who = match (targets.len(), targets.first()) {
                (1, Some(only)) => format!("`{only}`"),
                (n, _) => format!("{n} targets"),
            };
            // The only reason of tests without output is that they fail.
            let error = if error.ends_with(" tests") {
                "failed(test)"
            } else {
                error
            };
            reason.ends_with(&format!("{error} ({who})"))
        };
        let known = causes
            .iter()
            .find(|pair| shows(pair))
            .map(|(error, _)| *error);
        let known = known.ok_or(format!("no such reason: {reason}"))?;
        causes.remove(known);
    }
    Ok(())
}

/// `Your lock holds gadget 7.0.0, which is not a pin of this ladder.`
pub fn off_the_ladder(family: &SeenFamily, sentence: &str) -> Result<(), String> {
    let today = family.today.ok_or("no today")?;
    holds(
        sentence.contains(&format!("{} {today}.", family.name)),
        "another is today",
    )?;
    let mut rows = family.rows.values();
    holds(rows.all(|row| !row.contains_key(&today)), "it is a pin")
}

/// ``On stable, with gadget 1.0.0, 3 targets fail today already, the first `t`.``
pub fn fails_today(family: &SeenFamily, sentence: &str) -> Result<(), String> {
    let rest = sentence.strip_prefix("On ").ok_or("no row")?;
    let (row, rest) = rest
        .split_once(&format!(", with {} ", family.name))
        .ok_or("no row")?;
    let (from, rest) = rest.split_once(", ").ok_or("no pin")?;
    let from = major(from)?;
    holds(family.today == Some(from), "that is not today")?;
    let cell = family
        .row(row)?
        .get(&from)
        .and_then(Option::as_ref)
        .ok_or("it did not run")?;
    let failing = cell
        .things
        .iter()
        .filter(|((_, case), shown)| case.is_none() && **shown == Shown::Fails);
    let failing: BTreeSet<&String> = failing.map(|((target, _), _)| target).collect();
    let targets = match rest.strip_prefix('`') {
        Some(rest) => {
            holds(
                failing.contains(&rest.split('`').next().unwrap_or_default().to_owned()),
                "it passes",
            )?;
            "1".to_owned()
        }
        None => rest.split(' ').next().unwrap_or_default().to_owned(),
    };
    holds(
        targets == failing.len().to_string(),
        &format!("{} fail today", failing.len()),
    )
}
