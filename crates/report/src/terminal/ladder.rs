//! The drawings along the ladder: the grids, and the targets that fail somewhere.

use std::collections::BTreeSet;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::text;
use textwrap::core::display_width;

use crate::sections::grid::{Grid, grids};
use crate::sections::strips::{Strip, Strips};
use crate::sections::{grid, strips};
use crate::terminal::wrap::{TerminalPage, padded};
use crate::terminal::{BOLD, DIM, RESET, color};

/// The maximum length of the name of a row or a target, in characters.
const LONGEST_NAME: usize = 120;

/// An external name, sanitized for use within a line.
fn name(name: &str) -> String {
    text::ellipsis(&text::one_line(name), LONGEST_NAME)
}

/// Draws the grid of each family, and the targets below them.
pub(super) fn write(page: &mut TerminalPage, run: &Run) {
    let grids = grids(run);
    for grid in &grids {
        page.gap();
        write_grid(page, grid);
    }
    let places = grids.iter().flat_map(|grid| &grid.rows);
    let words = places.flat_map(|(_, places)| places.iter().map(|place| place.word.as_str()));
    write_legend(page, &grid::LEGEND, words.map(|word| mark(word).to_owned()));
    for family in &run.families {
        write_strips(page, &strips::strips(run, family));
    }
}

/// The mark at the start of a word or a legend entry.
fn mark(word: &str) -> &str {
    word.split(' ').next().unwrap_or_default()
}

/// Writes the legend of the marks that occur, unless `✔` is the only one.
fn write_legend<E: AsRef<str>>(
    page: &mut TerminalPage,
    legend: &[E],
    shown: impl Iterator<Item = String>,
) {
    let shown: BTreeSet<String> = shown.collect();
    let entries = legend.iter().map(AsRef::as_ref);
    let entries: Vec<&str> = entries
        .filter(|entry| shown.contains(mark(entry)))
        .collect();
    if shown != BTreeSet::from(["✔".to_owned()]) {
        page.list(DIM, &entries);
    }
}

/// Writes the grid, folded if the terminal is narrower.
fn write_grid(page: &mut TerminalPage, grid: &Grid) {
    let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(display_width).max();
    let labels: Vec<String> = grid.rows.iter().map(|(row, _)| name(row)).collect();
    let family = name(&grid.family);
    let mut names = labels.iter().chain([&family]).map(String::as_str);
    let first = widest(&mut names).unwrap_or_default();
    let pins: Vec<String> = grid.pins.iter().map(|pin| name(pin)).collect();
    let words = grid.rows.iter().flat_map(|(_, places)| places);
    let mut words = words
        .map(|place| place.word.as_str())
        .chain(pins.iter().map(String::as_str));
    let column = widest(&mut words).unwrap_or_default();
    let at_once = (page.columns().saturating_sub(first) / (column + 2)).max(1);
    for (index, shown) in pins.chunks(at_once).enumerate() {
        if index > 0 {
            page.gap();
        }
        let head = shown.iter().map(|pin| format!("  {}", padded(pin, column)));
        let head: String = head.collect();
        page.put(&format!("{BOLD}{}{RESET}{head}", padded(&family, first)));
        for (label, (_, places)) in labels.iter().zip(&grid.rows) {
            let places = places.iter().skip(index * at_once).take(at_once);
            let places = places.map(|place| {
                let rest = " ".repeat(column.saturating_sub(display_width(&place.word)));
                format!("  {}{}{RESET}{rest}", color(&place.status), place.word)
            });
            let places: String = places.collect();
            page.put(&format!("{}{places}", padded(label, first)));
        }
    }
}

/// Writes the strips of targets: on the first row all that failed somewhere, and on the others
/// those that differ from the strips above.
fn write_strips(page: &mut TerminalPage, rows: &[Strips]) {
    let has_ladder = rows.first().is_some_and(|row| row.pins.len() > 1);
    let is_clean = rows.iter().flat_map(|row| &row.strips).all(Strip::is_clean);
    if !has_ladder || is_clean {
        return;
    }
    let (mut letters, mut rest) = (BTreeSet::new(), Vec::new());
    let mut listed: Vec<&Strip> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let is_listed = |strip: &Strip| listed.iter().any(|known| strip.is_covered_by(known));
        let strips = row.strips.iter();
        let shown: Vec<&Strip> = strips.filter(|s| !s.is_clean() && !is_listed(s)).collect();
        if shown.is_empty() && index > 0 {
            rest.push(name(&row.row));
            continue;
        }
        let n_others = row.strips.len() - shown.len();
        let others = match index {
            0 => format!("{n_others} never failed"),
            _ => format!("{n_others} never failed, or do as above"),
        };
        page.gap();
        let lead = format!("{BOLD}targets on {}{RESET}, ", name(&row.row));
        page.say(&lead, "", &others);
        write_ways(page, row, &shown);
        let of_row = shown.iter().flat_map(|strip| strips::letters(strip));
        letters.extend(of_row.map(|(letter, _)| letter));
        listed.extend(shown);
    }
    if !rest.is_empty() {
        let line = format!(
            "targets on {}: each passes, or does as above",
            rest.join(", ")
        );
        page.say("", DIM, &line);
    }
    let letters = letters.into_iter().map(String::from);
    write_legend(page, &strips::legend(), letters);
}

fn write_ways(page: &mut TerminalPage, row: &Strips, shown: &[&Strip]) {
    let names = shown.iter().map(|strip| name(&strip.target.to_string()));
    let names: Vec<String> = names.collect();
    let longest = names.iter().map(|name| display_width(name)).max();
    let width = longest.unwrap_or_default();
    for (name, strip) in names.iter().zip(shown) {
        let letters = strips::letters(strip).into_iter();
        let letters = letters.map(|(letter, status)| {
            let color = status.map_or(DIM, color);
            format!("{color}{letter}{RESET}")
        });
        let letters: String = letters.collect();
        let changes = strip.changes(row).join(", ");
        let room = page
            .columns()
            .saturating_sub(width + 2 + row.pins.len() + 2);
        let drawn = format!("{}  {letters}  ", padded(name, width));
        // If the description does not fit beside the strip, it goes below it.
        if room >= display_width(&changes).min(page.columns() / 3) {
            page.say(&drawn, "", &changes)
        } else {
            page.put(&drawn);
            page.say("    ", "", &changes);
        }
    }
}
