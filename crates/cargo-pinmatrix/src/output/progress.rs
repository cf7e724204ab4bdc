//! Shows progress: on a terminal, a bar for the run and a line per running cell; elsewhere, plain
//! lines.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstream::ColorChoice;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pinmatrix_core::model::event::{Event, Listener};
use pinmatrix_core::text;

use crate::output::lines::ProgressLines;
use crate::output::stdout;

/// The longest duration that is shown, in seconds.
const LONGEST: f64 = 1e9;

/// Shows events on standard error.
pub struct Progress {
    bars: Option<Bars>,
    /// The state of the plain lines, which replace the bars.
    lines: Mutex<ProgressLines>,
}

struct Bars {
    all: MultiProgress,
    run: ProgressBar,
    /// Whether some cells may not have to run.
    is_most: AtomicBool,
    cells: Mutex<BTreeMap<String, CellBar>>,
}

struct CellBar {
    bar: ProgressBar,
    phase: String,
    n_steps: usize,
}

impl Progress {
    /// Creates bars if standard error is a terminal, and lines otherwise.
    pub fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self {
                bars: None,
                lines: Mutex::default(),
            };
        }
        let all = MultiProgress::new();
        let run = all.add(ProgressBar::no_length());
        let cells = Mutex::new(BTreeMap::new());
        Self {
            bars: Some(Bars {
                all,
                run,
                is_most: AtomicBool::new(false),
                cells,
            }),
            lines: Mutex::default(),
        }
    }

    /// Removes the bars, so that only the results stay.
    pub fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.run.finish_and_clear();
            // The terminal may be gone, and nothing is lost then.
            let _ = bars.all.clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                let is_plain =
                    anstream::AutoStream::choice(&std::io::stderr()) == ColorChoice::Never;
                let line = if is_plain {
                    anstream::adapter::strip_str(line).to_string()
                } else {
                    line.to_owned()
                };
                let _ = bars.all.println(line);
            }
            None => say(line),
        }
    }
}

impl Progress {
    fn lines(&self) -> MutexGuard<'_, ProgressLines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Progress {
    fn on_event(&self, event: Event<'_>) {
        match event {
            Event::Planned {
                n_run,
                n_known,
                is_most,
            } => {
                if let Some(bars) = &self.bars
                    && n_run > 0
                {
                    bars.begin(n_run, is_most);
                } else if n_run > 0 {
                    let most = if is_most { "at most " } else { "" };
                    self.say(&format!(
                        "cells to run: {most}{n_run}, known already: {n_known}"
                    ));
                }
            }
            Event::Entered { cell, phase } => match &self.bars {
                Some(bars) => bars.enter(cell.as_str(), &phase.to_string()),
                None => {
                    let line =
                        self.lines()
                            .enter(cell.as_str(), &phase.to_string(), Instant::now());
                    self.say(&line);
                }
            },
            Event::Step { cell, what } => match &self.bars {
                Some(bars) => bars.step(cell.as_str(), what),
                None => {
                    let line = self.lines().step(cell.as_str(), what, Instant::now());
                    if let Some(line) = line {
                        self.say(&line);
                    }
                }
            },
            Event::Made { .. } => {}
            Event::Ended {
                cell,
                outcome,
                seconds,
            } => {
                match &self.bars {
                    Some(bars) => bars.leave(cell.as_str()),
                    None => self.lines().leave(cell.as_str()),
                }
                let seconds = Duration::from_secs_f64(seconds);
                let time = indicatif::HumanDuration(seconds);
                self.say(&format!(
                    "{} {cell}: {} ({time:#})",
                    stdout::mark(&outcome.status),
                    outcome.status
                ));
            }
            Event::Expected { seconds } => {
                if let Some(bars) = &self.bars {
                    bars.expect(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST)));
                }
            }
            Event::Noted(note) => self.say(&format!("note: {note}")),
        }
    }
}

impl Bars {
    fn begin(&self, n_run: usize, is_most: bool) {
        self.run.set_length(n_run as u64);
        self.is_most.store(is_most, Ordering::Relaxed);
        self.run.set_style(style(if is_most {
            "{pos} cells of at most {len}, {elapsed} so far{msg}"
        } else {
            "{bar:24} {pos}/{len} cells, {elapsed} so far{msg}"
        }));
        self.run.enable_steady_tick(Duration::from_secs(1));
    }

    /// Shows how long the rest will take, judging by the duration of earlier cells.
    fn expect(&self, left: Duration) {
        let left = indicatif::HumanDuration(left);
        let how = if self.is_most.load(Ordering::Relaxed) {
            "at most"
        } else {
            "about"
        };
        self.run.set_message(format!(", {how} {left} to go"));
    }

    fn enter(&self, cell: &str, phase: &str) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = cells.entry(cell.to_owned()).or_insert_with(|| {
            let bar = self
                .all
                .insert_before(&self.run, ProgressBar::new_spinner());
            bar.set_style(style("{spinner} {prefix} {elapsed:>4} {wide_msg}"));
            bar.set_prefix(cell.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            CellBar {
                bar,
                phase: String::new(),
                n_steps: 0,
            }
        });
        entry.phase = phase.to_owned();
        entry.n_steps = 0;
        entry.bar.set_message(phase.to_owned());
    }

    fn step(&self, cell: &str, what: &str) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = cells.get_mut(cell) {
            entry.n_steps += 1;
            let what = text::one_line(what);
            entry
                .bar
                .set_message(format!("{} {}: {what}", entry.phase, entry.n_steps));
        }
    }

    fn leave(&self, cell: &str) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = cells.remove(cell) {
            entry.bar.finish_and_clear();
        }
        self.run.inc(1);
        self.run.tick();
    }
}

/// Prints a line to standard error. Failing to write it is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", text::inert(line));
}

fn style(template: &str) -> ProgressStyle {
    // The templates are written above, and indicatif's tests would reject a wrong one.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
