//! Runs a plan twice, in two places, to see what is the same: outcomes, locks, and the exact bytes
//! of test executables.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::event::{Event, Listener};
use pinmatrix_core::model::outcome::{Outcome, TargetId};
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::reproducibility::{ExecutableDifference, Reproducibility};
use pinmatrix_core::search::plan::Plan;

use crate::fs_ext::remove;
use crate::matrix::Matrix;
use crate::run::{RunSettings, run};
use crate::workdir::work_dirs::wait_for_lock;

/// The two folders below the cache. Their names differ in length, as paths on two machines do.
const PLACES: [&str; 2] = ["verify-here", "verify-in-another-place"];

/// The executable of each target of each cell.
type BuiltExecutables = BTreeMap<(CellId, TargetId), Utf8PathBuf>;

/// Runs a plan twice from scratch and compares the runs. The results of both stay in their own
/// folders next to each other; what they built is removed.
///
/// # Errors
///
/// Returns an error in the same cases as [`run`], and if an executable cannot be read.
pub fn verify(
    matrix: &Matrix,
    plan: &Plan,
    options: &RunSettings<'_>,
) -> Result<Vec<Reproducibility>> {
    let places = PLACES.map(|name| options.cache.join(name));
    let _turn = take_turn(options)?;
    let compared = (|| {
        let one = once(matrix, plan, options, &places[0], "one")?;
        let other = once(matrix, plan, options, &places[1], "other")?;
        compare(&one, &other)
    })();
    for place in &places {
        remove(Utf8Path::from_path(place).context("read the work folder's path as text")?)?;
    }
    compared
}

/// Waits until no other run verifies here, because both would work in the same places.
fn take_turn(options: &RunSettings<'_>) -> Result<File> {
    let cache = &options.cache;
    fs::create_dir_all(cache).with_context(|| format!("make {}", cache.display()))?;
    let waits = || {
        let note = "another run verifies here; waiting for it to end";
        options.listener.on_event(Event::Noted(note));
    };
    wait_for_lock(&cache.join("in-use-by-verify"), options.cancel, waits)
}

/// One of the two runs, and the executables it built.
struct VerifyRun {
    run: Run,
    made: BuiltExecutables,
    out: Utf8PathBuf,
    /// The path that an executable contains if it reveals where it was built.
    place: PathBuf,
}

/// A listener that keeps executables, since the next cell builds in the same folder, and passes all
/// events on to another listener.
struct ExecutableCollector<'a> {
    folder: Utf8PathBuf,
    made: Mutex<BuiltExecutables>,
    listener: &'a dyn Listener,
}

impl Listener for ExecutableCollector<'_> {
    fn on_event(&self, event: Event<'_>) {
        if let Event::Made {
            cell,
            target,
            executable,
        } = event
        {
            let mut made = self.made.lock().unwrap_or_else(|e| e.into_inner());
            let kept = self.folder.join(made.len().to_string());
            let linked = fs::hard_link(executable, &kept);
            let is_kept = linked.is_ok() || fs::copy(executable, &kept).is_ok();
            let executable = if is_kept { kept } else { executable.to_owned() };
            made.insert((cell.clone(), target.clone()), executable);
        }
        self.listener.on_event(event);
    }
}

fn once(
    matrix: &Matrix,
    plan: &Plan,
    options: &RunSettings<'_>,
    place: &std::path::Path,
    name: &str,
) -> Result<VerifyRun> {
    let out = options.out.join("verify").join(name);
    let folder = Utf8Path::from_path(place).context("read the work folder's path as text")?;
    let folder = folder.join("executables");
    fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
    let collector = ExecutableCollector {
        folder,
        made: Mutex::default(),
        listener: options.listener,
    };
    let run = run(
        matrix,
        plan,
        &RunSettings {
            out: &out,
            cache: place.to_owned(),
            fresh: true,
            // Everything that both runs built must still be there at the end.
            max_disk: None,
            remaps: true,
            listener: &collector,
            ..*options
        },
    )?;
    Ok(VerifyRun {
        run,
        made: collector
            .made
            .into_inner()
            .unwrap_or_else(|e| e.into_inner()),
        out,
        place: place.to_owned(),
    })
}

fn compare(one: &VerifyRun, other: &VerifyRun) -> Result<Vec<Reproducibility>> {
    let pairs = one.run.cells.iter().zip(&other.run.cells);
    let ran = pairs.filter_map(|(a, b)| Some((&a.id, a.outcome()?, b.outcome()?)));
    let verified = ran.map(|(cell, a, b)| {
        let lock = |once: &VerifyRun| {
            let path = once.out.join("locks").join(format!("{cell}.lock"));
            fs::read(path).ok()
        };
        let of_cell = one.made.iter().filter(|((of, _), _)| of == cell);
        let executables = of_cell.map(|(key, path)| {
            let counterpart = other.made.get(key);
            let first = match counterpart {
                Some(counterpart) => first_difference(path, counterpart)?,
                None => Some(0),
            };
            Ok(ExecutableDifference {
                target: key.1.clone(),
                first_difference: first,
                tells_its_place: first.is_some() && holds(path, &one.place)?,
            })
        });
        Ok(Reproducibility {
            cell: cell.clone(),
            is_certain: !a.has_doubt() && !b.has_doubt(),
            same_outcome: shown(a) == shown(b),
            same_lock: lock(one) == lock(other),
            executables: executables.collect::<Result<_>>()?,
        })
    });
    verified.collect()
}

/// Returns an outcome without its phases and times.
fn shown(outcome: &Outcome) -> Outcome {
    let mut shown = outcome.clone();
    shown.phases.clear();
    for target in &mut shown.targets {
        target.seconds = 0.0;
        target.cases.iter_mut().for_each(|case| case.seconds = 0.0);
    }
    shown
}

/// Returns the offset in bytes at which two files first differ; `None` if they are the same.
fn first_difference(one: &Utf8Path, other: &Utf8Path) -> Result<Option<u64>> {
    let open = |path: &Utf8Path| -> Result<_> {
        let file = File::open(path).with_context(|| format!("read {path}"))?;
        Ok(BufReader::with_capacity(1 << 16, file).bytes())
    };
    let (mut one, mut other) = (open(one)?, open(other)?);
    let mut at = 0;
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(None),
            (a, b) if a != b => return Ok(Some(at)),
            (Some(_) | None, _) => at += 1,
        }
    }
}

/// Returns true if a file contains the path of a folder.
fn holds(file: &Utf8Path, folder: &std::path::Path) -> Result<bool> {
    let bytes = fs::read(file).with_context(|| format!("read {file}"))?;
    let folder = folder.as_os_str().as_encoded_bytes();
    Ok(memchr::memmem::find(&bytes, folder).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_byte_by_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let file = |name: &str, bytes: &[u8]| {
            fs::write(folder.join(name), bytes).expect("written");
            folder.join(name)
        };
        let (one, same) = (file("one", b"abcdef"), file("same", b"abcdef"));
        let (other, longer) = (file("other", b"abXdef"), file("longer", b"abcdefg"));
        assert_eq!(first_difference(&one, &same).expect("read"), None);
        assert_eq!(first_difference(&one, &other).expect("read"), Some(2));
        assert_eq!(first_difference(&one, &longer).expect("read"), Some(6));
        assert!(holds(&one, "bcd".as_ref()).expect("read"));
        assert!(!holds(&one, "bce".as_ref()).expect("read"));
    }
}
