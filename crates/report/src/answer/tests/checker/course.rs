//! Checks sentences on what breaks and is fixed.

use std::collections::BTreeMap;

use super::seen::{SeenFamily, Shown, Thing, major};
use super::words::{About, holds, rows, subject};
use super::{Context, Covered};

/// `breaks at gadget 2.0.0, on stable: why.`, and everything that turns more than once.
pub fn turning(
    family: &SeenFamily,
    subject: &About,
    rest: &str,
    context: &mut Context,
) -> Result<(), String> {
    let (turns, on) = rest.rsplit_once(", on ").ok_or("no rows")?;
    let on = on
        .split(": ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let turns = turns.replace(", and ", ", ").replace(" and ", ", ");
    let mut expected = Vec::new();
    for turn in turns.split(", ") {
        let at = turn.rsplit(' ').next().unwrap_or_default();
        let is_break = turn.starts_with("break");
        let is_fix = turn.starts_with("pass") || turn.starts_with("begin");
        holds(is_break || is_fix, "no turn")?;
        let is_first = expected.iter().all(|(_, other)| *other != is_break);
        let says_again = turn.contains(" again ");
        let should_again = if is_break {
            !is_first
        } else {
            !expected.is_empty()
        };
        holds(says_again == should_again, "whether it is so again")?;
        expected.push((major(at)?, is_break));
    }
    let rows = rows(family, &format!("on {on}"), expected[0].0)?;
    for row in &rows {
        for thing in &subject.things {
            let found = family.turns(row, thing);
            let first = found.iter().find(|turn| turn.1 == expected[0].1);
            let is_so = match expected.len() {
                1 => first == expected.first(),
                _ => found == expected,
            };
            holds(is_so, &format!("{thing:?} turns at {found:?} on {row}"))?;
            let is_first = found.first() == expected.first();
            holds(
                !turns.starts_with("begin") || is_first,
                "it had passed before",
            )?;
        }
        context
            .covered
            .extend(expected.iter().map(|(at, _)| (row.clone(), *at)));
    }
    context.named.insert(subject.target.clone());
    if !expected[0].1 {
        context.begun.insert(subject.target.clone());
    }
    if let Some((at, _)) = expected.iter().find(|turn| turn.1) {
        context.last_break = Some((rows, subject.things.clone(), *at));
    }
    Ok(())
}

/// ` is the first of 3 targets to break, at gadget 2.0.0, on stable: why.`
pub fn first_of_many(
    family: &SeenFamily,
    subject: &About,
    rest: &str,
    context: &mut Context,
) -> Result<(), String> {
    let (n, rest) = rest
        .split_once(" targets to break, at ")
        .ok_or("no number")?;
    let breaking = family.targets_that_turn(|turns| turns.iter().any(|turn| turn.1));
    holds(
        n == breaking.len().to_string(),
        &format!("{} break", breaking.len()),
    )?;
    context.named.extend(breaking.iter().cloned());
    let first = first_break(family, &breaking);
    turning(family, subject, &format!("breaks at {rest}"), context)?;
    let at = context.last_break.as_ref().map(|last| last.2);
    holds(at == first, &format!("the first breaks at {first:?}"))
}

/// The first break of some targets, on any row.
fn first_break(family: &SeenFamily, targets: &std::collections::BTreeSet<String>) -> Option<u64> {
    let things = family.things();
    let of = things.iter().filter(|(target, _)| targets.contains(target));
    let turns = of.flat_map(|thing| {
        let rows = family.rows.keys();
        rows.flat_map(|row| family.turns(row, thing))
            .collect::<Vec<_>>()
    });
    turns.filter(|turn| turn.1).map(|turn| turn.0).min()
}

/// The first break of a target, on any row.
fn breaks_first(family: &SeenFamily, target: &str) -> Option<u64> {
    first_break(family, &[target.to_owned()].into())
}

/// ``follows at 2.0.0, `b` at 3.0.0, `c` at 4.0.0, on old.``
pub fn followers(family: &SeenFamily, sentence: &str, context: &mut Context) -> Result<(), String> {
    let mut rest = sentence;
    while let Some((about, after)) = subject(family, rest) {
        let after = after.trim_start();
        let after = after
            .strip_prefix("follows ")
            .or(after.strip_prefix("follow "))
            .unwrap_or(after);
        let at = major(after.strip_prefix("at ").ok_or("no place")?)?;
        holds(
            breaks_first(family, &about.target) == Some(at),
            "it breaks before",
        )?;
        context.named.insert(about.target.clone());
        // The next one, if there is one.
        let marks = [", `", ", 2 cases of `"];
        let next = marks.into_iter().filter_map(|mark| after.find(mark)).min();
        let own = next.map_or(after, |next| &after[..next]);
        let last = context.last_break.as_ref().ok_or("nothing broke")?;
        let rows = match own.split_once(", on ") {
            Some((_, on)) => rows(family, &format!("on {}", on.trim_end_matches('.')), at)?,
            None => last.0.clone(),
        };
        for row in rows {
            for thing in &about.things {
                let turns = family.turns(&row, thing);
                let first = turns.iter().find(|turn| turn.1);
                holds(
                    first == Some(&(at, true)),
                    &format!("{thing:?} turns at {turns:?} on {row}"),
                )?;
            }
            context.covered.insert((row, at));
        }
        rest = next.map_or("", |next| &after[next + 2..]);
    }
    Ok(())
}

/// ``t`, `u` and `v` break there too.``
pub fn there_too(family: &SeenFamily, sentence: &str, context: &mut Context) -> Result<(), String> {
    let (last_rows, _, at) = context.last_break.clone().ok_or("nothing broke")?;
    let mut rest = sentence;
    while let Some((about, after)) = subject(family, rest) {
        for row in &last_rows {
            for thing in &about.things {
                let turns = family.turns(row, thing);
                let first = turns.iter().find(|turn| turn.1);
                holds(
                    first == Some(&(at, true)),
                    &format!("{thing:?} turns at {turns:?} on {row}"),
                )?;
            }
        }
        holds(
            breaks_first(family, &about.target) == Some(at),
            "it breaks before",
        )?;
        context.named.insert(about.target);
        rest = [", ", " and "]
            .iter()
            .find_map(|gap| after.strip_prefix(gap))
            .unwrap_or("");
    }
    Ok(())
}

/// `2.0.0 (2), 3.0.0 and later.`
pub fn others_follow(family: &SeenFamily, list: &str, context: &Context) -> Result<(), String> {
    let (_, first, _) = context.last_break.as_ref().ok_or("nothing broke")?;
    let first = first.first().map(|thing| thing.0.clone());
    let breaking = family.targets_that_turn(|turns| turns.iter().any(|turn| turn.1));
    let mut expected: BTreeMap<u64, usize> = BTreeMap::new();
    for target in breaking
        .iter()
        .filter(|target| Some(*target) != first.as_ref())
    {
        let at = breaks_first(family, target).ok_or("it does not break")?;
        *expected.entry(at).or_default() += 1;
    }
    let list = list.trim_end_matches('.').replace(" and ", ", ");
    let mut found = BTreeMap::new();
    for part in list.split(", ") {
        let n = part
            .split_once(" (")
            .map_or("1", |(_, n)| n.trim_end_matches(')'));
        found.insert(
            major(part)?,
            n.parse::<usize>().map_err(|why| why.to_string())?,
        );
    }
    holds(found == expected, &format!("others follow at {expected:?}"))
}

/// `1.0.0; 2 versions between are untested.`
pub fn still(family: &SeenFamily, rest: &str, context: &Context) -> Result<(), String> {
    let (rows, things, at) = context.last_break.as_ref().ok_or("nothing broke")?;
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
            let verdicts = family.verdicts(row, thing);
            let known = verdicts.iter().rev().find(|(pin, _)| pin < at);
            holds(
                known == Some(&(before, true)),
                "another is the last before it",
            )?;
        }
    }
    Ok(())
}

