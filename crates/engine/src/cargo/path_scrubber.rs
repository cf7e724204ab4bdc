//! Removes the paths of a cell's own folders from what cargo and rustc print.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use camino::Utf8Path;

/// The paths that a cargo works in. They carry no information and differ between lanes and
/// machines.
#[derive(Clone, Copy)]
pub struct PathScrubber<'a> {
    /// The workspace it works on.
    pub folder: &'a Utf8Path,
    /// The copy of the checkout that contains the workspace.
    pub checkout: &'a Utf8Path,
    /// The only environment variables that it sees.
    pub vars: &'a BTreeMap<OsString, OsString>,
}

/// Returns text in which paths below a copy of a checkout are relative to the workspace in it.
#[must_use]
pub fn without_copy(text: &str, workspace: &Utf8Path, checkout: &Utf8Path) -> String {
    let text = replace_path(text, workspace, ".");
    let Ok(inside) = workspace.strip_prefix(checkout) else {
        return text;
    };
    let up: Vec<&str> = inside.components().map(|_| "..").collect();
    replace_path(&text, checkout, &up.join("/"))
}

/// Replaces a path in text. A longer name that starts with the path stays.
fn replace_path(text: &str, path: &Utf8Path, by: &str) -> String {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(path.as_str()) {
        replaced.push_str(before);
        // A dot ends a sentence unless more of a name follows it.
        let mut next = after.chars();
        let is_longer = match next.next() {
            Some('.') => next.next().is_some_and(goes_on),
            Some(c) => goes_on(c),
            None => false,
        };
        replaced.push_str(if is_longer { path.as_str() } else { by });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

impl PathScrubber<'_> {
    /// Returns text without the paths of the copy and of cargo's unpacked crates.
    #[must_use]
    pub fn without(&self, text: &str) -> String {
        let var = |name: &str| {
            self.vars
                .get(OsStr::new(name))
                .and_then(|value| value.to_str())
        };
        let text = without_copy(text, self.folder, self.checkout);
        let home = var("CARGO_HOME").map(str::to_owned);
        let home = home.or_else(|| Some(format!("{}/.cargo", var("HOME")?)));
        match home {
            Some(home) => without_unpacked(&text, &format!("{home}/registry/src/")),
            None => text,
        }
    }
}

/// Shortens `PLACE/REGISTRY/wasmtime-36.0.3/src/lib.rs` to `wasmtime-36.0.3/src/lib.rs`.
fn without_unpacked(text: &str, place: &str) -> String {
    let mut parts = text.split(place);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The registry's own folder is removed too.
        short.push_str(part.split_once('/').map_or(part, |(_, rest)| rest));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_go_by_their_name_and_version() {
        let message =
            "--> /h/registry/src/index-1/a-1.0.0/src/lib.rs:1 and /h/registry/src/i/b-2.0.0/x";
        let short = without_unpacked(message, "/h/registry/src/");
        assert_eq!(short, "--> a-1.0.0/src/lib.rs:1 and b-2.0.0/x");
    }
}
