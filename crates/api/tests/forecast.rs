//! Small families at two versions, and what changes for code that uses them.

use std::collections::BTreeMap;

use camino::Utf8Path;
use pinmatrix_api::forecast::step;
use pinmatrix_api::offer::Offer;
use pinmatrix_api::tree::{CrateTree, read};
use pinmatrix_api::uses::{TargetSources, Uses, scan};
use pinmatrix_core::model::forecast::{Change, Finding};
use proptest::prelude::*;

/// Files by path, written as `-- PATH` before each.
fn files(text: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut path = "src/lib.rs".to_owned();
    for line in text.lines() {
        match line.trim().strip_prefix("-- ") {
            Some(next) => path = next.to_owned(),
            None => {
                let file: &mut String = files.entry(path.clone()).or_default();
                file.push_str(line);
                file.push('\n');
            }
        }
    }
    files
}

fn tree(name: &str, text: &str) -> CrateTree {
    let files = files(text);
    let read_file = |path: &Utf8Path| files.get(path.as_str()).cloned();
    read(
        name,
        Utf8Path::new("src/lib.rs"),
        &BTreeMap::new(),
        &read_file,
    )
}

fn is_family(name: &str) -> bool {
    matches!(name, "fam" | "fam_io")
}

fn uses(code: &str) -> Uses {
    let files = files(code);
    let read_file = |path: &Utf8Path| files.get(path.as_str()).cloned();
    let renamed = BTreeMap::from([("renamed".to_owned(), "fam".to_owned())]);
    let sources = TargetSources {
        name: "app",
        root: Utf8Path::new("src/lib.rs"),
        renamed: &renamed,
        read_file: &read_file,
        libraries: &[],
    };
    scan(&sources, &is_family).1
}

/// What changes for code from one version of the crates `fam` and `fam_io` to another, a line each.
fn changes_in(before: [&str; 2], after: [&str; 2], code: &str) -> Vec<String> {
    let trees = |[fam, io]: [&str; 2]| [tree("fam", fam), tree("fam_io", io)];
    let (before, after) = (trees(before), trees(after));
    let (before, after) = (
        Offer::of(&before, &is_family),
        Offer::of(&after, &is_family),
    );
    let changes = step(&uses(code), &before, &after);
    let mut lines: Vec<String> = changes.findings.iter().map(line).collect();
    lines.sort();
    lines
}

fn changes(before: &str, after: &str, code: &str) -> Vec<String> {
    changes_in([before, ""], [after, ""], code)
}

fn line(finding: &Finding) -> String {
    let weak = if finding.is_strong { "" } else { "perhaps " };
    let named = &finding.named;
    match &finding.change {
        Change::Gone => format!("{weak}gone {named}"),
        Change::Moved { to } => format!("{weak}moved {named} -> {to}"),
        Change::Changed { before, after } => format!("{weak}changed {named}: {before} -> {after}"),
        Change::AsksMore { what } => format!("{weak}asks {named}: {what}"),
        Change::Appears => format!("{weak}new {named}"),
        Change::Gated { by } => format!("{weak}gated {named}: {by}"),
        Change::Deprecated { note } => format!("{weak}deprecated {named}: {note}"),
    }
}

const NOTHING: [&str; 0] = [];

/// Lines in the order in which [`changes_in`] gives them.
fn sorted<const N: usize>(mut lines: [&str; N]) -> [&str; N] {
    lines.sort_unstable();
    lines
}

#[test]
fn what_is_gone_and_what_has_moved() {
    let before = "pub struct A; pub struct B; pub fn f() {}";
    let after = "pub mod p2 { pub struct A; } mod private { pub struct B; }";
    let code = "use fam::{A, B}; fn g(_: A, _: B) { fam::f(); }";
    assert_eq!(
        changes(before, after, code),
        sorted(["gone fam::B", "gone fam::f", "moved fam::A -> fam::p2::A"])
    );
    assert_eq!(
        changes(after, before, "fn g(_: fam::A, _: renamed::B) {}"),
        sorted(["new fam::A", "new fam::B"])
    );
}

