//! The small plots: the least toolchain of each pin as a staircase, and what each lane did when.

use std::collections::BTreeSet;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::findings::LeastToolchain;
use semver::Version;

use crate::sections::timeline::{LaneState, strips};

/// The steps of one family.
pub struct Staircase {
    /// The family's name.
    pub family: String,
    /// How wide and high the drawing is.
    pub width: usize,
    /// See `width`.
    pub height: usize,
    /// The pins, each at its place from the left.
    pub pins: Vec<(usize, String)>,
    /// The versions of rustc, each at its place from the top.
    pub rustcs: Vec<(usize, String)>,
    /// The lines: what each is called, and its path.
    pub lines: Vec<(&'static str, String)>,
    /// The same as a table.
    pub table: Vec<[String; 4]>,
}

/// Where the drawing begins, from the left.
const LEFT: usize = 56;
/// How wide a pin is.
const STEP: usize = 64;
/// How high a version of rustc is.
const RISE: usize = 26;
/// Where the drawing begins, from the top.
const TOP: usize = 14;

/// The staircases of a run, one a family that ran on more than one row.
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
    let told: [(&'static str, Vec<Option<Version>>); 3] = [
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
    let all: BTreeSet<&Version> = told.iter().flat_map(|(_, steps)| steps).flatten().collect();
    let all: Vec<&Version> = all.into_iter().rev().collect();
    let y = |version: &Version| {
        let at = all.iter().position(|known| *known == version);
        TOP + RISE * at.unwrap_or_default() + RISE / 2
    };
    let lines = told.iter().enumerate().map(|(n, (name, steps))| {
        // Lines that agree lie beside one another.
        (*name, path(steps, |version| y(version) + 3 * n - 3))
    });
    Staircase {
        family: family.to_owned(),
        width: LEFT + STEP * least.len() + 8,
        height: TOP + RISE * all.len() + 24,
        pins: least
            .iter()
            .enumerate()
            .map(|(at, l)| (LEFT + STEP * at + STEP / 2, l.pin.clone()))
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

/// The version in what `rustc -V` says of a toolchain.
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

/// A line of steps, broken where nothing is known.
fn path(steps: &[Option<Version>], y: impl Fn(&Version) -> usize) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for (at, step) in steps.iter().enumerate() {
        let Some(version) = step else {
            is_down = false;
            continue;
        };
        let (x, y) = (LEFT + STEP * at, y(version));
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

/// What the lanes of a run did when.
pub struct Lanes {
    /// Each lane: its name, its place from the top, and its bars.
    pub lanes: Vec<(usize, usize, Vec<Bar>)>,
    /// How wide and high the drawing is.
    pub width: usize,
    /// See `width`.
    pub height: usize,
    /// What can be seen, as class and word.
    pub legend: Vec<&'static str>,
}

/// One stretch of a lane.
pub struct Bar {
    /// From the left.
    pub x: usize,
    /// How wide.
    pub width: usize,
    /// What the lane did, in a word.
    pub doing: &'static str,
}

/// How many parts the whole run is cut into, and how wide one is drawn.
const PARTS: usize = 300;
/// See [`PARTS`].
const PART: usize = 3;
/// More lanes than this are not drawn one by one.
const MOST_LANES: usize = 32;

/// What the lanes of a run did, where there is anything to speak of.
pub fn lanes(run: &Run) -> Option<Lanes> {
    let strips = strips(run, PARTS);
    if strips.is_empty() {
        return None;
    }
    let lanes = strips.iter().take(MOST_LANES).enumerate();
    let lanes = lanes.map(|(at, (lane, doings))| (*lane, TOP + 18 * at, bars(doings)));
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
