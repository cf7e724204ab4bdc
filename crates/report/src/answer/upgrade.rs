//! How far each row can upgrade: the first question of a reader.

use std::collections::BTreeSet;

use pinmatrix_core::analysis::{Analysis, Obstacles, PinFate, Upgrade, UpgradeStep};
use pinmatrix_core::model::cell::{Pin, PinnedAt, Row};
use pinmatrix_core::model::command::run_all;
use pinmatrix_core::model::outcome::TargetOutcome;
use pinmatrix_core::model::run::{FamilyRecord, Run, TodayRecord};
use pinmatrix_core::text;
use pinmatrix_core::text::count;

use crate::answer::MOST_NAMES;
use crate::answer::sentence::{LONGEST, Sentence, listed};

/// How far the rows of a family can upgrade; rows with the same result are grouped, in the order of
/// the run.
pub(super) fn upgrades(analysis: &Analysis<'_>, family: &str) -> Vec<Sentence> {
    let upgrades = analysis.upgrades.iter();
    let mut groups: Vec<Vec<&Upgrade<'_>>> = Vec::new();
    for upgrade in upgrades.filter(|upgrade| upgrade.family == family) {
        let is_alike = |group: &&mut Vec<&Upgrade<'_>>| goes_as(upgrade, group[0]);
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push(upgrade),
            None => groups.push(vec![upgrade]),
        }
    }
    let sentences = groups.iter().enumerate().take(MOST_NAMES);
    let n_rows = tested_rows(analysis.run, family);
    let sentences = sentences.map(|(n, group)| {
        let rows = sentence(analysis.run, group, group.len() == n_rows);
        let left = (n == 0 && group[0].has_more).then(|| run_all(analysis.run));
        match left {
            Some(command) => rows.say(", and ").command(&command).say(" tests the rest."),
            None => rows.say("."),
        }
    });
    let rest = groups.len().saturating_sub(MOST_NAMES);
    let rest =
        (rest > 0).then(|| Sentence::new(format!("Other rows go {}.", count(rest, "more way"))));
    let mut obstacles = analysis.obstacles.iter();
    let obstacles = obstacles.find(|obstacles| obstacles.upgrade.family == family);
    let obstacles = obstacles.and_then(stand_before);
    let mut upgrades = analysis.upgrades.iter();
    let first = upgrades.find(|upgrade| upgrade.family == family);
    let failing = first.and_then(|first| failing_today(analysis.run, first));
    sentences
        .chain(rest)
        .chain(obstacles)
        .chain(failing)
        .collect()
}

/// What already fails today, on the row of an upgrade that is compared with today.
fn failing_today(run: &Run, upgrade: &Upgrade<'_>) -> Option<Sentence> {
    let Upgrade { family, row, .. } = upgrade;
    let mut cells = run.cells.iter().filter(|_| upgrade.is_today);
    let today = cells.find(|record| {
        let cell = &record.cell;
        cell.pin.family == *family && *cell.row == **row && cell.pin.at == *upgrade.from
    });
    let targets = today?.outcome()?.targets.iter();
    let fails = |target: &&TargetOutcome| target.status.is_failed() && target.status.is_verdict();
    let failing: Vec<&TargetOutcome> = targets.filter(fails).collect();
    let first = failing.first()?;
    let opening = Sentence::new(format!("On {row}, with {family} {}, ", upgrade.from));
    Some(match failing.len() {
        1 => opening.name(&first.id).say(" fails today already."),
        n => opening
            .say(format!("{n} targets fail today already, the first "))
            .name(&first.id)
            .say("."),
    })
}

/// The maximum number of causes.
const MOST_CAUSES: usize = 3;

/// The obstacles at the last tested pin of a row, by cause. With fewer than two targets the
/// sentence on their break says enough.
fn stand_before(obstacles: &Obstacles<'_>) -> Option<Sentence> {
    let Obstacles {
        upgrade,
        at,
        targets,
        causes,
    } = obstacles;
    let n_targets = targets.len();
    if n_targets < 2 {
        return None;
    }
    let Upgrade { family, row, .. } = upgrade;
    let by = match causes.len() {
        1 => "for one reason".to_owned(),
        n => format!("for {n} reasons"),
    };
    let words = format!("On {row}, {family} {at} breaks {n_targets} targets, {by}: ");
    let sentence = Sentence::new(words);
    let listed_causes = causes.iter().take(MOST_CAUSES).enumerate();
    let sentence = listed_causes.fold(sentence, |sentence, (n, cause)| {
        let error = text::ellipsis(&text::one_line(&cause.error), LONGEST);
        let gap = if n == 0 { "" } else { "; " };
        let sentence = sentence.say(format!("{gap}{} (", error.trim_end_matches('.')));
        let sentence = match (cause.targets.len(), cause.targets.first()) {
            (1, Some(only)) => sentence.name(only),
            (n, _) => sentence.say(count(n, "target")),
        };
        sentence.say(")")
    });
    let rest = causes.len().saturating_sub(MOST_CAUSES);
    Some(match rest {
        0 => sentence.say("."),
        n => sentence.say(format!("; and {}.", count(n, "more reason"))),
    })
}

