//! Finds what a failure mentions that is in the user's tree but not in the cell's copy.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::path::normalized;

use crate::subject::Subject;

/// The most words of one text that are checked, and the maximum length of a path in bytes.
const MOST_WORDS: usize = 1000;
const LONGEST: usize = 300;

/// Returns the paths that an outcome's failures mention and that are in the user's tree but not in
/// the copy: relative to the top of the checkout, or absolute outside of it.
#[must_use]
pub fn left_out(subject: &Subject, outcome: &Outcome) -> Vec<String> {
    let folders = subject.manifests.iter().filter_map(|path| path.parent());
    let folders: BTreeSet<&Utf8Path> = folders.chain([&*subject.inside]).collect();
    let failed = outcome
        .targets
        .iter()
        .filter(|target| target.status.is_failed());
    let texts = failed.flat_map(|target| {
        let errors = target.errors.iter();
        let errors = errors.flat_map(|e| [Some(e.message.as_str()), e.rendered.as_deref()]);
        errors.chain(target.cases.iter().map(|case| case.output.as_deref()))
    });
    let whole = outcome.errors.iter();
    let whole = whole.flat_map(|e| [Some(e.message.as_str()), e.rendered.as_deref()]);
    let texts = texts.chain(whole.filter(|_| outcome.status.is_failed()));
    let words: BTreeSet<&str> = texts.flatten().flat_map(paths).collect();
    let places = words
        .iter()
        .flat_map(|word| folders.iter().map(move |folder| (word, folder)));
    let found: BTreeSet<String> = places
        .filter_map(|(word, folder)| place(subject, folder, word))
        .map(Utf8PathBuf::into_string)
        .collect();
    found.into_iter().collect()
}

/// Returns the words of a text that can be paths.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`(),;:".contains(c));
    let words = words.map(|word| word.trim_end_matches('.'));
    let is_path = |word: &&str| word.len() <= LONGEST && word.contains(['/', '.']);
    words.filter(is_path).take(MOST_WORDS)
}

/// Resolves a path relative to a folder of the checkout, and returns it if the checkout leaves it
/// out. Build artifacts, which every checkout leaves out, do not count.
fn place(subject: &Subject, folder: &Utf8Path, word: &str) -> Option<Utf8PathBuf> {
    let checkout = &subject.checkout;
    let absolute = normalized(&checkout.origin.join(folder).join(word));
    match absolute.strip_prefix(&checkout.origin) {
        Ok(inside) => {
            let is_built = inside.starts_with(subject.inside.join("target"));
            (!is_built && checkout.leaves_out(inside)).then(|| inside.to_owned())
        }
        Err(_) => {
            let is_above = checkout.origin.starts_with(&absolute);
            let is_left_out = word.starts_with("..") && !is_above && absolute.exists();
            is_left_out.then_some(absolute)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_other_words() {
        let text = "couldn't read `app/src/../data/x.txt`: No such file or directory (os error 2)";
        assert_eq!(paths(text).collect::<Vec<_>>(), ["app/src/../data/x.txt"]);
        let text = "fatal: not a git repository (or any of the parent directories): .git";
        assert_eq!(paths(text).collect::<Vec<_>>(), [".git"]);
    }
}
