//! The manifests of a drawn workspace, with all targets or without those that do not build.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::draft::{Asked, Draft, Member, Table, Target};

/// The requirement that the subject itself has on the family.
pub const OWN_REQUIREMENT: &str = ">=1.0.0";

/// The text of the manifest in the workspace's root, and of that of each member elsewhere: the
/// folder within the workspace, and the text. `off` is what is left out.
pub fn manifests(
    draft: &Draft,
    requirement: &str,
    off: &BTreeSet<TargetId>,
) -> Vec<(&'static str, String)> {
    let mut root = String::new();
    let mut all = Vec::new();
    for (index, member) in draft.members.iter().enumerate() {
        let text = package(draft, member, requirement, off);
        if index == 0 && draft.has_root_package {
            root.push_str(&text)
        } else {
            all.push((member.folder, text))
        }
    }
    let folders: Vec<String> = all
        .iter()
        .map(|(folder, _)| format!("{folder:?}"))
        .collect();
    writeln!(root, "[workspace]\nmembers = [{}]", folders.join(", ")).expect("memory");
    if let Some(resolver) = draft.resolver {
        writeln!(root, "resolver = \"{resolver}\"").expect("memory");
    }
    let lines = draft.workspace_lines.iter().chain(&draft.manifest);
    for line in lines {
        writeln!(root, "{line}").expect("memory");
    }
    if draft.inherits {
        root.push_str("[workspace.dependencies]\n");
        for name in ["gadget", "gadget-io"] {
            writeln!(root, "{name} = \"{requirement}\"").expect("memory");
        }
    }
    all.push(("", root));
    all
}

fn package(draft: &Draft, member: &Member, requirement: &str, off: &BTreeSet<TargetId>) -> String {
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"{}\"\npublish = false\n",
        member.name, member.edition
    );
    if let Some(links) = &member.links {
        writeln!(text, "links = \"{links}\"").expect("memory");
    }
    let is_explicit = member.is_explicit || member.edition == "2015" || !off.is_empty();
    if is_explicit {
        for kind in ["bins", "tests", "examples", "benches"] {
            writeln!(text, "auto{kind} = false").expect("memory");
        }
    }
    let mut lib: Vec<String> = member.lib_lines.iter().map(ToString::to_string).collect();
    if member.is_macro {
        lib.push("proc-macro = true".to_owned());
    }
    if let Some(name) = member.lib_name {
        lib.push(format!("name = \"{name}\""));
    }
    for (kind, key) in [(TargetKind::Lib, "test"), (TargetKind::Doc, "doctest")] {
        if off.contains(&member.lib_id(kind)) {
            lib.retain(|line| !line.starts_with(&format!("{key} = ")));
            lib.push(format!("{key} = false"));
        }
    }
    if !lib.is_empty() && member.lib.is_some() {
        writeln!(text, "[lib]\n{}", lib.join("\n")).expect("memory");
    }
    text.push_str("[features]\n");
    writeln!(
        text,
        "default = {:?}\nf0 = []\nf1 = [\"f0\"]",
        member.default
    )
    .expect("memory");
    // A feature that no other member has.
    if draft.members[0].name == member.name {
        text.push_str("only = []\n");
    }
    for ((table, name), asked) in &member.dependencies {
        let table = match table {
            Table::Normal => "dependencies",
            Table::Dev => "dev-dependencies",
            Table::Build => "build-dependencies",
        };
        writeln!(text, "[{table}.{}]", key(member, name)).expect("memory");
        text.push_str(&source(draft, member, name, requirement));
        text.push_str(&choice(asked));
    }
    for target in &member.targets {
        if let Some(section) = section(member, target, is_explicit, off) {
            text.push_str(&section);
        }
    }
    text
}

/// What a dependency is called in the manifest.
fn key<'a>(member: &'a Member, name: &'a str) -> &'a str {
    match name {
        "gadget" => member.gadget,
        name => name,
    }
}

/// Where a dependency comes from.
fn source(draft: &Draft, member: &Member, name: &str, requirement: &str) -> String {
    match draft.members.iter().find(|other| other.name == name) {
        Some(other) => {
            let way = match member.folder {
                "" => String::new(),
                folder => vec![".."; folder.split('/').count()].join("/") + "/",
            };
            format!("path = {:?}\n", way + other.folder)
        }
        // What is renamed cannot be inherited under another name.
        None if draft.inherits && key(member, name) == name => "workspace = true\n".to_owned(),
        None => format!("package = \"{name}\"\nversion = \"{requirement}\"\n"),
    }
}

fn choice(asked: &Asked) -> String {
    let mut text = String::new();
    if !asked.features.is_empty() {
        writeln!(text, "features = {:?}", asked.features).expect("memory");
        text = text.replace('{', "[").replace('}', "]");
    }
    if asked.without_default {
        text.push_str("default-features = false\n");
    }
    text
}

fn section(
    member: &Member,
    target: &Target,
    is_explicit: bool,
    off: &BTreeSet<TargetId>,
) -> Option<String> {
    let mut lines = Vec::new();
    let mut test = target.test;
    if off.contains(&member.id(target.kind, &target.name)) {
        // A binary is also what integration tests run; one that is off as a test can still build.
        if target.kind != TargetKind::Bin {
            return None;
        }
        test = Some(false);
    }
    if let Some(test) = test {
        lines.push(format!("test = {test}"));
    }
    if !target.harness {
        lines.push("harness = false".to_owned());
    }
    if let Some(feature) = target.required {
        lines.push(format!("required-features = [\"{feature}\"]"));
    }
    if lines.is_empty() && !is_explicit {
        return None;
    }
    let kind = target.kind;
    let path = target.path();
    let head = format!("[[{kind}]]\nname = \"{}\"\npath = {path:?}\n", target.name);
    Some(head + &lines.join("\n") + "\n")
}
