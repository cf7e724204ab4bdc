//! The members of the subject that the cells of a family build and test.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pinmatrix_core::config::{ChosenPackages, Config, Family, PackageGlob};
use semver::Version;

use crate::manifest::{Manifest, edit_dependencies, requirements_of};
use crate::subject::lockfile::Lockfile;
use crate::subject::{Member, Subject};

/// The members that are built and tested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedPackages {
    /// The members, each with its version; `None` for every member.
    members: Option<BTreeMap<String, Version>>,
    /// True if the family can affect none of them.
    pub is_idle: bool,
}

/// Returns what a config selects of the subject for each of its families.
///
/// # Errors
///
/// Returns an error if a manifest cannot be read.
pub fn selections(
    config: &Config,
    subject: &Subject,
    lock: &Lockfile,
) -> Result<BTreeMap<String, SelectedPackages>> {
    let families = config.families.iter().map(|family| {
        let affected = Affected {
            family,
            manifests: &adjusted(config, family, subject)?,
            lock,
        };
        let selection = SelectedPackages::of(config, &subject.members, &affected);
        Ok((family.name.get_ref().clone(), selection))
    });
    families.collect()
}

/// Returns the manifests of a subject as they are, and after each adjustment of a family.
fn adjusted(config: &Config, family: &Family, subject: &Subject) -> Result<Vec<Vec<Manifest>>> {
    let as_they_are = subject.checkout.manifests(&subject.manifests)?;
    let adjustments = config.adjustments.iter();
    let adjustments = adjustments.filter(|a| a.family == *family.name.get_ref());
    let changed = adjustments
        .flat_map(|a| &a.change.dependencies)
        .map(|edits| {
            let mut manifests = as_they_are.clone();
            edit_dependencies(edits, &mut manifests.iter_mut().collect::<Vec<_>>());
            manifests
        });
    let changed: Vec<Vec<Manifest>> = changed.collect();
    Ok(changed.into_iter().chain([as_they_are]).collect())
}

impl SelectedPackages {
    fn of(config: &Config, members: &[Member], affected: &Affected<'_>) -> Self {
        let packages = &config.packages;
        let has_defaults = members.iter().any(|member| member.is_default);
        let affected = affected.names(members);
        let is_matched = |globs: &[PackageGlob], member: &Member| {
            globs.iter().any(|glob| glob.matches(&member.name))
        };
        let is_chosen = |member: &&Member| match &packages.chosen {
            ChosenPackages::All => true,
            ChosenPackages::Default => member.is_default || !has_defaults,
            ChosenPackages::Affected(_) => affected.contains(&*member.name),
            ChosenPackages::Matching(globs) => is_matched(globs, member),
        };
        let chosen = members.iter().filter(is_chosen);
        let chosen = chosen.filter(|member| !is_matched(&packages.excluded, member));
        let chosen = chosen.map(|member| (member.name.clone(), member.version.clone()));
        let chosen: BTreeMap<String, Version> = chosen.collect();
        Self {
            is_idle: !chosen.keys().any(|name| affected.contains(name.as_str())),
            members: (chosen.len() < members.len()).then_some(chosen),
        }
    }

    /// Returns true if every member is selected.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.members.is_none()
    }

    /// Returns true if no member is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.as_ref().is_some_and(BTreeMap::is_empty)
    }

    /// Returns true if a member is selected.
    #[must_use]
    pub fn holds(&self, member: &str) -> bool {
        self.members
            .as_ref()
            .is_none_or(|names| names.contains_key(member))
    }

    /// Returns cargo's flags that select the same packages, and with them their features. The lock
    /// can also hold a published version of a member; every cargo accepts `NAME:VERSION`.
    /// <https://doc.rust-lang.org/cargo/commands/cargo-test.html#package-selection>
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        match &self.members {
            None => vec!["--workspace".to_owned()],
            Some(members) => {
                let flag = |(name, version)| format!("--package={name}:{version}");
                members.iter().map(flag).collect()
            }
        }
    }
}

/// Tells which members a family can affect.
struct Affected<'a> {
    family: &'a Family,
    /// The manifests as they are, and after each adjustment of the family.
    manifests: &'a [Vec<Manifest>],
    lock: &'a Lockfile,
}

impl Affected<'_> {
    /// Returns the members that reach a crate of the family in the lock, or require one in their
    /// manifest. A member that the lock does not know may reach one.
    fn names<'m>(&self, members: &'m [Member]) -> BTreeSet<&'m str> {
        let is_sought = |name: &str| self.family.holds(name);
        let above = self.lock.above(is_sought);
        let required = self.manifests.iter().flat_map(|all| requirements_of(all));
        let requiring = required.filter(|(_, own)| is_sought(&own.package));
        let requiring: BTreeSet<&str> = requiring.filter_map(|(own, _)| own.package()).collect();
        let is_affected = |member: &&Member| {
            above.contains(&*member.name)
                || !self.lock.has_own(&member.name)
                || requiring.contains(&*member.name)
        };
        let affected = members.iter().filter(is_affected);
        affected.map(|member| member.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pinmatrix_core::error::SourceText;

    use super::*;
    use crate::testing::config;

    fn member(name: &str, is_default: bool) -> Member {
        Member {
            name: name.to_owned(),
            version: Version::new(0, 1, 0),
            needs: None,
            features: BTreeSet::new(),
            is_default,
        }
    }

    /// Returns the selected members among `app` and `base`, which use the family, and `plain`.
    fn selected(packages: &str, defaults: &[&str]) -> String {
        let text = config("")
            .text
            .content()
            .replacen('\n', &format!("\n{packages}\n"), 1);
        let text = SourceText::new(Path::new("matrix.toml"), text);
        let config = Config::parse(text).expect("a config");
        let lock: String = [
            ("app", "\"base\""),
            ("base", "\"gadget\""),
            ("plain", ""),
            ("gadget", ""),
        ]
        .map(|(name, uses)| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [{uses}]\n"
            )
        })
        .concat();
        let affected = Affected {
            family: &config.families[0],
            manifests: &[],
            lock: &Lockfile::parse(&lock),
        };
        let members = ["app", "base", "plain"].map(|name| member(name, defaults.contains(&name)));
        let selection = SelectedPackages::of(&config, &members, &affected);
        let flags = selection.flags().join(" ");
        flags.replace("--package=", "").replace(":0.1.0", "")
    }

    #[test]
    fn packages_are_selected_as_cargo_selects_them() {
        let all = "--workspace";
        assert_eq!(selected("", &[]), all);
        assert_eq!(selected("", &["plain"]), "plain");
        assert_eq!(selected("packages = \"all\"", &["plain"]), all);
        let affected = "app base";
        assert_eq!(selected("packages = \"affected\"", &[]), affected);
        assert_eq!(selected("packages = [\"*a*\"]", &[]), all);
        assert_eq!(selected("packages = [\"b*\", \"pl*\"]", &[]), "base plain");
        assert_eq!(selected("exclude-packages = [\"plain\"]", &[]), affected);
        let only = "packages = \"affected\"\nexclude-packages = [\"app\"]";
        assert_eq!(selected(only, &["plain"]), "base");
        assert_eq!(selected("packages = [\"none\"]", &[]), "");
    }
}