/// `it breaks at 3.0.0 on old and at 4.0.0 on new.`
pub fn elsewhere(
    family: &SeenFamily,
    rest: &str,
    covered: &mut Covered,
    context: &Option<super::Broken>,
) -> Result<(), String> {
    let target = |thing: &Thing| thing.0.clone();
    let (_, things, _) = context.as_ref().ok_or("nothing broke")?;
    let target = things.first().map(target).ok_or("nothing broke")?;
    for part in rest.trim_end_matches('.').split("at ").skip(1) {
        let (at, row) = part.split_once(" on ").ok_or("no row")?;
        let row = row.trim_end_matches(" and ").trim_end_matches(", ").trim();
        let at = major(at)?;
        let things = family.things();
        let of = things.iter().filter(|thing| thing.0 == target);
        let mut turns = of.flat_map(|thing| family.turns(row, thing));
        holds(
            turns.any(|turn| turn == (at, true)),
            &format!("nothing breaks at {at} on {row}"),
        )?;
        covered.insert((row.to_owned(), at));
    }
    Ok(())
}

/// ``3 targets begin to pass on the way, the first `t` at 2.0.0, on stable.``
pub fn many_begin(
    family: &SeenFamily,
    sentence: &str,
    context: &mut Context,
) -> Result<(), String> {
    let (n, rest) = sentence
        .split_once(" targets begin to pass on the way, the first ")
        .ok_or("no number")?;
    let beginning = family.targets_that_turn(|turns| matches!(turns, [(_, false)]));
    holds(
        n == beginning.len().to_string(),
        &format!("{} begin to pass", beginning.len()),
    )?;
    context.begun.extend(beginning);
    let (about, rest) = subject(family, rest).ok_or("no target")?;
    turning(family, &about, &format!("begins{rest}"), context)
}

