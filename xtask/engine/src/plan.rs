//! The plan: of every cell of the matrix, whether it runs, in which order, or why not.
//!
//! A function of values: the cells, what the command line selects, and what is known of each.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};

use crate::config::Strategy;
use crate::config::mistake::{Mistake, nearest};
use crate::model::cell::{Cell, CellId, Row};
use crate::model::outcome::Outcome;
use crate::model::status::Skip;
use crate::strategy::depth;

/// What the command line leaves of a matrix.
#[derive(Clone, Debug)]
pub struct Selection {
    toolchains: Vec<Pattern>,
    pins: Vec<Pattern>,
    cells: Vec<Pattern>,
    /// Which pins of a row run.
    pub strategy: Strategy,
    /// Whether what lies between two rungs that differ is looked at too.
    pub exact: bool,
}

#[derive(Clone, Debug)]
struct Pattern {
    written: String,
    glob: GlobMatcher,
}

impl Selection {
    /// Reads the globs of `--toolchain`, `--pin` and `--cell`; none selects all.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] for what is no glob.
    pub fn new(
        toolchains: &[String],
        pins: &[String],
        cells: &[String],
        strategy: Strategy,
        exact: bool,
    ) -> Result<Self, Mistake> {
        Ok(Self {
            toolchains: patterns("--toolchain", toolchains)?,
            pins: patterns("--pin", pins)?,
            cells: patterns("--cell", cells)?,
            strategy,
            exact,
        })
    }

    /// Checks that every glob selects something.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] that names the glob and what comes nearest to it.
    pub fn check(&self, cells: &[(Cell, bool)]) -> Result<(), Mistake> {
        type Name = fn(&Cell) -> String;
        let pin: Name = |c| c.pin.at.to_string();
        let label: Name = |c| c.row.toolchain.clone();
        let id: Name = |c| c.id().to_string();
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
                // What is no rung goes by its whole name only.
                if cells
                    .iter()
                    .any(|(cell, is_rung)| (*is_rung || pattern.is_plain()) && is_hit(cell))
                {
                    continue;
                }
                let names: Vec<String> = cells.iter().map(|(cell, _)| name(cell)).collect();
                let hint = nearest(&pattern.written, names.iter().map(String::as_str));
                return Err(
                    Mistake::new(format!("{flag} {} selects nothing", pattern.written)).help(
                        match hint {
                            Some(name) => format!("did you mean `{name}`?"),
                            None => "`plan` lists all cells".to_owned(),
                        },
                    ),
                );
            }
        }
        Ok(())
    }

    /// The cells that stand in the plan.
    #[must_use]
    pub fn held(&self, cells: &[(Cell, bool)]) -> Vec<Cell> {
        let held = cells
            .iter()
            .filter(|(cell, is_rung)| self.holds(cell, *is_rung));
        held.map(|(cell, _)| cell.clone()).collect()
    }

    /// Whether a cell stands in the plan at all: what is no rung of the ladder only where exact
    /// answers are asked for, or where it is named.
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

    /// Why a cell is left out, if it is. A cell that is named by `--cell` is not left out for
    /// being no end.
    fn leaves_out(&self, cell: &Cell, is_end: bool) -> Option<Skip> {
        let not = |flag: &str| Some(Skip::NotSelected(flag.to_owned()));
        let hit = |patterns: &[Pattern], hits: &dyn Fn(&Pattern) -> bool| {
            patterns.is_empty() || patterns.iter().any(hits)
        };
        if !hit(&self.toolchains, &|p| p.glob.is_match(&cell.row.toolchain)) {
            return not("--toolchain");
        }
        if !hit(&self.pins, &|p| p.hits_pin(cell)) {
            return not("--pin");
        }
        if !hit(&self.cells, &|p| p.glob.is_match(cell.id().as_str())) {
            return not("--cell");
        }
        match self.strategy {
            Strategy::Ends if !is_end && !self.names_cells() => Some(Skip::NotAnEnd),
            Strategy::Ends | Strategy::Full | Strategy::Frontier => None,
        }
    }

    /// Whether single cells or pins are asked for: then all of them run, and none is inferred.
    fn names_cells(&self) -> bool {
        !self.cells.is_empty() || !self.pins.is_empty()
    }
}

