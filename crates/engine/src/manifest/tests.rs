//! Every way to write a manifest, and how it is changed.

use pinmatrix_core::config::DependencyEdits;

use super::requirement::Requirement;
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
    let hold = RequirementPin::Version(Version::new(2, 0, 0));
    let crates = ["gadget", "gadget-io", "far"];
    manifest.pin(
        &crates.map(|name| (name.to_owned(), hold.clone())).into(),
        |_, _| true,
    );
    manifest.lift_patches(|name| crates.contains(&name));
    insta::assert_snapshot!(manifest.text());
}

#[test]
fn what_is_not_released_is_held_by_its_place() {
    let text = "[dependencies]\na = \"1\" # one\nb = { version = \"2\", features = [\"x\"] }\n";
    let mut manifest = Manifest::parse(text).expect("TOML");
    let git = RequirementPin::Git {
        git: "u".to_owned(),
        rev: "r".to_owned(),
    };
    let path = RequirementPin::Path("/w/b".into());
    manifest.pin(
        &[("a".to_owned(), git), ("b".to_owned(), path)].into(),
        |_, _| true,
    );
    assert_eq!(
        manifest.text(),
        "[dependencies]\na = { git = \"u\", rev = \"r\" }\nb = { features = [\"x\"] , path = \"/w/b\" }\n"
    );
}

#[test]
fn features_are_renamed_wherever_they_are_asked_for() {
    let text = "[features]\nold = [\"w/preview1\", \"wasi?/preview1\", \"other/preview1\"]\n\
                [dependencies]\nw = { package = \"wasi\", version = \"1\", features = [\"preview1\", \"x\"] }\n\
                [dev-dependencies.wasi]\nfeatures = [\"gone\"]\n";
    let mut manifest = Manifest::parse(text).expect("TOML");
    let renames = [
        (
            "preview1".to_owned(),
            vec!["p1".to_owned(), "p2".to_owned()],
        ),
        ("gone".to_owned(), Vec::new()),
    ];
    manifest.rename_features(&[("wasi".to_owned(), renames.into())].into(), |_, _| true);
    assert_eq!(
        manifest.text(),
        "[features]\nold = [\"w/p1\", \"w/p2\", \"wasi?/p1\", \"wasi?/p2\", \"other/preview1\"]\n\
         [dependencies]\nw = { package = \"wasi\", version = \"1\", features = [\"p1\", \"p2\", \"x\"] }\n\
         [dev-dependencies.wasi]\nfeatures = []\n"
    );
}

#[test]
fn dependencies_are_changed_where_they_stand_and_added_where_they_do_not() {
    let extra: BTreeMap<String, toml::Value> = toml::from_str(
        "a = \"2\"\nb = { version = \"1\", features = [\"x\"] }\nc = { optional = true }\n\
         d = { features = [\"x\"] }\nw = \"5\"",
    )
    .expect("TOML");
    let mut manifest = Manifest::parse(
        "[package]\nname = \"p\"\n[dependencies]\nc = { git = \"u\", rev = \"r\" }\nd = \"3\"\n\
         w.workspace = true\n[dev-dependencies.a]\nversion = \"1\"\nfeatures = [\"y\"]\n\
         [target.'cfg(unix)'.dependencies]\na = { path = \"../a\" }\n\
         [workspace.dependencies]\nw = { version = \"4\", features = [\"z\"] }\n",
    )
    .expect("TOML");
    assert!(manifest.inherits("w") && !manifest.inherits("a"));
    let edits = DependencyEdits {
        normal: extra,
        ..DependencyEdits::default()
    };
    edit_dependencies(&edits, &mut [&mut manifest]);
    insta::assert_snapshot!(manifest.text());
}

#[test]
fn dependencies_are_renamed_and_dropped_where_they_stand_and_where_features_name_them() {
    let mut app = Manifest::parse(
        "[package]\nname = \"app\"\n[features]\nfull = [\"dep:old\", \"old/x\", \"old?/y\", \
         \"older/z\", \"gone\"]\nplain = [\"old\"]\n[dependencies]\nold = { version = \"1\", \
         optional = true }\nolder = \"1\"\n[build-dependencies]\nold.workspace = true\n\
         [target.'cfg(unix)'.dev-dependencies]\ngone = \"2\"\nold = { package = \"other\" }\n",
    )
    .expect("TOML");
    let mut root = Manifest::parse("[workspace.dependencies]\nold = \"3\"\n").expect("TOML");
    let other = "[package]\nname = \"other\"\n[dependencies]\nold.workspace = true\n";
    let mut other_member = Manifest::parse(other).expect("TOML");
    let edits = DependencyEdits {
        members: vec!["app".to_owned()],
        drop: vec!["gone".to_owned()],
        rename: [("old".to_owned(), "new".to_owned())].into(),
        build: toml::from_str("maker = \"1\"").expect("TOML"),
        ..DependencyEdits::default()
    };
    edit_dependencies(&edits, &mut [&mut root, &mut app, &mut other_member]);
    assert_eq!(other_member.text(), other);
    assert_eq!(
        root.text(),
        "[workspace.dependencies]\nold = \"3\"\nnew = \"3\"\n"
    );
    insta::assert_snapshot!(app.text());
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
        [(TargetKind::Test, Some("a".to_owned()))]
    );
    let inline = Manifest::parse("test = [{ name = \"c\", harness = false }]").expect("TOML");
    assert_eq!(
        inline.without_harness(),
        [(TargetKind::Test, Some("c".to_owned()))]
    );
}

#[test]
fn cargo_may_prefer_older_packages_wherever_the_two_reasons_stand() {
    let of = |texts: &[&str]| {
        let manifests = texts
            .iter()
            .map(|text| Manifest::parse(text).expect("a manifest"));
        may_prefer_older(&manifests.collect::<Vec<_>>())
    };
    let (root, member) = (
        "[workspace]\nresolver = '3'",
        "[package]\nrust-version = '1.70'",
    );
    assert!(of(&[root, member]));
    assert!(of(&["[package]\nedition = '2024'\nrust-version = '1.85'"]));
    let shared = "[workspace.package]\nrust-version = '1.70'\n[workspace]\nresolver = '3'";
    assert!(of(&[shared, "[package]\nrust-version.workspace = true"]));
    assert!(!of(&[root, "[package]\nname = 'app'"]));
    assert!(!of(&["[workspace]\nresolver = '2'", member]));
}

#[test]
fn what_members_inherit_is_put_together() {
    let texts = [
        "[workspace.dependencies]\ncog = { package = 'gadget', version = '1.2' }",
        "[package]\nname = 'app'\n[target.'cfg(unix)'.dependencies]\ncog = { workspace = true, optional = true }",
        "[package]\nname = 'other'\n[dependencies]\ngadget = { path = '../gadget', version = '1' }",
    ];
    let manifests = texts.map(|text| Manifest::parse(text).expect("a manifest"));
    let message = requirements_of(&manifests)
        .into_iter()
        .map(|(manifest, own)| {
            let name = manifest.package().unwrap_or_default();
            let Requirement {
                package,
                version,
                is_optional,
                platform,
                ..
            } = own;
            format!("{name}: {package} {version:?} {is_optional} {platform:?}")
        });
    assert_eq!(
        message.collect::<Vec<_>>(),
        [
            "app: gadget Some(\"1.2\") true Some(\"cfg(unix)\")",
            "other: gadget None false None"
        ]
    );
}
