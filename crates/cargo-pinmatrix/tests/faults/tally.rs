//! How many faults were done, and how many promises did not hold.

use std::time::Instant;

use anyhow::Result;

/// Faults in groups, counted.
#[derive(Default)]
pub struct Tally {
    /// How many promises did not hold.
    pub n_wrong: usize,
    n_faults: usize,
    group: Option<Group>,
}

/// Faults of one kind.
struct Group {
    name: &'static str,
    began: Instant,
    n_faults: usize,
    n_wrong: usize,
}

impl Tally {
    /// Ends the group before, and begins one.
    pub fn begin(&mut self, name: &'static str) {
        self.end_group();
        self.group = Some(Group {
            name,
            began: Instant::now(),
            n_faults: self.n_faults,
            n_wrong: self.n_wrong,
        });
    }

    /// Counts a fault, and describes the promise that did not hold.
    pub fn count(&mut self, held: Result<()>) {
        if let Err(wrong) = held {
            let name = self.group.as_ref().map_or("before all", |group| group.name);
            println!("WRONG, {name}: {wrong:#}");
            self.n_wrong += 1;
        }
        self.n_faults += 1;
    }

    /// Ends the last group, and returns how many promises did not hold.
    pub fn end(mut self) -> usize {
        self.end_group();
        println!("{} faults, {} wrong", self.n_faults, self.n_wrong);
        self.n_wrong
    }

    fn end_group(&mut self) {
        if let Some(group) = self.group.take() {
            let n_faults = self.n_faults - group.n_faults;
            let n_wrong = self.n_wrong - group.n_wrong;
            let seconds = group.began.elapsed().as_secs();
            println!(
                "{}: {n_faults} faults, {n_wrong} wrong, {seconds} s",
                group.name
            );
        }
    }
}
