//! The shape of a workspace: where it lies, its members, who depends on whom with which features.

use pinmatrix_core::model::outcome::TargetKind;

use crate::draft::{Draft, Entry, Kept, Member, Source, Table, Toolchain};
use crate::grammar::places::{put, script};
use crate::grammar::site::{Fact, Place, Site, Wrap};
use crate::rng::Rng;

/// The pins that a matrix can have: 3.0.0 lacks `turn`, 5.0.0 rounds up.
const PINS: [&str; 5] = ["1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"];

/// A workspace with members that hold nothing yet.
pub fn shape(toolchain: Toolchain, rng: &mut Rng) -> Draft {
    let mut draft = Draft::new(toolchain);
    draft.pins = pins(rng);
    draft.name = rng.pick(&[
        "subject",
        "subject",
        "subject",
        "the subject",
        "größe",
        "a'b",
    ]);
    draft.in_git = rng.chance(55);
    if draft.in_git {
        draft.below = rng.pick(&["", "", "rust", "code/rust", "sub folder"]);
    }
    draft.has_root_package = rng.chance(40);
    draft.has_lock = rng.chance(85);
    if draft.in_git && rng.chance(20) {
        draft.ignored.push("Cargo.lock".to_owned());
    }
    draft.runs_twice = rng.chance(20);
    draft.inherits = toolchain.minor >= 64 && rng.chance(20);
    if rng.chance(15) {
        let line = "metadata = { note = \"for whoever reads it\" }";
        draft.workspace_lines.push(line.to_owned());
    }
    let resolvers: &[Option<&str>] = match toolchain.minor {
        84.. => &[None, Some("1"), Some("2"), Some("2"), Some("3")],
        _ => &[None, Some("1"), Some("2"), Some("2")],
    };
    draft.resolver = rng.pick(resolvers);
    let n_members = 1 + rng.below(3);
    let names = [
        ("one", "one"),
        ("two-b", "crates/two-b"),
        ("three", "crates/th ree"),
    ];
    for (index, (name, folder)) in names.into_iter().take(n_members).enumerate() {
        let folder = if index == 0 && draft.has_root_package {
            ""
        } else {
            folder
        };
        draft.members.push(member(toolchain, rng, name, folder));
    }
    if rng.chance(45) {
        let mut macros = member(toolchain, rng, "macros", "macros");
        macros.is_macro = true;
        macros.lib = Some(Source::default());
        draft.members.push(macros);
    }
    // Whatever else is drawn, the family is asked for.
    draft.members[0].ask(Table::Normal, "gadget");
    if draft.has_root_package && draft.members[0].lib.is_none() {
        draft.members[0].lib = Some(library());
    }
    draft
}

/// Three of the pins, in order.
fn pins(rng: &mut Rng) -> Vec<&'static str> {
    let mut pins = PINS.to_vec();
    while pins.len() > 3 {
        pins.remove(rng.below(pins.len()));
    }
    pins
}

fn member(toolchain: Toolchain, rng: &mut Rng, name: &'static str, folder: &'static str) -> Member {
    let editions: &[&str] = match toolchain.minor {
        85.. => &["2015", "2018", "2021", "2021", "2024", "2024"],
        _ => &["2015", "2018", "2021", "2021"],
    };
    Member {
        name,
        folder,
        edition: rng.pick(editions),
        is_macro: false,
        lib_lines: Vec::new(),
        lib_name: None,
        modules: Default::default(),
        links: None,
        lib: rng.chance(90).then(library),
        targets: Vec::new(),
        default: if rng.chance(35) {
            vec!["f0"]
        } else {
            Vec::new()
        },
        gadget: rng.pick(&["gadget", "gadget", "gears"]),
        dependencies: Default::default(),
        script: Source::default(),
        is_explicit: rng.chance(20),
    }
}

/// A library that tells which of its features are on.
fn library() -> Source {
    Source {
        items: BARE.to_owned(),
        ..Source::default()
    }
}

const BARE: &str = "pub const F0: bool = cfg!(feature = \"f0\");\n\
                pub const F1: bool = cfg!(feature = \"f1\");\n\
                pub const IS_TEST: bool = cfg!(test);\n\
                #[cfg(feature = \"f0\")] pub fn only_f0() -> bool { true }\n\
                #[cfg(feature = \"f1\")] pub fn only_f1() -> bool { true }\n";

/// A member asks for another with features.
pub fn asks(site: &mut Site<'_>) {
    if site.member == 0 {
        return;
    }
    let index = site.rng.below(site.member);
    let other = &site.draft.members[index];
    if other.lib.is_none() || other.is_macro || site.draft.members[site.member].is_macro {
        return;
    }
    let name = other.name;
    let table = site.rng.pick(&[Table::Normal, Table::Dev, Table::Build]);
    let features = site.rng.pick(&[&["f0"][..], &["f1"], &["f0", "f1"], &[]]);
    let without_default = site.rng.chance(25);
    let asked = site.draft.members[site.member].ask(table, name);
    asked.features.extend(features);
    asked.without_default |= without_default;
    if table == Table::Build {
        let krate = name.replace('-', "_");
        let declared = match site.edition() {
            "2015" => format!("extern crate {krate}; "),
            _ => String::new(),
        };
        let line = format!("        {declared}assert!({krate}::F0 || !{krate}::F1);\n");
        script(site, &line);
    }
}

