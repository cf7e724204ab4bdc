//! Small graphs, held against the pin of the family.

use pinmatrix_core::config::Family;
use pinmatrix_core::model::cell::PinnedAt;

use super::*;
use crate::manifest::{RequirementPin, RequirementPins};
use crate::testing::{config, graph, pinned};

/// Checks a graph for the pin gadget 2.0.0.
fn checked(text: &str) -> Result<Vec<String>, String> {
    checked_at(text, pinned())
}

fn checked_at(text: &str, pinned: PinnedFamily<'_>) -> Result<Vec<String>, String> {
    let copies = check(&graph(text), pinned)?;
    Ok(copies.iter().map(ToString::to_string).collect())
}

fn fault_of(text: &str) -> Option<String> {
    checked(text).err()
}

/// The family with `strict = true`.
fn strict() -> Family {
    let mut family = config("").families.remove(0);
    family.strict = true;
    family
}

#[test]
fn a_graph_that_holds_the_family_at_the_pin_has_no_fault() {
    assert_eq!(
        fault_of("app -> gadget 2.0.0\napp -> gadget-io 2.0.0"),
        None
    );
    // One of the crates is enough, and build metadata does not count.
    assert_eq!(fault_of("app -> gadget-io 2.0.0+up1"), None);
    // Companions and packages outside the family are none of its business.
    assert_eq!(
        fault_of("app -> gadget 2.0.0 -> gadget-core 1.9.0\napp -> relay 1.0.0"),
        None
    );
}

#[test]
fn a_copy_that_others_require_is_listed_with_who_requires_it() {
    let graph = "app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget 1.0.0\n\
                 app -> jack 1.0.0 -> gadget 1.0.0";
    let copy = "gadget 1.0.0 beside 2.0.0, required by jack 1.0.0 and plug 3.0.0";
    assert_eq!(checked(graph), Ok(vec![copy.to_owned()]));
}

#[test]
fn the_subject_itself_uses_the_pin_and_nothing_else() {
    assert_eq!(
        fault_of("app -> gadget 2.0.0\nbase -> gadget 1.0.0").as_deref(),
        Some("gadget is in the graph at 1.0.0 and not at 2.0.0: base 0.1.0 requires it")
    );
    // A folder outside the workspace is the subject's, too.
    assert_eq!(
        fault_of("app -> gadget 2.0.0\napp -> local 0.1.0 -> gadget 1.0.0\nlocal 0.1.0: path")
            .as_deref(),
        Some("gadget is in the graph at 1.0.0 and not at 2.0.0: local 0.1.0 requires it")
    );
    assert_eq!(
        fault_of("app -> gadget 2.0.0\napp -> gadget-io 2.0.1").as_deref(),
        Some("gadget-io is in the graph at 2.0.1 and not at 2.0.0: app 0.1.0 requires it")
    );
}

#[test]
fn a_crate_that_only_others_require_is_there_at_the_pin_among_other_copies() {
    let at_pin = "app -> gadget 2.0.0 -> gadget-io 2.0.0";
    let beside = format!("{at_pin}\napp -> plug 3.0.0 -> gadget-io 1.0.0");
    let copy = "gadget-io 1.0.0 beside 2.0.0, required by plug 3.0.0";
    assert_eq!(checked(&beside), Ok(vec![copy.to_owned()]));
    assert_eq!(
        fault_of("app -> gadget 2.0.0 -> gadget-io 1.0.0").as_deref(),
        Some("gadget-io is in the graph at 1.0.0 and not at 2.0.0: gadget 2.0.0 requires it")
    );
}

#[test]
fn a_copy_of_a_crate_that_the_subject_does_not_use_is_no_fault() {
    let beside = "app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget-io 1.0.0\n\
                  app: optional gadget-io";
    let copy = "gadget-io 1.0.0 beside 2.0.0, required by plug 3.0.0";
    assert_eq!(checked(beside), Ok(vec![copy.to_owned()]));
    // Where nothing of the family is at the pin, the cell would not be about it.
    assert_eq!(
        fault_of("app -> plug 3.0.0 -> gadget 1.0.0\napp: optional gadget").as_deref(),
        Some("gadget is not in the graph: no feature of app that is on asks for it")
    );
}

