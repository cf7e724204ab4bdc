//! The downgrades that are tried for small graphs, in order.

use proptest::prelude::*;

use super::*;
use crate::resolve::msrv::unmet;
use crate::subject::selection::SelectedPackages;
use crate::testing::{family, graph, registry, version};

/// Returns all downgrades that are tried on rustc 1.70 if each of them is refused.
fn steps(graph_text: &str, published: &str) -> Vec<String> {
    let (metadata, family, registry) = (graph(graph_text), family(), registry(published));
    let rustc = version("1.70");
    let demands = unmet(&metadata, &SelectedPackages::default(), &rustc);
    let mut tried = BTreeSet::new();
    let graph = LockGraph {
        metadata: &metadata,
        registry: &registry,
        rustc: &rustc,
    };
    let mut step = || {
        next_step(
            &graph,
            &demands,
            |p: &Package| family.holds(&p.name),
            &mut tried,
        )
    };
    std::iter::from_fn(&mut step)
        .map(|step| format!("{} {} → {}", step.package, step.from, step.to))
        .collect()
}

#[test]
fn the_newest_version_that_fits_is_tried_first() {
    let graph = "app -(^1)-> relay 1.3.0\nrelay 1.3.0: rust 1.80";
    let published = "relay 0.9.0\nrelay 1.0.0\nrelay 1.1.0: rust 1.70\nrelay 1.1.1: rust 1.71\n\
                     relay 1.2.0: yanked\nrelay 1.3.0: rust 1.80\nrelay 1.4.0";
    assert_eq!(
        steps(graph, published),
        ["relay 1.3.0 → 1.1.0", "relay 1.3.0 → 1.0.0"]
    );
}

#[test]
fn a_downgrade_says_which_package_needs_which_rustc() {
    let metadata = graph("app -(^1)-> relay 1.3.0\nrelay 1.3.0: rust 1.80");
    let (published, rustc) = (registry("relay 1.2.0"), version("1.70"));
    let demands = unmet(&metadata, &SelectedPackages::default(), &rustc);
    let mut tried = BTreeSet::new();
    let graph = LockGraph {
        metadata: &metadata,
        registry: &published,
        rustc: &rustc,
    };
    let mut step = || next_step(&graph, &demands, |_| false, &mut tried);
    let downgrade = Downgrade {
        package: "relay".to_owned(),
        from: Version::new(1, 3, 0),
        to: Version::new(1, 2, 0),
        because: "relay 1.3.0 needs rustc 1.80.0".to_owned(),
    };
    assert_eq!(step(), Some(downgrade));
    assert_eq!(step(), None, "nothing is tried twice");
}

#[test]
fn every_dependent_has_to_admit_the_older_version() {
    let graph = "app -(^1)-> relay 1.3.0\napp -> tool 1.0.0 -(>=1.1)-> relay 1.3.0\n\
                 relay 1.3.0: rust 1.80";
    let published = "relay 1.0.0\nrelay 1.1.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(steps(graph, published), ["relay 1.3.0 → 1.1.0"]);
    // The dependents of another version in the same graph do not matter.
    let graph = format!("{graph}\napp -> other 1.0.0 -(=0.9.0)-> relay 0.9.0");
    assert_eq!(steps(&graph, published), ["relay 1.3.0 → 1.1.0"]);
}

#[test]
fn a_dependent_that_uses_two_versions_binds_each_by_its_own_requirement() {
    let graph = "app -(^1)-> relay 1.3.0\napp -(=0.9.0)-> relay 0.9.0\nrelay 1.3.0: rust 1.80";
    let published = "relay 0.9.0\nrelay 1.2.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(steps(graph, published), ["relay 1.3.0 → 1.2.0"]);
}

#[test]
fn what_only_tests_require_binds_nothing() {
    let graph = "app -(dev)-> relay 1.3.0\nrelay 1.3.0: rust 1.80";
    let published = "relay 1.2.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(steps(graph, published), ["relay 1.3.0 → 1.2.0"]);
}

#[test]
fn a_dependent_goes_back_to_a_version_that_lets_go() {
    let graph = "app -(>=1)-> tool 2.0.0 -(=1.3.0)-> relay 1.3.0\nrelay 1.3.0: rust 1.80";
    let published = "relay 1.2.0\nrelay 1.3.0: rust 1.80\ntool 1.7.0\ntool 1.8.0: needs relay ^1.2\n\
                     tool 1.9.0: needs relay =1.2.0\ntool 1.9.1: needs relay =1.2.0, rust 1.75\n\
                     tool 2.0.0: needs relay =1.3.0";
    assert_eq!(
        steps(graph, published),
        ["tool 2.0.0 → 1.9.0", "tool 2.0.0 → 1.7.0"]
    );
}