#[test]
fn a_module_that_moves_takes_along_what_stands_in_it() {
    let before = "pub mod pipe { pub struct A; }";
    let after =
        "pub mod p2 { pub mod pipe { pub struct A; } } pub mod other { pub use crate::p2::pipe; }";
    assert_eq!(
        changes(before, after, "use fam::pipe::A; fn g(_: A) {}"),
        ["moved fam::pipe -> fam::p2::pipe"]
    );
}

#[test]
fn what_stands_at_the_same_path_by_another_way_has_not_changed() {
    let before =
        "pub mod sub { pub struct A; impl A { pub fn new() -> A { A } } }\npub use sub::A;";
    let after = "mod deep;\npub use self::deep::inner as sub;\npub use crate::deep::inner::*;\n\
        -- src/deep.rs\npub mod inner;\n\
        -- src/deep/inner.rs\npub struct A;\nimpl super::inner::A { pub fn new() -> Self { A } }";
    let code = "fn g() { let _ = (fam::A::new(), fam::sub::A::new()); }";
    let changed = "changed fam::A::new: fn() -> A -> fn() -> Self";
    let changed_too = "changed fam::sub::A::new: fn() -> A -> fn() -> Self";
    assert_eq!(changes(before, after, code), sorted([changed, changed_too]));
    assert_eq!(changes(after, after, code), NOTHING);
}

#[test]
fn a_thing_that_another_crate_of_the_family_gives_is_followed() {
    let passes_on = "pub use fam_io::Streams; pub use fam_io as io; pub use other::Thing;";
    let code = "use fam::io::Streams; fn g(_: &fam::Streams, _: fam::Thing) { Streams::open(1); }";
    assert_eq!(
        changes_in(
            [
                passes_on,
                "pub struct Streams; impl Streams { pub fn open(n: u8) {} }"
            ],
            [
                "pub use fam_io::Streams; pub use fam_io as io; pub use other::new::Thing;",
                "pub struct Streams<T>(T); impl<T> Streams<T> { pub fn open(n: u16) {} }"
            ],
            code
        ),
        sorted([
            "changed fam::Streams: struct -> struct<T>",
            "changed fam::io::Streams: struct -> struct<T>",
            "changed fam::io::Streams::open: fn(u8) -> fn(u16)",
        ])
    );
}

#[test]
fn a_trait_that_is_implemented_asks_for_its_items() {
    let before =
        "pub trait View { fn table(&mut self); fn ctx(&mut self) -> u8; fn more(&self) {} }";
    let after = "pub trait Io {} pub trait View: Io { fn ctx(&mut self) -> u16; fn more(&self); }";
    let code = "use fam::View; struct H; impl View for H { fn table(&mut self) {} fn ctx(&mut self) -> u8 { 0 } }";
    assert_eq!(
        changes(before, after, code),
        sorted([
            "gone fam::View::table",
            "changed fam::View: trait -> trait: Io",
            "changed fam::View::ctx: fn(&mut self) -> u8 -> fn(&mut self) -> u16",
            "asks fam::View: `more`",
        ])
    );
    // Who only names it has nothing to do.
    let findings = changes(before, after, "fn g(_: &dyn fam::View) {}");
    assert_eq!(findings, ["perhaps changed fam::View: trait -> trait: Io"]);
}

#[test]
fn fields_and_variants_matter_to_who_lists_them() {
    let before = "pub struct P { pub a: u8 } pub enum E { One, Two(u8) }";
    let after = "pub struct P { pub a: u16, pub b: u8 } pub enum E { One, Two(u16), Three }";
    let code =
        "use fam::{P, E}; fn g(e: E) -> P { match e { E::One => {} E::Two(_) => {} } P { a: 1 } }";
    assert_eq!(
        changes(before, after, code),
        sorted([
            "changed fam::E::Two: (u8) -> (u16)",
            "changed fam::P::a: u8 -> u16",
            "asks fam::P: the field `b`",
            "perhaps asks fam::E: the variant `Three`, where nothing else matches it",
        ])
    );
    let with_rest = "fn g(p: fam::P) { let fam::P { a: _, .. } = p; }";
    assert_eq!(changes(before, after, with_rest), NOTHING);
}

