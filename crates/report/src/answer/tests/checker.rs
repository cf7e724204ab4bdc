//! An independent reading of a run, from its JSON: it parses the sentences of an answer and
//! compares them with what the cells show. No target that breaks or begins to pass may be missing,
//! and no row on which something breaks.

mod course;
mod seen;
mod upgrade;
mod whole;
mod words;

use std::collections::BTreeSet;

use serde_json::Value;

use self::seen::{Seen, SeenFamily, Thing};
use self::words::{holds, subject};

/// The rows and pins at which sentences mention a break or fix.
pub type Covered = BTreeSet<(String, u64)>;

/// The last break mentioned: its rows, what broke, and the pin.
pub type Broken = (Vec<String>, Vec<Thing>, u64);

/// What the sentences of one family have said so far.
#[derive(Default)]
pub struct Context {
    covered: Covered,
    /// The targets with a change that was mentioned, by name or in a count.
    named: BTreeSet<String>,
    /// The targets mentioned as beginning to pass.
    begun: BTreeSet<String>,
    last_break: Option<Broken>,
    n_more_turning: usize,
}

/// Checks an answer against a run.
pub fn check(run: &Value, answer: &str) -> Result<(), String> {
    let seen = Seen::of(run);
    let mut contexts: Vec<Context> = seen.families.iter().map(|_| Context::default()).collect();
    let mut current = 0;
    let mut says_not_finished = false;
    for sentence in answer.lines() {
        says_not_finished |= sentence.starts_with("The run did not end");
        let checked = statement(&seen, sentence, &mut contexts, &mut current);
        checked.map_err(|why| format!("{why}: {sentence}"))?;
    }
    holds(
        says_not_finished != seen.is_finished,
        "whether the run ended",
    )?;
    for (family, context) in seen.families.iter().zip(&contexts) {
        all_is_covered(family, context)?;
    }
    Ok(())
}

/// Checks that every target that breaks is mentioned, and the first break on each row.
fn all_is_covered(family: &SeenFamily, context: &Context) -> Result<(), String> {
    let breaking = family.targets_that_turn(|turns| turns.iter().any(|turn| turn.1));
    let beginning = family.targets_that_turn(|turns| matches!(turns, [(_, false)]));
    let missing: Vec<&String> = beginning.difference(&context.begun).collect();
    holds(
        missing.is_empty(),
        &format!(
            "that {missing:?} begins to pass with {} is not told",
            family.name
        ),
    )?;
    let missing: Vec<&String> = breaking.difference(&context.named).collect();
    holds(
        missing.len() <= context.n_more_turning,
        &format!("the break of {missing:?} with {} is not told", family.name),
    )?;
    for row in family.rows.keys() {
        let things = family.things();
        let turns = things.iter().flat_map(|thing| family.turns(row, thing));
        let first = turns.filter(|turn| turn.1).map(|turn| turn.0).min();
        if let Some(at) = first {
            let is_covered = context.covered.contains(&(row.clone(), at));
            holds(
                is_covered || context.n_more_turning > 0,
                &format!("a break at {at} on {row} is not told"),
            )?;
        }
    }
    Ok(())
}

/// Checks one sentence. If there are several families, it names its family or continues with the
/// last one.
fn statement(
    seen: &Seen,
    sentence: &str,
    contexts: &mut [Context],
    current: &mut usize,
) -> Result<(), String> {
    if sentence.starts_with("Nothing ") {
        return whole::nothing(seen, sentence);
    }
    let no_case =
        "Some targets pass at some pins and fail at others, and no case of theirs ran at both.";
    if sentence == no_case || sentence.starts_with("The run did not end") {
        return Ok(());
    }
    let goes_on = ["It ", "They ", "Elsewhere ", "The others follow "];
    // An error can contain the name of any family.
    let head = format!(" {} ", sentence.split(": ").next().unwrap_or_default());
    let names = |family: &SeenFamily| {
        let name = &family.name;
        head.contains(&format!(" {name} ")) || head.contains(&format!(" {name},"))
    };
    let named = seen.families.iter().position(names);
    match named {
        Some(family) => *current = family,
        None => {
            let goes_on = goes_on.iter().any(|words| sentence.starts_with(words))
                || [" follows at ", " follow at ", " there too."]
                    .iter()
                    .any(|words| sentence.contains(words));
            holds(goes_on || seen.families.len() == 1, "of which family?")?;
        }
    }
    let (family, context) = (&seen.families[*current], &mut contexts[*current]);
    let with = format!("With {}, ", family.name);
    let sentence = sentence.strip_prefix(&with).unwrap_or(sentence);
    of_family(family, sentence, context)
}

