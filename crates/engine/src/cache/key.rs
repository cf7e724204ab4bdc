//! Keys: a hash of everything that decides a result. The same key means the same result, and no
//! work.

use std::sync::Arc;

use anyhow::{Context, Result};
use pinmatrix_core::config::{Config, Timeouts};
use pinmatrix_core::model::cell::CellId;
use serde::Serialize;
use toml::Spanned;

use crate::matrix::cell_context::CellContext;
use crate::workdir::stage;

/// The version of the rules by which the tool turns a cell into an outcome. It is raised whenever a
/// change to the tool can change an outcome, so that nothing stored under older rules is reused.
pub const CACHE_EPOCH: u32 = 22;

/// Returns a hash of any values.
///
/// # Errors
///
/// Returns an error if a value cannot be written as JSON; all values used here can.
pub fn of(parts: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(parts).context("write the parts of a key")?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

/// Returns the key of an outcome: a hash of what its cell consists of, what affects it in its
/// resolution, how the run is configured, and what builds and tests may access.
///
/// # Errors
///
/// Returns the errors of [`of`], and an error if the subject cannot be read.
pub fn outcome(
    context: &CellContext<'_>,
    resolution: &impl Serialize,
    config: &Config,
    sandbox: &impl Serialize,
) -> Result<String> {
    let toolchain = context.toolchain;
    // The outcome holds their versions.
    let shown: Vec<&String> = context.family.shown.iter().map(Spanned::get_ref).collect();
    of_parts(&OutcomeParts {
        cell: context.cell.id(),
        sources: &context.tree.sources,
        conditions: context.conditions(),
        pinned: &pinned(context)?,
        resolution,
        toolchain: (&toolchain.rustc_verbose, &toolchain.cargo_version),
        rustup: toolchain.rustup.as_deref(),
        build: (build(context, config), shown),
        timeouts: &config.timeouts,
        retries: config.run.retries,
        sandbox,
    })
}

/// Everything that decides an outcome.
struct OutcomeParts<'a, Resolution, Build, Sandbox> {
    /// The cell's name, which the stored outcome contains.
    cell: CellId,
    /// The hash of the subject's files.
    sources: &'a str,
    /// What affects a result beside the files, the toolchain and the pin.
    conditions: (&'a str, &'a str),
    /// The hash of the rewritten files.
    pinned: &'a str,
    resolution: &'a Resolution,
    /// What rustc and cargo say of themselves.
    toolchain: (&'a str, &'a str),
    /// The name under which rustup starts the toolchain, and can start others.
    rustup: Option<&'a str>,
    build: Build,
    timeouts: &'a Timeouts,
    retries: usize,
    sandbox: &'a Sandbox,
}

fn of_parts<R: Serialize, B: Serialize, S: Serialize>(
    parts: &OutcomeParts<'_, R, B, S>,
) -> Result<String> {
    let timeouts = parts.timeouts;
    of(&(
        CACHE_EPOCH,
        &parts.cell,
        (parts.sources, parts.conditions),
        parts.pinned,
        parts.resolution,
        (parts.toolchain, parts.rustup),
        &parts.build,
        (timeouts.build, timeouts.target, timeouts.case),
        parts.retries,
        parts.sandbox,
    ))
}

/// Returns a hash of the rewritten files of a cell. An unreleased pin is identified by its folder's
/// contents, not its path.
///
/// # Errors
///
/// Returns the errors of [`outcome`].
pub fn pinned(context: &CellContext<'_>) -> Result<Arc<str>> {
    let pin_context = &context.pin_context;
    let tree = context.tree;
    // Paths that leave the subject are written into its manifests.
    let of = format!("{} {}", tree.subject.root, tree.sources);
    pin_context.digest(&of, || {
        let mut files = stage::pinned(context)?;
        if let Some((folder, _)) = &pin_context.local {
            for text in files.values_mut() {
                *text = text.replace(folder.as_str(), "<pin>");
            }
        }
        let content = pin_context.local.as_ref().map(|(_, content)| content);
        self::of(&(files, content))
    })
}

/// Returns the parts of `[build]` and `[[features]]`, and the packages, that affect results; the
/// rest is in the environment.
#[must_use]
pub fn build(context: &CellContext<'_>, config: &Config) -> impl Serialize + use<> {
    (
        context.build_flags(&config.build),
        (context.features.flags(), context.selection.flags()),
        (config.build.examples, config.build.benches),
        config.build.doc_tests,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use pinmatrix_core::testing::{ended, outcome, record};

    use super::*;

    type Parts<'a> = OutcomeParts<'a, &'a str, Vec<&'a str>, bool>;

    fn cell(major: u64) -> CellId {
        record("stable", major, ended(outcome(Vec::new()))).id
    }

    fn key(change: impl FnOnce(&mut Parts<'_>)) -> String {
        key_of(&crate::testing::config("").timeouts, change)
    }

    /// Returns the key with other timeouts.
    fn timed(change: impl FnOnce(&mut Timeouts)) -> String {
        let mut timeouts = crate::testing::config("").timeouts;
        change(&mut timeouts);
        key_of(&timeouts, |_| {})
    }

    fn key_of(timeouts: &Timeouts, change: impl FnOnce(&mut Parts<'_>)) -> String {
        let mut parts = OutcomeParts {
            cell: cell(1),
            sources: "sources",
            conditions: ("around", "outside"),
            pinned: "pinned",
            resolution: &"lock",
            toolchain: ("rustc 1.90.0", "cargo 1.90.0"),
            rustup: None,
            build: vec!["--release"],
            timeouts,
            retries: 1,
            sandbox: &true,
        };
        change(&mut parts);
        of_parts(&parts).expect("JSON")
    }

    #[test]
    fn each_thing_that_decides_an_outcome_changes_its_key() {
        let long = Duration::from_secs(7777);
        let keys = [
            key(|_| {}),
            key(|parts| parts.cell = cell(2)),
            key(|parts| parts.sources = "other"),
            key(|parts| parts.conditions.0 = "other"),
            key(|parts| parts.conditions.1 = "other"),
            key(|parts| parts.pinned = "other"),
            key(|parts| parts.resolution = &"other"),
            key(|parts| parts.toolchain.0 = "other"),
            key(|parts| parts.toolchain.1 = "other"),
            key(|parts| parts.rustup = Some("stable")),
            key(|parts| parts.build = Vec::new()),
            timed(|timeouts| timeouts.build = long),
            timed(|timeouts| timeouts.target = long),
            timed(|timeouts| timeouts.case = Some(long)),
            key(|parts| parts.retries = 2),
            key(|parts| parts.sandbox = &false),
        ];
        let distinct: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    }

    #[test]
    fn a_key_does_not_depend_on_when_it_is_made_or_on_how_long_a_run_may_take() {
        let plain = key(|_| {});
        assert_eq!(plain, key(|_| {}));
        let long = Duration::from_secs(7777);
        assert_eq!(plain, timed(|timeouts| timeouts.run = Some(long)));
        assert_eq!(plain, timed(|timeouts| timeouts.resolve = long));
    }

    #[test]
    fn what_stands_in_one_part_is_not_taken_for_another() {
        let shifted = key(|parts| parts.conditions = ("arou", "ndoutside"));
        assert_ne!(key(|_| {}), shifted);
        assert_ne!(
            of(&("a", "bc")).expect("JSON"),
            of(&("ab", "c")).expect("JSON")
        );
        assert_eq!(of(&1).expect("JSON").len(), 64);
    }
}
