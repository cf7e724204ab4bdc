//! The plan: for every cell of the matrix whether it runs, in which order, or why not.
//!
//! A pure function of the cells, the selection on the command line, and what is known about each
//! cell.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};

use crate::config::Strategy;
use crate::error::{UserError, nearest};
use crate::model::cell::{Cell, CellId, Pin, Row};
use crate::model::outcome::Outcome;
use crate::model::run::shard::Shard;
use crate::model::status::SkipReason;
use crate::search::strategy::depth;

/// The part of a matrix that the command line selects.
#[derive(Clone, Debug)]
pub struct Selection {
    toolchains: Vec<Pattern>,
    pins: Vec<Pattern>,
    cells: Vec<Pattern>,
    today: Vec<(Option<String>, Pin)>,
    /// Which pins of a row to run.
    pub strategy: Strategy,
    /// Whether to also test versions between two rungs that differ.
    pub exact: bool,
}

#[derive(Clone, Debug)]
struct Pattern {
    written: String,
    glob: GlobMatcher,
}

impl Selection {
    /// Parses the globs of `--toolchain`, `--pin` and `--cell`; an empty list selects everything.
    ///
    /// # Errors
    ///
    /// A [`UserError`] for an invalid glob.
    pub fn new(
        toolchains: &[String],
        pins: &[String],
        cells: &[String],
        strategy: Strategy,
    ) -> Result<Self, UserError> {
        Ok(Self {
            toolchains: patterns("--toolchain", toolchains)?,
            pins: patterns("--pin", pins)?,
            cells: patterns("--cell", cells)?,
            today: Vec::new(),
            strategy,
            exact: false,
        })
    }

    /// The same selection, but with exact change points: the plan also holds pins between rungs.
    #[must_use]
    pub fn exact(self) -> Self {
        Self {
            exact: true,
            ..self
        }
    }

    /// The same selection, but the pins that the subject is on today always run, whichever pins are
    /// selected.
    #[must_use]
    pub fn with_today(self, today: Vec<(Option<String>, Pin)>) -> Self {
        Self { today, ..self }
    }

    fn is_today(&self, cell: &Cell) -> bool {
        let mut today = self.today.iter();
        today.any(|(source, pin)| *source == cell.row.source && *pin == *cell.pin)
    }

    /// Checks that every glob selects something.
    ///
    /// # Errors
    ///
    /// A [`UserError`] that names the glob and the closest match.
    pub fn check(&self, cells: &[Candidate]) -> Result<(), UserError> {
        type NameOf = fn(&Cell) -> String;
        let pin: NameOf = |c| c.pin.at.to_string();
        let label: NameOf = |c| c.row.toolchain.clone();
        let id: NameOf = |c| c.id().to_string();
        let lists = [
            ("--toolchain", &self.toolchains, label),
            ("--pin", &self.pins, pin),
            ("--cell", &self.cells, id),
        ];
        for (flag, patterns, name) in lists {
            for pattern in patterns {
                let is_hit = |c: &Cell| match flag {
                    "--pin" => pattern.hits_pin(c),
                    _ => pattern.glob.is_match(name(c)),
                };
                // A cell between rungs is only selected by its full name.
                if cells.iter().any(|Candidate { cell, is_rung }| {
                    (*is_rung || pattern.is_plain()) && is_hit(cell)
                }) {
                    continue;
                }
                let names: Vec<String> = cells
                    .iter()
                    .map(|Candidate { cell, .. }| name(cell))
                    .collect();
                let hint = nearest(&pattern.written, names.iter().map(String::as_str));
                return Err(
                    UserError::new(format!("{flag} {} selects nothing", pattern.written)).help(
                        match hint {
                            Some(name) => format!("did you mean `{name}`?"),
                            None => "`plan` lists all cells".to_owned(),
                        },
                    ),
                );
            }
        }
        let is_left = |Candidate { cell, is_rung }: &Candidate| {
            self.holds(cell, *is_rung) && self.leaves_out(cell, true).is_none()
        };
        if !cells.is_empty() && !cells.iter().any(is_left) {
            let flags = lists.iter().filter(|(_, patterns, _)| !patterns.is_empty());
            let flags: Vec<&str> = flags.map(|(flag, ..)| *flag).collect();
            let message = format!("{} together select nothing", flags.join(" and "));
            return Err(UserError::new(message).help("`plan` lists all cells"));
        }
        Ok(())
    }

    /// The cells that are part of the plan.
    #[must_use]
    pub fn held(&self, cells: &[Candidate]) -> Vec<Cell> {
        let held = cells
            .iter()
            .filter(|Candidate { cell, is_rung }| self.holds(cell, *is_rung));
        held.map(|Candidate { cell, .. }| cell.clone()).collect()
    }

