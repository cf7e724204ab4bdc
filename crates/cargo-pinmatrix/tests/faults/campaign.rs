//! A campaign: faults of each kind, one after another, and how many promises did not hold.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use crate::damage::Damage;
use crate::disk;
use crate::flags::Scale;
use crate::place::{Place, copy, copy_fixture};
use crate::records::records;
use crate::rng::Rng;
use crate::tally::Tally;
use crate::undisturbed::Undisturbed;

/// A campaign in its folder.
pub struct Campaign {
    folder: Utf8PathBuf,
    rng: Rng,
    undisturbed: Undisturbed,
    tally: Tally,
}

/// Interruptions of one kind.
struct Interruptions {
    name: &'static str,
    signals: &'static [&'static str],
    /// How many runs follow one another in the same place.
    in_a_row: usize,
}

const KILLS: Interruptions = Interruptions {
    name: "kills",
    signals: &["KILL"],
    in_a_row: 5,
};

const SIGNALS: Interruptions = Interruptions {
    name: "signals",
    signals: &["INT", "TERM"],
    in_a_row: 2,
};

impl Campaign {
    /// Makes the undisturbed run.
    pub fn begin(folder: &Utf8Path, seed: u64) -> Result<Self> {
        println!("seed {seed}, in {folder}");
        copy_fixture(folder)?;
        let place = Place {
            folder: folder.join("undisturbed"),
        };
        Ok(Self {
            folder: folder.to_owned(),
            rng: Rng::new(seed),
            undisturbed: Undisturbed::begin(place)?,
            tally: Tally::default(),
        })
    }

    /// Does all faults, and returns how many promises did not hold.
    pub fn run(mut self, scale: &Scale) -> Result<usize> {
        self.interrupt_runs(&KILLS, scale.kills)?;
        self.interrupt_runs(&SIGNALS, scale.signals)?;
        self.damage_records(scale.records)?;
        self.fill_disks(scale.disks)?;
        Ok(self.tally.end())
    }

    /// Ends runs at random moments, several in a row in the same place, and lets the last go on to
    /// its end.
    fn interrupt_runs(&mut self, kind: &Interruptions, n: usize) -> Result<()> {
        let name = kind.name;
        self.tally.begin(name);
        for first in (0..n).step_by(kind.in_a_row) {
            let place = self.place(&format!("{name}-{first}"));
            let n_wrong = self.tally.n_wrong;
            let end = n.min(first + kind.in_a_row);
            for at in first..end {
                // A run that goes on from another has less to do.
                let n_before = u32::try_from(at - first)?;
                let moment = self.moment_within(self.undisturbed.took / (1 + n_before));
                let signal = self.rng.pick(kind.signals);
                let mut held = interrupt(&place, moment, signal);
                if at + 1 == end {
                    held = held.and_then(|()| self.undisturbed.check_end(&place));
                }
                let held = held.with_context(|| format!("{signal} after {moment:.1?}"));
                self.tally.count(held);
            }
            if self.tally.n_wrong == n_wrong {
                place.remove()?;
            }
        }
        Ok(())
    }

    /// Damages records, and asks for the results again.
    fn damage_records(&mut self, n: usize) -> Result<()> {
        self.tally.begin("damaged records");
        let place = self.place("damages");
        copy(&self.undisturbed.place.folder, &place.folder)?;
        // What was built knows its folder, so it is built again in the copy.
        place.run()?;
        for _ in 0..n {
            let records = records(&place.cache());
            ensure!(!records.is_empty(), "no records in {}", place.cache());
            let record = &records[self.rng.below(records.len())];
            let other = &records[self.rng.below(records.len())];
            let damage = self.rng.pick(&Damage::ALL);
            damage.apply(record, other, &mut self.rng)?;
            let held = self.undisturbed.check_end(&place);
            let held = held.with_context(|| format!("{damage:?} {record}"));
            self.tally.count(held);
        }
        Ok(())
    }

    /// Runs on disks that are too small, and then large enough.
    fn fill_disks(&mut self, sizes: &[u32]) -> Result<()> {
        self.tally.begin("full disks");
        let probe = self.folder.join("probe");
        fs::create_dir(&probe).with_context(|| format!("create folder {probe}"))?;
        if let Some(why) = disk::refused(&probe)? {
            println!("full disks: skipped: the system allows no disk in a namespace: {why}");
            if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
                self.tally.count(Err(anyhow!("CI may not skip a check")));
            }
            return Ok(());
        }
        for megabytes in sizes {
            let place = self.place(&format!("disk-{megabytes}"));
            let held = disk::check(&place, *megabytes, &self.undisturbed);
            let held = held.with_context(|| format!("{megabytes} MB"));
            self.tally.count(held);
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Place {
        Place {
            folder: self.folder.join(name),
        }
    }

    fn moment_within(&mut self, time: Duration) -> Duration {
        let most = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.next() % most.max(1))
    }
}

/// Ends a run at a moment with a signal, and checks what it leaves.
fn interrupt(place: &Place, moment: Duration, signal: &str) -> Result<()> {
    let mut running = place.start()?;
    if running.wait(moment)?.is_none() {
        running.send(signal)?;
    }
    running.end()?;
    place.check_no_process_is_left()?;
    place.check_files_are_whole()
}
