//! Versions that a git repository has as tags, for a family that no registry has.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::Result;
use pinmatrix_core::config::{Config, Network, Pins, TagSource, label_of};

use crate::subject::git::alone;
use pinmatrix_core::model::cell::{Pin, PinnedAt};
use semver::Version;
use toml::Spanned;
use xshell::{Shell, cmd};

use crate::machine::answer::answer;
use crate::registry::ladder::chosen;
use crate::registry::releases::Release;

/// Replaces pins that are chosen from tags by the commits of these tags.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) if the tags cannot be listed, or if none is in the range.
pub fn take_tags(config: &mut Config, network: Network) -> Result<()> {
    let text = config.text.clone();
    for family in &mut config.families {
        let Pins::Chosen(choice) = &family.pins else {
            continue;
        };
        let Some(source) = &choice.tags else { continue };
        let url = source.git.get_ref();
        let failed = |why: String| {
            let error = text.error_at(format!("the tags of {url} cannot be listed"));
            error.at(source.git.span(), "this repository").help(why)
        };
        if !is_url(url) {
            return Err(failed(format!("write a folder as a URL: `file://{url}`")).into());
        }
        if network == Network::Offline && !url.starts_with("file:") {
            return Err(failed("this needs the network; leave `--offline` out".to_owned()).into());
        }
        let commits = commits(source).map_err(failed)?;
        let ends = [Some(&choice.from), choice.to.as_ref()]
            .into_iter()
            .flatten();
        let unknown = ends
            .chain(&choice.include)
            .find(|v| !commits.contains_key(v.get_ref()));
        if let Some(unknown) = unknown {
            let version = unknown.get_ref();
            let nearest = commits.keys().rfind(|other| *other < version);
            let nearest = nearest.or_else(|| commits.keys().next());
            let help = match nearest.and_then(|version| commits.get(version)) {
                Some((tag, _)) => format!("the nearest tag is {tag}"),
                None => format!("its tags look like `{}`", source.pattern),
            };
            return Err(text
                .error_at(format!("no tag of {url} is {version}"))
                .at(unknown.span(), "not among its tags")
                .help(help)
                .into());
        }
        let releases = commits.keys().map(|version| Release::at(version.clone()));
        let releases: Vec<Release> = releases.collect();
        let rungs = chosen(choice, &releases);
        let pins = rungs.iter().filter_map(|version| {
            let (tag, commit) = commits.get(version)?;
            let at = PinnedAt::Git {
                label: label_of(tag),
                git: url.clone(),
                rev: commit.clone(),
            };
            let family = family.name.get_ref().clone();
            Some(Spanned::new(choice.span.clone(), Pin { family, at }))
        });
        let pins: Vec<Spanned<Pin>> = pins.collect();
        let labels = family
            .unreleased
            .iter()
            .map(|pin| pin.get_ref().at.to_string());
        let labels: BTreeSet<String> = labels.collect();
        let is_taken = |pin: &&Spanned<Pin>| labels.contains(&pin.get_ref().at.to_string());
        if let Some(pin) = pins.iter().find(is_taken) {
            let label = pin.get_ref().at.to_string();
            return Err(text
                .error_at(format!("two pins are labelled `{label}`"))
                .at(choice.span.clone(), "one of them is a tag")
                .help("give the one under `unreleased` another label")
                .into());
        }
        family.unreleased.splice(0..0, pins);
        family.pins = Pins::Written(Vec::new());
    }
    Ok(())
}

/// Returns true for what cargo takes as the URL of a repository.
fn is_url(git: &str) -> bool {
    git.contains("://")
}

/// Returns the tag and the commit of each version; the error is git's message.
fn commits(source: &TagSource) -> Result<BTreeMap<Version, (String, String)>, String> {
    let shell = Shell::new().map_err(|e| e.to_string())?;
    let url = source.git.get_ref();
    let list = cmd!(shell, "git ls-remote --tags -- {url}");
    let list = alone(list).env("GIT_TERMINAL_PROMPT", "0");
    let listed = answer(Command::from(list)).map_err(|e| format!("{e:#}"))?;
    Ok(versions(&listed, &source.pattern))
}

/// Reads `git ls-remote --tags`: `COMMIT<tab>refs/tags/NAME`, and for an annotated tag a second line
/// `NAME^{}` with the commit that it means.
/// <https://git-scm.com/docs/git-ls-remote>
fn versions(listed: &str, pattern: &str) -> BTreeMap<Version, (String, String)> {
    let (before, behind) = pattern.split_once("{version}").unwrap_or((pattern, ""));
    let mut versions = BTreeMap::new();
    for line in listed.lines() {
        let Some((commit, name)) = line.split_once("\trefs/tags/") else {
            continue;
        };
        let tag = name.trim_end_matches("^{}");
        let version = tag
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(behind));
        if let Some(Ok(version)) = version.map(Version::parse) {
            versions.insert(version, (tag.to_owned(), commit.to_owned()));
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_versions_and_an_annotated_one_means_its_commit() {
        let listed = "aa\trefs/tags/v0.1.0\nbb\trefs/tags/v0.2.0\ncc\trefs/tags/v0.2.0^{}\n\
                      dd\trefs/tags/other-0.3.0\nee\trefs/tags/v1\nff refs/heads/main\n";
        let versions = versions(listed, "v{version}").into_iter();
        let versions = versions.map(|(version, (tag, commit))| format!("{version} {tag} {commit}"));
        let versions: Vec<String> = versions.collect();
        assert_eq!(versions, ["0.1.0 v0.1.0 aa", "0.2.0 v0.2.0 cc"]);
    }
}
