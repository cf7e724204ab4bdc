//! How long each cell took when it last ran, which is the estimate for the next run. Used only for
//! display and for the order of work: a duration never decides what runs.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::model::cell::{Cell, CellId};

use crate::fs_ext::write_whole;

/// The known durations, in seconds.
#[derive(Debug)]
pub struct Durations {
    file: Utf8PathBuf,
    of_cells: BTreeMap<String, f64>,
    /// Per toolchain, the total duration of its cells in this run and their number.
    of_toolchains: BTreeMap<String, (f64, usize)>,
}

impl Durations {
    /// Reads the durations of earlier runs. A file that cannot be read counts as empty.
    #[must_use]
    pub fn read(file: Utf8PathBuf) -> Self {
        let text = fs::read_to_string(&file).unwrap_or_default();
        Self {
            file,
            of_cells: serde_json::from_str(&text).unwrap_or_default(),
            of_toolchains: BTreeMap::new(),
        }
    }

    /// Records how long a cell took.
    pub fn note(&mut self, id: &CellId, cell: &Cell, seconds: f64) {
        self.of_cells.insert(id.to_string(), seconds);
        let toolchain = cell.row.toolchain.clone();
        let (sum, n) = self.of_toolchains.entry(toolchain).or_default();
        *sum += seconds;
        *n += 1;
    }

    /// Returns the expected duration of a cell: its last one, or else the mean of its toolchain's
    /// cells in this run, or else the mean of all.
    #[must_use]
    pub fn expected(&self, id: &CellId, cell: &Cell) -> Option<f64> {
        let mean = |(sum, n): (f64, usize)| (n > 0).then_some(sum / n as f64);
        let own = self.of_cells.get(id.as_str()).copied();
        let of_toolchain = || mean(*self.of_toolchains.get(&cell.row.toolchain)?);
        let of_all = || {
            let all = self.of_toolchains.values();
            mean(all.fold((0.0, 0), |sum, (took, n)| (sum.0 + took, sum.1 + n)))
        };
        own.or_else(of_toolchain).or_else(of_all)
    }

    /// Stores the durations for later runs.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written.
    pub fn keep(&self) -> Result<()> {
        let text = serde_json::to_string(&self.of_cells).context("write the times of cells")?;
        write_whole(&self.file, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::model::cell::{Pin, Row};
    use semver::Version;

    use super::*;

    fn cell(toolchain: &str, major: u64) -> Cell {
        let pin = Pin {
            family: "gadget".to_owned(),
            at: Version::new(major, 0, 0).into(),
        };
        Cell {
            row: Row::of_toolchain(toolchain).into(),
            pin: pin.into(),
        }
    }

    #[test]
    fn a_cell_is_expected_to_take_what_it_took_and_else_what_others_take() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = camino::Utf8Path::from_path(folder.path()).expect("text");
        let mut times = Durations::read(folder.join("times.json"));
        let expected = |times: &Durations, cell: &Cell| times.expected(&cell.id(), cell);
        let [first, second, other] = [cell("new", 1), cell("new", 2), cell("old", 1)];
        assert_eq!(expected(&times, &first), None);
        times.note(&first.id(), &first, 4.0);
        times.note(&other.id(), &other, 8.0);
        assert_eq!(expected(&times, &second), Some(4.0));
        assert_eq!(expected(&times, &cell("older", 1)), Some(6.0));
        times.keep().expect("kept");
        let again = Durations::read(folder.join("times.json"));
        assert_eq!(expected(&again, &first), Some(4.0));
        assert_eq!(expected(&again, &second), None);
        fs::write(folder.join("times.json"), "{ bent").expect("written");
        let bent = Durations::read(folder.join("times.json"));
        assert_eq!(expected(&bent, &first), None);
    }
}
