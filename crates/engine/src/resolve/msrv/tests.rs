//! What small graphs need.

use proptest::prelude::*;

use super::*;
use crate::subject::required_rust::RequiredRust;
use crate::testing::{family, graph, version};

/// Returns the demands of a graph that a rustc does not meet, with their chains.
fn unmet_demands(text: &str, rustc: &str) -> Vec<String> {
    let demands = unmet(&graph(text), &SelectedPackages::default(), &version(rustc));
    let asker = demands.iter().map(|demand| {
        let edition = if demand.by_edition { " (edition)" } else { "" };
        let Demand {
            name,
            version,
            needs,
            through,
            ..
        } = demand;
        format!(
            "{name} {version}: {needs}{edition} < {}",
            through.join(" < ")
        )
    });
    asker.collect()
}

#[test]
fn a_package_that_the_toolchain_is_too_old_for_is_named_with_who_brings_it_in() {
    let text = "app -> tool 1.0.0 -> relay 1.3.0\nrelay 1.3.0: rust 1.80\ntool 1.0.0: rust 1.79";
    assert_eq!(
        unmet_demands(text, "1.70"),
        [
            "relay 1.3.0: 1.80.0 < tool 1.0.0 < app 0.1.0",
            "tool 1.0.0: 1.79.0 < app 0.1.0"
        ]
    );
    assert_eq!(unmet_demands(text, "1.79").len(), 1);
    assert!(unmet_demands(text, "1.80").is_empty());
}

#[test]
fn a_package_that_declares_nothing_needs_what_its_edition_needs() {
    let text = "app -> relay 1.3.0\nrelay 1.3.0: edition 2021";
    assert_eq!(
        unmet_demands(text, "1.50"),
        ["relay 1.3.0: 1.56.0 (edition) < app 0.1.0"]
    );
    // What is declared counts, unless no compiler that old reads the edition.
    let text = "app -> relay 1.3.0\nrelay 1.3.0: edition 2021, rust 1.60";
    assert_eq!(
        unmet_demands(text, "1.50"),
        ["relay 1.3.0: 1.60.0 < app 0.1.0"]
    );
    let text = "app -> relay 1.3.0\nrelay 1.3.0: edition 2024, rust 1.60";
    assert_eq!(
        unmet_demands(text, "1.50"),
        ["relay 1.3.0: 1.85.0 (edition) < app 0.1.0"]
    );
    assert!(unmet_demands("app -> relay 1.3.0", "1.0").is_empty());
}

#[test]
fn what_is_in_the_lock_alone_asks_for_nothing() {
    let text = "app -> relay 1.3.0\nother 1.0.0: rust 1.80, unused";
    assert!(unmet_demands(text, "1.70").is_empty());
    let needs = highest(&graph(text), &SelectedPackages::default(), |_| true);
    assert_eq!(
        needs,
        Needs {
            family: None,
            lock: None
        }
    );
}

#[test]
fn the_shortest_chain_leads_to_a_member() {
    let text = "app -> one 1.0.0 -> two 1.0.0 -> relay 1.3.0\napp -> three 1.0.0 -> relay 1.3.0\n\
                relay 1.3.0: rust 1.80";
    assert_eq!(
        unmet_demands(text, "1.70"),
        ["relay 1.3.0: 1.80.0 < three 1.0.0 < app 0.1.0"]
    );
}

#[test]
fn a_package_that_its_own_tests_use_has_a_chain_that_ends() {
    let text = "app -> tool 1.0.0 -> relay 1.3.0 -(dev)-> tool 1.0.0\nrelay 1.3.0: rust 1.80";
    assert_eq!(
        unmet_demands(text, "1.70"),
        ["relay 1.3.0: 1.80.0 < tool 1.0.0 < app 0.1.0"]
    );
}

