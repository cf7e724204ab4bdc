//! A forecast as text: a strip for each target, and below it what changes at each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use pinmatrix_core::model::forecast::{Change, Finding, Forecast, StepForecast, TargetForecast};
use pinmatrix_core::text::{count, one_line};
use semver::Version;
use textwrap::core::display_width;

use crate::answer::sentence::listed;
use crate::terminal::{BOLD, DIM, RESET};

/// How many targets are named for one change.
const MOST_NAMES: usize = 3;

/// What stands before each change.
const WIDTH: usize = 10;

/// Returns the text of a forecast.
#[must_use]
pub fn forecast(forecast: &Forecast) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, forecast);
    page
}

fn write(page: &mut String, forecast: &Forecast) -> std::fmt::Result {
    let name = one_line(&forecast.family);
    let (Some(first), Some(last)) = (forecast.versions.first(), forecast.versions.last()) else {
        writeln!(page, "No sources of {name} could be read.")?;
        return write_unread(page, forecast);
    };
    let versions = count(forecast.versions.len(), "version");
    writeln!(
        page,
        "{BOLD}{name} {first} to {last}{RESET}: {versions}, read from sources. A forecast, not a result.\n"
    )?;
    if forecast.versions.len() == 1 {
        writeln!(page, "There is no other version to compare it with.")?;
        return write_unread(page, forecast);
    }
    write_strips(page, forecast)?;
    for to in forecast.versions.iter().skip(1) {
        write_step(page, forecast, to)?;
    }
    write_unseen(page, forecast)?;
    write_unread(page, forecast)
}

/// What a step shows for a target.
fn mark(step: Option<&StepForecast>) -> char {
    match step {
        None => '·',
        Some(step) if step.is_touched() => '!',
        Some(step) if step.findings.is_empty() => '?',
        Some(_) => '~',
    }
}

fn write_strips(page: &mut String, forecast: &Forecast) -> std::fmt::Result {
    let steps = || forecast.versions.iter().skip(1);
    let strip =
        |target: &TargetForecast| -> String { steps().map(|to| mark(target.step(to))).collect() };
    let (quiet, touched): (Vec<_>, Vec<_>) = forecast
        .targets
        .iter()
        // One that could not be read is told below.
        .filter(|target| target.n_paths > 0)
        .map(|target| (one_line(&target.target.to_string()), strip(target)))
        .partition(|(_, strip)| strip.chars().all(|mark| mark == '·'));
    let width = touched.iter().map(|(name, _)| display_width(name)).max();
    let width = width.unwrap_or_default();
    for (name, strip) in &touched {
        let pad = " ".repeat(width - display_width(name));
        writeln!(page, "{name}{pad}  {strip}")?;
    }
    let n = quiet.len();
    match (n, touched.is_empty()) {
        (0, true) => writeln!(page, "No target names anything of it.")?,
        (0, false) => {}
        (1, true) => writeln!(page, "1 target uses it and names nothing that changes.")?,
        (_, true) => writeln!(page, "{n} targets use it and name nothing that changes.")?,
        (1, false) => writeln!(page, "1 target more names nothing that changes.")?,
        (_, false) => writeln!(page, "{n} targets more name nothing that changes.")?,
    }
    if touched.is_empty() {
        return Ok(());
    }
    let all: String = touched.iter().map(|(_, strip)| strip.as_str()).collect();
    let legend = [
        ('!', "! something that it names changes"),
        ('~', "~ something that it may mean changes"),
        ('?', "? not seen"),
    ];
    let legend = legend.iter().filter(|(mark, _)| all.contains(*mark));
    let legend: Vec<&str> = legend.map(|(_, words)| *words).collect();
    let first = steps().next().map(ToString::to_string).unwrap_or_default();
    writeln!(
        page,
        "{DIM}a mark for each step, the first to {first}   {}{RESET}",
        legend.join("   ")
    )
}

/// Who names something, and where first.
type Users<'a> = BTreeMap<&'a Change, BTreeMap<&'a str, Vec<(String, &'a Finding)>>>;

