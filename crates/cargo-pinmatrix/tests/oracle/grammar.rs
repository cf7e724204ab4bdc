//! Workspaces drawn by grammar: a shape, and pieces that each put something into it.
//!
//! A piece is a production, a member and a seed of its own, so that leaving one out changes no other.

mod breaks;
mod code;
mod commands;
mod environment;
mod files;
mod order;
mod places;
mod scripts;
mod shape;
mod site;

use pinmatrix_core::model::outcome::TargetKind;

use crate::draft::{Draft, Toolchain};
use crate::grammar::site::{Fact, Place, Site, Wrap};
use crate::rng::Rng;

/// Which pieces are drawn.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Numbers of pieces that are left out.
    pub without: Vec<usize>,
    /// Patterns of names of which no piece is drawn.
    pub never: Vec<String>,
    /// Patterns of names of which all pieces are; any, where there are none.
    pub only: Vec<String>,
}

/// A workspace, and the names of its pieces, by number.
pub struct Drawn {
    pub draft: Draft,
    pub pieces: Vec<String>,
}

type Look = fn(&mut Site<'_>, Place) -> Option<Fact>;

/// What can be looked at anywhere.
const FACTS: &[(usize, (&str, Look))] = &[
    (12, ("ratio", code::ratio)),
    (8, ("pin", code::pin)),
    (6, ("turn", code::turn)),
    (3, ("lockstep", code::lockstep)),
    (4, ("own-feature", code::own_feature)),
    (7, ("other-feature", code::other_feature)),
    (5, ("gated", code::gated)),
    (4, ("same-pin", code::same_pin)),
    (2, ("debug-assertions", code::debug_assertions)),
    (2, ("is-test", code::is_test)),
    (4, ("own-library", code::own_library)),
    (4, ("package", environment::package)),
    (4, ("is-set", environment::is_set)),
    (3, ("unset", environment::is_unset)),
    (3, ("profile", environment::profile)),
    (3, ("config-env", environment::configured)),
    (2, ("config-cfg", environment::configured_cfg)),
    (1, ("config-profile", environment::configured_profile)),
    (4, ("folder", environment::folder)),
    (2, ("folder-for-tests", environment::folder_for_tests)),
    (1, ("arguments", environment::arguments)),
    (2, ("executable", environment::executable)),
    (4, ("temporary", environment::temporary)),
    (1, ("shallow", environment::shallow)),
    (1, ("input", environment::input)),
    (1, ("loopback", environment::loopback)),
    (7, ("text", files::text)),
    (3, ("empty-folder", files::empty_folder)),
    (1, ("empty-file", files::empty_file)),
    (3, ("mode", files::mode)),
    (2, ("mode-set", files::mode_set)),
    (2, ("script-file", files::script)),
    (3, ("link", files::link)),
    (2, ("odd-name", files::odd_name)),
    (4, ("kept", files::kept)),
    (2, ("listing", files::listing)),
    (6, ("leftover", files::leftover)),
    (2, ("overwritten", files::overwritten)),
    (2, ("removed", files::removed)),
    (3, ("lock", files::lock)),
    (1, ("manifest", files::manifest)),
    (3, ("nested-rustc", commands::rustc)),
    (4, ("nested-cargo", commands::cargo)),
    (2, ("nested-version", commands::version)),
    (3, ("git", commands::git)),
    (1, ("itself", commands::itself)),
    (1, ("floods", commands::floods)),
    (3, ("left-running", commands::left_running)),
    (1, ("killed", commands::killed)),
    (3, ("backtrace", commands::backtrace)),
];

type Change = fn(&mut Site<'_>);

/// What is more than a fact at a place.
const CHANGES: &[(usize, (&str, Change))] = &[
    (10, ("break", breaks::compile)),
    (2, ("failing-script", breaks::failing_script)),
    (10, ("script-writes", scripts::writes)),
    (4, ("script-reads", scripts::reads)),
    (5, ("script-generates", scripts::generates)),
    (8, ("asks", shape::asks)),
    (2, ("dev-cycle", shape::dev_cycle)),
    (3, ("flags", shape::flags)),
    (3, ("root-profile", shape::profile)),
    (2, ("library", shape::library_lines)),
    (1, ("library-name", shape::library_name)),
    (2, ("main-binary", shape::main_binary)),
    (1, ("target-lines", shape::target_lines)),
    (2, ("links", shape::links)),
    (2, ("order", order::order)),
    (1, ("same-name", shape::same_name)),
    (1, ("ignored-data", shape::ignored_data)),
];

/// Draws the workspace of a seed.
pub fn draw(seed: u64, toolchain: Toolchain, choice: &Choice) -> Drawn {
    let mut rng = Rng::new(seed);
    let mut draft = shape::shape(toolchain, &mut Rng::new(rng.next()));
    let mut pieces = Vec::new();
    let n_pieces = 8 + rng.below(12);
    while pieces.len() < n_pieces {
        let member = rng.below(draft.members.len());
        let mut site = Rng::new(rng.next());
        let is_left_out = choice.without.contains(&pieces.len());
        let name = piece(&mut draft, member, &mut site, choice, is_left_out);
        pieces.push(name.unwrap_or_default());
    }
    for member in &mut draft.members {
        // A package has to have something.
        if member.lib.is_none() && !member.targets.iter().any(|t| t.kind == TargetKind::Bin) {
            let name = format!("only-{}", member.name);
            member.add(TargetKind::Bin, name);
        }
    }
    Drawn { draft, pieces }
}

/// Puts one piece into a workspace, and says what it was.
fn piece(
    draft: &mut Draft,
    member: usize,
    rng: &mut Rng,
    choice: &Choice,
    is_left_out: bool,
) -> Option<String> {
    let is_fact = rng.chance(68);
    let place = *rng.weighted(&Place::ALL);
    let wrap = rng.weighted(&Wrap::ALL).at(place);
    let (fact, look) = *rng.weighted(FACTS);
    let (change, apply) = *rng.weighted(CHANGES);
    let name = if is_fact {
        format!("{fact}@{}/{}", place.name(), wrap.name())
    } else {
        change.to_owned()
    };
    let is = |patterns: &[String], name: &str| patterns.iter().any(|p| matches(p, name));
    let is_chosen = choice.only.is_empty() || is(&choice.only, &name);
    if is_left_out || is(&choice.never, &name) || !is_chosen {
        return None;
    }
    let member = if is_fact && place == Place::Macro {
        draft.members.iter().position(|m| m.is_macro)?
    } else {
        member
    };
    let mut site = Site {
        never: &choice.never,
        draft,
        member,
        rng: Rng::new(rng.next()),
        piece: name,
    };
    if !is_fact {
        apply(&mut site);
        return Some(site.piece);
    }
    let is_macro = site.draft.members[member].is_macro;
    let of_macros = [Place::Macro, Place::LibUnit, Place::Test, Place::Doc];
    if is_macro && !of_macros.contains(&place) {
        return None;
    }
    let fact = look(&mut site, place)?;
    // A fact can choose among kinds that have names of their own.
    if site.is_never() {
        return None;
    }
    let wrap = match (wrap, fact.is_once) {
        (Wrap::Negated, true) => Wrap::Assert,
        (wrap, _) => wrap,
    };
    if !site.piece.contains('/') {
        site.piece = format!("{}/{}", site.piece, wrap.name());
    }
    let piece = site.piece.clone();
    places::put(&mut site, place, wrap, &fact);
    Some(piece)
}

/// The names of all productions.
pub fn names() -> impl Iterator<Item = &'static str> {
    let facts = FACTS.iter().map(|(_, (name, _))| *name);
    facts.chain(CHANGES.iter().map(|(_, (name, _))| *name))
}

/// Whether a name is of a pattern, in which `*` stands for anything.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
