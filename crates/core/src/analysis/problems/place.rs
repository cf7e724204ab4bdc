//! Source locations in the repository.

use std::fmt;

use camino::{Utf8Component, Utf8Path};
use semver::Version;

use crate::model::run::{CellRecord, Run, SourceRecord};

/// A source location in the subject's repository, or in the subject itself if it has no repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePlace {
    /// The file, relative to the top, with `/` separators.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// `app/tests/ratio.rs:7`.
impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The location for problems without one, for CI engines that require it: the subject's root
/// manifest.
#[must_use]
pub fn place_of_all(run: &Run) -> SourcePlace {
    let folder = run
        .sources
        .first()
        .and_then(|s| s.subject.folder.as_deref());
    let folder = folder.and_then(|folder| within(Utf8Path::new(folder)));
    let file = match folder {
        Some(folder) => format!("{folder}/Cargo.toml"),
        None => "Cargo.toml".to_owned(),
    };
    SourcePlace { file, line: 1 }
}

/// The maximum length of a path, in bytes, as on most systems.
const LONGEST_PATH: usize = 4096;

/// Normalizes a path to a file of the subject; `None` if it leads elsewhere: outside the subject,
/// into the target folder, or into an unpacked crate `NAME-VERSION`.
fn within(file: &Utf8Path) -> Option<String> {
    if file.as_str().len() > LONGEST_PATH || file.as_str().chars().any(char::is_control) {
        return None;
    }
    let mut parts = Vec::new();
    for component in file.components() {
        match component {
            Utf8Component::Normal(part) => parts.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir | Utf8Component::RootDir | Utf8Component::Prefix(_) => {
                return None;
            }
        }
    }
    let first = parts.first()?;
    let versions = first.match_indices('-').map(|(at, _)| &first[at + 1..]);
    let is_crate = versions.map(Version::parse).any(|version| version.is_ok());
    (*first != "target" && !is_crate).then(|| parts.join("/"))
}

/// The location relative to the repository; `None` if it is not in one of the subject's own files.
pub(super) fn in_repository(
    run: &Run,
    record: &CellRecord,
    (file, line): &(String, usize),
) -> Option<SourcePlace> {
    let label = &record.cell.row.source;
    let is_meant = |source: &&SourceRecord| source.label == *label;
    let source = run.sources.iter().find(is_meant)?;
    let file = file.replace('\\', "/");
    let file = within(Utf8Path::new(&file))?;
    let folder = source.subject.folder.as_deref().unwrap_or_default();
    let file = match within(Utf8Path::new(folder)) {
        Some(folder) => format!("{folder}/{file}"),
        None => file,
    };
    Some(SourcePlace { file, line: *line }).filter(|_| *line > 0)
}