impl Pattern {
    /// A pin goes by its version, or by its whole name.
    fn hits_pin(&self, cell: &Cell) -> bool {
        self.glob.is_match(cell.pin.at.to_string()) || self.glob.is_match(cell.pin.to_string())
    }

    fn is_plain(&self) -> bool {
        !self.written.contains(['*', '?', '[', '{'])
    }
}

fn patterns(flag: &str, written: &[String]) -> Result<Vec<Pattern>, Mistake> {
    let read = |written: &String| {
        Ok(Pattern {
            written: written.clone(),
            glob: glob(flag, written)?,
        })
    };
    written.iter().map(read).collect()
}

/// Reads the glob of a flag.
///
/// # Errors
///
/// A [`Mistake`] that names the flag.
pub fn glob(flag: &str, written: &str) -> Result<GlobMatcher, Mistake> {
    match Glob::new(written) {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(e) => Err(Mistake::new(format!(
            "{flag} {written} is no glob: {}",
            e.kind()
        ))),
    }
}

/// What is to become of every cell, in the order of the matrix.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<Planned>,
    /// In which way rows are worked through.
    pub strategy: Strategy,
}

/// What is to become of one cell.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name.
    pub id: CellId,
    /// Its place.
    pub cell: Cell,
    /// False where its pin lies between two rungs of the ladder.
    pub is_rung: bool,
    /// What the registry's index says against it.
    pub forecast: Option<String>,
    /// What is to become of it.
    pub fate: Fate,
}

/// What is to become of a cell.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It runs.
    Run {
        /// How much it tells: 0 for ends, then one more for every halving of the ladder.
        depth: u32,
    },
    /// An earlier run answered it, and nothing that decides it has changed.
    Known(Box<Outcome>),
    /// It is left out.
    Skip(Skip),
}

/// What can be asked of a cell while planning.
pub trait Knowledge {
    /// Why the config leaves it out, if it does.
    fn excluded(&self, cell: &Cell) -> Option<String>;
    /// Whether the cell's toolchain is here.
    fn is_toolchain_here(&self, cell: &Cell) -> bool;
    /// What an earlier run found.
    fn outcome(&self, cell: &Cell) -> Option<Outcome>;
    /// What is declared against it.
    fn forecast(&self, cell: &Cell) -> Option<String>;
}

/// Plans a matrix, of whose cells it is known which are rungs.
#[must_use]
pub fn plan(cells: &[(Cell, bool)], selection: &Selection, knowledge: &dyn Knowledge) -> Plan {
    let held = cells
        .iter()
        .filter(|(cell, is_rung)| selection.holds(cell, *is_rung));
    let held: Vec<&(Cell, bool)> = held.collect();
    let mut planned = Vec::new();
    for row in held.chunk_by(|(a, _), (b, _)| row_of(a) == row_of(b)) {
        for (place, (cell, is_rung)) in row.iter().enumerate() {
            let depth = depth(place, row.len());
            planned.push(Planned {
                id: cell.id(),
                cell: cell.clone(),
                // What is named runs, rung or not.
                is_rung: *is_rung || selection.names_cells(),
                forecast: knowledge.forecast(cell),
                fate: fate(cell, depth, selection, knowledge),
            });
        }
    }
    Plan {
        cells: planned,
        strategy: match selection.names_cells() {
            true => Strategy::Full,
            false => selection.strategy,
        },
    }
}

