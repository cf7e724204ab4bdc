//! The oracle: workspaces drawn by grammar, on which the tool's word is held against plain cargo's.
//!
//! `cargo test -p cargo-pinmatrix --test oracle` holds it on a few fixed seeds. More by hand:
//!
//! ```text
//! cargo test -p cargo-pinmatrix --test oracle -- --seeds 0..300 --toolchain 1.78 --parallel 2
//! cargo test -p cargo-pinmatrix --test oracle -- --seeds 17 --shrink      # which pieces it takes to differ
//! cargo test -p cargo-pinmatrix --test oracle -- --seeds 17 --without 0,3 # all pieces but those
//! cargo test -p cargo-pinmatrix --test oracle -- --seeds 17 --print       # the workspace alone, not run
//! ```
//!
//! `--verbose` tells cargo's word of every cell. `--only PATTERN` and `--never PATTERN` choose pieces by
//! name, with `*` for anything; `--names` lists the names. A workspace on
//! which the two differ is kept, in the folder that is named with it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

mod draft;
mod exceptions;
mod fixed;
mod flags;
mod grammar;
mod judge;
mod layout;
mod manifest;
mod rng;
mod sections;
mod tool;
mod word;
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::draft::{Draft, Toolchain};
use crate::exceptions::Exceptions;
use crate::flags::{Ask, Flags};
use crate::grammar::{Choice, draw};
use crate::judge::{Trial, judge};
use crate::word::{Difference, differences};
use crate::workshop::{Workshop, clear};