/// A member is tested with the help of one that depends on it.
pub fn dev_cycle(site: &mut Site<'_>) {
    let n_members = site.draft.members.len();
    if site.member + 1 >= n_members {
        return;
    }
    let index = site.member + 1 + site.rng.below(n_members - site.member - 1);
    let own = site.draft.members[site.member].name;
    let other = &mut site.draft.members[index];
    if other.is_macro || other.lib.is_none() || site.draft.members[site.member].lib.is_none() {
        return;
    }
    let other = &mut site.draft.members[index];
    other.ask(Table::Normal, own);
    let name = other.name;
    site.draft.members[site.member].ask(Table::Dev, name);
}

/// Features that are asked for on the command line.
pub fn flags(site: &mut Site<'_>) {
    if !site.draft.flags.is_empty() {
        return;
    }
    let has_new_resolver = matches!(site.draft.resolver, Some("2" | "3"));
    let (flag, line) = match site.rng.below(5) {
        0 => ("--all-features", "all-features = true"),
        1 if has_new_resolver => ("--no-default-features", "default-features = false"),
        2 if has_new_resolver => ("--features=only", "features = [\"only\"]"),
        3 if has_new_resolver => ("--features=one/f0", "features = [\"one/f0\"]"),
        _ if has_new_resolver => ("--features=f0", "features = [\"f0\"]"),
        _ => return,
    };
    site.draft.flags.push((flag.to_owned(), line.to_owned()));
}

/// What the root manifest says of profiles.
pub fn profile(site: &mut Site<'_>) {
    if !site.draft.manifest.is_empty() {
        return;
    }
    let lines = site.rng.pick(&[
        "[profile.test]\ndebug-assertions = false",
        "[profile.dev]\ndebug-assertions = false",
        "[profile.dev]\npanic = \"abort\"",
        "[profile.test]\nopt-level = 1",
        "[profile.dev]\noverflow-checks = false",
    ]);
    site.draft.manifest.push(lines.to_owned());
}

/// Something odd about a library.
pub fn library_lines(site: &mut Site<'_>) {
    let member = &mut site.draft.members[site.member];
    if member.is_macro || member.lib.is_none() || !member.lib_lines.is_empty() {
        return;
    }
    let line = site.rng.pick(&[
        "test = false",
        "doctest = false",
        "crate-type = [\"lib\", \"cdylib\"]",
        "crate-type = [\"rlib\", \"staticlib\"]",
    ]);
    member.lib_lines.push(line);
}

/// A library that is not called what its package is called.
pub fn library_name(site: &mut Site<'_>) {
    let at = site.member;
    let member = &mut site.draft.members[at];
    // Code that is drawn already calls it by its old name.
    let is_bare = member.lib.as_ref().is_some_and(|lib| lib.items == BARE);
    let is_named = !is_bare || !member.targets.is_empty();
    if at + 1 == site.draft.members.len() && !is_named && !site.draft.members[at].is_macro {
        site.draft.members[at].lib_name = Some("own_name");
    }
}

/// A binary with the name of its package, in `src/main.rs`.
pub fn main_binary(site: &mut Site<'_>) {
    let member = &mut site.draft.members[site.member];
    if member
        .targets
        .iter()
        .any(|target| target.name == member.name)
    {
        return;
    }
    let target = member.add(TargetKind::Bin, member.name.to_owned());
    target.is_main = true;
    target
        .source
        .items
        .push_str("#[test] fn of_the_binary() {}\n");
}

/// A target that says of itself whether it has tests.
pub fn target_lines(site: &mut Site<'_>) {
    let kind = site.rng.pick(&[TargetKind::Bin, TargetKind::Example]);
    let says = site.rng.pick(&[true, false]);
    let at = site.target(kind, true, false);
    let target = &mut site.draft.members[site.member].targets[at];
    target.test = target.test.or(Some(says));
}

/// A package that tells the build scripts of those that depend on it.
pub fn links(site: &mut Site<'_>) {
    let n_members = site.draft.members.len();
    if site.member + 1 >= n_members || site.draft.members[site.member].links.is_some() {
        return;
    }
    let user = site.member + 1 + site.rng.below(n_members - site.member - 1);
    let (own, other) = (&site.draft.members[site.member], &site.draft.members[user]);
    if own.is_macro || other.is_macro || own.lib.is_none() || other.lib.is_none() {
        return;
    }
    let native = site.draft.fresh("native");
    let name = site.draft.members[site.member].name;
    site.draft.members[site.member].links = Some(native.clone());
    script(site, "        println!(\"cargo:told=yes\");\n");
    site.member = user;
    site.draft.members[user].ask(Table::Normal, name);
    let var = site.draft.fresh("LINKED_");
    let key = format!("DEP_{}_TOLD", native.to_uppercase());
    let line = format!(
        "        println!(\"cargo:rustc-env={var}={{}}\", std::env::var({key:?}).unwrap_or_default());\n"
    );
    script(site, &line);
    let fact = Fact::plain(format!("env!({var:?}) == \"yes\""));
    put(site, Place::LibUnit, Wrap::Assert, &fact);
}

/// A name that two members' tests have.
pub fn same_name(site: &mut Site<'_>) {
    for member in &mut site.draft.members {
        if member.targets.iter().any(|target| target.name == "same") {
            continue;
        }
        let target = member.add(TargetKind::Test, "same".to_owned());
        target.source.items.push_str("#[test] fn same() {}\n");
        target.is_closed = true;
    }
}

/// Large data that git ignores.
pub fn ignored_data(site: &mut Site<'_>) {
    if !site.draft.in_git {
        return;
    }
    let name = site.draft.fresh("data-");
    site.draft.ignored.push(format!("{name}/"));
    let entry = Entry::File(vec![0; 4096], 0o644);
    let path = format!("{name}/large");
    site.draft
        .entries
        .insert(path.into(), (entry, Kept::Ignored));
}
