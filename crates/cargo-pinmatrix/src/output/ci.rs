//! CI systems that show a run where a change is reviewed: which one is in use, and what to report
//! to it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use camino::Utf8Path;
use clap::ValueEnum;
use pinmatrix::write_whole;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_report::{annotations, code_quality, step_summary};

use crate::output::stdout;

/// The CI system to report to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// The one that this runs in, if any
    Auto,
    /// GitHub Actions: annotations, and a step summary
    Github,
    /// GitLab: gl-code-quality-report.json
    Gitlab,
    /// None
    None,
}

/// A CI system, and where it expects reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// GitHub Actions, with the file for the step summary.
    GitHub(Option<PathBuf>),
    /// GitLab CI.
    GitLab,
    /// No known CI system.
    Other,
}

impl Ci {
    /// Returns the CI system that is meant.
    #[expect(
        clippy::disallowed_methods,
        reason = "a CI engine is known by its variables"
    )]
    #[must_use]
    pub fn host(self) -> Host {
        self.host_by(|name| std::env::var_os(name))
    }

    /// Does the same for a given environment.
    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
    /// <https://docs.gitlab.com/ci/variables/predefined_variables/>
    fn host_by(self, var: impl Fn(&str) -> Option<OsString>) -> Host {
        let is_true = |name: &str| var(name).is_some_and(|value| value == "true");
        let summary = var("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        let summary = summary.map(PathBuf::from);
        match self {
            Self::Github => Host::GitHub(summary),
            Self::Auto if is_true("GITHUB_ACTIONS") && summary.is_some() => Host::GitHub(summary),
            Self::Gitlab => Host::GitLab,
            Self::Auto if is_true("GITLAB_CI") => Host::GitLab,
            Self::Auto | Self::None => Host::Other,
        }
    }
}

/// Reports a run, whose results are in a folder, to a CI system.
///
/// # Errors
///
/// Returns an error if a file that the CI system reads cannot be written.
pub fn publish(analysis: &Analysis<'_>, out: &Utf8Path, host: Host) -> Result<()> {
    match host {
        Host::GitHub(summary) => {
            if let Some(file) = summary {
                append_summary(analysis, &file)?;
            }
            stdout::write_commands(&annotations::annotations(analysis))
        }
        Host::GitLab => {
            let json = code_quality::json(analysis).context("write the code quality report")?;
            write_whole(&out.join(code_quality::FILE), json.as_bytes())
        }
        Host::Other => Ok(()),
    }
}

/// Appends, since other commands of the step may have written to its summary before.
fn append_summary(analysis: &Analysis<'_>, file: &Path) -> Result<()> {
    let context = || format!("write the step's summary {}", file.display());
    let mut options = OpenOptions::new();
    let mut open = options
        .create(true)
        .append(true)
        .open(file)
        .with_context(context)?;
    let written = open.metadata().with_context(context)?.len();
    let written = usize::try_from(written).unwrap_or(usize::MAX);
    let room = step_summary::MOST.saturating_sub(written);
    let summary = step_summary::step_summary(analysis, room);
    open.write_all(summary.as_bytes()).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_known_by_its_variables_and_a_flag_outweighs_them() {
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "/s")];
        let gitlab = [("GITLAB_CI", "true")];
        let of = |ci: Ci, vars: &[(&str, &str)]| {
            ci.host_by(|name| {
                let known = vars.iter().find(|(known, _)| *known == name);
                known.map(|(_, value)| value.into())
            })
        };
        let summary = || Some(PathBuf::from("/s"));
        assert_eq!(of(Ci::Auto, &github), Host::GitHub(summary()));
        assert_eq!(of(Ci::Auto, &github[..1]), Host::Other);
        assert_eq!(of(Ci::Auto, &gitlab), Host::GitLab);
        assert_eq!(of(Ci::Auto, &[("GITLAB_CI", "false")]), Host::Other);
        assert_eq!(of(Ci::None, &github), Host::Other);
        assert_eq!(of(Ci::Gitlab, &github), Host::GitLab);
        assert_eq!(of(Ci::Github, &[]), Host::GitHub(None));
    }
}
