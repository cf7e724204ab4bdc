//! Which members of the subject are built and tested.

use globset::{Glob, GlobMatcher};
use toml::Spanned;

use super::{Config, Span};
use crate::config::raw;
use crate::error::{SourceText, UserError};

/// Which members of the subject are built and tested: those that are chosen, without those that are
/// excluded.
#[derive(Clone, Debug)]
pub struct PackageSelection {
    /// The members that are chosen.
    pub chosen: ChosenPackages,
    /// The members that are excluded.
    pub excluded: Vec<PackageGlob>,
}

/// The members that are chosen.
#[derive(Clone, Debug)]
pub enum ChosenPackages {
    /// The workspace's `default-members`, or every member if it names none.
    /// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-default-members-field>
    Default,
    /// Every member.
    All,
    /// The members that reach a crate of the family. The span is where the file says so.
    Affected(Span),
    /// The members whose name matches one of these.
    Matching(Vec<PackageGlob>),
}

/// A glob for names of packages.
#[derive(Clone, Debug)]
pub struct PackageGlob {
    /// As it is written; without a location if a flag has it.
    pub written: Spanned<String>,
    matcher: GlobMatcher,
}

impl PackageGlob {
    /// Whether a package has a name that matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// Reads a glob; an error points to it if it has a location in the file.
    fn of(text: &SourceText, written: &Spanned<String>) -> Result<Self, UserError> {
        let glob = Glob::new(written.get_ref()).map_err(|e| {
            let error = format!("`{}` is not a valid glob", written.get_ref());
            let help = "for example `core` or `plugin-*`";
            match written.span() {
                span if span.is_empty() => UserError::new(error).help(help),
                span => text
                    .error_at(error)
                    .at(span, e.kind().to_string())
                    .help(help),
            }
        })?;
        Ok(Self {
            written: written.clone(),
            matcher: glob.compile_matcher(),
        })
    }
}

impl Config {
    /// Builds and tests every member.
    pub fn take_workspace(&mut self) {
        self.packages = PackageSelection {
            chosen: ChosenPackages::All,
            excluded: Vec::new(),
        };
    }

    /// Builds and tests the members whose names match one of these globs.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] if one is not a valid glob.
    pub fn take_packages(&mut self, globs: &[String]) -> Result<(), UserError> {
        self.packages = PackageSelection {
            chosen: ChosenPackages::Matching(self.globs(globs)?),
            excluded: Vec::new(),
        };
        Ok(())
    }

    /// Leaves out the members whose names match one of these globs.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] if one is not a valid glob.
    pub fn exclude_packages(&mut self, globs: &[String]) -> Result<(), UserError> {
        let globs = self.globs(globs)?;
        self.packages.excluded.extend(globs);
        Ok(())
    }

    fn globs(&self, written: &[String]) -> Result<Vec<PackageGlob>, UserError> {
        let written: Vec<Spanned<String>> = written
            .iter()
            .map(|glob| Spanned::new(0..0, glob.clone()))
            .collect();
        globs(&self.text, &written)
    }
}

fn globs(text: &SourceText, written: &[Spanned<String>]) -> Result<Vec<PackageGlob>, UserError> {
    let globs = written.iter().map(|glob| PackageGlob::of(text, glob));
    globs.collect()
}

pub(super) fn packages(
    text: &SourceText,
    subject: &raw::Subject,
) -> Result<PackageSelection, UserError> {
    let excluded = globs(text, &subject.exclude_packages)?;
    let chosen = match &subject.packages {
        None => ChosenPackages::Default,
        Some(written) => match written.get_ref() {
            raw::NamesOrWord::Names(names) if names.is_empty() => {
                return Err(text
                    .error_at("no packages are chosen")
                    .at(written.span(), "an empty list")
                    .help("leave it out, or write `packages = \"all\"`"));
            }
            raw::NamesOrWord::Names(names) => ChosenPackages::Matching(globs(text, names)?),
            raw::NamesOrWord::Word(word) => match word.as_str() {
                "all" => ChosenPackages::All,
                "affected" => ChosenPackages::Affected(written.span()),
                _ => {
                    return Err(text
                        .error_at(format!("`{word}` is not a choice of packages"))
                        .at(written.span(), "neither a list nor `all` nor `affected`")
                        .help(format!(
                            "to choose one package, write `packages = [\"{word}\"]`"
                        )));
                }
            },
        },
    };
    Ok(PackageSelection { chosen, excluded })
}