    /// Whether a cell is part of the plan at all. A cell between rungs is only if exact answers are
    /// requested or if it is named.
    fn holds(&self, cell: &Cell, is_rung: bool) -> bool {
        let names = |patterns: &[Pattern], hits: &dyn Fn(&Pattern) -> bool| {
            patterns
                .iter()
                .any(|pattern| pattern.is_plain() && hits(pattern))
        };
        is_rung
            || (self.exact && self.pins.is_empty() && self.cells.is_empty())
            || names(&self.pins, &|p| p.hits_pin(cell))
            || names(&self.cells, &|p| p.glob.is_match(cell.id().as_str()))
    }

    /// The reason why a cell is skipped, if it is. A cell selected by `--cell` is not skipped for
    /// not being an end.
    fn leaves_out(&self, cell: &Cell, is_end: bool) -> Option<SkipReason> {
        let not = |flag: &str| Some(SkipReason::NotSelected(flag.to_owned()));
        let hit = |patterns: &[Pattern], hits: &dyn Fn(&Pattern) -> bool| {
            patterns.is_empty() || patterns.iter().any(hits)
        };
        if !hit(&self.toolchains, &|p| p.glob.is_match(&cell.row.toolchain)) {
            return not("--toolchain");
        }
        if !hit(&self.pins, &|p| p.hits_pin(cell)) && !self.is_today(cell) {
            return not("--pin");
        }
        if !hit(&self.cells, &|p| p.glob.is_match(cell.id().as_str())) {
            return not("--cell");
        }
        match self.strategy {
            Strategy::Ends if !is_end && !self.names_cells() => Some(SkipReason::NotAnEnd),
            Strategy::Ends | Strategy::Full | Strategy::Frontier => None,
        }
    }

    /// Whether single cells or pins are selected: then all of them run, and none is inferred.
    fn names_cells(&self) -> bool {
        !self.cells.is_empty() || !self.pins.is_empty()
    }
}

impl Pattern {
    /// Whether the pattern matches the pin's version or its full name.
    fn hits_pin(&self, cell: &Cell) -> bool {
        self.glob.is_match(cell.pin.at.to_string()) || self.glob.is_match(cell.pin.to_string())
    }

    fn is_plain(&self) -> bool {
        !self.written.contains(['*', '?', '[', '{'])
    }
}

fn patterns(flag: &str, written: &[String]) -> Result<Vec<Pattern>, UserError> {
    let read = |written: &String| {
        Ok(Pattern {
            written: written.clone(),
            glob: glob(flag, written)?,
        })
    };
    written.iter().map(read).collect()
}

/// Parses the glob of a flag.
///
/// # Errors
///
/// A [`UserError`] that names the flag.
pub fn glob(flag: &str, written: &str) -> Result<GlobMatcher, UserError> {
    match Glob::new(written) {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(e) => Err(UserError::new(format!(
            "{flag} {written} is not a valid glob: {}",
            e.kind()
        ))),
    }
}

/// What happens to every cell, in matrix order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<Planned>,
    /// The order in which rows are worked through.
    pub strategy: Strategy,
    /// The shard that runs here, if that is not the whole plan.
    pub shard: Option<Shard>,
}

/// What happens to one cell.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name.
    pub id: CellId,
    /// The row and the pin.
    pub cell: Cell,
    /// False if its pin lies between two rungs of the ladder.
    pub is_rung: bool,
    /// True if it is at the version that the subject is on today.
    pub is_today: bool,
    /// A problem that the registry's index predicts.
    pub forecast: Option<String>,
    /// What happens to the cell.
    pub fate: CellFate,
}

/// What happens to a cell.
#[derive(Clone, Debug)]
pub enum CellFate {
    /// It runs.
    Run {
        /// How informative it is: 0 for ends, plus one for every halving of the ladder.
        depth: u32,
    },
    /// An earlier run has its outcome, and none of its inputs has changed.
    Known(Box<Outcome>),
    /// It is skipped.
    Skip(SkipReason),
}

/// The facts about cells that planning needs.
pub trait PlanContext {
    /// The reason why the cell is left out of the matrix, if it is.
    fn left_out(&self, cell: &Cell) -> Option<SkipReason>;
    /// Whether the cell's toolchain is installed. One that does not respond counts as installed,
    /// since that is no reason to skip the cell.
    fn has_toolchain(&self, cell: &Cell) -> bool;
    /// The outcome from an earlier run.
    fn outcome(&self, cell: &Cell) -> Option<Outcome>;
    /// A problem that is declared or known in advance.
    fn forecast(&self, cell: &Cell) -> Option<String>;
}

