//! Facts about code: what the family does at a pin, and which features are on.

use crate::draft::Table;
use crate::grammar::site::{Fact, Place, Site};

/// `ratio` rounds up at 5.0.0.
pub fn ratio(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let gadget = site.need(place, "gadget");
    let (driver, driven) = site.rng.pick(&[(5, 2), (7, 3), (9, 4), (6, 3)]);
    let down = driver / driven;
    Some(Fact::with(
        format!("{gadget}::ratio({driver}, {driven}) == {down}"),
        &gadget,
    ))
}

/// Whether this is a certain pin.
pub fn pin(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let gadget = site.need(place, "gadget");
    let pin = site.rng.pick(&site.draft.pins);
    let is = site.rng.pick(&["!=", "!=", "!=", "=="]);
    Some(Fact::with(
        format!("{gadget}::VERSION {is} {pin:?}"),
        &gadget,
    ))
}

/// `turn` is gone at 3.0.0.
pub fn turn(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let gadget = site.need(place, "gadget");
    Some(Fact::with(format!("{gadget}::turn(1) == 2"), &gadget))
}

/// The crates of the family are of one version.
pub fn lockstep(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let io = site.need(place, "gadget-io");
    let one =
        format!("{io}::VERSION == {io}::GADGET_VERSION && {io}::VERSION == {io}::TYPES_VERSION");
    Some(Fact::with(one, &io))
}

/// A feature of the package itself.
pub fn own_feature(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let feature = site.rng.pick(&["f0", "f1", "only"]);
    let is_on = site.rng.pick(&["", "", "!"]);
    Some(Fact::plain(format!("{is_on}cfg!(feature = {feature:?})")))
}

/// A feature of another member, asked for by whoever asks.
pub fn other_feature(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let other = other(site, place)?;
    let feature = site.rng.pick(&["F0", "F1"]);
    let is_on = site.rng.pick(&["", "", "!"]);
    Some(Fact::with(format!("{is_on}{other}::{feature}"), &other))
}

/// Code of another member that is there with a feature only.
pub fn gated(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let other = other(site, place)?;
    let feature = site.rng.pick(&["f0", "f1"]);
    Some(Fact::with(format!("{other}::only_{feature}()"), &other))
}

/// A member's library sees the same pin as the member that uses it.
pub fn same_pin(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let krate = other(site, place)?;
    let gadget = site.need(place, "gadget");
    let other = site.draft.members.iter_mut().find(|m| m.krate() == krate)?;
    other.ask(Table::Normal, "gadget");
    let theirs = other.gadget;
    let declared = match other.edition {
        "2015" => format!("{{ extern crate {theirs}; {theirs}::VERSION }}"),
        _ => format!("{theirs}::VERSION"),
    };
    let item = format!("pub const PIN: &str = {declared};\n");
    let lib = other.lib.as_mut()?;
    if !lib.items.contains(&item) {
        lib.items.push_str(&item);
    }
    Some(Fact {
        crates: vec![krate.clone(), gadget.clone()],
        ..Fact::plain(format!("{krate}::PIN == {gadget}::VERSION"))
    })
}

/// Whether assertions of debug builds are on.
pub fn debug_assertions(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain("cfg!(debug_assertions)"))
}

/// Whether the code is compiled as a test.
pub fn is_test(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain("cfg!(test)"))
}

/// The library of the member itself, where it has one.
pub fn own_library(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let has_it = match place {
        Place::LibUnit | Place::Script | Place::ScriptEnv | Place::Macro => false,
        Place::BinUnit
        | Place::Test
        | Place::ExampleUnit
        | Place::BenchUnit
        | Place::Program
        | Place::Doc
        | Place::BinRun
        | Place::BinFound
        | Place::ExampleFound => true,
    };
    let member = &site.draft.members[site.member];
    if !has_it || member.lib.is_none() || member.is_macro {
        return None;
    }
    let krate = member.krate();
    let feature = site.rng.pick(&["F0", "F1", "IS_TEST"]);
    Some(Fact::with(format!("!{krate}::{feature}"), &krate))
}

/// Another member's library, made visible.
fn other(site: &mut Site<'_>, place: Place) -> Option<String> {
    if place == Place::Macro || site.member == 0 {
        return None;
    }
    let index = site.rng.below(site.member);
    let other = &site.draft.members[index];
    if other.lib.is_none() || other.is_macro {
        return None;
    }
    let name = other.name;
    Some(site.need(place, name))
}
