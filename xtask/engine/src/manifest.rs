//! A `Cargo.toml` with its formatting: which crates it requires, and the changes a cell makes.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use crate::files::normal;
use crate::model::outcome::Kind;

/// The tables that hold requirements, in a package and below each of its `target.*`.
const DEPENDENCY_TABLES: [&str; 5] = [
    "dependencies",
    "dev-dependencies",
    "build-dependencies",
    // Cargo still reads these spellings.
    "dev_dependencies",
    "build_dependencies",
];

/// One manifest of the subject.
#[derive(Clone, Debug)]
pub struct Manifest {
    document: DocumentMut,
}

impl Manifest {
    /// Reads the text of a `Cargo.toml`.
    ///
    /// # Errors
    ///
    /// When it is not TOML.
    pub fn parse(text: &str) -> Result<Self> {
        let document = text.parse::<DocumentMut>().context("read a manifest")?;
        Ok(Self { document })
    }

    /// The manifest's text.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// The names of all packages it requires, renamed ones under their own name.
    #[must_use]
    pub fn required_packages(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        // Reading and writing walk the same tables, so reading works on a copy.
        self.clone().each_requirement(|name, _| {
            names.insert(name.to_owned());
        });
        names
    }

    /// Holds every requirement on one of `crates` at exactly `version`.
    ///
    /// A requirement that names a path or a git repository is turned into one on the published
    /// version: the pin is what the cell is about. One that inherits from the workspace is left
    /// alone, since the workspace's own is changed.
    pub fn pin(&mut self, crates: &[&str], version: &Version) {
        let exact = format!("={version}");
        self.each_requirement(|name, requirement| {
            if crates.contains(&name) {
                set_version(requirement, &exact);
            }
        });
        for table in self.patch_tables() {
            let patched: Vec<String> = table
                .iter()
                .filter(|(key, item)| crates.contains(&package_name(key, item)))
                .map(|(key, _)| key.to_owned())
                .collect();
            for key in patched {
                table.remove(&key);
            }
        }
    }

    /// Declares a rust-version, so that the resolver prefers packages that fit it.
    /// <https://doc.rust-lang.org/cargo/reference/resolver.html#rust-version>
    pub fn set_rust_version(&mut self, version: &Version) {
        if let Some(package) = table_in(self.document.as_table_mut(), "package") {
            package.remove("rust-version");
            package.insert("rust-version", toml_edit::value(version.to_string()));
        }
    }

    /// The folders that it depends on by path. `folder` is the manifest's own.
    #[must_use]
    pub fn paths(&self, folder: &Utf8Path) -> Vec<Utf8PathBuf> {
        let mut paths = Vec::new();
        // Reading and writing walk the same tables, so reading works on a copy.
        self.clone().each_path(|table| {
            if let Some(path) = table.get("path").and_then(Item::as_str) {
                paths.push(normal(&folder.join(path)));
            }
        });
        paths
    }

    /// Makes relative paths that leave `root` absolute, so that a copy elsewhere finds what they
    /// lead to. `folder` is the manifest's own folder, below `root`.
    pub fn anchor_paths(&mut self, folder: &Utf8Path, root: &Utf8Path) {
        self.each_path(|table| {
            let Some(path) = table.get("path").and_then(Item::as_str) else {
                return;
            };
            let leads_to = normal(&folder.join(path));
            if !leads_to.starts_with(root) {
                table.insert("path", toml_edit::value(leads_to.as_str()));
            }
        });
    }

    /// True when it is the root of a workspace.
    #[must_use]
    pub fn is_workspace(&self) -> bool {
        self.document.contains_key("workspace")
    }

    /// True when it declares a profile of that name.
    #[must_use]
    pub fn has_profile(&self, name: &str) -> bool {
        let profiles = self.document.get("profile").and_then(Item::as_table_like);
        profiles.is_some_and(|profiles| profiles.contains_key(name))
    }

    /// The targets that declare `harness = false`: they are programs of their own, and cargo's
    /// metadata does not tell (<https://github.com/rust-lang/cargo/issues/5371>).
    #[must_use]
    pub fn without_harness(&self) -> Vec<(Kind, Option<String>)> {
        let has_none =
            |table: &dyn TableLike| table.get("harness").and_then(Item::as_bool) == Some(false);
        let mut without = Vec::new();
        if self
            .document
            .get("lib")
            .and_then(Item::as_table_like)
            .is_some_and(has_none)
        {
            without.push((Kind::Lib, None));
        }
        let kinds = [
            ("bin", Kind::Bin),
            ("test", Kind::Test),
            ("example", Kind::Example),
            ("bench", Kind::Bench),
        ];
        for (key, kind) in kinds {
            let Some(targets) = self.document.get(key) else {
                continue;
            };
            // `[[test]]`, or `test = [{ ... }]`.
            let tables = targets.as_array_of_tables().into_iter().flatten();
            let tables = tables.map(|table| table as &dyn TableLike);
            let inline = targets.as_array().into_iter().flatten();
            let inline = inline.filter_map(|v| Some(v.as_inline_table()? as &dyn TableLike));
            for target in tables.chain(inline).filter(|target| has_none(*target)) {
                let name = target.get("name").and_then(Item::as_str);
                without.push((kind, name.map(str::to_owned)));
            }
        }
        without
    }

