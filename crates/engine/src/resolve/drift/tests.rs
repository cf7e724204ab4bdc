//! Small graphs with a package that is too new, and who is to blame for it.

use proptest::prelude::*;

use pinmatrix_core::model::cell::PinnedAt;

use super::*;
use crate::manifest::RequirementPins;
use crate::resolve::msrv::unmet;
use crate::subject::selection::SelectedPackages;
use crate::testing::{graph, pinned, registry, version};

/// Judges a graph on a rustc, with the pin gadget 2.0.0.
fn judged_by(graph_text: &str, registry: &Registry, rustc: &str) -> (FailureKind, Vec<String>) {
    let (metadata, rustc) = (graph(graph_text), version(rustc));
    let context = DriftContext {
        metadata: &metadata,
        registry,
        rustc: &rustc,
        pinned: pinned(),
        family: &FamilyPackages::of(&metadata, pinned()),
    };
    let (kind, errors) = judge(
        &context,
        &unmet(&metadata, &SelectedPackages::default(), &rustc),
    );
    (
        kind,
        errors.into_iter().map(|error| error.message).collect(),
    )
}

/// Judges a graph on rustc 1.70.
fn judged(graph: &str, published: &str) -> (FailureKind, Vec<String>) {
    judged_by(graph, &registry(published), "1.70")
}

fn kind(graph: &str, published: &str) -> FailureKind {
    judged(graph, published).0
}

const STRICT: &str = "app -> gadget 2.0.0 -(=1.3.0)-> relay 1.3.0\nrelay 1.3.0: rust 1.80";
const LAX: &str = "app -> gadget 2.0.0 -(^1.2)-> relay 1.3.0\nrelay 1.3.0: rust 1.80";

#[test]
fn a_package_that_the_pin_forces_is_no_drift() {
    let (kind, errors) = judged(STRICT, "relay 1.2.0\nrelay 1.3.0: rust 1.80");
    assert_eq!(kind, FailureKind::Msrv);
    assert_eq!(
        errors,
        ["relay 1.3.0 needs rustc 1.80.0, and this is 1.70.0 \
          (through gadget 2.0.0 ← app 0.1.0); \
          gadget 2.0.0 asks for it and admits no version that fits"]
    );
}

#[test]
fn a_package_of_which_the_pin_admits_one_that_fits_is_drift() {
    let (kind, errors) = judged(LAX, "relay 1.2.0\nrelay 1.3.0: rust 1.80");
    assert_eq!(kind, FailureKind::Drift);
    assert_eq!(
        errors,
        ["relay 1.3.0 needs rustc 1.80.0, and this is 1.70.0 \
          (through gadget 2.0.0 ← app 0.1.0)"]
    );
    // A newer version can fit as well.
    assert_eq!(
        kind_with_other("relay 1.4.0: rust 1.70"),
        FailureKind::Drift
    );
}

fn kind_with_other(other: &str) -> FailureKind {
    kind(LAX, &format!("relay 1.3.0: rust 1.80\n{other}"))
}

#[test]
fn a_version_that_no_lock_can_hold_excuses_no_pin() {
    assert_eq!(kind_with_other("relay 1.2.0: yanked"), FailureKind::Msrv);
    assert_eq!(kind_with_other("relay 1.2.0: rust 1.71"), FailureKind::Msrv);
    assert_eq!(kind_with_other("relay 1.1.0"), FailureKind::Msrv);
    assert_eq!(kind_with_other("relay 2.0.0"), FailureKind::Msrv);
}

#[test]
fn a_version_whose_edition_is_too_new_does_not_fit_although_the_index_says_nothing_of_it() {
    let graph = "app -> gadget 2.0.0 -> relay 1.3.0\nrelay 1.3.0: edition 2024";
    assert_eq!(kind(graph, "relay 1.3.0"), FailureKind::Msrv);
    assert_eq!(kind(graph, "relay 1.3.0\nrelay 1.3.1"), FailureKind::Drift);
}

