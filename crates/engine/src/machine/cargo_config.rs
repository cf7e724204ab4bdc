//! Reads a `.cargo/config.toml`: the paths that a copy elsewhere must still find, and `[env]`.
//! <https://doc.rust-lang.org/cargo/reference/config.html>

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::path::normalized;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use crate::manifest::package_name;

/// The paths of a subject's own config, relative to its root; cargo prefers the second.
pub const PLACES: [&str; 2] = [".cargo/config.toml", ".cargo/config"];

/// Makes relative paths that leave `top` absolute, and removes patches of packages that are `lifted`,
/// since they would override the pin. The paths are relative to `root`.
///
/// # Errors
///
/// Returns an error if the text is not valid TOML.
pub fn anchored(
    text: &str,
    root: &Utf8Path,
    top: &Utf8Path,
    is_lifted: impl Fn(&str) -> bool,
) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("read a cargo config")?;
    let table = document.as_table_mut();
    if let Some(sources) = table.get_mut("source").and_then(Item::as_table_like_mut) {
        for (_, source) in sources.iter_mut() {
            for key in ["local-registry", "directory"] {
                anchor(source.get_mut(key), root, top);
            }
        }
    }
    if let Some(patches) = table.get_mut("patch").and_then(Item::as_table_like_mut) {
        for (_, patch) in patches.iter_mut() {
            let Some(crates) = patch.as_table_like_mut() else {
                continue;
            };
            let replaced: Vec<String> = crates
                .iter()
                .filter(|(key, krate)| is_lifted(package_name(key, krate)))
                .map(|(key, _)| key.to_owned())
                .collect();
            for key in replaced {
                crates.remove(&key);
            }
            for (_, krate) in crates.iter_mut() {
                anchor(krate.get_mut("path"), root, top);
            }
        }
    }
    if let Some(paths) = table.get_mut("paths").and_then(Item::as_array_mut) {
        for path in paths.iter_mut() {
            anchor_value(path, root, top);
        }
    }
    Ok(document.to_string())
}

/// Returns the packages that the `[patch]` tables of a config replace; none if it is not valid.
#[must_use]
pub fn patched(text: &str) -> Vec<String> {
    let document = text.parse::<DocumentMut>().unwrap_or_default();
    let patches = document.get("patch").and_then(Item::as_table_like);
    let patches = patches.into_iter().flat_map(TableLike::iter);
    let crates = patches.filter_map(|(_, source)| source.as_table_like());
    let names = crates.flat_map(TableLike::iter);
    names
        .map(|(key, krate)| package_name(key, krate).to_owned())
        .collect()
}

/// Returns the folders outside the registry from which a config takes packages. Its paths are
/// relative to `root`.
#[must_use]
pub fn folders(text: &str, root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(document) = text.parse::<DocumentMut>() else {
        return Vec::new();
    };
    let tables = |name: &str| {
        let table = document.get(name).and_then(Item::as_table_like);
        let items = table.into_iter().flat_map(TableLike::iter);
        items.filter_map(|(_, item)| item.as_table_like())
    };
    let sources = tables("source")
        .flat_map(|source| ["local-registry", "directory"].map(|key| source.get(key)))
        .flatten();
    let patches = tables("patch")
        .flat_map(TableLike::iter)
        .filter_map(|(_, krate)| krate.as_table_like()?.get("path"));
    let paths = document.get("paths").and_then(Item::as_array);
    let paths = paths.into_iter().flatten().filter_map(Value::as_str);
    let named = sources.chain(patches).filter_map(Item::as_str);
    named.chain(paths).map(|path| root.join(path)).collect()
}

fn anchor(item: Option<&mut Item>, root: &Utf8Path, top: &Utf8Path) {
    if let Some(value) = item.and_then(Item::as_value_mut) {
        anchor_value(value, root, top);
    }
}

fn anchor_value(value: &mut Value, root: &Utf8Path, top: &Utf8Path) {
    let Some(path) = value.as_str() else { return };
    let leads_to = normalized(&root.join(path));
    if !leads_to.starts_with(top) {
        *value = Value::from(leads_to.as_str());
    }
}

/// Returns the runner in the first `[target.…]` table of a config whose key is meant. A program with a
/// slash is relative to `root`.
#[must_use]
pub fn runner(text: &str, root: &Utf8Path, is_meant: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let document = text.parse::<DocumentMut>().ok()?;
    let targets = document.get("target")?.as_table_like()?;
    let mut meant = targets.iter().filter(|(key, _)| is_meant(key));
    let runner = meant.find_map(|(_, table)| words(table.as_table_like()?.get("runner")?))?;
    Some(with_program_in(runner, root))
}

/// Makes the program of a command absolute if it is a path and not a name.
#[must_use]
pub fn with_program_in(mut command: Vec<String>, root: &Utf8Path) -> Vec<String> {
    if let Some(program) = command.first_mut().filter(|program| program.contains('/')) {
        *program = root.join(&*program).into_string();
    }
    command
}