/// The changes by `[[adjust]]` at the newest pin but not at the first, as the end of a clause.
fn adjusted(run: &Run, upgrade: &Upgrade<'_>) -> Option<String> {
    let mut families = run.families.iter();
    let family = families.find(|known| known.name == upgrade.family)?;
    let of = |pin: &PinnedAt| {
        let mut adjusted = family.adjusted.iter();
        adjusted
            .find(|adjusted| adjusted.at == *pin)
            .map(|a| &a.changes)
    };
    let newest = upgrade.newest()?;
    let changes = of(newest).filter(|changes| Some(*changes) != of(upgrade.from))?;
    let changes = text::ellipsis(&text::one_line(&listed(changes)), LONGEST);
    Some(format!("; `[[adjust]]` applies at {newest}: {changes}"))
}

/// The followers that have other versions at the newest pin than at the first, as the end of a
/// clause.
fn followers(run: &Run, upgrade: &Upgrade<'_>) -> Option<String> {
    let set = |at: &PinnedAt| {
        let pin = Pin {
            family: upgrade.family.to_owned(),
            at: at.clone(),
        };
        run.set_of(&pin)
    };
    let (before, after) = (set(upgrade.from)?, set(upgrade.newest()?)?);
    let moved = after.followers.iter().filter_map(|(name, version)| {
        let from = before.followers.get(name).filter(|from| *from != version)?;
        Some(format!("{name} {version} instead of {from}"))
    });
    let moved: Vec<String> = moved.collect();
    let newest = upgrade.newest()?;
    (!moved.is_empty()).then(|| format!("; {newest} goes with {}", listed(&moved)))
}

/// Says that the version that a revision of the subject is on is not a pin of the ladder.
pub(super) fn off_the_ladder(family: &FamilyRecord) -> Vec<Sentence> {
    let is_off = |today: &&TodayRecord| {
        let on_today = PinnedAt::from(today.version.clone());
        !family.pins.iter().any(|pin| pin.at == on_today)
    };
    let sentences = family.todays.iter().filter(is_off).map(|today| {
        let holds = match (&today.source, today.is_fresh) {
            (None, true) => "Without a lock, you are on".to_owned(),
            (None, false) => "Your lock holds".to_owned(),
            (Some(source), true) => format!("Without a lock, {source} is on"),
            (Some(source), false) => format!("The lock of {source} holds"),
        };
        let (name, version) = (&family.name, &today.version);
        Sentence::new(format!(
            "{holds} {name} {version}, which is not a pin of this ladder."
        ))
    });
    sentences.collect()
}

/// The number of rows of a family with a cell that ended.
fn tested_rows(run: &Run, family: &str) -> usize {
    let cells = run.cells.iter();
    let cells = cells.filter(|c| c.cell.pin.family == family && c.outcome().is_some());
    let rows: BTreeSet<&Row> = cells.map(|record| &*record.cell.row).collect();
    rows.len()
}

/// Whether the rows of two upgrades have the same result, compared with the same pin.
fn goes_as(one: &Upgrade<'_>, other: &Upgrade<'_>) -> bool {
    let goes = |upgrade: &Upgrade<'_>| {
        (
            upgrade.is_today,
            upgrade.is_built,
            upgrade.is_constant,
            upgrade.has_more,
        )
    };
    (one.from, &one.steps, goes(one)) == (other.from, &other.steps, goes(other))
}

