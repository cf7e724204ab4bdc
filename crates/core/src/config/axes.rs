//! The axes that make the rows of a matrix: toolchains, revisions of the subject, feature sets; and
//! what runs the tests of each cell.

use std::path::PathBuf;

use semver::VersionReq;
use toml::Spanned;

use super::values::{check_name, requirement};
use crate::config::{TestRunner, raw};
use crate::error::{SourceText, UserError};

/// A toolchain: its label and its origin.
#[derive(Clone, Debug)]
pub struct ToolchainSpec {
    /// The filename-safe label.
    pub label: String,
    /// The origin of the toolchain.
    pub origin: ToolchainOrigin,
    /// The platform to build for; `None` for what cargo chooses.
    pub target: Option<Spanned<String>>,
}

/// The origin of a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolchainOrigin {
    /// Names that rustup may know; the first installed one is used.
    Rustup(Vec<String>),
    /// A folder that contains `bin/rustc` and `bin/cargo`, relative to `matrix.toml`.
    Directory(PathBuf),
}

/// A revision of the subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSpec {
    /// The filename-safe label; `None` if the matrix has no such axis.
    pub label: Option<String>,
    /// The git revision; `None` for the files as they are.
    pub rev: Option<Spanned<String>>,
    /// A patch to apply on top, relative to `matrix.toml`.
    pub patch: Option<Spanned<PathBuf>>,
}

/// The enabled features of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSet {
    /// The filename-safe label; `None` if the matrix has no such axis.
    pub label: Option<String>,
    /// Features to enable.
    pub features: Vec<Spanned<String>>,
    /// True for `--all-features`.
    pub all: bool,
    /// False for `--no-default-features`.
    pub default: bool,
    /// The published pins that it is for; `None` for all pins.
    pub pins: Option<Spanned<VersionReq>>,
}

impl FeatureSet {
    /// The cargo flags that select this feature set.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if self.all {
            flags.push("--all-features".to_owned());
        }
        if !self.default {
            flags.push("--no-default-features".to_owned());
        }
        if !self.features.is_empty() {
            let features = self.features.iter().map(|f| f.get_ref().as_str());
            let features = features.collect::<Vec<_>>().join(",");
            flags.push(format!("--features={features}"));
        }
        flags
    }
}

pub(super) fn toolchains(
    text: &SourceText,
    written: &[raw::Toolchain],
) -> Result<Vec<ToolchainSpec>, UserError> {
    check_labels(text, "toolchain", written.iter().map(|t| &t.label))?;
    let spec = |written: &raw::Toolchain| {
        Ok(ToolchainSpec {
            label: written.label.get_ref().clone(),
            origin: origin(text, written)?,
            target: target(text, written)?,
        })
    };
    if written.is_empty() {
        return Err(text
            .error_at("the matrix has no toolchains")
            .help("add `[[toolchain]]` with `label = \"stable\"` and `rustup = \"stable\"`"));
    }
    written.iter().map(spec).collect()
}

fn target(
    text: &SourceText,
    written: &raw::Toolchain,
) -> Result<Option<Spanned<String>>, UserError> {
    let Some(target) = &written.target else {
        return Ok(None);
    };
    let triple = target.get_ref();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if triple.contains('-') && triple.chars().all(is_part) && !triple.ends_with(".json") {
        return Ok(Some(target.clone()));
    }
    Err(text
        .error_at(format!("`{triple}` is not the name of a platform"))
        .at(target.span(), "this target")
        .help("give the triple of a platform that `rustc --print=target-list` lists"))
}

fn origin(text: &SourceText, written: &raw::Toolchain) -> Result<ToolchainOrigin, UserError> {
    let n = match (&written.rustup, &written.dir) {
        (Some(names), None) if names.get_ref().is_empty() => {
            return Err(text
                .error_at("a toolchain without a name that rustup could know")
                .at(names.span(), "empty")
                .help("for example `rustup = \"stable\"`"));
        }
        (Some(names), None) => return Ok(ToolchainOrigin::Rustup(names.get_ref().names())),
        (None, Some(dir)) => return Ok(ToolchainOrigin::Directory(dir.clone())),
        (None, None) => "no source",
        (Some(_), Some(_)) => "two sources",
    };
    let label = &written.label;
    Err(text
        .error_at(format!("toolchain `{}` has {n}", label.get_ref()))
        .at(label.span(), "this toolchain")
        .help("give either `rustup = \"NAME\"` or `dir = \"FOLDER\"`"))
}

