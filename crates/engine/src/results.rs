//! The results folder of a run: its `run.json`, which is written during the run and read again
//! for every report.

pub mod untrusted_input;

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::run_json::{self, FILE};

use crate::fs_ext::write_whole;

/// Writes a run into the results folder.
///
/// # Errors
///
/// Returns an error if the file cannot be written; an older file then stays intact.
pub fn write(run: &Run, out: &Utf8Path) -> Result<()> {
    let text = run_json::text(run).context("write a run")?;
    write_whole(&out.join(FILE), text.as_bytes())
}

/// The size limit for files, in bytes: enough for more than a million cases with their output.
const MOST: u64 = 1 << 30;

/// Reads the run in a results folder, or in a file of any name.
///
/// # Errors
///
/// Returns a [`UserError`] if there is none, or if this version cannot read its format.
pub fn read(place: &Utf8Path) -> Result<Run, UserError> {
    let path = if place.is_file() {
        place.to_owned()
    } else {
        place.join(FILE)
    };
    run_json::parse(&text(&path)?, &path)
}

fn text(path: &Utf8Path) -> Result<String, UserError> {
    let fault = |why: &str| UserError::new(format!("cannot read {path}: {why}"));
    let not_there = |e: std::io::Error| {
        fault(&e.to_string())
            .help("run the matrix first, or name its results: a folder, or the run.json in it")
    };
    let metadata = path.metadata().map_err(not_there)?;
    if !metadata.is_file() {
        return Err(fault("it is not a file").help("name a results folder or its run.json"));
    }
    if metadata.len() > MOST {
        let most = MOST >> 20;
        return Err(fault(&format!("it has more than {most} MiB")).help("this is not a run.json"));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(not_there)?;
    // The file can grow while it is being read.
    let read = file.take(MOST).read_to_string(&mut text);
    read.map_err(|e| fault(&e.to_string()).help("is it a run.json?"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let file = File::create(folder.join(FILE)).expect("created");
        file.set_len(MOST + 1).expect("a sparse file");
        let error = read(folder).expect_err("too large").to_string();
        assert!(error.contains("it has more than 1024 MiB"), "{error}");
    }
}