#[test]
fn what_belongs_to_the_family_or_the_subject_is_no_drift() {
    let published = "relay 1.0.0\ngadget 1.0.0\ngadget-core 1.0.0\ngadget-core-io 1.0.0";
    let of_family = ["gadget 2.0.0", "gadget-core 2.0.0", "gadget-core-io 2.0.0"];
    for package in of_family {
        let graph = format!("app -> relay 1.0.0 -> {package}\n{package}: rust 1.80");
        let (kind, errors) = judged(&graph, published);
        assert_eq!(kind, FailureKind::Msrv, "{package}");
        assert!(!errors[0].contains("asks for it"), "{errors:?}");
    }
    let by_path = "app -> relay 1.0.0\nrelay 1.0.0: path, rust 1.80";
    assert_eq!(kind(by_path, published), FailureKind::Msrv);
    assert_eq!(
        kind("app -> gadget 2.0.0\napp: rust 1.80", ""),
        FailureKind::Msrv
    );
}

#[test]
fn where_it_is_unknown_what_is_published_the_pin_is_not_blamed() {
    assert_eq!(kind(STRICT, ""), FailureKind::Drift);
    let (kind, _) = judged_by(STRICT, &Registry::opaque(), "1.70");
    assert_eq!(kind, FailureKind::Drift);
}

#[test]
fn a_package_that_the_subject_requires_is_drift_and_says_who_requires_it() {
    let graph = "app -> relay 1.3.0\napp -> gadget 2.0.0\nrelay 1.3.0: rust 1.80";
    let (kind, errors) = judged(graph, "relay 1.3.0: rust 1.80");
    assert_eq!(kind, FailureKind::Drift);
    assert_eq!(
        errors,
        ["relay 1.3.0 needs rustc 1.80.0, and this is 1.70.0 (through app 0.1.0)"]
    );
}

#[test]
fn the_pin_is_not_blamed_for_another_version_of_what_it_requires() {
    let graph = "app -> gadget 2.0.0 -(=0.9.0)-> relay 0.9.0\napp -> relay 1.3.0\n\
                 relay 1.3.0: rust 1.80";
    let published = "relay 0.9.0\nrelay 1.2.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(kind(graph, published), FailureKind::Drift);
}

#[test]
fn a_family_crate_that_uses_two_versions_is_judged_by_the_requirement_on_each() {
    let graph = "app -> gadget 2.0.0 -(=0.9.0)-> relay 0.9.0\ngadget 2.0.0 -(^1.2)-> relay 1.3.0\n\
                 relay 1.3.0: rust 1.80";
    let published = "relay 0.9.0\nrelay 1.2.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(kind(graph, published), FailureKind::Drift);
}

const PLUG: &str = "app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget 2.0.0\nplug 3.0.0: rust 1.80";

#[test]
fn a_package_that_uses_the_family_and_has_to_follow_it_is_no_drift() {
    let published = "plug 2.0.0: needs gadget ^1\nplug 3.0.0: rust 1.80, needs gadget ^2";
    let (kind, errors) = judged(PLUG, published);
    assert_eq!(kind, FailureKind::Msrv);
    assert!(
        errors[0].ends_with("; no version of it that fits takes gadget 2.0.0"),
        "{errors:?}"
    );
}

#[test]
fn a_package_that_uses_the_family_and_could_stay_behind_is_drift() {
    let newest = "plug 3.0.0: rust 1.80, needs gadget ^2";
    let is_with = |others: &str| kind(PLUG, &format!("{newest}\n{others}"));
    assert_eq!(
        is_with("plug 2.0.0: needs gadget ^1\nplug 2.1.0: needs gadget >=1"),
        FailureKind::Drift
    );
    assert_eq!(is_with("plug 2.0.0"), FailureKind::Drift);
    // No version of it fits at all, whatever the pin.
    assert_eq!(
        is_with("plug 2.0.0: rust 1.75, needs gadget ^1"),
        FailureKind::Drift
    );
}