    fn each_path(&mut self, mut each: impl FnMut(&mut dyn TableLike)) {
        self.each_requirement(|_, requirement| {
            if let Some(table) = requirement.as_table_like_mut() {
                each(table);
            }
        });
        for patches in self.patch_tables() {
            for (_, patch) in patches.iter_mut() {
                if let Some(table) = patch.as_table_like_mut() {
                    each(table);
                }
            }
        }
    }

    fn each_requirement(&mut self, mut each: impl FnMut(&str, &mut Item)) {
        let root = self.document.as_table_mut();
        let mut visit = |table: &mut dyn TableLike| {
            for name in DEPENDENCY_TABLES {
                let Some(requirements) = table_in(table, name) else {
                    continue;
                };
                for (key, item) in requirements.iter_mut() {
                    let package = package_name(key.get(), item).to_owned();
                    each(&package, item);
                }
            }
        };
        visit(root);
        if let Some(workspace) = table_in(root, "workspace") {
            visit(workspace);
        }
        if let Some(targets) = table_in(root, "target") {
            for (_, target) in targets.iter_mut() {
                if let Some(target) = target.as_table_like_mut() {
                    visit(target);
                }
            }
        }
    }

    fn patch_tables(&mut self) -> impl Iterator<Item = &mut dyn TableLike> {
        table_in(self.document.as_table_mut(), "patch")
            .into_iter()
            .flat_map(|patch| patch.iter_mut())
            .filter_map(|(_, source)| source.as_table_like_mut())
    }
}

fn table_in<'a>(table: &'a mut dyn TableLike, name: &str) -> Option<&'a mut dyn TableLike> {
    table.get_mut(name).and_then(Item::as_table_like_mut)
}

/// The package that a requirement is on: its key, unless it is renamed.
#[must_use]
pub fn package_name<'a>(key: &'a str, requirement: &'a Item) -> &'a str {
    requirement
        .as_table_like()
        .and_then(|table| table.get("package"))
        .and_then(Item::as_str)
        .unwrap_or(key)
}

fn set_version(requirement: &mut Item, exact: &str) {
    if let Some(table) = requirement.as_table_like_mut() {
        if table.get("workspace").is_some() {
            return;
        }
        for source in ["path", "git", "branch", "tag", "rev"] {
            table.remove(source);
        }
        match table.get_mut("version").and_then(Item::as_value_mut) {
            Some(version) => replace_text(version, exact),
            None => {
                table.insert("version", toml_edit::value(exact));
            }
        }
    } else if let Some(version) = requirement.as_value_mut() {
        replace_text(version, exact);
    }
}

/// Changes a string and keeps the white space and comments around it.
fn replace_text(value: &mut Value, text: &str) {
    let around = value.decor().clone();
    *value = Value::from(text);
    *value.decor_mut() = around;
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_WAY: &str = r#"# kept
[package]
name = "p"   # kept too

[dependencies]
gadget = "1"            # plain
renamed = { package = "gadget", version = "1", features = ["x"] }
inherited = { package = "gadget", workspace = true }
near = { path = "../near", package = "gadget" }
far = { git = "https://example.invalid/far", branch = "main" }
other = "3"

[dev-dependencies.gadget-io]
version = "^1"
default-features = false

[target.'cfg(unix)'.build-dependencies]
gadget = {version="1"}

[workspace.dependencies]
gadget = "~1.0"

[patch.crates-io]
gadget = { path = "../fork" }
other = { path = "../other" }
"#;

    #[test]
    fn every_way_of_requiring_is_pinned_and_formatting_is_kept() {
        let mut manifest = Manifest::parse(EVERY_WAY).expect("TOML");
        manifest.pin(&["gadget", "gadget-io", "far"], &Version::new(2, 0, 0));
        insta::assert_snapshot!(manifest.text());
    }

    #[test]
    fn required_packages_have_their_own_names() {
        let manifest = Manifest::parse(EVERY_WAY).expect("TOML");
        let names: Vec<_> = manifest.required_packages().into_iter().collect();
        assert_eq!(names, ["far", "gadget", "gadget-io", "other"]);
    }

    #[test]
    fn a_path_that_leaves_the_subject_becomes_absolute() {
        let text = "[dependencies]\na = { path = \"../../out\" }\nb = { path = \"../in\" }\n";
        let mut manifest = Manifest::parse(text).expect("TOML");
        let member = Utf8Path::new("/w/member");
        assert_eq!(manifest.paths(member), ["/out", "/w/in"]);
        manifest.anchor_paths(member, Utf8Path::new("/w"));
        assert_eq!(
            manifest.text(),
            "[dependencies]\na = { path = \"/out\" }\nb = { path = \"../in\" }\n"
        );
    }

    #[test]
    fn targets_without_harness_are_found() {
        let text = "[[test]]\nname = \"a\"\nharness = false\n[[test]]\nname = \"b\"\n";
        let manifest = Manifest::parse(text).expect("TOML");
        assert_eq!(
            manifest.without_harness(),
            [(Kind::Test, Some("a".to_owned()))]
        );
        let inline = Manifest::parse("test = [{ name = \"c\", harness = false }]").expect("TOML");
        assert_eq!(
            inline.without_harness(),
            [(Kind::Test, Some("c".to_owned()))]
        );
    }
}
