//! Parses phrases of sentences.

use std::collections::BTreeSet;

use super::seen::{SeenCell, SeenFamily, Thing, major};

pub fn holds(is_so: bool, what: &str) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| what.to_owned())
}

/// The versions in a list such as `1.0.0, 3.0.0 to 5.0.0 and 7.0.0`.
pub fn versions(list: &str, all: &[u64]) -> Result<BTreeSet<u64>, String> {
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

/// Parses a list that ends with its sentence or the next part of it.
pub fn listed(list: &str, all: &[u64]) -> Result<BTreeSet<u64>, String> {
    let list = list.split("; ").next().unwrap_or_default();
    let list = list.split(", and `").next().unwrap_or_default();
    versions(list.trim_end_matches('.'), all)
}

/// The subject of a sentence: one target, or some of its cases.
pub struct About {
    pub target: String,
    pub things: Vec<Thing>,
}

/// Parses the subject of a sentence, and returns the rest.
pub fn subject<'a>(family: &SeenFamily, sentence: &'a str) -> Option<(About, &'a str)> {
    if let Some((n, rest)) = sentence.split_once(" cases of `") {
        let n: usize = n.parse().ok()?;
        let (target, rest) = rest.split_once('`')?;
        let cases = family.things().into_iter();
        let things: Vec<Thing> = cases.filter(|t| t.0 == target && t.1.is_some()).collect();
        // Made-up targets have no more cases than that.
        let subject = About {
            target: target.to_owned(),
            things,
        };
        return (subject.things.len() == n).then_some((subject, rest));
    }
    let (name, rest) = sentence.strip_prefix('`')?.split_once('`')?;
    let (case, target, rest) = match rest.strip_prefix(" of `") {
        Some(rest) => {
            let (target, rest) = rest.split_once('`')?;
            (Some(name.to_owned()), target, rest)
        }
        None => (None, name, rest),
    };
    let subject = About {
        target: target.to_owned(),
        things: vec![(target.to_owned(), case)],
    };
    Some((subject, rest))
}

/// The rows that a phrase such as `on stable` refers to, for an event at a pin.
pub fn rows(family: &SeenFamily, words: &str, at: u64) -> Result<Vec<String>, String> {
    let words = words
        .strip_prefix("on ")
        .ok_or(format!("no rows: {words}"))?;
    let has = |keep: &dyn Fn(u64, &SeenCell) -> bool| -> Vec<String> {
        let rows = family.rows.iter().filter(|(_, row)| {
            let mut cells = row.iter();
            cells.any(|(at, cell)| cell.as_ref().is_some_and(|cell| keep(*at, cell)))
        });
        rows.map(|(name, _)| name.clone()).collect()
    };
    let rows = match words {
        "every toolchain" => family.rows.keys().cloned().collect(),
        "every toolchain that ran" => has(&|_, cell| cell.is_verdict),
        "every toolchain that gets there" => has(&|pin, cell| {
            pin >= at
                && cell.targets().iter().any(|target| {
                    let shown = cell.things.get(&((*target).to_owned(), None));
                    matches!(
                        shown,
                        Some(super::seen::Shown::Passes | super::seen::Shown::Fails)
                    )
                })
        }),
        "every row that was tested" => has(&|_, _| true),
        named => {
            let named = named.split(" and ").flat_map(|part| part.split(", "));
            named.map(str::to_owned).collect()
        }
    };
    match rows.iter().find(|name| !family.rows.contains_key(*name)) {
        Some(name) => Err(format!("no row {name}")),
        None => Ok(rows),
    }
}
