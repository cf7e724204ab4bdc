//! Small workspaces: their targets, what they depend on, and whose packages those are.

use std::collections::BTreeMap;

use super::*;
use crate::testing::{config, graph, pinned, workspace};

fn id(repr: &str) -> PackageId {
    PackageId {
        repr: repr.to_owned(),
    }
}

/// Describes a workspace's targets, one line each.
fn shown(workspace: &Workspace) -> Vec<String> {
    let targets = workspace.targets.iter().map(|target| {
        let flags = [
            (!target.bears_tests).then(|| "no tests".to_owned()),
            (!target.harness).then(|| "no harness".to_owned()),
            (!target.missing_features.is_empty())
                .then(|| format!("lacks {}", target.missing_features.join(" "))),
            (!target.binaries.is_empty()).then(|| format!("runs {}", target.binaries.join(" "))),
        ];
        let flags: Vec<String> = flags.into_iter().flatten().collect();
        format!("{}: {}", target.id, flags.join(", "))
    });
    targets.collect()
}

const APP: &str = "app: lib, bin tool, test smoke, bench speed, example demo, \
                   tested-example checked, script, feature on, \
                   test first needs on, test second needs off";

#[test]
fn every_target_that_cargo_test_builds_is_there_in_order() {
    assert_eq!(
        shown(&workspace(APP)),
        [
            "app lib:app: ",
            "app bin:tool: ",
            "app test:first: runs tool",
            "app test:second: lacks off, runs tool",
            "app test:smoke: runs tool",
            "app bench:speed: runs tool",
            "app example:checked: ",
            "app example:demo: no tests",
        ]
    );
}

#[test]
fn examples_without_tests_can_be_left_out() {
    let build = config("[build]\nexamples = false").build;
    let without = Workspace::with_harnesses(
        graph(APP),
        &SelectedPackages::default(),
        pinned(),
        &build,
        |_| Ok(Vec::new()),
    );
    let without = without.expect("a workspace");
    assert!(!without.has_examples());
    assert!(shown(&without).contains(&"app example:checked: ".to_owned()));
    assert!(workspace(APP).has_examples());
}

