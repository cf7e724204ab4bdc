//! The small plots: the minimum toolchain of each pin as a staircase, and the timeline of the
//! lanes.

use std::collections::BTreeSet;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::findings::LeastToolchain;
use semver::Version;

use crate::sections::timeline::{LaneState, strips};

/// The staircase of one family.
pub struct Staircase {
    /// The family's name.
    pub family: String,
    /// The width of the drawing.
    pub width: usize,
    /// The height of the drawing.
    pub height: usize,
    /// The pins with their x positions.
    pub pins: Vec<(usize, String)>,
    /// The versions of rustc with their y positions.
    pub rustcs: Vec<(usize, String)>,
    /// The lines: the name and path of each.
    pub lines: Vec<(&'static str, String)>,
    /// The same data as a table.
    pub table: Vec<[String; 4]>,
}

/// The left edge of the drawing.
const LEFT: usize = 56;
/// The width of a pin.
const STEP: usize = 64;
/// The height of a rustc version.
const RISE: usize = 26;
/// The top edge of the drawing.
const TOP: usize = 14;

/// The staircases of a run, one for each family that ran on more than one row.
pub fn staircases(run: &Run) -> Vec<Staircase> {
    let families = run.families.iter().filter_map(|family| {
        let of_family = run
            .findings
            .least
            .iter()
            .filter(|l| l.family == family.name);
        let least: Vec<&LeastToolchain> = of_family.collect();
        let rows = run.rows(family);
        let ran = rows
            .iter()
            .filter(|row| row.iter().any(|cell| cell.outcome().is_some()));
        let is_several = ran.count() > 1;
        (is_several && !least.is_empty()).then(|| staircase(run, &family.name, &least))
    });
    families.collect()
}

fn staircase(run: &Run, family: &str, least: &[&LeastToolchain]) -> Staircase {
    let measured = |least: &LeastToolchain| rustc_of(run, least.measured.as_deref()?);
    let named_steps: [(&'static str, Vec<Option<Version>>); 3] = [
        (
            "declared",
            rustcs(least, |l| {
                l.declared.as_ref().map(|need| need.rustc.clone())
            }),
        ),
        (
            "lock",
            rustcs(least, |l| l.lock.as_ref().map(|need| need.rustc.clone())),
        ),
        ("measured", rustcs(least, measured)),
    ];
    let all: BTreeSet<&Version> = named_steps
        .iter()
        .flat_map(|(_, steps)| steps)
        .flatten()
        .collect();
    let all: Vec<&Version> = all.into_iter().rev().collect();
    let y = |version: &Version| {
        let index = all.iter().position(|known| *known == version);
        TOP + RISE * index.unwrap_or_default() + RISE / 2
    };
    let lines = named_steps.iter().enumerate().map(|(n, (name, steps))| {
        // Identical lines are drawn side by side.
        (*name, path(steps, |version| y(version) + 3 * n - 3))
    });
    Staircase {
        family: family.to_owned(),
        width: LEFT + STEP * least.len() + 8,
        height: TOP + RISE * all.len() + 24,
        pins: least
            .iter()
            .enumerate()
            .map(|(index, l)| (LEFT + STEP * index + STEP / 2, l.pin.clone()))
            .collect(),
        rustcs: all
            .iter()
            .map(|version| (y(version), version.to_string()))
            .collect(),
        lines: lines.collect(),
        table: least.iter().map(|least| line(least)).collect(),
    }
}

fn rustcs(
    least: &[&LeastToolchain],
    of: impl Fn(&LeastToolchain) -> Option<Version>,
) -> Vec<Option<Version>> {
    least.iter().map(|least| of(least)).collect()
}

/// The version in a toolchain's `rustc -V` output.
fn rustc_of(run: &Run, label: &str) -> Option<Version> {
    let toolchain = run.toolchains.iter().find(|t| t.label == label)?;
    toolchain
        .rustc
        .as_ref()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// The path of a stepped line, interrupted where nothing is known.
fn path(steps: &[Option<Version>], y: impl Fn(&Version) -> usize) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for (index, step) in steps.iter().enumerate() {
        let Some(version) = step else {
            is_down = false;
            continue;
        };
        let (x, y) = (LEFT + STEP * index, y(version));
        let to = if is_down { 'L' } else { 'M' };
        path.push_str(&format!("{to}{x} {y}H{}", x + STEP));
        is_down = true;
    }
    path
}

fn line(least: &LeastToolchain) -> [String; 4] {
    let none = || "-".to_owned();
    let declared = least.declared.as_ref().map(|need| need.rustc.to_string());
    let lock = least.lock.as_ref();
    let lock = lock.map(|need| format!("{} ({})", need.rustc, need.package));
    [
        least.pin.clone(),
        declared.unwrap_or_else(none),
        lock.unwrap_or_else(none),
        least.measured.clone().unwrap_or_else(none),
    ]
}

/// The timeline of a run's lanes.
pub struct Lanes {
    /// For each lane: its name, its y position, and its bars.
    pub lanes: Vec<(usize, usize, Vec<Bar>)>,
    /// The width of the drawing.
    pub width: usize,
    /// The height of the drawing.
    pub height: usize,
    /// The legend: the words of all states, which are also the CSS classes.
    pub legend: Vec<&'static str>,
}

/// One bar of a lane.
pub struct Bar {
    /// The x position.
    pub x: usize,
    /// The width.
    pub width: usize,
    /// What the lane did, as a word.
    pub doing: &'static str,
}

/// The number of parts into which the run is divided.
const PARTS: usize = 300;
/// The width of one part.
const PART: usize = 3;
/// The maximum number of lanes to draw.
const MOST_LANES: usize = 32;

/// The timeline of a run's lanes, if it is worth showing.
pub fn lanes(run: &Run) -> Option<Lanes> {
    let strips = strips(run, PARTS);
    if strips.is_empty() {
        return None;
    }
    let lanes = strips.iter().take(MOST_LANES).enumerate();
    let lanes = lanes.map(|(index, (lane, doings))| (*lane, TOP + 18 * index, bars(doings)));
    let lanes: Vec<_> = lanes.collect();
    Some(Lanes {
        width: LEFT + PARTS * PART,
        height: TOP + 18 * lanes.len(),
        lanes,
        legend: LaneState::ALL.map(LaneState::word).to_vec(),
    })
}

fn bars(doings: &[LaneState]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut x = LEFT;
    for alike in doings.chunk_by(|a, b| a == b) {
        let width = PART * alike.len();
        match alike.first() {
            None | Some(LaneState::Idle) => {}
            Some(doing) => bars.push(Bar {
                x,
                width,
                doing: doing.word(),
            }),
        }
        x += width;
    }
    bars
}
