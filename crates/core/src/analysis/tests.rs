//! Made-up histories: the analysis must find exactly what can be read off their letters.

use proptest::prelude::*;

use super::*;
use crate::analysis::frontier::ChangeKind;
use crate::testing::history;

/// Whether a case passes at a pin, read off its letter; `None` if the letter does not say.
fn passes(letter: char, case: usize) -> Option<bool> {
    match letter {
        '.' | 'f' => Some(true),
        'b' | 'x' => Some(false),
        '1' => Some(case != 0),
        '2' => Some(case != 1),
        _ => None,
    }
}

/// The fate, at the later of two pins, of what passes at the first.
fn fate_of(first: char, later: char) -> PinFate {
    let was_passing = |case: &usize| passes(first, *case) == Some(true);
    let cases: Vec<usize> = [0, 1].into_iter().filter(was_passing).collect();
    match later {
        '-' => PinFate::Untested,
        'd' => PinFate::Unsure,
        _ if cases.iter().any(|case| passes(later, *case) == Some(false)) => PinFate::Breaks,
        _ => PinFate::Works,
    }
}

/// The turns of a case: the major version where each happens, and whether it is a break.
fn turns_of(letters: &str, case: usize) -> Vec<(u64, bool)> {
    let seen = letters.chars().zip(0..);
    let seen: Vec<(u64, bool)> = seen
        .filter_map(|(letter, at)| Some((at, passes(letter, case)?)))
        .collect();
    let pairs = seen.windows(2).filter(|pair| pair[0].1 != pair[1].1);
    pairs.map(|pair| (pair[1].0, !pair[1].1)).collect()
}

fn major(at: &crate::model::cell::PinnedAt) -> u64 {
    at.version().expect("a version").major
}

proptest! {
    #[test]
    fn an_upgrade_tells_of_each_pin_what_its_letter_says(letters in "[.b12xfd-]{1,30}") {
        let run = history(&letters, 1);
        let analysis = Analysis::of(&run);
        let letters: Vec<char> = letters.chars().collect();
        let first = letters.iter().position(|letter| ['.', 'f', '1', '2'].contains(letter));
        let Some(first) = first else {
            prop_assert!(analysis.upgrades.is_empty());
            return Ok(());
        };
        let [upgrade] = &analysis.upgrades[..] else {
            panic!("one row");
        };
        prop_assert_eq!(major(upgrade.from), first as u64);
        let fates: Vec<PinFate> = upgrade.steps.iter().map(|step| step.fate).collect();
        let later = &letters[first + 1..];
        let expected: Vec<PinFate> = later.iter().map(|l| fate_of(letters[first], *l)).collect();
        prop_assert_eq!(&fates, &expected);
        let newest = expected.iter().rposition(|fate| *fate == PinFate::Works);
        prop_assert_eq!(upgrade.newest().map(major), newest.map(|at| (first + 1 + at) as u64));
        let plain = |letter: &char| if *letter == 'f' { '.' } else { *letter };
        let is_constant = later.iter().all(|l| plain(l) == plain(&letters[first]));
        prop_assert_eq!(upgrade.is_constant, is_constant);
    }

    #[test]
    fn a_course_holds_every_turn_of_each_case(letters in "[.b12xfd-]{1,30}") {
        let run = history(&letters, 1);
        let analysis = Analysis::of(&run);
        // In a row in which no test ever ran, no case is known.
        let names: &[&str] = if letters.contains(['.', 'f', '1', '2', 'x']) { &["one", "two"] } else { &[] };
        for (case, name) in names.iter().enumerate() {
            let is_its = |course: &&Course| {
                course.target.is_some()
                    && (course.cases.is_empty() || course.cases.iter().any(|c| c == name))
            };
            let turns = analysis.courses.iter().filter(is_its).flat_map(|course| &course.turns);
            let found: Vec<(u64, bool)> =
                turns.map(|turn| (major(&turn.at), turn.change == ChangeKind::Break)).collect();
            prop_assert_eq!(found, turns_of(&letters, case));
        }
    }

    #[test]
    fn a_run_is_held_against_today(letters in "[.b12xfd-]{1,30}", today in 0..30_u64) {
        let mut run = history(&letters, 1);
        run.families[0].todays = crate::testing::today(Some(today));
        let all: Vec<char> = letters.chars().collect();
        let others = all.iter().enumerate().filter(|(at, l)| *at as u64 != today && **l != '-');
        let others: Vec<char> = others.map(|(_, letter)| *letter).collect();
        let alone = |letter: &char| match letter {
            '.' | 'f' => RunResult::Passed,
            _ => RunResult::Failed,
        };
        let expected = match all.get(today as usize).filter(|letter| **letter != '-') {
            // Nothing is known about today: judge each cell on its own.
            None => others.iter().map(alone).max().unwrap_or(RunResult::Nothing),
            Some(now) if others.is_empty() => alone(now),
            Some('d') => RunResult::Unsure,
            Some('b' | 'x') => RunResult::Nothing,
            Some(now) => {
                let fates = others.iter().map(|letter| match fate_of(*now, *letter) {
                    PinFate::Breaks => RunResult::Failed,
                    PinFate::Unsure => RunResult::Unsure,
                    PinFate::Works | PinFate::Untested => RunResult::Passed,
                });
                fates.max().expect("some")
            }
        };
        prop_assert_eq!(run_result(&run), expected);
    }

    #[test]
    fn a_target_is_counted_once_and_as_what_it_did(letters in "[.b12xfd-]{1,30}") {
        let run = history(&letters, 1);
        let tally = &Analysis::of(&run).tallies[0];
        let passes = letters.contains(['.', 'f']);
        let fails = letters.contains(['b', '1', '2', 'x']);
        let is_there = letters.chars().any(|letter| letter != '-');
        prop_assert_eq!(tally.len(), usize::from(is_there));
        prop_assert_eq!(tally.passing.len(), usize::from(passes && !fails));
        prop_assert_eq!(tally.failing.len(), usize::from(fails && !passes));
        prop_assert_eq!(tally.changing.len(), usize::from(fails && passes));
    }
}