#[test]
fn a_target_without_a_harness_is_known_by_its_kind_and_name() {
    let without = |of: &[(TargetKind, Option<&str>)]| {
        let of = of
            .iter()
            .map(|(kind, name)| (*kind, name.map(str::to_owned)));
        let of: Vec<_> = of.collect();
        let workspace = Workspace::with_harnesses(
            graph(APP),
            &SelectedPackages::default(),
            pinned(),
            &config("").build,
            |_| Ok(of.clone()),
        );
        let workspace = workspace.expect("a workspace");
        let targets = workspace
            .targets
            .into_iter()
            .filter(|target| !target.harness);
        targets
            .map(|target| target.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(without(&[(TargetKind::Lib, None)]), ["app lib:app"]);
    let smoke = (TargetKind::Test, Some("smoke"));
    assert_eq!(without(&[smoke]), ["app test:smoke"]);
    assert!(without(&[(TargetKind::Bench, Some("smoke"))]).is_empty());
}

#[test]
fn what_cargo_says_of_features_replaces_what_metadata_says() {
    let mut workspace = workspace(APP);
    assert!(workspace.requires_features());
    let on = |features: &[&str]| -> BTreeSet<String> {
        features
            .iter()
            .map(|feature| (*feature).to_owned())
            .collect()
    };
    workspace.take_features(&FeaturesByFolder::from([("/elsewhere".into(), on(&[]))]));
    assert!(shown(&workspace).contains(&"app test:first: runs tool".to_owned()));
    workspace.take_features(&FeaturesByFolder::from([("/w/app".into(), on(&["off"]))]));
    let message = shown(&workspace);
    assert!(
        message.contains(&"app test:first: lacks on, runs tool".to_owned()),
        "{message:?}"
    );
    assert!(
        message.contains(&"app test:second: runs tool".to_owned()),
        "{message:?}"
    );
}

#[test]
fn libraries_that_cargo_documents_have_doc_tests() {
    let workspace = workspace("two-b: lib\none: lib, bin tool\ntool: bin tool\nmade: macro");
    let documented = workspace.documented.iter().map(|(_, id)| id.to_string());
    assert_eq!(
        documented.collect::<Vec<_>>(),
        ["one doc:one", "two-b doc:two_b"]
    );
}

const GRAPH: &str = "app -> gadget 2.0.0 -> relay 1.3.0 -(dev)-> deep 1.0.0\n\
    app -(dev)-> trace 1.0.0 -(build)-> script 1.0.0\napp -> plug 3.0.0 -> gadget 2.0.0\n\
    app -> local 0.1.0\nlocal 0.1.0: path\nfork 1.0.0: git\napp -> fork 1.0.0\n\
    app -> gadget-core 2.0.0\ngadget-core 2.0.0: path\nbase -> relay 1.3.0";

#[test]
fn below_a_package_are_its_own_dev_dependencies_and_not_those_of_others() {
    let workspace = workspace(GRAPH);
    let below = |of: &str| {
        let below = workspace.below(&id(of)).into_iter();
        below.map(|id| id.repr).collect::<Vec<_>>()
    };
    assert_eq!(below("base"), ["base", "relay 1.3.0"]);
    assert_eq!(below("relay 1.3.0"), ["relay 1.3.0", "deep 1.0.0"]);
    assert_eq!(below("trace 1.0.0"), ["trace 1.0.0", "script 1.0.0"]);
    let app = below("app");
    assert_eq!(app[0], "app");
    assert!(app.contains(&"script 1.0.0".to_owned()), "{app:?}");
    assert!(!app.contains(&"deep 1.0.0".to_owned()), "{app:?}");
    let place = |name: &str| app.iter().position(|repr| repr == name);
    assert!(
        place("gadget 2.0.0") < place("relay 1.3.0"),
        "nearest first: {app:?}"
    );
}

#[test]
fn a_package_that_is_needed_by_tests_and_by_code_is_below_both() {
    let workspace = workspace("app -> tool 1.0.0 -(dev)-> both 1.0.0\ntool 1.0.0 -> both 1.0.0");
    assert_eq!(workspace.below(&id("app")).len(), 3);
}

#[test]
fn the_pin_affects_the_subject_the_family_and_what_uses_it() {
    let workspace = workspace(GRAPH);
    let is_outside = |of: &str| workspace.outside(&id(of)).is_some();
    for inside in [
        "app",
        "base",
        "local 0.1.0",
        "gadget 2.0.0",
        "gadget-core 2.0.0",
        "plug 3.0.0",
    ] {
        assert!(!is_outside(inside), "{inside}");
    }
    for outside in ["relay 1.3.0", "trace 1.0.0", "fork 1.0.0"] {
        assert!(is_outside(outside), "{outside}");
    }
    assert!(!is_outside("unknown 1.0.0"));
}

#[test]
fn what_has_a_source_or_is_of_the_family_is_not_the_subjects() {
    let workspace = workspace(GRAPH);
    let is_foreign = |of: &str| workspace.foreign(&id(of)).is_some();
    for foreign in [
        "relay 1.3.0",
        "fork 1.0.0",
        "gadget 2.0.0",
        "gadget-core 2.0.0",
    ] {
        assert!(is_foreign(foreign), "{foreign}");
    }
    for own in ["app", "base", "local 0.1.0"] {
        assert!(!is_foreign(own), "{own}");
    }
    assert!(workspace.is_own(&id("local 0.1.0")) && !workspace.is_own(&id("fork 1.0.0")));
    // A member is the subject's, even if it is called like the family.
    let own = self::workspace("gadget -> relay 1.3.0");
    assert!(own.foreign(&id("gadget")).is_none());
}

#[test]
fn a_target_is_alone_if_its_flags_choose_no_other() {
    let id = |kind, name: &str| TargetId {
        package: "app".to_owned(),
        kind,
        name: name.to_owned(),
    };
    let one = workspace("app: lib, test smoke, bin tool");
    let two = workspace("app: lib, test smoke, bin tool\nbase: lib, test smoke, bin other");
    for (kind, name, is_only_of_two) in [
        (TargetKind::Lib, "app", false),
        (TargetKind::Doc, "app", false),
        (TargetKind::Test, "smoke", false),
        (TargetKind::Bin, "tool", true),
    ] {
        assert!(one.is_only(&id(kind, name)), "{name}");
        assert_eq!(two.is_only(&id(kind, name)), is_only_of_two, "{name}");
    }
    assert!(!one.is_only(&id(TargetKind::Test, "tool")));
    let with_macro = workspace("app: lib\nmade: macro");
    assert!(!with_macro.is_only(&id(TargetKind::Lib, "app")));
    assert!(with_macro.is_only(&id(TargetKind::Doc, "app")));
}

#[test]
fn only_code_of_the_subject_runs_as_it_builds() {
    let all = |text: &str| {
        let workspace = workspace(text);
        (
            workspace.build_scripts().count() > 0,
            workspace.runs_as_it_builds(),
        )
    };
    assert_eq!(
        all("app -> made 1.0.0\napp: lib\nmade 1.0.0: macro, script"),
        (false, false)
    );
    assert_eq!(
        all("app -> made 1.0.0\nmade 1.0.0: path, script"),
        (true, true)
    );
    assert_eq!(all("app: macro"), (false, true));
}

#[test]
fn packages_are_found_by_their_folder_and_named_for_cargo() {
    let workspace = workspace(GRAPH);
    assert_eq!(
        workspace.package_in("/w/relay".into()),
        Some(&id("relay 1.3.0"))
    );
    assert_eq!(workspace.package_in("/w".into()), None);
    assert_eq!(
        workspace.folder(&id("app")).as_deref(),
        Some("/w/app".into())
    );
    assert_eq!(workspace.spec(&id("relay 1.3.0")), "relay@1.3.0");
    assert_eq!(workspace.spec(&id("unknown")), "unknown");
}

#[test]
fn a_member_is_asked_for_no_features_that_only_others_have() {
    let package = |name: &str, features: &[&str], dependency: &str| -> Package {
        let features: BTreeMap<&str, [&str; 0]> = features.iter().map(|f| (*f, [])).collect();
        let dependency = serde_json::json!({ "name": dependency, "req": "*", "kind": null,
            "optional": false, "uses_default_features": true, "features": [] });
        let package = serde_json::json!({ "name": name, "version": "0.1.0", "id": name,
            "dependencies": [dependency], "targets": [], "features": features,
            "manifest_path": "/Cargo.toml" });
        serde_json::from_value(package).expect("a package")
    };
    let features = ["both", "fast", "tool/json", "serde?/derive"];
    let features = features.map(|f| toml::Spanned::new(0..0, f.to_owned()));
    let set = FeatureSet {
        label: None,
        features: features.into(),
        all: false,
        default: false,
        pins: None,
    };
    let flags = |package: &Package| own_features(&set, package).flags();
    let app = package("app", &["fast", "both"], "serde");
    assert_eq!(
        flags(&app),
        [
            "--no-default-features",
            "--features=both,fast,serde?/derive"
        ]
    );
    let tool = package("tool", &["both", "json"], "regex");
    assert_eq!(
        flags(&tool),
        ["--no-default-features", "--features=both,tool/json"]
    );
}
