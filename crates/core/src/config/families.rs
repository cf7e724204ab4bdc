//! The families that make the columns of a matrix: crates that move in lockstep, and their pins.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use globset::{Glob, GlobSet, GlobSetBuilder};
use semver::{Version, VersionReq};
use toml::Spanned;

use super::Span;
use super::values::{check_name, count, requirement, version};
use crate::config::followers::{self, Followers, WrittenSets};
use crate::config::raw;
use crate::error::{SourceText, UserError};
use crate::model::cell::{Pin, PinnedAt};

/// Crates that move in lockstep, with their pins.
#[derive(Clone, Debug)]
pub struct Family {
    /// The filename-safe name.
    pub name: Spanned<String>,
    /// The crates that the subject requires.
    pub crates: Vec<Spanned<String>>,
    /// The keys of the dependencies that move, if the subject requires a crate under several keys;
    /// empty if all move.
    /// <https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#renaming-dependencies-in-cargotoml>
    pub keys: Vec<Spanned<String>>,
    /// Globs for crates that these crates pull in and that are pinned to the same version where it
    /// exists.
    pub companions: Companions,
    /// The crates that move with it under numbers of their own.
    pub followers: Followers,
    /// The versions of followers that are written out, by the version of the family.
    pub sets: WrittenSets,
    /// Crates that it brings in under numbers of their own, whose versions in the locks are shown.
    pub shown: Vec<Spanned<String>>,
    /// Whether a copy of its crates at another version than the pin's fails a cell.
    pub strict: bool,
    /// The published pins.
    pub pins: Pins,
    /// The unreleased pins, which come after all published ones.
    pub unreleased: Vec<Spanned<Pin>>,
}

impl Family {
    /// The names of the crates.
    #[must_use]
    pub fn crate_names(&self) -> Vec<&str> {
        self.crates.iter().map(|c| c.get_ref().as_str()).collect()
    }

    /// True if a dependency on a package moves with the family, by its key in the manifest.
    #[must_use]
    pub fn moves_by(&self, key: &str, package: &str) -> bool {
        let is_listed = self.crates.iter().any(|krate| krate.get_ref() == package);
        !is_listed || self.keys.is_empty() || self.keys.iter().any(|k| k.get_ref() == key)
    }

    /// True for the family's crates, companions and followers that are named.
    #[must_use]
    pub fn moves(&self, name: &str) -> bool {
        let mut followers = self.followers.named().iter();
        self.holds(name) || followers.any(|follower| follower.get_ref() == name)
    }

    /// True for the family's crates and companions.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.crates.iter().any(|c| c.get_ref() == name) || self.companions.hold(name)
    }
}

/// Globs for transitive dependencies that move along with a family.
#[derive(Clone, Debug)]
pub struct Companions {
    written: Vec<String>,
    set: GlobSet,
}

impl Companions {
    /// True for a crate that moves along with the family.
    #[must_use]
    pub fn hold(&self, name: &str) -> bool {
        self.set.is_match(name)
    }

    /// The globs as written.
    #[must_use]
    pub fn written(&self) -> &[String] {
        &self.written
    }
}

/// The published pins of a family.
#[derive(Clone, Debug)]
pub enum Pins {
    /// An explicit, ascending list.
    Written(Vec<Spanned<Version>>),
    /// Chosen from the published versions.
    Chosen(Box<PinRange>),
}

/// A rule that chooses pins from the published versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinRange {
    /// Its location in the file.
    pub span: Span,
    /// The first pin.
    pub from: Spanned<Version>,
    /// The last pin; `None` for the newest published version.
    pub to: Option<Spanned<Version>>,
    /// Which versions in between to take.
    pub choose: PinRule,
    /// The maximum number of pins, evenly spaced.
    pub at_most: Option<usize>,
    /// Versions to add.
    pub include: Vec<Spanned<Version>>,
    /// Versions to leave out.
    pub exclude: Vec<VersionReq>,
    /// Whether to consider yanked versions.
    pub yanked: bool,
    /// Whether to consider pre-releases.
    pub pre_releases: bool,
    /// The repository whose tags are the versions; `None` for what the registry has.
    pub tags: Option<TagSource>,
}

/// A repository whose tags stand for versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSource {
    /// Its URL.
    pub git: Spanned<String>,
    /// The pattern of the tags, such as `v{version}`.
    pub pattern: String,
}

/// Which published versions in a range become pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinRule {
    /// All versions.
    All,
    /// The last patch of each minor.
    LatestPatch,
    /// The last version of each major; for 0.x, of each minor, which semver treats like a major.
    LatestMinor,
    /// The first version of each major; for 0.x, of each minor.
    Majors,
}

