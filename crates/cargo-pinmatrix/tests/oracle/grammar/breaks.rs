//! What does not compile, link or build at some pin, in code of every kind.

use pinmatrix_core::model::outcome::TargetKind;

use crate::draft::Table;
use crate::grammar::places::script;
use crate::grammar::site::Site;

/// Where code that breaks stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Lib,
    LibTests,
    LibWithoutTests,
    Bin,
    BinTests,
    BinWithoutTests,
    Test,
    Example,
    ExampleWithoutTests,
    Bench,
}

const PLACES: [(usize, Where, &str); 10] = [
    (3, Where::Lib, "lib"),
    (4, Where::LibTests, "lib-tests"),
    (2, Where::LibWithoutTests, "lib-without-tests"),
    (3, Where::Bin, "bin"),
    (2, Where::BinTests, "bin-tests"),
    (2, Where::BinWithoutTests, "bin-without-tests"),
    (5, Where::Test, "test"),
    (4, Where::Example, "example"),
    (1, Where::ExampleWithoutTests, "example-without-tests"),
    (2, Where::Bench, "bench"),
];

/// Something that stops the compiler or the linker at a pin.
pub fn compile(site: &mut Site<'_>) {
    let places: Vec<(usize, (Where, &str))> = PLACES
        .iter()
        .map(|(weight, at, name)| (*weight, (*at, *name)))
        .collect();
    let (at, at_name) = *site.rng.weighted(&places);
    let (how, items) = items(site, at);
    site.piece = format!("{}-{how}@{at_name}", site.piece);
    if site.is_never() {
        return;
    }
    let items = match at {
        Where::LibTests | Where::BinTests => format!("#[cfg(test)] {items}"),
        Where::LibWithoutTests | Where::BinWithoutTests | Where::ExampleWithoutTests => {
            format!("#[cfg(not(test))] {items}")
        }
        Where::Lib | Where::Bin | Where::Test | Where::Example | Where::Bench => items,
    };
    let kind = match at {
        Where::Lib | Where::LibTests | Where::LibWithoutTests => {
            if let Some(lib) = site.lib(TargetKind::Lib) {
                lib.items.push_str(&items);
            }
            return;
        }
        Where::Bin | Where::BinTests | Where::BinWithoutTests => TargetKind::Bin,
        Where::Test => TargetKind::Test,
        Where::Example | Where::ExampleWithoutTests => TargetKind::Example,
        Where::Bench => TargetKind::Bench,
    };
    let target = site.target(kind, true, false);
    if matches!(at, Where::Bench | Where::ExampleWithoutTests) {
        site.draft.members[site.member].targets[target].test = Some(true);
    }
    site.source(target).items.push_str(&items);
}

/// Items of which something is wrong at a pin, in one module: how, and the text.
fn items(site: &mut Site<'_>, at: Where) -> (&'static str, String) {
    let name = site.draft.fresh("breaks_");
    let pin = site.rng.pick(&site.draft.pins);
    let is_test = matches!(
        at,
        Where::Test | Where::Bench | Where::LibTests | Where::BinTests
    );
    let table = if is_test && site.rng.chance(40) {
        Table::Dev
    } else {
        Table::Normal
    };
    let how = site.rng.below(7);
    let member = &mut site.draft.members[site.member];
    let gadget = member.gadget;
    let declared = match member.edition {
        "2015" => format!("extern crate {gadget}; "),
        _ => String::new(),
    };
    let reach = match member.edition {
        "2015" => "self::",
        _ => "",
    };
    let module = |inner: String| format!("#[allow(dead_code)] mod {name} {{ {inner} }}\n");
    match how {
        0 | 1 => {
            member.ask(table, "gadget");
            let call = format!("{declared}pub fn turns() -> u32 {{ {reach}{gadget}::turn(1) }}");
            ("call", module(call))
        }
        2 => {
            member.ask(table, "gadget");
            let at_pin = format!(
                "({reach}{gadget}::VERSION.as_bytes()[0] != b'{}') as usize",
                &pin[..1]
            );
            let check = format!("{declared}pub const HOLDS: [(); 1] = [(); {at_pin}];");
            ("const", module(check))
        }
        3 => {
            let cfg = cfg_at(site, pin);
            let lint = format!(
                "#[cfg({cfg})] #[deny(unused_variables)] pub fn lints() {{ let unused = 1; }}"
            );
            ("lint", module(lint))
        }
        4 => {
            let cfg = cfg_at(site, pin);
            (
                "said",
                module(format!(
                    "#[cfg({cfg})] compile_error!(\"not at this pin\");"
                )),
            )
        }
        5 => {
            let cfg = cfg_at(site, pin);
            (
                "missing-file",
                module(format!(
                    "#[cfg({cfg})] pub const TEXT: &str = include_str!(\"no/where\");"
                )),
            )
        }
        _ => {
            let cfg = cfg_at(site, pin);
            let block = if site.draft.toolchain.minor >= 82 {
                "unsafe extern \"C\""
            } else {
                "extern \"C\""
            };
            let link = format!(
                "#[cfg({cfg})] {block} {{ fn {name}_missing(); }} \
                 #[cfg({cfg})] #[used] pub static LINKED: unsafe extern \"C\" fn() = {name}_missing;"
            );
            ("link", module(link))
        }
    }
}

/// A `--cfg` that the build script sets at a pin.
fn cfg_at(site: &mut Site<'_>, pin: &str) -> String {
    let cfg = site.draft.fresh("at_pin_");
    let statement = at_pin(site, pin, &format!("println!(\"cargo:rustc-cfg={cfg}\")"));
    script(site, &statement);
    cfg
}

/// A build script that fails at a pin.
pub fn failing_script(site: &mut Site<'_>) {
    let pin = site.rng.pick(&site.draft.pins);
    let how = site.rng.pick(&[
        "panic!(\"not at this pin\")",
        "std::process::exit(3)",
        "std::process::abort()",
    ]);
    let statement = at_pin(site, pin, how);
    script(site, &statement);
    site.bears_all();
}

fn at_pin(site: &mut Site<'_>, pin: &str, then: &str) -> String {
    let member = &mut site.draft.members[site.member];
    member.ask(Table::Build, "gadget");
    let gadget = member.gadget;
    let declared = match member.edition {
        "2015" => format!("extern crate {gadget}; "),
        _ => String::new(),
    };
    format!("        {declared}if {gadget}::VERSION == {pin:?} {{ {then}; }}\n")
}
