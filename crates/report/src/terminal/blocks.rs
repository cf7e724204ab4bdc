//! The problems, one block each: what fails and where, the first error, what changed, and the
//! command that reproduces it. Cases of one target that fail together share a block.

use camino::Utf8Path;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::analysis::problems::{Check, Problem, Severity};
use pinmatrix_core::model::status::FailureKind;
use pinmatrix_core::text;
use pinmatrix_core::text::count;

use crate::html;
use crate::terminal::wrap::TerminalPage;
use crate::terminal::{BOLD, DIM, GREEN, LONGEST, RED, RESET, YELLOW};

/// The maximum number of blocks; the HTML page has all problems.
const MOST_BLOCKS: usize = 10;

/// The maximum number of cases in one block.
const MOST_CASES: usize = 4;

/// Writes the blocks of a run, the most important first; failures that a baseline expects are only
/// counted.
pub(super) fn write(page: &mut TerminalPage, analysis: &Analysis<'_>, results: &Utf8Path) {
    let problems = &analysis.problems;
    let is_known = |problem: &&Problem| problem.severity == Severity::Known;
    let n_known = problems.iter().filter(is_known).count();
    let shown = problems.iter().filter(|problem| !is_known(problem));
    let blocks = together(shown);
    for block in blocks.iter().take(MOST_BLOCKS) {
        page.gap();
        write_block(page, block);
    }
    let rest: usize = blocks.iter().skip(MOST_BLOCKS).map(Vec::len).sum();
    if rest > 0 {
        page.gap();
        let all = results.join(html::FILE);
        page.put(&format!(
            "{DIM}… and {}: {all}{RESET}",
            count(rest, "more problem")
        ));
    }
    if n_known > 0 {
        page.gap();
        let known = match analysis.run.findings.verdict {
            Some(_) => "known to the baseline, or there today too",
            None => "there today too",
        };
        let line = match n_known {
            1 => format!("one problem is {known}"),
            n => format!("{n} problems are {known}"),
        };
        let all = results.join(html::FILE);
        page.put(&format!("{DIM}{line}: {all}{RESET}"));
    }
}

/// Groups problems: cases of one target that fail in the same way and in the same cells share a
/// group.
fn together<'a>(problems: impl Iterator<Item = &'a Problem>) -> Vec<Vec<&'a Problem>> {
    let mut blocks: Vec<Vec<&Problem>> = Vec::new();
    let is_alike = |a: &Problem, b: &Problem| {
        let of = |p: &Problem| (p.severity, p.check, p.case.is_some());
        of(a) == of(b)
            && a.case.is_some()
            && (&a.thing, &a.status, &a.seen) == (&b.thing, &b.status, &b.seen)
            && a.background() == b.background()
    };
    for problem in problems {
        let known = blocks
            .iter_mut()
            .find(|block| block.first().is_some_and(|first| is_alike(first, problem)));
        match known {
            Some(block) => block.push(problem),
            None => blocks.push(vec![problem]),
        }
    }
    blocks
}

fn write_block(page: &mut TerminalPage, block: &[&Problem]) {
    let Some(first) = block.first() else { return };
    let mark = mark(first);
    match block {
        [only] => {
            page.say(&mark, BOLD, &only.title());
            page.say("  ", "", &first_error(only));
        }
        _ => {
            let Problem {
                thing,
                status,
                seen,
                ..
            } = first;
            let title = format!("{thing}: {} cases {status} at {seen}", block.len());
            page.say(&mark, BOLD, &title);
            for problem in block.iter().take(MOST_CASES) {
                let case = problem.case.as_deref().unwrap_or_default();
                page.say("  ", "", &format!("{case}: {}", first_error(problem)));
            }
            if let Some(rest) = block.get(MOST_CASES..).filter(|rest| !rest.is_empty()) {
                let line = format!(
                    "… and {}, in {}",
                    count(rest.len(), "more case"),
                    html::FILE
                );
                page.say("  ", DIM, &line);
            }
        }
    }
    for line in first.background() {
        page.say("  ", "", &line);
    }
    page.put(&format!("  {DIM}reproduce: {}{RESET}", first.command));
}

/// The first error with its location.
fn first_error(problem: &Problem) -> String {
    let place = problem.place.iter().map(|place| format!("{place}: "));
    let line = format!("{}{}", place.collect::<String>(), problem.error);
    text::ellipsis(&text::one_line(&line), LONGEST)
}

fn mark(problem: &Problem) -> String {
    let (color, mark) = match problem.check {
        Check::Failed(FailureKind::Drift) => (YELLOW, '✘'),
        Check::Failed(_) | Check::Gone => (RED, '✘'),
        Check::Inconclusive => (YELLOW, '?'),
        Check::Fixed => (GREEN, '✔'),
    };
    format!("{color}{mark}{RESET} ")
}
