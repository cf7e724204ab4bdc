//! Failures that name a file that is in the working tree but not in the copy that cells work on,
//! and how to include it.

use pinmatrix_core::model::run::Run;

/// A line on the first such file, if there is one.
#[must_use]
pub fn line(run: &Run) -> Option<String> {
    let ended = run.cells.iter().filter_map(|c| Some((&c.id, c.outcome()?)));
    let mut found = ended.filter_map(|(cell, outcome)| Some((cell, outcome.left_out.first()?)));
    let (cell, path) = found.next()?;
    let how = match path.as_str() {
        ".git" => {
            "`git = true` under [subject] lets cells read the repository's metadata".to_owned()
        }
        path if path.starts_with('/') => format!(
            "`root = \"FOLDER\"` under [subject] names a folder that holds the subject and {path}"
        ),
        path => format!(
            "`include = [\"{path}\"]` under [subject] copies it; \"{path}/**\" where it is a folder"
        ),
    };
    Some(format!(
        "{cell} names {path}, which is in your tree and not in the copy that cells work on: {how}"
    ))
}
