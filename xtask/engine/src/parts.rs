//! The `run.json` of another machine, as it came here. It may be forged: a link is not followed, and
//! nothing is read beyond a bound.

use std::fs::File;
use std::io::Read;

use camino::Utf8Path;

use crate::config::mistake::Mistake;
use crate::model::run::Run;
use crate::record;

/// The largest `run.json` that is read, in bytes.
const LARGEST_RUN: u64 = 256 * 1024 * 1024;
/// Reads a `run.json`.
///
/// # Errors
///
/// A [`Mistake`] that names the file, where there is none that this version can read.
pub fn read_file(path: &Utf8Path) -> Result<Run, Mistake> {
    let help = "name a results folder, or the run.json in it";
    let unread = |why: &str| Mistake::new(format!("cannot read {path}: {why}")).help(help);
    let (file, length) = open(path).map_err(|e| unread(&e.to_string()))?;
    if length > LARGEST_RUN {
        let most = LARGEST_RUN / (1024 * 1024);
        return Err(unread(&format!("it is larger than {most} MB")));
    }
    let mut text = String::new();
    let read = file.take(LARGEST_RUN).read_to_string(&mut text);
    read.map_err(|e| unread(&e.to_string()))?;
    record::parse(path, &text)
}

/// Opens a plain file, and says how long it is. A pipe would have whoever reads it wait.
fn open(path: &Utf8Path) -> std::io::Result<(File, u64)> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no plain file"));
    }
    Ok((File::open(path)?, metadata.len()))
}