/// Returns the platforms that a config builds for.
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget>
#[must_use]
pub fn build_targets(text: &str) -> Vec<String> {
    let document = text.parse::<DocumentMut>().unwrap_or_default();
    let build = document.get("build").and_then(Item::as_table_like);
    let target = build.and_then(|build| build.get("target"));
    target.and_then(words).unwrap_or_default()
}

/// Reads words that a config has as one string, or as a list.
fn words(item: &Item) -> Option<Vec<String>> {
    if let Some(text) = item.as_str() {
        return Some(text.split_whitespace().map(str::to_owned).collect());
    }
    let list = item.as_array()?.iter();
    Some(
        list.filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
    )
}

/// Reads the `[env]` table as cargo applies it to the programs it runs: a relative value is
/// relative to `root`, and a value without `force` gives way to a variable that `outside` has.
/// <https://doc.rust-lang.org/cargo/reference/config.html#env>
#[must_use]
pub fn env(
    text: &str,
    root: &Utf8Path,
    outside: impl Fn(&str) -> bool,
) -> BTreeMap<String, String> {
    let Ok(document) = text.parse::<DocumentMut>() else {
        return BTreeMap::new();
    };
    let table = document.get("env").and_then(Item::as_table_like);
    let mut env = BTreeMap::new();
    for (name, item) in table.into_iter().flat_map(TableLike::iter) {
        let entry = item.as_table_like();
        let flag = |key: &str| {
            entry
                .and_then(|e| e.get(key))
                .and_then(Item::as_bool)
                .unwrap_or(false)
        };
        let written = item.as_str().or_else(|| entry?.get("value")?.as_str());
        let Some(written) = written else { continue };
        if outside(name) && !flag("force") {
            continue;
        }
        let value = if flag("relative") {
            root.join(written).into_string()
        } else {
            written.to_owned()
        };
        env.insert(name.to_owned(), value);
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_subject_are_anchored_and_the_rest_is_kept() {
        let text = "# mine\n[source.near]\nlocal-registry = \"../registry\"\n\
                    [source.own]\ndirectory = \"vendor\"\n";
        let root = Utf8Path::new("/w/subject");
        let kept = anchored(text, root, Utf8Path::new("/w"), |_| false).expect("TOML");
        assert_eq!(kept, text);
        let anchored = anchored(text, root, root, |_| false).expect("TOML");
        assert_eq!(anchored, text.replace("\"../registry\"", "\"/w/registry\""));
    }

    #[test]
    fn folders_that_packages_come_from_are_found() {
        let text = "paths = [\"../one\"]\n[source.near]\nlocal-registry = \"/registry\"\n\
                    [patch.crates-io]\na = { path = \"a\" }\nb = { git = \"x\" }\n";
        let found = folders(text, Utf8Path::new("/w"));
        assert_eq!(found, ["/registry", "/w/a", "/w/../one"]);
    }

    #[test]
    fn the_runner_is_that_of_a_table_that_is_meant() {
        let text = "[target.x86_64-linux]\nrunner = \"ci/run --fast\"\n\
                    [target.'cfg(unix)']\nrunner = [\"valgrind\", \"a b\"]\n\
                    [build]\ntarget = \"x86_64-linux\"\n";
        let of = |meant: &str| {
            let runner = runner(text, Utf8Path::new("/w"), |key| key == meant);
            runner.map(|words| words.join("|"))
        };
        assert_eq!(of("x86_64-linux").as_deref(), Some("/w/ci/run|--fast"));
        assert_eq!(of("cfg(unix)").as_deref(), Some("valgrind|a b"));
        assert_eq!(of("other"), None);
        assert_eq!(build_targets(text), ["x86_64-linux"]);
        assert_eq!(
            build_targets("[build]\ntarget = [\"a\", \"b\"]\n"),
            ["a", "b"]
        );
        assert!(build_targets("").is_empty());
    }

    #[test]
    fn patches_of_pinned_crates_are_taken_out() {
        let text = "[patch.crates-io]\na = { path = \"fork\" }\nb = { path = \"../b\" }\n";
        let root = Utf8Path::new("/w/s");
        let anchored = anchored(text, root, root, |name| name == "a").expect("TOML");
        assert_eq!(anchored, "[patch.crates-io]\nb = { path = \"/w/b\" }\n");
    }

    #[test]
    fn the_env_table_is_applied_as_cargo_does() {
        let text = "[env]\nA = \"1\"\nB = { value = \"data\", relative = true }\n\
                    C = { value = \"2\", force = true }\nD = \"3\"\n";
        let env = env(text, Utf8Path::new("/w"), |name| matches!(name, "C" | "D"));
        let message: Vec<_> = env.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(message, ["A=1", "B=/w/data", "C=2"]);
    }
}