#[test]
fn a_follower_is_where_its_set_says() {
    let pins = crate::testing::pins("gadget 2.0.0, gadget-io 2.0.0, plug 0.3.0");
    let pinned = PinnedFamily {
        pins: &pins,
        ..pinned()
    };
    let graph = "app -> gadget 2.0.0\napp -> plug 0.3.0\napp -> jack 1.0.0 -> plug 0.2.0";
    let copy = "plug 0.2.0 beside 0.3.0, required by jack 1.0.0";
    assert_eq!(checked_at(graph, pinned), Ok(vec![copy.to_owned()]));
    let fault = "plug is in the graph at 0.2.0 and not at 0.3.0: app 0.1.0 requires it";
    let elsewhere = "app -> gadget 2.0.0\napp -> plug 0.2.0";
    assert_eq!(checked_at(elsewhere, pinned), Err(fault.to_owned()));
}

#[test]
fn a_strict_family_admits_no_copy() {
    let family = strict();
    let strict = PinnedFamily {
        family: &family,
        ..pinned()
    };
    assert_eq!(checked_at("app -> gadget 2.0.0", strict), Ok(Vec::new()));
    let copy = "app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget 1.0.0";
    let fault = "gadget is in the graph at 1.0.0 and not only at 2.0.0: plug 3.0.0 requires it";
    assert_eq!(checked_at(copy, strict), Err(fault.to_owned()));
}

#[test]
fn another_version_that_is_not_built_is_no_fault() {
    let unused = "app -> gadget 2.0.0\ngadget 1.0.0: unused";
    assert_eq!(checked(unused), Ok(Vec::new()));
}

#[test]
fn a_published_pin_comes_from_a_registry() {
    for source in ["git", "path"] {
        let fault = fault_of(&format!("app -> gadget 2.0.0\ngadget 2.0.0: {source}"));
        assert_eq!(
            fault.as_deref(),
            Some("gadget comes from /w/gadget/Cargo.toml, not from a registry")
        );
    }
}

#[test]
fn an_unreleased_pin_does_not_come_from_a_registry() {
    let git = PinnedAt::Git {
        label: "main".to_owned(),
        git: "https://example.org/gadget".to_owned(),
        rev: "00".to_owned(),
    };
    let folder = PinnedAt::Path {
        label: "local".to_owned(),
        path: "/gadget".into(),
    };
    let of_git = RequirementPin::Git {
        git: "https://example.org/gadget".to_owned(),
        rev: "00".to_owned(),
    };
    let of_folder = RequirementPin::Path("/gadget".into());
    for (at, pin) in [(git, of_git), (folder, of_folder)] {
        let pins: RequirementPins = [("gadget".to_owned(), pin)].into();
        let unreleased = PinnedFamily {
            at: &at,
            pins: &pins,
            ..pinned()
        };
        let checked = |text: &str| checked_at(text, unreleased);
        for source in ["git", "path"] {
            let graph = format!("app -> gadget 2.1.0\ngadget 2.1.0: {source}");
            assert_eq!(checked(&graph), Ok(Vec::new()));
        }
        let graph = "app -> gadget 2.1.0\napp -> plug 1.0.0 -> gadget 2.0.0\ngadget 2.1.0: git";
        let copy = "gadget 2.0.0 beside 2.1.0, required by plug 1.0.0";
        assert_eq!(checked(graph), Ok(vec![copy.to_owned()]));
        let fault =
            format!("gadget is in the graph at 2.0.0 and not at {at}: app 0.1.0 requires it");
        assert_eq!(checked("app -> gadget 2.0.0"), Err(fault));
    }
}

#[test]
fn a_family_that_nothing_brings_in_is_a_fault_with_a_reason() {
    let why = |text: &str| {
        let fault = fault_of(text).expect("a fault");
        let why = fault.strip_prefix("gadget is not in the graph: ");
        why.expect("a reason").to_owned()
    };
    assert_eq!(
        why("app -> relay 1.0.0"),
        "the features that are on leave it out"
    );
    assert_eq!(
        why("app -> relay 1.0.0\napp: optional gadget"),
        "no feature of app that is on asks for it"
    );
    assert_eq!(
        why(
            "app -> relay 1.0.0\nbase -> relay 1.0.0\napp: elsewhere gadget\nbase: optional gadget"
        ),
        "app requires it for cfg(windows) only; no feature of base that is on asks for it"
    );
    assert_eq!(
        why("app -> relay 1.0.0\ngadget 2.0.0: unused"),
        "the features that are on leave it out"
    );
}