pub(super) fn sources(
    text: &SourceText,
    written: Vec<raw::Source>,
) -> Result<Vec<SourceSpec>, UserError> {
    check_labels(text, "source", written.iter().map(|s| &s.label))?;
    if written.is_empty() {
        return Ok(vec![SourceSpec::default()]);
    }
    let source = |written: raw::Source| {
        if let Some(rev) = written
            .rev
            .as_ref()
            .filter(|rev| rev.get_ref().starts_with('-') || rev.get_ref().is_empty())
        {
            return Err(text
                .error_at(format!(
                    "`{}` is not a valid revision",
                    rev.get_ref().escape_debug()
                ))
                .at(rev.span(), "a commit, a branch or a tag"));
        }
        Ok(SourceSpec {
            label: Some(written.label.into_inner()),
            rev: written.rev,
            patch: written.patch,
        })
    };
    written.into_iter().map(source).collect()
}

pub(super) fn feature_sets(
    text: &SourceText,
    written: Vec<raw::Features>,
    build: &raw::Build,
) -> Result<Vec<FeatureSet>, UserError> {
    check_labels(text, "features", written.iter().map(|f| &f.label))?;
    if written.is_empty() {
        return Ok(vec![FeatureSet {
            label: None,
            features: build.features.clone(),
            all: build.all_features,
            default: build.default_features,
            pins: None,
        }]);
    }
    let is_said_twice = !build.features.is_empty() || build.all_features || !build.default_features;
    if is_said_twice {
        let error = text.error_at("features are chosen by [build] and by [[features]]");
        let place = build.features.first().map(Spanned::span);
        let error = match place {
            Some(span) => error.at(span, "for all cells"),
            None => error,
        };
        return Err(error.help("leave those of [build] out, and write them into each set"));
    }
    let set = |written: raw::Features| {
        let pins = written.pins.map(|pins| {
            let range = requirement(text, &pins)?;
            Ok(Spanned::new(pins.span(), range))
        });
        Ok(FeatureSet {
            label: Some(written.label.into_inner()),
            features: written.features,
            all: written.all_features,
            default: written.default_features,
            pins: pins.transpose()?,
        })
    };
    written.into_iter().map(set).collect()
}

pub(super) fn runner(text: &SourceText, written: &raw::Run) -> Result<TestRunner, UserError> {
    let profile = written.nextest_profile.as_ref();
    match &written.runner {
        Some(runner) if *runner.get_ref() == raw::Runner::Nextest => Ok(TestRunner::Nextest {
            at: runner.span(),
            profile: profile.map_or("default".to_owned(), |name| name.get_ref().clone()),
        }),
        Some(_) | None => match profile {
            None => Ok(TestRunner::Cargo),
            Some(profile) => Err(text
                .error_at("a profile of nextest, and nextest does not run the tests")
                .at(profile.span(), "has no effect")
                .help("add `runner = \"nextest\"`")),
        },
    }
}

fn check_labels<'a>(
    text: &SourceText,
    axis: &str,
    labels: impl Iterator<Item = &'a Spanned<String>>,
) -> Result<(), UserError> {
    let mut seen = std::collections::BTreeSet::new();
    for label in labels {
        check_name(text, label, &format!("label of a {axis}"))?;
        if !seen.insert(label.get_ref()) {
            return Err(text
                .error_at(
                    format!("two {axis}s are labelled `{}`", label.get_ref())
                        .replace("featuress", "feature sets"),
                )
                .at(label.span(), "the second one")
                .help("labels name rows and cells, so each needs its own"));
        }
    }
    Ok(())
}
