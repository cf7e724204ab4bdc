//! Random runs: families, rows, targets, and cells that nobody ran or that ended without a result.

use proptest::collection::vec;
use proptest::prelude::*;
use semver::Version;

use crate::model::cell::{Pin, Row};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{Outcome, TargetOutcome};
use crate::model::run::{Adjusted, CellRecord, FamilyRecord, Run, State};
use crate::model::status::{FailureKind, InconclusiveReason, SkipReason, Status};
use crate::testing;
use crate::testing::{case, test_named};

/// A byte for a cell, and one for each of its targets.
type DrawnCell = (u8, Vec<u8>);

/// The random choices of a run.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// For each family its rows, and for each row its cells.
    families: Vec<Vec<Vec<DrawnCell>>>,
    /// The version in each family's lock.
    today: Vec<u64>,
    /// Whether pins with odd major versions are adjusted.
    is_adjusted: bool,
    /// Whether the run was killed.
    is_killed: bool,
}

/// A strategy that draws runs.
pub fn drawn() -> impl Strategy<Value = Drawn> {
    let sizes = (1..3_usize, 1..4_usize, 2..7_usize, 1..7_usize);
    sizes.prop_flat_map(|(n_families, n_rows, n_pins, n_targets)| {
        let cell = (any::<u8>(), vec(any::<u8>(), n_targets));
        let families = vec(vec(vec(cell, n_pins), n_rows), n_families);
        let today = vec(0..n_pins as u64 + 3, n_families);
        let rest = (families, today, any::<bool>(), any::<bool>());
        rest.prop_map(|(families, today, is_adjusted, is_killed)| Drawn {
            families,
            today,
            is_adjusted,
            is_killed,
        })
    })
}

const FAMILIES: [&str; 2] = ["gadget", "cog"];
const ROWS: [&str; 3] = ["stable", "old", "new"];
const TARGETS: [&str; 6] = ["s", "t", "u", "v", "w", "x"];

/// A target that does not compile.
fn broken(name: &str, code: Option<&str>, words: &str, class: FailureKind) -> TargetOutcome {
    let error = Diagnostic {
        code: code.map(str::to_owned),
        ..Diagnostic::from_message(words)
    };
    TargetOutcome::not_run(test_named(name), Status::failed(class), vec![error])
}

/// The target that a byte stands for; more than half of them pass.
fn target(name: &str, byte: u8) -> TargetOutcome {
    let cases = |one: bool, two: bool| {
        let case = |name: &str, passes: bool| {
            let status = if passes {
                Status::Passed
            } else {
                Status::failed(FailureKind::Test)
            };
            case(name, status, None)
        };
        testing::target(name, vec![case("one", one), case("two", two)])
    };
    match byte {
        0..160 => cases(true, true),
        160..176 => cases(false, true),
        176..192 => cases(true, false),
        192..208 => cases(false, false),
        208..220 => broken(
            name,
            Some("E0432"),
            "unresolved import `gadget::turn`",
            FailureKind::Compile,
        ),
        220..232 => broken(
            name,
            Some("E0432"),
            "unresolved import `gadget::spin`",
            FailureKind::Compile,
        ),
        232..244 => broken(
            name,
            None,
            &format!("{name} is wrong"),
            FailureKind::Compile,
        ),
        244.. => broken(name, None, "too new", FailureKind::Drift),
    }
}

/// The state that a byte stands for.
fn state(byte: u8, targets: &[u8], is_killed: bool) -> State {
    let skipped = |reason| State::Skipped { reason };
    match byte {
        0..200 => {
            let targets = TARGETS.iter().zip(targets);
            let targets = targets.map(|(name, byte)| target(name, *byte));
            testing::ended(testing::outcome(targets.collect()))
        }
        200..230 => skipped(SkipReason::NotAnEnd),
        230..240 if is_killed => skipped(SkipReason::NotBegun),
        // A missing part of a merged run leaves such cells.
        240..245 if is_killed => State::Pending,
        230..245 => skipped(SkipReason::Inferred),
        245..250 => {
            let doubt = Status::Inconclusive {
                doubt: InconclusiveReason::Network,
            };
            testing::ended(Outcome::whole(
                doubt,
                vec![Diagnostic::from_message("no answer")],
            ))
        }
        250.. => {
            let error = Diagnostic::from_message("gadget needs rustc 1.99");
            testing::ended(Outcome::whole(
                Status::failed(FailureKind::Msrv),
                vec![error],
            ))
        }
    }
}

impl Drawn {
    /// The run that was drawn.
    pub fn run(&self) -> Run {
        let mut cells: Vec<CellRecord> = Vec::new();
        for (family, rows) in FAMILIES.iter().zip(&self.families) {
            for (row, pins) in ROWS.iter().zip(rows) {
                for ((byte, targets), major) in pins.iter().zip(0..) {
                    let state = state(*byte, targets, self.is_killed);
                    let mut record = testing::record(row, major, state);
                    record.cell.row = Row::of_toolchain(*row).into();
                    let at = Version::new(major, 0, 0).into();
                    let family = (*family).to_owned();
                    record.cell.pin = Pin { family, at }.into();
                    record.id = record.cell.id();
                    cells.push(record);
                }
            }
        }
        let mut run = testing::run(cells);
        run.finished = !self.is_killed;
        let families = FAMILIES.iter().zip(&self.families).zip(&self.today);
        let record = run.families[0].clone();
        run.families = families
            .map(|((name, rows), today)| {
                let majors = 0..rows[0].len() as u64;
                let versions = majors.map(|major| Version::new(major, 0, 0));
                let odd = versions
                    .clone()
                    .filter(|v| v.major % 2 == 1 && self.is_adjusted);
                FamilyRecord {
                    name: (*name).to_owned(),
                    crates: vec![(*name).to_owned()],
                    pins: versions
                        .clone()
                        .map(|version| Pin {
                            family: (*name).to_owned(),
                            at: version.into(),
                        })
                        .collect(),
                    published: versions.collect(),
                    // Major versions up to two above the last are on no ladder, and one more is
                    // unknown.
                    todays: testing::today((*today < rows[0].len() as u64 + 2).then_some(*today)),
                    adjusted: odd
                        .map(|version| Adjusted {
                            at: version.into(),
                            changes: vec![format!("features of {name}")],
                        })
                        .collect(),
                    ..record.clone()
                }
            })
            .collect();
        run
    }
}
