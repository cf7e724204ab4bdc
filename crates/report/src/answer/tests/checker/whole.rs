//! Checks sentences on what is the same wherever it ran, and on the run as a whole.

use super::seen::{Seen, SeenFamily};
use super::words::{About, holds};

/// The number of targets that passed wherever they had a verdict.
fn passing(family: &SeenFamily) -> usize {
    let targets = family.targets().into_iter();
    let is_passing = |target: &String| {
        let verdicts = family.all_verdicts(target);
        !verdicts.is_empty() && verdicts.iter().all(|passes| *passes)
    };
    targets.filter(is_passing).count()
}

/// `the one target passes wherever it ran, in 2 of 3 cells, …` and
/// `2 of 3 targets pass wherever they ran.`
pub fn pass(family: &SeenFamily, sentence: &str) -> Result<(), String> {
    let (n_passing, n_targets) = (passing(family), family.targets().len());
    let says = match sentence.split_once(" of ") {
        Some((n, rest)) if n.parse::<usize>().is_ok() => {
            let all = rest.split(' ').next().unwrap_or_default();
            holds(
                all == n_targets.to_string(),
                &format!("{n_targets} targets"),
            )?;
            n.to_owned()
        }
        _ => {
            holds(n_passing == n_targets, "not all pass")?;
            let first = sentence.split(' ').next().unwrap_or_default();
            if first == "the" {
                "1".to_owned()
            } else {
                first.to_owned()
            }
        }
    };
    holds(says == n_passing.to_string(), &format!("{n_passing} pass"))?;
    let n_cells: usize = family.rows.values().map(|row| row.len()).sum();
    let has_verdict = |cell: &&super::seen::SeenCell| {
        let targets = cell.things.iter().filter(|((_, case), _)| case.is_none());
        let mut verdicts = targets.filter(|(_, shown)| **shown != super::seen::Shown::Unsure);
        verdicts.next().is_some()
    };
    let n_ran = family.ended().filter(has_verdict).count();
    match sentence.split_once(" ran, in ") {
        Some((_, cells)) => {
            let is_so = match n_ran == n_cells {
                true if n_cells == 1 => cells.starts_with("the one cell"),
                true => cells.starts_with(&format!("all {n_cells} cells")),
                false => cells.starts_with(&format!("{n_ran} of {n_cells} cell")),
            };
            holds(is_so, "other numbers of cells")
        }
        None => Ok(()),
    }
}

/// `` fails wherever it ran: why.``, and more targets.
pub fn fail(family: &SeenFamily, about: &About, rest: &str) -> Result<(), String> {
    let is_failing = |target: &String| {
        let verdicts = family.all_verdicts(target);
        !verdicts.is_empty() && verdicts.iter().all(|passes| !passes)
    };
    let n = family.targets().iter().filter(|t| is_failing(t)).count();
    holds(is_failing(&about.target), "it passes somewhere")?;
    let words = rest.split(" wherever ").next().unwrap_or_default();
    let is_counted = match n {
        1 => words == " fails",
        2 => words == " and another target fail",
        n => words == format!(" and {} more targets fail", n - 1),
    };
    holds(is_counted, &format!("{n} fail wherever they ran"))
}

/// `` fails on stable and passes on old at the same pins of gadget: why.``
pub fn differs(family: &SeenFamily, about: &About, rest: &str) -> Result<(), String> {
    let halves = rest.split_once(" at the same pins of ");
    let (rows, _) = halves.ok_or("no rows")?;
    let rows = rows.strip_prefix(" fails on ").ok_or("no rows")?;
    let (one, other) = rows.split_once(" and passes on ").ok_or("one row")?;
    let thing = (about.target.clone(), None);
    let passes = family.verdicts(other, &thing);
    let mut fails = family.verdicts(one, &thing).into_iter().filter(|v| !v.1);
    holds(
        fails.any(|(at, _)| passes.contains(&(at, true))),
        "at no pin",
    )
}

/// `Nothing was tested: …` and `Nothing can be said about the code: the 2 cells that ran are …`
pub fn nothing(seen: &Seen, sentence: &str) -> Result<(), String> {
    let mut ended = seen.families.iter().flat_map(SeenFamily::ended);
    holds(
        !ended.any(|cell| cell.is_verdict),
        "something has a verdict",
    )?;
    let n_ended = seen.families.iter().flat_map(SeenFamily::ended).count();
    let is_counted = match n_ended {
        0 => sentence.starts_with("Nothing was tested: "),
        1 => sentence.contains("the one cell that ran is "),
        n => sentence.contains(&format!("the {n} cells that ran are ")),
    };
    holds(is_counted, &format!("{n_ended} cells ran"))
}

/// `On old nothing builds from 2.0.0 on: why.`
pub fn unbuilt(family: &SeenFamily, rest: &str) -> Result<(), String> {
    let (row, rest) = rest.split_once(" nothing builds ").ok_or("no row")?;
    let is_bare = |at: &u64| {
        let cell = family.rows.get(row).and_then(|row| row.get(at)?.as_ref());
        cell.is_some_and(|cell| cell.things.is_empty())
    };
    let (_, after) = rest
        .split_once("from ")
        .or(rest.split_once("before "))
        .ok_or("no pin")?;
    let at = super::seen::major(after)?;
    if rest.starts_with("before ") {
        let mut before = family.row(row)?.keys().filter(|pin| **pin < at);
        holds(before.any(is_bare), "something is built")
    } else {
        holds(is_bare(&at), "something is built")
    }
}