#[test]
fn the_highest_need_is_reported_of_the_family_and_of_the_lock() {
    let metadata = graph(
        "app -> gadget 2.0.0 -> gadget-core 2.0.0\napp -> relay 1.3.0\napp -> alias 1.0.0\n\
         app: rust 1.90\ngadget 2.0.0: rust 1.60\ngadget-core 2.0.0: rust 1.65\n\
         relay 1.3.0: rust 1.80\nalias 1.0.0: rust 1.80",
    );
    let family = family();
    let needs = highest(&metadata, &SelectedPackages::default(), |package| {
        family.holds(&package.name)
    });
    let asker = |need: Option<Need>| need.map(|need| format!("{} {}", need.package, need.rustc));
    assert_eq!(
        asker(needs.family).as_deref(),
        Some("gadget-core 2.0.0 1.65.0")
    );
    // Of those that need as much, the first by name; members declare what the lock has to fit.
    assert_eq!(asker(needs.lock).as_deref(), Some("alias 1.0.0 1.80.0"));
}

#[test]
fn a_member_that_needs_more_is_a_demand_and_one_that_needs_as_much_is_none() {
    let member = |name: &str, needs: Option<(&str, bool)>| Member {
        name: name.to_owned(),
        version: Version::new(0, 1, 0),
        needs: needs.map(|(rustc, by_edition)| RequiredRust {
            rustc: version(rustc),
            by_edition,
        }),
        features: BTreeSet::new(),
        is_default: false,
    };
    let members = [
        member("app", Some(("1.80", false))),
        member("base", Some(("1.70", false))),
        member("core", None),
        member("data", Some(("1.85", true))),
    ];
    let demands = unmet_by_members(members.iter(), &version("1.70"));
    let asker = demands
        .iter()
        .map(|d| d.diagnostic(&version("1.70")).message);
    assert_eq!(
        asker.collect::<Vec<_>>(),
        [
            "app 0.1.0 needs rustc 1.80.0, and this is 1.70.0",
            "data 0.1.0 needs rustc 1.85.0 for its edition, and this is 1.70.0"
        ]
    );
}

#[test]
fn a_chain_of_one_is_left_to_whoever_tells_it() {
    let of = |text: &str| {
        let rustc = version("1.70");
        let demands = unmet(&graph(text), &SelectedPackages::default(), &rustc);
        demands[0].diagnostic(&rustc).message
    };
    let direct = of("app -> relay 1.3.0\nrelay 1.3.0: rust 1.80");
    assert_eq!(direct, "relay 1.3.0 needs rustc 1.80.0, and this is 1.70.0");
    let deeper = of("app -> tool 1.0.0 -> relay 1.3.0\nrelay 1.3.0: rust 1.80");
    assert!(
        deeper.ends_with("(through tool 1.0.0 ← app 0.1.0)"),
        "{deeper}"
    );
}

proptest! {
    /// In any graph, the chain of a demand is a path of dependents that ends at a member, if there
    /// is one.
    #[test]
    fn a_chain_is_a_path_up_to_a_member(edges in prop::collection::vec((0u8..7, 0u8..7), 1..20)) {
        let name = |n: u8| match n {
            0 => "app".to_owned(),
            n => format!("p{n} 1.0.0"),
        };
        let edges: Vec<(u8, u8)> = edges.into_iter().filter(|(from, to)| from != to && *to != 0).collect();
        let mut text: String = edges
            .iter()
            .map(|(from, to)| format!("{} -> {}\n", name(*from), name(*to)))
            .collect();
        for n in 1..7 {
            text.push_str(&format!("{}: rust 1.80\n", name(n)));
        }
        let metadata = graph(&text);
        let full = |n: u8| match n {
            0 => "app 0.1.0".to_owned(),
            n => format!("p{n} 1.0.0"),
        };
        for demand in unmet(&metadata, &SelectedPackages::default(), &version("1.70")) {
            let mut at = format!("{} {}", demand.name, demand.version);
            for dependent in &demand.through {
                let is_edge = |(from, to): &(u8, u8)| full(*from) == *dependent && full(*to) == at;
                prop_assert!(edges.iter().any(is_edge), "{dependent} does not depend on {at}");
                at.clone_from(dependent);
            }
            if !demand.through.is_empty() {
                prop_assert_eq!(at, "app 0.1.0");
            }
        }
    }
}