fn fate(cell: &Cell, depth: u32, selection: &Selection, knowledge: &dyn Knowledge) -> Fate {
    if let Some(skip) = selection.leaves_out(cell, depth == 0) {
        return Fate::Skip(skip);
    }
    if let Some(reason) = knowledge.excluded(cell) {
        return Fate::Skip(Skip::Excluded(reason));
    }
    if !knowledge.is_toolchain_here(cell) {
        return Fate::Skip(Skip::ToolchainMissing);
    }
    match knowledge.outcome(cell) {
        Some(outcome) => Fate::Known(Box::new(outcome)),
        None => Fate::Run { depth },
    }
}

/// Cells of one row and one family stand together, in the order of the ladder.
#[must_use]
pub fn row_of(cell: &Cell) -> (&Row, &str) {
    (&cell.row, &cell.pin.family)
}

impl Plan {
    /// The cells that run, those that tell most first: the ends of all rows, then what halves
    /// them. Among equals a row's order holds, so that the first row is told first.
    #[must_use]
    pub fn queue(&self) -> Vec<&Planned> {
        let mut queue: Vec<(u32, &Planned)> = self
            .cells
            .iter()
            .filter_map(|planned| match &planned.fate {
                Fate::Run { depth } => Some((*depth, planned)),
                Fate::Known(_) | Fate::Skip(_) => None,
            })
            .collect();
        queue.sort_by_key(|(depth, _)| *depth);
        queue.into_iter().map(|(_, planned)| planned).collect()
    }

    /// The rows: of each, where its cells stand, and the row that it follows: the first with the
    /// same family, source and features of which anything runs or is known.
    #[must_use]
    pub fn rows(&self) -> Vec<(Vec<usize>, Option<usize>)> {
        let mut rows: Vec<(Vec<usize>, Option<usize>)> = Vec::new();
        let mut leaders: BTreeMap<(&str, Option<&str>, Option<&str>), usize> = BTreeMap::new();
        let mut at = 0;
        let alike = |a: &Planned, b: &Planned| row_of(&a.cell) == row_of(&b.cell);
        for cells in self.cells.chunk_by(alike) {
            let Row {
                source, features, ..
            } = &cells[0].cell.row;
            let family = cells[0].cell.pin.family.as_str();
            let kind = (family, source.as_deref(), features.as_deref());
            let leader = leaders.get(&kind).copied();
            let is_skipped = |planned: &Planned| matches!(planned.fate, Fate::Skip(_));
            if leader.is_none() && !cells.iter().all(is_skipped) {
                leaders.insert(kind, rows.len());
            }
            rows.push(((at..at + cells.len()).collect(), leader));
            at += cells.len();
        }
        rows
    }