#[test]
fn a_method_belongs_to_the_type_that_the_code_names() {
    let before = "pub struct A; impl A { pub fn go(&self) {} pub fn only(&self) {} }\n\
        pub struct B; impl B { pub fn go(&self) {} }";
    let after = "pub struct A; impl A { pub fn go(&self, n: u8) {} } pub struct B; impl B { pub fn go(&self) {} }";
    let go = "changed fam::A::go: fn(&self) -> fn(&self, u8)";
    assert_eq!(
        changes(before, after, "fn g(a: &fam::A) { a.go(); }"),
        sorted([go])
    );
    assert_eq!(
        changes(before, after, "fn g(b: &fam::B) { b.go(); }"),
        NOTHING
    );
    let unnamed = changes(
        before,
        after,
        "use fam::nothing; fn g() { make().go(); make().only(); }",
    );
    assert_eq!(
        unnamed,
        [&format!("perhaps {go}"), "perhaps gone fam::A::only"]
    );
}

#[test]
fn code_is_followed_through_globs_renames_and_macros() {
    let before = "pub struct A; pub mod sub { pub fn f() {} } #[macro_export] macro_rules! m { ($a:expr) => {} }";
    let after = "pub mod sub {} #[macro_export] macro_rules! m { ($a:expr, $b:expr) => {} }";
    let code = "mod prelude { pub use fam::*; pub use fam::sub as other; }\n\
        mod tests { use super::prelude::*; fn g(_: Option<A>) { println!(\"{:?}\", other::f()); } }\n\
        fn h() { use renamed as r; r::m!(1); }";
    assert_eq!(
        changes(before, after, code),
        sorted([
            "gone fam::A",
            "gone fam::sub::f",
            "changed fam::m: $a: expr -> $a: expr, $b: expr"
        ])
    );
}

#[test]
fn what_is_deprecated_or_gated_is_told_and_is_no_change() {
    let after = "#[deprecated(since = \"2.0.0\", note = \"use `g`\")] pub fn f() {}\n\
        #[cfg(feature = \"extra\")] pub fn h() {}";
    assert_eq!(
        changes(
            "pub fn f() {} pub fn h() {}",
            after,
            "fn g() { fam::f(); fam::h(); }"
        ),
        sorted([
            "perhaps gated fam::h: feature = \"extra\"",
            "perhaps deprecated fam::f: since 2.0.0: use `g`"
        ])
    );
}

#[test]
fn names_that_lead_to_each_other_come_to_an_end() {
    let cyclic = "pub mod a { pub use super::b::*; pub use super::c as d; }\n\
        pub mod b { pub use super::a::*; pub use self::x as y; pub use self::y as x; pub struct S; }\n\
        pub use a::d as c;\npub type T = U; pub type U = T;";
    let code = "fn g() { fam::a::S; fam::b::x; fam::c::d; fam::T::new(); }";
    assert_eq!(changes(cyclic, cyclic, code), NOTHING);
    assert_eq!(changes(cyclic, "//", code)[0], "gone fam::T");
}

#[test]
fn what_a_macro_makes_is_not_seen_and_not_called_new() {
    let tree = tree(
        "fam",
        "make! { a b c } inner! { if #[cfg(unix)] { pub fn f() {} } }",
    );
    assert_eq!(tree.modules[0].unseen, ["what `make!` makes"]);
    let trees = [tree];
    let offer = Offer::of(&trees, &is_family);
    let after = [self::tree("fam", "pub fn a() {} pub fn f() {}")];
    let after = Offer::of(&after, &is_family);
    let changes = step(&uses("fn g() { fam::a(); fam::f(); }"), &offer, &after);
    assert_eq!((changes.findings.len(), changes.n_unseen), (0, 1));
}

#[test]
fn what_is_not_seen_afterwards_is_not_called_gone() {
    let before = "pub fn a() {} pub mod sub { pub fn b() {} }";
    let code = "fn g() { fam::a(); fam::sub::b(); }";
    for after in [
        "make! {}",
        "pub use inner::*; mod inner { make! {} }",
        "fn (",
        "",
    ] {
        let (before, after) = ([tree("fam", before)], [tree("fam", after)]);
        let (before, after) = (
            Offer::of(&before, &is_family),
            Offer::of(&after, &is_family),
        );
        let changes = step(&uses(code), &before, &after);
        assert_eq!((changes.findings.len(), changes.n_unseen), (0, 2));
    }
}