#[test]
fn the_package_itself_is_tried_before_its_dependents() {
    let graph = "app -(>=1)-> tool 2.0.0 -> relay 1.3.0\nrelay 1.3.0: rust 1.80";
    let published = "relay 1.3.0: rust 1.80\ntool 1.0.0\ntool 2.0.0: needs relay ^1.3";
    assert_eq!(steps(graph, published), ["tool 2.0.0 → 1.0.0"]);
    let published = format!("{published}\nrelay 1.3.1: rust 1.60\nrelay 1.2.9");
    // An older one is not admitted, and a newer one would be no downgrade.
    assert_eq!(steps(graph, &published), ["tool 2.0.0 → 1.0.0"]);
    let graph = graph.replace("2.0.0 ->", "2.0.0 -(>=1)->");
    assert_eq!(
        steps(&graph, &published),
        ["relay 1.3.0 → 1.2.9", "tool 2.0.0 → 1.0.0"]
    );
}

#[test]
fn family_and_subject_never_move() {
    let published =
        "gadget 1.0.0\ngadget-core 1.0.0\nrelay 1.2.0\nrelay 1.3.0: rust 1.80\nlocal 0.1.0";
    for dependent in ["gadget 2.0.0", "gadget-core 2.0.0"] {
        let graph =
            format!("app -(>=1)-> {dependent} -(=1.3.0)-> relay 1.3.0\nrelay 1.3.0: rust 1.80");
        assert!(steps(&graph, published).is_empty(), "{dependent}");
        let graph = format!("app -(>=1)-> {dependent}\n{dependent}: rust 1.80");
        assert!(steps(&graph, published).is_empty(), "{dependent}");
    }
    let graph = "app -(>=0.1)-> local 0.2.0 -(=1.3.0)-> relay 1.3.0\nlocal 0.2.0: path\nrelay 1.3.0: rust 1.80";
    assert!(steps(graph, published).is_empty());
    let graph = "app -(>=0.1)-> local 0.2.0\nlocal 0.2.0: path, rust 1.80";
    assert!(steps(graph, published).is_empty());
}

#[test]
fn a_package_that_cannot_move_does_not_keep_the_next_from_moving() {
    let graph = "app -(=1.0.0)-> first 1.0.0\napp -(^1)-> relay 1.3.0\n\
                 first 1.0.0: rust 1.80\nrelay 1.3.0: rust 1.80";
    let published = "first 0.9.0\nfirst 1.0.0: rust 1.80\nrelay 1.2.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(steps(graph, published), ["relay 1.3.0 → 1.2.0"]);
}

#[test]
fn of_many_versions_the_newest_few_are_tried() {
    let published: String = (0..20).map(|n| format!("relay 1.{n}.0\n")).collect();
    let steps = steps(
        "app -(^1)-> relay 1.30.0\nrelay 1.30.0: rust 1.80",
        &published,
    );
    assert_eq!(steps.len(), TRIES);
    assert_eq!(steps[0], "relay 1.30.0 → 1.19.0");
}

proptest! {
    #[test]
    fn every_downgrade_is_one_that_a_lock_could_hold(
        published in prop::collection::vec((0usize..3, 0u64..5, 60u64..80, any::<bool>()), 0..14),
        requirements in [0u64..5, 0u64..5, 0u64..5],
        is_of_family in 0usize..3,
    ) {
        const NAMES: [&str; 3] = ["one", "two", "three"];
        let [first, second, third] = requirements;
        let metadata = graph(&format!(
            "app -(>=1.{first}.0)-> one 1.9.0 -(>=1.{second}.0)-> two 1.9.0 -(>=1.{third}.0)-> three 1.9.0\n\
             three 1.9.0: rust 1.90\ntwo 1.9.0: rust 1.85"
        ));
        let line = |(name, minor, rustc, is_yanked): &(usize, u64, u64, bool)| {
            let yanked = if *is_yanked { ", yanked" } else { "" };
            format!("{} 1.{minor}.0: rust 1.{rustc}{yanked}\n", NAMES[*name])
        };
        let registry = registry(&published.iter().map(line).collect::<String>());
        let rustc = version("1.70");
        let demands = unmet(&metadata, &SelectedPackages::default(), &rustc);
        let mut tried = BTreeSet::new();
        let mut n_steps = 0;
        let graph = LockGraph { metadata: &metadata, registry: &registry, rustc: &rustc };
        let is_of_family = NAMES[is_of_family];
        while let Some(step) = next_step(&graph, &demands, |p| *p.name == is_of_family, &mut tried) {
            n_steps += 1;
            prop_assert!(n_steps <= published.len(), "{:?} again", step);
            prop_assert!(step.package != is_of_family);
            let index = NAMES.iter().position(|name| *name == step.package).expect("a package");
            prop_assert!(step.to < step.from);
            prop_assert!(step.to.minor >= requirements[index]);
            let is_it = |(name, minor, rustc, is_yanked): &(usize, u64, u64, bool)| {
                *name == index && *minor == step.to.minor && *rustc <= 70 && !is_yanked
            };
            prop_assert!(published.iter().any(is_it), "{:?}", step);
        }
    }
}