    /// How many cells run, are known, and are left out.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for planned in &self.cells {
            match planned.fate {
                Fate::Run { .. } => counts.0 += 1,
                Fate::Known(_) => counts.1 += 1,
                Fate::Skip(_) => counts.2 += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::*;
    use crate::model::cell::Pin;
    use crate::model::status::Status;

    struct Knows(&'static str);

    impl Knowledge for Knows {
        fn excluded(&self, cell: &Cell) -> Option<String> {
            (cell.row.toolchain == "excluded").then(|| "no use".to_owned())
        }
        fn is_toolchain_here(&self, cell: &Cell) -> bool {
            cell.row.toolchain != "absent"
        }
        fn outcome(&self, cell: &Cell) -> Option<Outcome> {
            (cell.id().as_str() == self.0).then(|| Outcome::whole(Status::Passed, Vec::new()))
        }
        fn forecast(&self, _: &Cell) -> Option<String> {
            None
        }
    }

    fn cells(toolchains: &[&str], n_pins: u64) -> Vec<(Cell, bool)> {
        let pin = |n| Pin {
            family: "f".to_owned(),
            at: Version::new(n, 0, 0).into(),
        };
        let row = |t: &&str| {
            let row = Row::of_toolchain(*t);
            (1..=n_pins).map(move |n| {
                let (row, pin) = (row.clone(), pin(n));
                (Cell { row, pin }, true)
            })
        };
        toolchains.iter().flat_map(row).collect()
    }

    fn select(toolchains: &[&str], pins: &[&str], ids: &[&str], strategy: Strategy) -> Selection {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        Selection::new(
            &owned(toolchains),
            &owned(pins),
            &owned(ids),
            strategy,
            false,
        )
        .expect("globs")
    }

    fn ids(queue: &[&Planned]) -> Vec<String> {
        queue.iter().map(|p| p.id.to_string()).collect()
    }

    #[test]
    fn ends_come_first_then_middles() {
        let cells = cells(&["a"], 5);
        let plan = plan(&cells, &select(&[], &[], &[], Strategy::Full), &Knows(""));
        assert_eq!(
            ids(&plan.queue()),
            [
                "a@f-1.0.0",
                "a@f-5.0.0",
                "a@f-3.0.0",
                "a@f-2.0.0",
                "a@f-4.0.0"
            ]
        );
    }

    #[test]
    fn every_cell_has_a_fate_and_a_reason() {
        let cells = cells(&["a", "absent"], 3);
        let plan = plan(
            &cells,
            &select(&[], &[], &[], Strategy::Ends),
            &Knows("a@f-1.0.0"),
        );
        let told: Vec<String> = plan
            .cells
            .iter()
            .map(|p| match &p.fate {
                Fate::Run { .. } => format!("{} runs", p.id),
                Fate::Known(o) => format!("{} is known: {}", p.id, o.status),
                Fate::Skip(skip) => format!("{} is left out: {skip}", p.id),
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_selection_that_hits_nothing_names_the_nearest() {
        let cells = cells(&["stable"], 2);
        let mistake = |s: Selection| s.check(&cells).expect_err("nothing selected").to_string();
        assert_eq!(
            mistake(select(&["stabel"], &[], &[], Strategy::Full)),
            "--toolchain stabel selects nothing; did you mean `stable`?"
        );
        assert_eq!(
            mistake(select(&[], &["9.*"], &[], Strategy::Full)),
            "--pin 9.* selects nothing; `plan` lists all cells"
        );
    }

    #[test]
    fn what_is_no_rung_is_planned_where_it_is_named_or_exact_answers_are_asked_for() {
        let mut cells = cells(&["a"], 3);
        cells[1].1 = false;
        let planned = |selection: &Selection| {
            let plan = plan(&cells, selection, &Knows(""));
            let runs = plan
                .cells
                .iter()
                .filter(|p| matches!(p.fate, Fate::Run { .. }));
            runs.map(|p| p.id.to_string()).collect::<Vec<_>>()
        };
        let all = ["a@f-1.0.0", "a@f-2.0.0", "a@f-3.0.0"];
        let select = |pins: &[&str]| select(&[], pins, &[], Strategy::Frontier);
        assert_eq!(planned(&select(&[])), [all[0], all[2]]);
        assert_eq!(planned(&select(&["*"])), [all[0], all[2]]);
        assert_eq!(planned(&select(&["2.0.0"])), [all[1]]);
        let exact = Selection {
            exact: true,
            ..select(&[])
        };
        assert_eq!(planned(&exact), all);
    }

    #[test]
    fn rows_follow_the_first_of_their_kind_that_runs() {
        let plan = plan(
            &cells(&["absent", "a", "b"], 2),
            &select(&[], &[], &[], Strategy::Full),
            &Knows(""),
        );
        let leaders: Vec<_> = plan.rows().into_iter().map(|(_, leader)| leader).collect();
        assert_eq!(leaders, [None, None, Some(1)]);
    }

    #[test]
    fn a_cell_that_is_named_runs_though_it_is_no_end() {
        let cells = cells(&["a"], 3);
        let plan = plan(
            &cells,
            &select(&[], &[], &["*2.0.0"], Strategy::Ends),
            &Knows(""),
        );
        assert_eq!(ids(&plan.queue()), ["a@f-2.0.0"]);
    }
}
