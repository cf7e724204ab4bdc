//! Where the time of a run went: by what the lanes did, lane by lane, and the slowest cells.

use std::collections::BTreeMap;
use std::fmt::Write;

use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::outcome::Phase;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::timeline::LaneSpan;

use crate::escaped;

/// What a lane can do, each with its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneState {
    /// Resolving, pinning, fetching.
    Resolving,
    /// Compiling.
    Building,
    /// Running tests.
    Testing,
    /// Waiting for another lane, or for a job of the budget.
    Waiting,
    /// Doing nothing.
    Idle,
}

impl LaneState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Resolving,
        Self::Building,
        Self::Testing,
        Self::Waiting,
        Self::Idle,
    ];

    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Resolve => Self::Resolving,
            Phase::Build => Self::Building,
            Phase::Test => Self::Testing,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Resolving => 'r',
            Self::Building => 'b',
            Self::Testing => 't',
            Self::Waiting => 'w',
            Self::Idle => '·',
        }
    }

    /// The state as a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Resolving => "resolve",
            Self::Building => "build",
            Self::Testing => "test",
            Self::Waiting => "waiting",
            Self::Idle => "idle",
        }
    }
}

/// The meaning of the letters of [`strips`].
pub const LEGEND: &str =
    "r resolve   b build   t test   w waiting for another lane or a job   · idle";

/// The number of letters for the whole run.
const WIDTH: usize = 72;
/// The number of slowest cells to list.
const MOST_CELLS: usize = 5;
/// The minimum time that is worth showing, in seconds of all lanes together.
const LEAST: f64 = 10.0;

/// Divides a span into waiting and working, with start and end in seconds. A phase waits before it
/// works.
fn stretches(span: &LaneSpan) -> [(LaneState, f64, f64); 2] {
    let worked = span.start + span.waited;
    let end = span.start + span.seconds;
    [
        (LaneState::Waiting, span.start, worked),
        (LaneState::of(span.phase), worked, end),
    ]
}

/// The spans of each lane that worked.
fn lanes(run: &Run) -> Vec<Vec<&LaneSpan>> {
    let mut lanes: BTreeMap<usize, Vec<&LaneSpan>> = BTreeMap::new();
    for span in &run.timeline {
        lanes.entry(span.lane).or_default().push(span);
    }
    lanes.into_values().collect()
}

/// The total seconds that all lanes together spent in each state.
#[must_use]
pub fn shares(run: &Run) -> Vec<(LaneState, f64)> {
    let mut spent: BTreeMap<LaneState, f64> = BTreeMap::new();
    let lanes = lanes(run);
    for (doing, from, to) in lanes.iter().flatten().flat_map(|span| stretches(span)) {
        *spent.entry(doing).or_default() += to - from;
    }
    let all = run.seconds * lanes.len() as f64;
    let idle = (all - spent.values().sum::<f64>()).max(0.0);
    spent.insert(LaneState::Idle, idle);
    let of = |doing| (doing, spent.get(&doing).copied().unwrap_or_default());
    LaneState::ALL.map(of).to_vec()
}

/// One line: the shares of all lanes' time by state.
#[must_use]
pub fn line(run: &Run) -> Option<String> {
    let shares = shares(run);
    let all: f64 = shares.iter().map(|(_, seconds)| seconds).sum();
    if all < LEAST {
        return None;
    }
    let percent = |seconds: f64| (100.0 * seconds / all).round();
    let parts = shares
        .iter()
        .filter(|(_, seconds)| percent(*seconds) >= 1.0);
    let parts = parts.map(|(doing, seconds)| format!("{} {} %", doing.word(), percent(*seconds)));
    let n_lanes = lanes(run).len();
    let lanes = match n_lanes {
        1 => "one lane".to_owned(),
        n => format!("{n} lanes"),
    };
    let minutes = clock(run.seconds);
    Some(format!(
        "time: {minutes} on {lanes}: {}",
        parts.collect::<Vec<_>>().join(", ")
    ))
}

/// The states of each lane, with the lane's number: the run is divided into `n_parts` parts, each
/// with the state that took most of it. Empty if the run is not worth showing.
#[must_use]
pub fn strips(run: &Run, n_parts: usize) -> Vec<(usize, Vec<LaneState>)> {
    if line(run).is_none() {
        return Vec::new();
    }
    let lanes = lanes(run).into_iter();
    let strips = lanes.map(|spans| {
        let lane = spans.first().map_or(0, |span| span.lane);
        (lane, strip(&spans, run.seconds, n_parts))
    });
    strips.collect()
}

fn strip(spans: &[&LaneSpan], seconds: f64, n_parts: usize) -> Vec<LaneState> {
    let part = seconds / n_parts as f64;
    let mut spent = vec![[0.0; LaneState::ALL.len()]; n_parts];
    for (doing, from, to) in spans.iter().flat_map(|span| stretches(span)) {
        for (index, spent) in spent.iter_mut().enumerate() {
            let (begin, end) = (part * index as f64, part * (index + 1) as f64);
            spent[doing as usize] += (to.min(end) - from.max(begin)).max(0.0);
        }
    }
    let doing = |mut spent: [f64; LaneState::ALL.len()]| {
        spent[LaneState::Idle as usize] = part - spent.iter().sum::<f64>();
        let most = LaneState::ALL.into_iter().max_by(|a, b| {
            let (a, b) = (spent[*a as usize], spent[*b as usize]);
            a.total_cmp(&b)
        });
        most.unwrap_or(LaneState::Idle)
    };
    spent.into_iter().map(doing).collect()
}

/// Writes the section on the time of a run, if it is worth showing.
pub fn write(out: &mut String, run: &Run) -> std::fmt::Result {
    let Some(line) = line(run) else {
        return Ok(());
    };
    writeln!(out, "## Where the time went\n\n{line}\n\n```text")?;
    for (lane, doings) in strips(run, WIDTH) {
        let letters: String = doings.into_iter().map(LaneState::letter).collect();
        writeln!(out, "lane {lane:<3} {letters}")?;
    }
    writeln!(out, "{LEGEND}\n```\n")?;
    writeln!(out, "| longest | resolve | build | test | waiting |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for (cell, spent) in longest(run) {
        let of = |doing: LaneState| clock(spent[doing as usize]);
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            escaped(cell.as_str()),
            of(LaneState::Resolving),
            of(LaneState::Building),
            of(LaneState::Testing),
            of(LaneState::Waiting),
        )?;
    }
    writeln!(out)
}

/// The slowest cells, with the time of each by state.
fn longest(run: &Run) -> Vec<(&CellId, [f64; LaneState::ALL.len()])> {
    let mut cells: BTreeMap<&CellId, [f64; LaneState::ALL.len()]> = BTreeMap::new();
    for span in &run.timeline {
        for (doing, from, to) in stretches(span) {
            cells.entry(&span.cell).or_default()[doing as usize] += to - from;
        }
    }
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_by(|(_, a), (_, b)| b.iter().sum::<f64>().total_cmp(&a.iter().sum()));
    cells.truncate(MOST_CELLS);
    cells
}

/// `12.3 s`, or `4 min 05 s`.
fn clock(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}
