//! Validation of single values of `matrix.toml`: names, durations, counts, versions, variables.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use semver::{Version, VersionReq};
use toml::Spanned;

use crate::error::{SourceText, UserError};
use crate::model::cell::bare;

/// The maximum length of a name, in bytes. A cell's name contains three labels and is used as a
/// folder name.
const LONGEST_NAME: usize = 40;

/// Checks a label or family name, which is used in file names and cell names.
pub(super) fn check_name(
    text: &SourceText,
    name: &Spanned<String>,
    what: &str,
) -> Result<(), UserError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let written = name.get_ref();
    if written.len() > LONGEST_NAME {
        return Err(text
            .error_at(format!("this cannot be the {what}"))
            .at(
                name.span(),
                format!("{} characters, in file names", written.chars().count()),
            )
            .help(format!("use {LONGEST_NAME} at the most")));
    }
    if written.chars().all(fits) && written.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(text
        .error_at(format!("`{}` cannot be the {what}", written.escape_debug()))
        .at(name.span(), "stands in file names")
        .help("use letters, digits, `.`, `_` and `-`, and begin with a letter or a digit"))
}

/// The maximum timeout. The clocks of some systems do not go much further.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn duration(
    text: &SourceText,
    written: &Spanned<String>,
) -> Result<Duration, UserError> {
    let duration = humantime::parse_duration(written.get_ref()).map_err(|e| {
        text.error_at(format!("`{}` is not a duration", written.get_ref()))
            .at(written.span(), e.to_string())
            .help("for example `90s`, `20min` or `1h 30min`")
    })?;
    if duration.is_zero() {
        return Err(text
            .error_at("a timeout of nothing")
            .at(written.span(), "everything would time out"));
    }
    if duration > LONGEST {
        return Err(text
            .error_at(format!("`{}` is not a valid timeout", written.get_ref()))
            .at(written.span(), "longer than 30 days"));
    }
    Ok(duration)
}

pub(super) fn variables(
    text: &SourceText,
    written: BTreeMap<Spanned<String>, String>,
) -> Result<BTreeMap<String, String>, UserError> {
    let checked = |(name, value): (Spanned<String>, String)| {
        let is_none = name.get_ref().is_empty() || name.get_ref().contains(['=', '\0']);
        if is_none || value.contains('\0') {
            return Err(text
                .error_at(format!("`{}` cannot be set", name.get_ref().escape_debug()))
                .at(name.span(), "no variable of that name or value"));
        }
        Ok((name.into_inner(), value))
    };
    written.into_iter().map(checked).collect()
}

/// The maximum of all counts.
const MOST: usize = 1024;

pub(super) fn count(
    text: &SourceText,
    key: &str,
    written: &Spanned<i64>,
    least: usize,
) -> Result<usize, UserError> {
    match usize::try_from(*written.get_ref()) {
        Ok(n) if (least..=MOST).contains(&n) => Ok(n),
        Ok(_) | Err(_) => Err(text
            .error_at(format!("`{key}` cannot be {}", written.get_ref()))
            .at(written.span(), format!("from {least} to {MOST}"))),
    }
}

/// The word for no limit on disk space.
const UNLIMITED: &str = "unlimited";

/// Parses a limit on disk space: `10GB`, or `unlimited`.
///
/// # Errors
///
/// A description of the accepted values.
pub fn disk_size(written: &str) -> Result<Option<ByteSize>, String> {
    if written == UNLIMITED {
        return Ok(None);
    }
    let has_unit = written.ends_with(|c: char| c.is_ascii_alphabetic());
    match written.parse::<ByteSize>() {
        Ok(size) if has_unit => Ok(Some(size)),
        Ok(_) | Err(_) => Err(format!(
            "a size with its unit, such as \"10GB\" or \"500MiB\", or \"{UNLIMITED}\""
        )),
    }
}

/// Like [`disk_size`], with the location in the file.
pub(super) fn disk(
    text: &SourceText,
    written: &Spanned<String>,
) -> Result<Option<ByteSize>, UserError> {
    disk_size(written.get_ref()).map_err(|would_do| {
        text.error_at(format!("`{}` is not a valid size", written.get_ref()))
            .at(written.span(), would_do)
    })
}

/// Like [`duration`], for an optional key.
pub(super) fn duration_if_any(
    text: &SourceText,
    written: Option<&Spanned<String>>,
) -> Result<Option<Duration>, UserError> {
    written.map(|w| duration(text, w)).transpose()
}

/// Like [`count`] from 1, for an optional key.
pub(super) fn count_if_any(
    text: &SourceText,
    key: &str,
    written: Option<&Spanned<i64>>,
) -> Result<Option<usize>, UserError> {
    written.map(|n| count(text, key, n, 1)).transpose()
}

/// An exact version, without its build metadata.
pub(super) fn version(
    text: &SourceText,
    written: &Spanned<String>,
) -> Result<Spanned<Version>, UserError> {
    let version = Version::parse(written.get_ref()).map_err(|e| {
        text.error_at(format!("`{}` is not an exact version", written.get_ref()))
            .at(written.span(), e.to_string())
            .help("a pin is one published version: MAJOR.MINOR.PATCH, without `=` or `^`")
    })?;
    Ok(Spanned::new(written.span(), bare(&version)))
}

/// A range of versions.
pub(super) fn requirement(
    text: &SourceText,
    written: &Spanned<String>,
) -> Result<VersionReq, UserError> {
    VersionReq::parse(written.get_ref()).map_err(|e| {
        text.error_at(format!(
            "`{}` is not a valid range of versions",
            written.get_ref()
        ))
        .at(written.span(), e.to_string())
        .help("for example `>=30.0.0, <33.0.0` or `=31.0.0`")
    })
}