fn main() -> ExitCode {
    let flags = match flags::read(std::env::args().skip(1)) {
        Ok(Ask::Run(flags)) => flags,
        Ok(Ask::Nothing) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let folder = std::env::temp_dir().join(format!("pinmatrix-oracle-{}", std::process::id()));
    let workshop = Workshop::open(folder.clone());
    let began = Instant::now();
    let n_differing = run(&flags, &workshop);
    let n_seeds = flags.seeds.len();
    let seconds = began.elapsed().as_secs();
    println!("{n_seeds} workspaces, {n_differing} on which the two differ, in {seconds} s");
    if n_differing > 0 {
        return ExitCode::FAILURE;
    }
    if !flags.prints {
        clear(&folder);
    }
    ExitCode::SUCCESS
}

/// Holds the tool against cargo on each seed: on how many the two differ.
fn run(flags: &Flags, workshop: &Workshop) -> usize {
    let next = AtomicUsize::new(0);
    let n_differing = AtomicUsize::new(0);
    let kinds: Mutex<BTreeMap<String, Vec<u64>>> = Mutex::default();
    let exceptions = Exceptions::read();
    std::thread::scope(|scope| {
        for _ in 0..flags.parallel {
            scope.spawn(|| {
                while let Some((toolchain, seed)) =
                    flags.seeds.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let hold = |choice: &Choice| {
                        hold(*toolchain, *seed, choice, workshop, &exceptions, flags)
                    };
                    let mut held = hold(&flags.choice);
                    if flags.shrinks && !held.found.is_empty() {
                        held = shrunk(held, &flags.choice, &hold);
                    }
                    let mut kinds = kinds.lock().expect("no one panics with it");
                    for kind in &held.kinds {
                        kinds.entry(kind.clone()).or_default().push(*seed);
                    }
                    held.print(*seed, *toolchain);
                    if !held.found.is_empty() {
                        n_differing.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    for (kind, seeds) in kinds.into_inner().expect("no one panics with it") {
        println!(
            "{kind}: {} seeds, {:?}",
            seeds.len(),
            &seeds[..seeds.len().min(4)]
        );
    }
    n_differing.into_inner()
}

/// What came of one workspace.
struct Held {
    pieces: Vec<String>,
    n_cells: usize,
    /// Each difference, after its cell.
    found: Vec<String>,
    /// What differs, without the places: a kind of difference.
    kinds: BTreeSet<String>,
    folder: PathBuf,
    seconds: u64,
}

fn hold(
    toolchain: Toolchain,
    seed: u64,
    choice: &Choice,
    workshop: &Workshop,
    exceptions: &Exceptions,
    flags: &Flags,
) -> Held {
    let (prints, verbose) = (flags.prints, flags.verbose);
    let began = Instant::now();
    let drawn = draw(seed, toolchain, choice);
    let draft = &drawn.draft;
    let folder = workshop.folder(&format!("{seed}-{}", toolchain.label));
    let mut held = Held {
        pieces: drawn.pieces.clone(),
        n_cells: 0,
        found: Vec::new(),
        kinds: BTreeSet::new(),
        folder: folder.clone(),
        seconds: 0,
    };
    let laid_out = folder.join("in-place");
    let reports = layout::lay_out(draft, &laid_out, workshop).and_then(|workspace| {
        if prints {
            Ok(Vec::new())
        } else {
            tool::reports(draft, &workspace, &folder, workshop)
        }
    });
    match reports {
        Err(why) => held.found.push(why),
        Ok(cells) => {
            for cell in cells {
                held.n_cells += 1;
                let trial = Trial {
                    draft,
                    workshop,
                    laid_out: &laid_out,
                    folder: &folder,
                    pin: &cell.pin,
                    lock: &cell.lock,
                };
                let found = match &cell.word {
                    Err(why) => vec![format!("the tool says {why}")],
                    Ok(word) => match judge(&trial) {
                        Err(why) => vec![format!("cargo cannot say: {why}")],
                        Ok(right) => {
                            if verbose {
                                println!("{seed} {}: {}", cell.cell, right.describe(draft));
                            }
                            let found = exceptions.without(draft, differences(word, &right));
                            let of_targets = found.iter().filter(|one| one.target.is_some());
                            held.kinds.extend(of_targets.map(|one| kind(draft, one)));
                            found.iter().map(|one| named(draft, one)).collect()
                        }
                    },
                };
                let found = found.into_iter().map(|one| format!("{}: {one}", cell.cell));
                held.found.extend(found);
            }
        }
    }
    if held.found.is_empty() && !prints {
        clear(&folder);
    }
    held.seconds = began.elapsed().as_secs();
    held
}

/// A difference with the pieces that it may come from.
fn named(draft: &Draft, difference: &Difference) -> String {
    let pieces = match &difference.target {
        Some(target) => draft.pieces(target, difference.case.as_deref()),
        None => BTreeSet::new(),
    };
    let pieces: Vec<&str> = pieces.into_iter().collect();
    format!("{difference} [{}]", pieces.join(" "))
}

/// A difference without the places where it was seen.
fn kind(draft: &Draft, difference: &Difference) -> String {
    let Some(target) = &difference.target else {
        return "the whole cell".to_owned();
    };
    let pieces: Vec<&str> = draft
        .pieces(target, difference.case.as_deref())
        .into_iter()
        .collect();
    let what = if difference.case.is_some() {
        pieces.join(" ")
    } else {
        format!("a {} target: {}", target.kind, pieces.join(" "))
    };
    format!(
        "{what}: the tool: {}, cargo: {}",
        difference.tool, difference.cargo
    )
}

/// Leaves out one piece after another for as long as the two still differ.
fn shrunk(mut held: Held, choice: &Choice, hold: &dyn Fn(&Choice) -> Held) -> Held {
    let mut choice = choice.clone();
    for index in 0..held.pieces.len() {
        if held.pieces[index].is_empty() {
            continue;
        }
        let mut less = choice.clone();
        less.without.push(index);
        let smaller = hold(&less);
        if !smaller.found.is_empty() {
            (held, choice) = (smaller, less);
        }
    }
    // The folder holds what was tried last.
    hold(&choice)
}

impl Held {
    fn print(&self, seed: u64, toolchain: Toolchain) {
        let verdict = if self.found.is_empty() {
            "as cargo"
        } else {
            "NOT as cargo"
        };
        println!(
            "seed {seed} on {}: {verdict}, {} cells, {} s",
            toolchain.label, self.n_cells, self.seconds
        );
        if self.found.is_empty() {
            return;
        }
        for (index, piece) in self
            .pieces
            .iter()
            .enumerate()
            .filter(|(_, p)| !p.is_empty())
        {
            println!("    piece {index}: {piece}");
        }
        for found in &self.found {
            println!("    {}", found.replace('\n', "\n      "));
        }
        println!("    kept in {}", self.folder.display());
    }
}