#[test]
fn keywords_private_fields_and_read_fields() {
    let before = "pub struct E { message: u8, pub kind: u8 } impl E { pub fn message(&self) -> u8 { 0 } pub fn r#gen(&self) {} }";
    let after = "pub struct E(u8); impl E { pub fn message(&self) -> u8 { 0 } pub fn r#gen(&self, n: u8) {} }";
    let code = "fn g(e: &fam::E) { e.message(); e.r#gen(); match e.detail {} }\n\
        #[cfg(test)] mod tests { fn t(e: fam::E) { e.tag; } }";
    let with_tag = before.replace("pub kind", "pub tag");
    assert_eq!(
        changes(&with_tag, after, code),
        [
            "changed fam::E::gen: fn(&self) -> fn(&self, u8)",
            "gone fam::E::tag"
        ]
    );
}

#[test]
fn a_crate_of_which_everything_is_passed_on_is_asked_for() {
    let trees = [tree(
        "fam",
        "pub use builder::*; mod inner { pub use other::*; }",
    )];
    let offer = Offer::of(&trees, &is_family);
    let foreign: Vec<String> = offer.foreign_crates().into_iter().collect();
    assert_eq!(foreign, ["builder"]);
}

#[test]
fn sources_that_are_nested_too_deeply_are_marked() {
    let deep = format!(
        "pub const A: u8 = {}1{};",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    let tree = tree("fam", &deep);
    assert_eq!(
        tree.modules[0].unseen,
        ["src/lib.rs: it is nested too deeply"]
    );
}

#[test]
fn sources_that_cannot_be_read_are_marked() {
    let tree = tree(
        "fam",
        "mod gone;\n#[path = \"../../out.rs\"] mod outside;\nmod broken;\n-- src/broken.rs\nfn (",
    );
    let unseen: Vec<&str> = tree
        .modules
        .iter()
        .flat_map(|m| &m.unseen)
        .map(String::as_str)
        .collect();
    assert_eq!(
        unseen[..2],
        [
            "the file of `mod gone` cannot be read",
            "the file of `mod outside` cannot be read"
        ]
    );
    assert!(unseen[2].starts_with("src/broken.rs: "), "{unseen:?}");
}

/// Words that make paths, imports and items of a few names.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "pub",
        "use",
        "mod",
        "struct",
        "fn",
        "impl",
        "trait",
        "enum",
        "self",
        "super",
        "crate",
        "a",
        "b",
        "fam",
        "as",
        "{",
        "}",
        "(",
        ")",
        "::",
        ";",
        ":",
        "*",
        ",",
        "<",
        ">",
        "&",
        "'static",
        "for",
        "#[cfg(x)]",
        "!",
        "->",
        "=",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_sources_make_it_panic_and_the_same_sources_change_nothing(fam in words(), code in words()) {
        prop_assert_eq!(changes(&fam, &fam, &code), NOTHING);
        changes(&fam, "pub mod a { pub use super::*; } pub struct b;", &code);
    }

    #[test]
    fn webs_of_imports_come_to_an_end(
        imports in prop::collection::vec((0..6_usize, 0..6_usize, 0..4_usize), 0..24),
        code in words(),
    ) {
        let mut modules = vec![String::new(); 6];
        for (from, to, form) in imports {
            let import = match form {
                0 => format!("pub use crate::m{to}::*;"),
                1 => format!("pub use crate::m{to} as a;"),
                2 => format!("pub use crate::m{to}::a as b;"),
                _ => "pub struct b;".to_owned(),
            };
            modules[from].push_str(&import);
        }
        let modules = modules.iter().enumerate();
        let fam: String = modules.map(|(n, text)| format!("pub mod m{n} {{ {text} }}\n")).collect();
        let code = format!("use fam::m0::*; use fam::m1::a::b; fn g() {{ fam::m2::a::b::a::b(); {code} }}");
        prop_assert_eq!(changes(&fam, &fam, &code), NOTHING);
    }
}
