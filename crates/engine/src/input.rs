//! Reads the files that users write and commit: `matrix.toml`, and the baseline that it names.

use std::io::ErrorKind;
use std::path::Path;

use camino::Utf8Path;
use pinmatrix_core::analysis::baseline::Baseline;
use pinmatrix_core::config::Config;
use pinmatrix_core::error::{SourceText, UserError};
use pinmatrix_core::model::run::FamilyRecord;

/// Reads and checks a `matrix.toml`.
///
/// # Errors
///
/// Returns a [`UserError`] with the file, the line and a hint for anything that the user can fix.
pub fn read_config(file: &Path) -> Result<Config, UserError> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        UserError::new(format!("cannot read {}: {e}", file.display()))
            .help("name another with --config, or write one: README.md says what is in it")
    })?;
    Config::parse(SourceText::new(file, text))
}

/// Reads a baseline; `None` if the file does not exist.
///
/// # Errors
///
/// Returns the errors of [`Baseline::parse`].
pub fn read_baseline(file: &Utf8Path) -> Result<Option<Baseline>, UserError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Baseline::parse(&text, file).map(Some),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(UserError::new(format!("cannot read {file}: {e}"))),
    }
}

/// Reads the baseline that a config names and checks it against the matrix's ladders. If the file
/// does not exist, returns `None` and adds a note.
///
/// # Errors
///
/// Returns the errors of [`read_baseline`] and [`Baseline::check`].
pub fn baseline_of(
    config: &Config,
    families: &[FamilyRecord],
    notes: &mut Vec<String>,
) -> Result<Option<Baseline>, UserError> {
    let Some(file) = config.baseline_file() else {
        return Ok(None);
    };
    let baseline = read_baseline(&file)?;
    match &baseline {
        Some(baseline) => baseline.check(families, &file)?,
        None => notes.push(format!(
            "{file} is not there, so nothing is expected of a run; `bless` writes it"
        )),
    }
    Ok(baseline)
}