fn of_family(family: &SeenFamily, sentence: &str, context: &mut Context) -> Result<(), String> {
    let name = &family.name;
    if sentence.contains(" without a change of code ") {
        return upgrade::upgrade(family, sentence, &mut context.covered);
    }
    if let Some(rest) = sentence.strip_prefix(&format!("Moving {name} from ")) {
        return upgrade::unchanged(family, rest);
    }
    if sentence.contains(" today already") {
        return upgrade::fails_today(family, sentence);
    }
    let stands_before = sentence.strip_prefix("On ");
    let stands_before = stands_before.filter(|rest| rest.contains(" targets, for "));
    if let Some(rest) = stands_before {
        return upgrade::stands_before(family, rest);
    }
    let holds_today = ["Your lock holds ", "Without a lock, you are on "];
    if holds_today.iter().any(|words| sentence.starts_with(words)) {
        return upgrade::off_the_ladder(family, sentence);
    }
    let still = ["It still passes at ", "They still pass at "];
    if let Some(rest) = still.iter().find_map(|words| sentence.strip_prefix(words)) {
        return course::still(family, rest, context);
    }
    if let Some(list) = sentence.strip_prefix("The others follow at ") {
        return course::others_follow(family, list, context);
    }
    if let Some(rest) = sentence.strip_prefix("Elsewhere ") {
        let last = context.last_break.clone();
        return course::elsewhere(family, rest, &mut context.covered, &last);
    }
    if sentence.contains(" targets begin to pass on the way, ") {
        return course::many_begin(family, sentence, context);
    }
    if let Some((n, _)) = sentence.split_once(" turn more than once") {
        context.n_more_turning = n
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        return Ok(());
    }
    if sentence.ends_with("ne more turns more than once.") {
        context.n_more_turning = 1;
        return Ok(());
    }
    let from = ["From ", "from "]
        .iter()
        .find_map(|words| sentence.strip_prefix(words));
    if let Some(rest) = from {
        return course::shifts(family, rest);
    }
    let on = ["On ", "on "]
        .iter()
        .find_map(|words| sentence.strip_prefix(words));
    if on.is_some() && sentence.contains(" the first to break, at ") {
        return course::first_on_row(family, sentence, context);
    }
    if let Some(rest) = on {
        return whole::unbuilt(family, rest);
    }
    if let Some((about, rest)) = subject(family, sentence) {
        return of_target(family, sentence, &about, rest, context);
    }
    if sentence.contains(" wherever it ran") || sentence.contains(" wherever they ran") {
        return whole::pass(family, sentence);
    }
    // Sentences that say nothing about passing and failing along the ladder.
    let others = [
        format!("No {name} after "),
        format!("Whether any {name} after "),
        format!("{name} "),
        format!("No cell of {name} has a test that ran"),
    ];
    let is_known = others.iter().any(|words| sentence.starts_with(words));
    holds(is_known, "not understood")
}

fn of_target(
    family: &SeenFamily,
    sentence: &str,
    about: &words::About,
    rest: &str,
    context: &mut Context,
) -> Result<(), String> {
    if rest.contains(" wherever it ran: ") || rest.contains(" wherever they ran: ") {
        return whole::fail(family, about, rest);
    }
    if rest.contains(" at the same pins of ") {
        return whole::differs(family, about, rest);
    }
    if sentence.ends_with(" there too.") {
        return course::there_too(family, sentence, context);
    }
    if rest.starts_with(" follow") {
        return course::followers(family, sentence, context);
    }
    let first = [" is the first of ", " are the first of "];
    if let Some(rest) = first.iter().find_map(|words| rest.strip_prefix(words)) {
        return course::first_of_many(family, about, rest, context);
    }
    let rest = rest.trim_start();
    // More targets with the same course.
    let rest = match rest
        .strip_prefix("and ")
        .and_then(|rest| rest.split_once(" more "))
    {
        Some((n, rest)) => {
            context.n_more_turning += n.parse::<usize>().unwrap_or(0);
            rest
        }
        None => rest,
    };
    course::turning(family, about, rest, context)
}
