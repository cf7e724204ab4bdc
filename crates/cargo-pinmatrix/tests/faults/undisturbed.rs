//! The undisturbed run: what every other run has to come to in the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use pinmatrix_core::model::run::Run;

use crate::found::{difference, judged};
use crate::place::Place;

/// The undisturbed run, and where it ran.
pub struct Undisturbed {
    pub place: Place,
    pub run: Run,
    pub took: Duration,
    code: Option<i32>,
}

impl Undisturbed {
    /// Runs to the end where nothing was before.
    pub fn begin(place: Place) -> Result<Self> {
        let began = Instant::now();
        let code = place.run()?;
        let took = began.elapsed();
        let run = place.found()?;
        place.check_no_process_is_left()?;
        place.check_files_are_whole()?;
        let (n_judged, n_cells) = (judged(&run).len(), run.cells.len());
        let seconds = took.as_secs_f64();
        let exit = exit(code);
        println!("undisturbed: {seconds:.1} s, {exit}, {n_judged} of {n_cells} cells judged");
        ensure!(n_judged > 0, "the undisturbed run judged no cell");
        Ok(Self {
            place,
            run,
            took,
            code,
        })
    }

    /// Runs to the end in another place, and checks that everything is found there.
    pub fn check_end(&self, place: &Place) -> Result<()> {
        let code = place.run()?;
        place.check_no_process_is_left()?;
        place.check_files_are_whole()?;
        self.check(code, place)
    }

    /// Checks how a run ended, and what it found.
    pub fn check(&self, code: Option<i32>, place: &Place) -> Result<()> {
        let folder = &place.folder;
        if code != self.code {
            bail!("{}, expected {}, in {folder}", exit(code), exit(self.code));
        }
        match difference(&self.run, &place.found()?) {
            Some(difference) => bail!("other results, in {folder}: {difference}"),
            None => Ok(()),
        }
    }
}

/// How a run ended, as text.
pub fn exit(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("exit {code}"),
        None => "ended by a signal".to_owned(),
    }
}