/// How far some rows can upgrade, without the end of the sentence.
fn sentence(run: &Run, rows: &[&Upgrade<'_>], are_all: bool) -> Sentence {
    let upgrade = rows[0];
    let Upgrade { family, from, .. } = upgrade;
    // Of a row whose platform nothing here runs, no more is known than that it builds.
    let (pass, work, what) = if upgrade.is_built {
        ("builds", "builds", "target")
    } else {
        ("passes", "works", "test")
    };
    let passes = if upgrade.is_today {
        format!("{pass} today ({from})")
    } else {
        format!("{pass} at {from}")
    };
    let names: Vec<String> = rows.iter().map(|upgrade| upgrade.row.to_string()).collect();
    let on = match names.len() {
        1 => format!("on {}", names[0]),
        _ if are_all => "on every row that was tested".to_owned(),
        n if n > MOST_NAMES => format!("on {n} rows"),
        _ => format!("on {}", listed(&names)),
    };
    let at = |fate| stretches(&upgrade.steps, fate);
    let (breaks, unsure) = (at(PinFate::Breaks), at(PinFate::Unsure));
    let Some(last) = upgrade.steps.last() else {
        return Sentence::new(format!("{family} {from} is the last pin {on}"));
    };
    let are_all_known = upgrade.n_tested() == upgrade.steps.len() && unsure.is_empty();
    let words = match upgrade.newest() {
        Some(_) if upgrade.is_constant => format!(
            "Moving {family} from {from} to {} changes nothing {on}: each {what} shows at {} what it shows at {from}{}",
            last.at,
            match upgrade.steps.len() {
                1 => last.at.to_string(),
                n => format!("all {n} pins after it"),
            },
            match upgrade.n_between {
                0 => String::new(),
                1 => "; 1 version between them was not tested".to_owned(),
                n => format!("; {n} versions between them were not tested"),
            },
        ),
        Some(newest) => {
            let after = upgrade.steps.iter().rev();
            let after: Vec<_> = after.take_while(|step| step.at != newest).collect();
            let breaks_after = after.iter().filter(|step| step.fate == PinFate::Breaks);
            let works = match breaks_after.count() {
                0 => work.to_owned(),
                n if n == after.len() && !upgrade.is_newest_open => {
                    format!("is the newest that {work}")
                }
                _ => format!("is the newest tested pin that {work}"),
            };
            let at_later_pins = if breaks.is_empty() {
                "there, or at any other later pin that was tested".to_owned()
            } else {
                format!("there; {} {}", listed(&breaks), do_not(&breaks))
            };
            format!(
                "{family} {newest} {works} without a change of code {on}: nothing that {passes} fails {at_later_pins}"
            )
        }
        None if breaks.is_empty() && unsure.is_empty() => {
            format!("No {family} after {from} was tested {on}")
        }
        None if breaks.is_empty() => {
            format!("Whether any {family} after {from} {work} {on} is not known")
        }
        None => {
            let tested = if are_all_known { "" } else { "tested " };
            format!(
                "No {tested}{family} after {from} {work} without a change of code {on}: something that {passes} fails at {}",
                listed(&breaks)
            )
        }
    };
    let doubts = if unsure.is_empty() {
        String::new()
    } else {
        format!("; something has no verdict at {}", listed(&unsure))
    };
    let adjusted = adjusted(run, upgrade).unwrap_or_default();
    let followers = followers(run, upgrade).unwrap_or_default();
    let tested = tested(upgrade);
    Sentence::new(format!("{words}{followers}{adjusted}{doubts}{tested}"))
}

/// The table fields of a row: its name, the newest pin that works, the pins that do not, those
/// without a verdict, and how many later pins were tested.
#[must_use]
pub fn fields(upgrade: &Upgrade<'_>) -> [String; 5] {
    let at = |fate| listed(&stretches(&upgrade.steps, fate));
    let newest = upgrade.newest().unwrap_or(upgrade.from);
    [
        upgrade.row.to_string(),
        format!("{} {newest}", upgrade.family),
        at(PinFate::Breaks),
        at(PinFate::Unsure),
        format!("{} of {}", upgrade.n_tested(), upgrade.steps.len()),
    ]
}

/// The number of later pins that were tested, if only some were.
fn tested(upgrade: &Upgrade<'_>) -> String {
    let (tested, all) = (upgrade.n_tested(), upgrade.steps.len());
    match tested {
        0 => String::new(),
        n if n == all => String::new(),
        1 => format!("; 1 of {all} later pins was tested"),
        n => format!("; {n} of {all} later pins were tested"),
    }
}

fn do_not(stretches: &[String]) -> &'static str {
    let is_one = stretches.len() == 1 && !stretches[0].contains(" to ");
    if is_one { "does not" } else { "do not" }
}

/// The pins that share a fate, with sequences shortened to the first and the last:
/// `33.0.2 to 35.0.0`.
fn stretches(steps: &[UpgradeStep<'_>], fate: PinFate) -> Vec<String> {
    let alike = steps.chunk_by(|a, b| a.fate == b.fate);
    let alike = alike.filter(|stretch| stretch[0].fate == fate);
    let ranges = alike.flat_map(|stretch| match stretch {
        [first, _, .., last] => vec![format!("{} to {}", first.at, last.at)],
        few => few.iter().map(|step| step.at.to_string()).collect(),
    });
    ranges.collect()
}