pub(super) fn families(
    text: &SourceText,
    written: &[raw::Family],
) -> Result<Vec<Family>, UserError> {
    let mut families: Vec<Family> = Vec::new();
    let mut claimed: BTreeMap<String, &str> = BTreeMap::new();
    for written in written {
        let name = &written.name;
        check_name(text, name, "name of a family")?;
        if families.iter().any(|f| f.name.get_ref() == name.get_ref()) {
            return Err(text
                .error_at(format!("two families are named `{}`", name.get_ref()))
                .at(name.span(), "the second one")
                .help("names stand in cell names, so each family needs its own"));
        }
        if written.crates.get_ref().is_empty() {
            return Err(text
                .error_at(format!("family `{}` has no crates", name.get_ref()))
                .at(written.crates.span(), "empty")
                .help("name the crates that move in lockstep"));
        }
        let named = written.named_followers();
        for krate in written.crates.get_ref().iter().chain(&named) {
            if let Some(other) = claimed.insert(krate.get_ref().clone(), name.get_ref()) {
                return Err(claimed_twice(text, krate, other, name.get_ref()));
            }
        }
        families.push(Family {
            name: name.clone(),
            crates: written.crates.get_ref().clone(),
            keys: keys(text, written)?,
            companions: companions(text, &written.companions)?,
            followers: followers::followers(text, written, named)?,
            sets: followers::sets(text, written)?,
            shown: written.shown.clone(),
            strict: written.strict,
            pins: pins(text, written)?,
            unreleased: unreleased(text, written)?,
        });
    }
    if families.is_empty() {
        return Err(text
            .error_at("the matrix has no family of crates to move")
            .help("add `[[family]]` with `name`, `crates` and `pins`"));
    }
    Ok(families)
}

fn keys(text: &SourceText, written: &raw::Family) -> Result<Vec<Spanned<String>>, UserError> {
    match written.keys.first() {
        Some(key) if written.strict => Err(text
            .error_at("`keys` moves one of several copies, and `strict` allows no other copy")
            .at(key.span(), "in a family with `strict = true`")
            .help("leave one of the two out")),
        Some(_) | None => Ok(written.keys.clone()),
    }
}

fn claimed_twice(text: &SourceText, krate: &Spanned<String>, other: &str, name: &str) -> UserError {
    let krate_name = krate.get_ref();
    let message = if other == name {
        format!("family `{other}` names `{krate_name}` twice")
    } else {
        format!("families `{other}` and `{name}` both claim `{krate_name}`")
    };
    text.error_at(message)
        .at(krate.span(), "claimed a second time here")
        .help("a crate is held at one version, so it belongs to one family")
}

fn companions(text: &SourceText, written: &[Spanned<String>]) -> Result<Companions, UserError> {
    let mut set = GlobSetBuilder::new();
    for glob in written {
        set.add(Glob::new(glob.get_ref()).map_err(|e| {
            text.error_at(format!("`{}` is not a valid glob", glob.get_ref()))
                .at(glob.span(), e.kind().to_string())
        })?);
    }
    Ok(Companions {
        written: written.iter().map(|g| g.get_ref().clone()).collect(),
        set: set
            .build()
            .map_err(|e| text.error_at(format!("the companions do not fit together: {e}")))?,
    })
}

fn pins(text: &SourceText, family: &raw::Family) -> Result<Pins, UserError> {
    let Some(pins) = &family.pins else {
        return ladder(text, family, family.name.span(), &[]).map(Pins::Written);
    };
    match pins.get_ref() {
        raw::Pins::Written(written) => {
            ladder(text, family, pins.span(), written).map(Pins::Written)
        }
        raw::Pins::Chosen(range) => {
            choice(text, pins.span(), range).map(|range| Pins::Chosen(Box::new(range)))
        }
    }
}

/// Parses a ladder and checks that it ascends: "first", "last", "before" and "after" in every
/// report rely on that.
fn ladder(
    text: &SourceText,
    raw: &raw::Family,
    span: Span,
    pins: &[Spanned<raw::WrittenPin>],
) -> Result<Vec<Spanned<Version>>, UserError> {
    let family = raw.name.get_ref();
    let mut ladder: Vec<Spanned<Version>> = Vec::new();
    for written in pins {
        let version = match written.get_ref() {
            raw::WrittenPin::Version(at) => {
                version(text, &Spanned::new(written.span(), at.clone()))?
            }
            raw::WrittenPin::Set(set) => followers::leader(text, raw, written.span(), set)?,
            raw::WrittenPin::Git(_) => continue,
        };
        if let Some(last) = ladder.last().map(Spanned::get_ref) {
            if version.get_ref() == last {
                return Err(text
                    .error_at(format!("{last} stands twice on the ladder of `{family}`"))
                    .at(written.span(), "the second time"));
            }
            if version.get_ref() < last {
                return Err(text
                    .error_at(format!("the ladder of `{family}` is upside down"))
                    .at(
                        written.span(),
                        format!("{} stands after {last}", version.get_ref()),
                    )
                    .help("write the pins from the oldest to the newest"));
            }
        }
        ladder.push(version);
    }
    let has_others = !raw.unreleased.is_empty() || raw.git_pins().next().is_some();
    if ladder.is_empty() && !has_others {
        return Err(text
            .error_at(format!("the ladder of `{family}` is empty"))
            .at(span, "no pins")
            .help("name at least one published version, for example `pins = [\"1.0.0\"]`"));
    }
    Ok(ladder)
}