#[test]
fn an_unreleased_pin_has_no_version_that_others_could_exclude() {
    let (metadata, rustc) = (graph(PLUG), version("1.70"));
    let at = PinnedAt::Path {
        label: "local".to_owned(),
        path: "/gadget".into(),
    };
    let unreleased = PinnedFamily {
        at: &at,
        pins: &RequirementPins::new(),
        ..pinned()
    };
    let published = registry("plug 2.0.0: needs gadget ^1\nplug 3.0.0: rust 1.80, needs gadget ^2");
    let context = DriftContext {
        metadata: &metadata,
        registry: &published,
        rustc: &rustc,
        pinned: unreleased,
        family: &FamilyPackages::of(&metadata, pinned()),
    };
    assert_eq!(
        judge(
            &context,
            &unmet(&metadata, &SelectedPackages::default(), &rustc)
        )
        .0,
        FailureKind::Drift
    );
}

#[test]
fn beside_what_the_pin_brings_in_drift_is_no_more_than_a_further_error() {
    let graph = "app -> gadget 2.0.0 -(=1.3.0)-> relay 1.3.0\napp -> another 1.0.0\n\
                 relay 1.3.0: rust 1.80\nanother 1.0.0: rust 1.90";
    let published = "relay 1.2.0\nrelay 1.3.0: rust 1.80\nanother 0.9.0\nanother 1.0.0: rust 1.90";
    let (kind, errors) = judged(graph, published);
    assert_eq!(kind, FailureKind::Msrv);
    let names: Vec<&str> = errors.iter().filter_map(|e| e.split(' ').next()).collect();
    assert_eq!(names, ["relay", "another"]);
}

#[test]
fn a_manifest_that_cargo_cannot_read_names_its_package() {
    let says = |folder: &str| {
        let err = format!(
            "error: failed to download `x`\n\nCaused by:\n  failed to parse manifest at \
             `/home/me/.cargo/registry/src/index-0/{folder}/Cargo.toml`\n"
        );
        unreadable(&err, pinned())
    };
    assert_eq!(says("relay-1.3.0"), Some("relay 1.3.0".to_owned()));
    assert_eq!(
        says("relay-2-base-1.3.0-rc.1+x"),
        Some("relay-2-base 1.3.0-rc.1+x".to_owned())
    );
    assert_eq!(says("gadget-2.0.0"), None);
    assert_eq!(says("gadget-core-2.0.0"), None);
    assert_eq!(says("no_version"), None);
    assert_eq!(unreadable("error: another one", pinned()), None);
}

proptest! {
    /// What the pin forces on a toolchain, it forces on any older one.
    #[test]
    fn an_older_toolchain_excuses_no_pin(
        others in prop::collection::vec((0u64..6, 60u64..80, any::<bool>()), 0..6),
        admitted in 0u64..6,
        rustcs in (60u64..80, 60u64..80),
    ) {
        let graph = format!("app -> gadget 2.0.0 -(>=1.{admitted}.0)-> relay 1.9.0\nrelay 1.9.0: rust 1.80");
        let lines = others.iter().map(|(minor, rustc, is_yanked)| {
            let yanked = if *is_yanked { ", yanked" } else { "" };
            format!("relay 1.{minor}.0: rust 1.{rustc}{yanked}\n")
        });
        let published = lines.collect::<String>() + "relay 1.9.0: rust 1.80";
        let on = |minor: u64| judged_by(&graph, &registry(&published), &format!("1.{minor}")).0;
        let (older, newer) = (rustcs.0.min(rustcs.1), rustcs.0.max(rustcs.1));
        if on(newer) == FailureKind::Msrv {
            prop_assert_eq!(on(older), FailureKind::Msrv);
        }
        let is_admitted = |(minor, rustc, is_yanked): &(u64, u64, bool)| {
            *minor >= admitted && *rustc <= newer && !is_yanked
        };
        prop_assert_eq!(on(newer) == FailureKind::Drift, others.iter().any(is_admitted));
    }
}