/// A cell that a plan can hold.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The cell.
    pub cell: Cell,
    /// Whether its pin is a rung of the ladder, or lies between two.
    pub is_rung: bool,
}

/// Plans a matrix.
#[must_use]
pub fn plan(cells: &[Candidate], selection: &Selection, knowledge: &dyn PlanContext) -> Plan {
    let held = cells
        .iter()
        .filter(|Candidate { cell, is_rung }| selection.holds(cell, *is_rung));
    let held: Vec<&Candidate> = held.collect();
    let mut planned = Vec::new();
    for row in held.chunk_by(|a, b| row_of(&a.cell) == row_of(&b.cell)) {
        // The ends of a row are the ends of what is not left out.
        let left_out: Vec<Option<SkipReason>> = row
            .iter()
            .map(|Candidate { cell, .. }| knowledge.left_out(cell))
            .collect();
        let length = left_out.iter().filter(|reason| reason.is_none()).count();
        let mut place = 0;
        for (Candidate { cell, is_rung }, reason) in row.iter().zip(left_out) {
            let is_today = selection.is_today(cell);
            let depth = if is_today { 0 } else { depth(place, length) };
            place += usize::from(reason.is_none());
            planned.push(Planned {
                id: cell.id(),
                cell: cell.clone(),
                // Cells that are selected by name always run, even between rungs.
                is_rung: *is_rung || selection.names_cells(),
                is_today,
                forecast: knowledge.forecast(cell),
                fate: match reason {
                    Some(reason) => CellFate::Skip(reason),
                    None => fate(cell, depth, selection, knowledge),
                },
            });
        }
    }
    Plan {
        cells: planned,
        strategy: if selection.names_cells() {
            Strategy::Full
        } else {
            selection.strategy
        },
        shard: None,
    }
}

fn fate(cell: &Cell, depth: u32, selection: &Selection, knowledge: &dyn PlanContext) -> CellFate {
    if let Some(skip) = selection.leaves_out(cell, depth == 0) {
        return CellFate::Skip(skip);
    }
    if !knowledge.has_toolchain(cell) {
        return CellFate::Skip(SkipReason::ToolchainMissing);
    }
    match knowledge.outcome(cell) {
        Some(outcome) => CellFate::Known(Box::new(outcome)),
        None => CellFate::Run { depth },
    }
}

/// The row and family of a cell. Cells that share both are adjacent, in ladder order.
#[must_use]
pub fn row_of(cell: &Cell) -> (&Row, &str) {
    (&cell.row, &cell.pin.family)
}

impl Plan {
    /// The indices of the cells to run, the most informative first: the ends of all rows, then the
    /// cells that halve them. Within each rank the order of the plan is kept, so that the first row
    /// gets its results first.
    #[must_use]
    pub fn queue(&self) -> Vec<usize> {
        let cells = self.cells.iter().enumerate();
        let mut queue: Vec<(u32, usize)> = cells
            .filter_map(|(index, planned)| match &planned.fate {
                CellFate::Run { depth } => Some((*depth, index)),
                CellFate::Known(_) | CellFate::Skip(_) => None,
            })
            .collect();
        queue.sort_unstable();
        queue.into_iter().map(|(_, index)| index).collect()
    }

    /// The rows: for each, the indices of its cells, and the row that it follows: the first one
    /// with the same family, source and features in which anything runs or is known.
    #[must_use]
    pub fn rows(&self) -> Vec<(Vec<usize>, Option<usize>)> {
        let mut rows: Vec<(Vec<usize>, Option<usize>)> = Vec::new();
        let mut leaders: BTreeMap<(&str, Option<&str>, Option<&str>), usize> = BTreeMap::new();
        let mut at = 0;
        let alike = |a: &Planned, b: &Planned| row_of(&a.cell) == row_of(&b.cell);
        for cells in self.cells.chunk_by(alike) {
            let Row {
                source, features, ..
            } = &*cells[0].cell.row;
            let family = cells[0].cell.pin.family.as_str();
            let kind = (family, source.as_deref(), features.as_deref());
            let leader = leaders.get(&kind).copied();
            let is_skipped = |planned: &Planned| matches!(planned.fate, CellFate::Skip(_));
            if leader.is_none() && !cells.iter().all(is_skipped) {
                leaders.insert(kind, rows.len());
            }
            rows.push(((at..at + cells.len()).collect(), leader));
            at += cells.len();
        }
        rows
    }

    /// The number of cells that run, are known, and are skipped.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for planned in &self.cells {
            match planned.fate {
                CellFate::Run { .. } => counts.0 += 1,
                CellFate::Known(_) => counts.1 += 1,
                CellFate::Skip(_) => counts.2 += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