fn choice(text: &SourceText, span: Span, written: &raw::Range) -> Result<PinRange, UserError> {
    let from = version(text, &written.from)?;
    let to = written
        .to
        .as_ref()
        .map(|to| version(text, to))
        .transpose()?;
    if let Some(to) = to.as_ref().filter(|to| to.get_ref() < from.get_ref()) {
        return Err(text
            .error_at("the range of pins is upside down")
            .at(to.span(), format!("before {}", from.get_ref()))
            .help("`from` is the oldest pin and `to` the newest"));
    }
    let include = written.include.iter().map(|v| version(text, v));
    let exclude = written.exclude.iter().map(|req| requirement(text, req));
    let at_most = written.at_most.as_ref();
    Ok(PinRange {
        span,
        choose: written.choose,
        at_most: at_most.map(|n| count(text, "at-most", n, 2)).transpose()?,
        include: include.collect::<Result<_, _>>()?,
        exclude: exclude.collect::<Result<_, _>>()?,
        yanked: written.yanked,
        pre_releases: written.pre_releases,
        tags: tags(text, written)?,
        from,
        to,
    })
}

fn tags(text: &SourceText, written: &raw::Range) -> Result<Option<TagSource>, UserError> {
    match (&written.git, &written.tags) {
        (None, None) => Ok(None),
        (Some(git), Some(tags)) if tags.get_ref().contains("{version}") => Ok(Some(TagSource {
            git: git.clone(),
            pattern: tags.get_ref().clone(),
        })),
        (Some(_), Some(tags)) => Err(text
            .error_at(format!(
                "`{}` does not say where the version is",
                tags.get_ref()
            ))
            .at(tags.span(), "without `{version}`")
            .help("for example `tags = \"v{version}\"`")),
        (Some(one), None) | (None, Some(one)) => Err(text
            .error_at("`git` and `tags` go together")
            .at(one.span(), "one without the other")
            .help("write `git = \"URL\"` and `tags = \"v{version}\"`, or leave both out")),
    }
}

fn unreleased(text: &SourceText, family: &raw::Family) -> Result<Vec<Spanned<Pin>>, UserError> {
    let mut pins: Vec<Spanned<Pin>> = Vec::new();
    let of_list = family.git_pins().map(|(span, pin)| {
        let label = pin.label.clone().unwrap_or_else(|| label_of(&pin.rev));
        raw::Unreleased {
            label: Spanned::new(span, label),
            git: Some(pin.git.clone()),
            rev: Some(pin.rev.clone()),
            path: None,
        }
    });
    let of_list: Vec<raw::Unreleased> = of_list.collect();
    for written in of_list.iter().chain(&family.unreleased) {
        let label = &written.label;
        check_name(text, label, "label of a pin")?;
        let is_taken = |pin: &Spanned<Pin>| pin.get_ref().at.to_string() == *label.get_ref();
        if pins.iter().any(is_taken) || Version::parse(label.get_ref()).is_ok() {
            return Err(text
                .error_at(format!("a pin cannot be labelled `{}`", label.get_ref()))
                .at(label.span(), "another pin goes by that")
                .help("labels name columns and cells, so each needs its own"));
        }
        let at = match (&written.git, &written.rev, &written.path) {
            (Some(git), Some(rev), None) => PinnedAt::Git {
                label: label.get_ref().clone(),
                git: git.clone(),
                rev: rev.clone(),
            },
            (None, None, Some(path)) => PinnedAt::Path {
                label: label.get_ref().clone(),
                path: absolute(text, path)?,
            },
            (_, _, _) => {
                return Err(text
                    .error_at(format!("pin `{}` comes from nowhere", label.get_ref()))
                    .at(label.span(), "this pin")
                    .help("give either `git = \"URL\"` and `rev = \"COMMIT\"`, or `path = \"FOLDER\"`"));
            }
        };
        let family = family.name.get_ref().clone();
        pins.push(Spanned::new(label.span(), Pin { family, at }));
    }
    Ok(pins)
}

/// The label of a revision or tag, as a file name can hold it: a commit is shortened.
#[must_use]
pub fn label_of(rev: &str) -> String {
    if rev.len() == 40 && rev.chars().all(|c| c.is_ascii_hexdigit()) {
        return rev.chars().take(12).collect();
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let label: String = rev.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if Version::parse(&label).is_ok() {
        format!("tag-{label}")
    } else {
        label
    }
}

/// Makes a path relative to `matrix.toml` absolute, so that cells in other folders can use it.
fn absolute(text: &SourceText, written: &Spanned<String>) -> Result<Utf8PathBuf, UserError> {
    let path = std::path::absolute(text.folder().join(written.get_ref()));
    let path = path.ok().and_then(|p| Utf8PathBuf::from_path_buf(p).ok());
    let path = path.ok_or_else(|| {
        text.error_at(format!("`{}` is not a valid path", written.get_ref()))
            .at(written.span(), "cannot be written as text")
    })?;
    Ok(crate::path::normalized(&path))
}