/// ``On old `one` of `t` is the first to break, at 2.0.0: why.``
pub fn first_on_row(
    family: &SeenFamily,
    sentence: &str,
    context: &mut Context,
) -> Result<(), String> {
    let (row, rest) = sentence[3..].split_once(' ').ok_or("no row")?;
    let (about, rest) = subject(family, rest).ok_or("no target")?;
    let (_, at) = rest
        .split_once(" the first to break, at ")
        .ok_or("no pin")?;
    let at = major(at)?;
    for thing in &about.things {
        let turns = family.turns(row, thing);
        let first = turns.iter().find(|turn| turn.1);
        holds(
            first == Some(&(at, true)),
            &format!("{thing:?} turns at {turns:?}"),
        )?;
    }
    context.named.insert(about.target);
    context.covered.insert((row.to_owned(), at));
    Ok(())
}

/// ``2.0.0 on, `t` fails at test, and no longer at compile, and so does another target: why.``
pub fn shifts(family: &SeenFamily, rest: &str) -> Result<(), String> {
    let (at, rest) = rest.split_once(" on, ").ok_or("no pin")?;
    let (about, rest) = subject(family, rest).ok_or("no target")?;
    let at = major(at)?;
    let (now, before) = rest.split_once(", and no longer at ").ok_or("no change")?;
    let now = now.rsplit(' ').next().unwrap_or_default();
    let before = before.split([',', ':', '.']).next().unwrap_or_default();
    let thing = about.things.first().ok_or("nothing")?;
    let mut rows = family.rows.values().map(|row| {
        let fails = |at: &u64| row.get(at)?.as_ref()?.class(thing).cloned();
        let earlier = row.keys().rev().filter(|pin| **pin < at);
        let earlier = earlier.filter_map(|pin| {
            let cell = row.get(pin)?.as_ref()?;
            matches!(cell.at(thing)?, Shown::Passes | Shown::Fails).then(|| fails(pin))?
        });
        (fails(&at), earlier.take(1).next())
    });
    let pair = (Some(now.to_owned()), Some(before.to_owned()));
    holds(rows.any(|row| row == pair), "it fails as before")
}