fn write_step(page: &mut String, forecast: &Forecast, to: &Version) -> std::fmt::Result {
    let mut users: Users<'_> = BTreeMap::new();
    let mut weak: BTreeSet<&str> = BTreeSet::new();
    let mut from = None;
    for target in &forecast.targets {
        let Some(step) = target.step(to) else {
            continue;
        };
        from = Some(&step.from);
        for finding in &step.findings {
            let is_notice = matches!(
                finding.change,
                Change::Deprecated { .. } | Change::Gated { .. }
            );
            if finding.is_strong || is_notice {
                let of_change = users.entry(&finding.change).or_default();
                let of_name = of_change.entry(&finding.named).or_default();
                of_name.push((target.target.to_string(), finding));
            } else {
                weak.insert(&finding.named);
            }
        }
    }
    let Some(from) = from.filter(|_| !users.is_empty() || !weak.is_empty()) else {
        return Ok(());
    };
    writeln!(page, "\n{BOLD}{from} → {to}{RESET}")?;
    for (change, names) in &users {
        for (named, users) in names {
            write_change(page, named, change)?;
            write_users(page, users)?;
        }
    }
    if !weak.is_empty() {
        let names: Vec<String> = weak
            .iter()
            .take(MOST_NAMES)
            .map(|name| one_line(name))
            .collect();
        let more = match weak.len() - names.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let line = format!("  {:WIDTH$}{}{more}", "perhaps", names.join(", "));
        writeln!(page, "{DIM}{line}{RESET}")?;
    }
    Ok(())
}

fn write_change(page: &mut String, named: &str, change: &Change) -> std::fmt::Result {
    let named = one_line(named);
    let mut line = |word: &str, rest: &str| writeln!(page, "  {word:WIDTH$}{rest}");
    match change {
        Change::Gone => line("gone", &named),
        Change::Moved { to } => line("moved", &format!("{named} → {}", one_line(to))),
        Change::Changed { before, after } => {
            line("changed", &named)?;
            line("", &format!("before  {}", one_line(before)))?;
            line("", &format!("after   {}", one_line(after)))
        }
        Change::AsksMore { what } => line("asks", &format!("{named}: {}", one_line(what))),
        Change::Appears => line("new", &named),
        Change::Gated { by } => line("gated", &format!("{named}: {}", one_line(by))),
        Change::Deprecated { note } if note.is_empty() => line("deprecated", &format!(" {named}")),
        Change::Deprecated { note } => line("deprecated", &format!(" {named}: {}", one_line(note))),
    }
}

fn write_users(page: &mut String, users: &[(String, &Finding)]) -> std::fmt::Result {
    let shown = users.iter().take(MOST_NAMES).map(|(target, finding)| {
        let place = &finding.place;
        format!(
            "{} ({}:{})",
            one_line(target),
            one_line(place.file.as_str()),
            place.line
        )
    });
    let mut shown: Vec<String> = shown.collect();
    match users.len() - shown.len() {
        0 => {}
        1 => shown.push("another target".to_owned()),
        n => shown.push(format!("{n} more targets")),
    }
    writeln!(page, "  {:WIDTH$}{DIM}{}{RESET}", "", listed(&shown))
}

/// Writes what of the targets themselves was not seen.
fn write_unseen(page: &mut String, forecast: &Forecast) -> std::fmt::Result {
    let mut unseen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for target in &forecast.targets {
        for what in &target.unseen {
            unseen
                .entry(what)
                .or_default()
                .push(target.target.to_string());
        }
    }
    for (index, (what, mut targets)) in unseen.into_iter().enumerate() {
        targets.dedup();
        let gap = if index == 0 { "\n" } else { "" };
        let of = match targets.as_slice() {
            [one] => one_line(one),
            several => count(several.len(), "target"),
        };
        writeln!(page, "{gap}not seen: {}, in {of}", one_line(what))?;
    }
    Ok(())
}

fn write_unread(page: &mut String, forecast: &Forecast) -> std::fmt::Result {
    for unread in &forecast.unread {
        let package = one_line(&unread.package);
        writeln!(
            page,
            "not read: {package} {}; without --offline, cargo (1.82 or newer) fetches it",
            unread.version
        )?;
    }
    Ok(())
}
