//! A fact put into code of some kind, so that it shows whether the fact holds.

use std::fmt::Write as _;

use pinmatrix_core::model::outcome::TargetKind;

use crate::draft::Table;
use crate::grammar::site::{Fact, Place, Site, Wrap};

/// Puts a fact at a place; does nothing where the member has no such place.
pub fn put(site: &mut Site<'_>, place: Place, wrap: Wrap, fact: &Fact) {
    let edition = site.edition();
    match place {
        Place::LibUnit => {
            let name = site.function("unit_");
            let test = wrap.test(&name, fact, edition);
            let in_file = site.rng.chance(20) && edition != "2015";
            let module = site.draft.fresh("part_");
            let Some(lib) = site.lib(TargetKind::Lib) else {
                return;
            };
            if in_file {
                lib.items.push_str(&format!("mod {module};\n"));
                let member = &mut site.draft.members[site.member];
                member.modules.insert(
                    module,
                    format!("#[allow(unused_imports)] use super::*;\n{test}"),
                );
            } else {
                lib.items.push_str(&test);
            }
        }
        Place::BinUnit => unit(site, TargetKind::Bin, wrap, fact),
        Place::Test => unit(site, TargetKind::Test, wrap, fact),
        Place::ExampleUnit => unit(site, TargetKind::Example, wrap, fact),
        Place::BenchUnit => unit(site, TargetKind::Bench, wrap, fact),
        Place::Program => {
            let kind = site
                .rng
                .pick(&[TargetKind::Test, TargetKind::Test, TargetKind::Bench]);
            let target = site.target(kind, false, true);
            if kind == TargetKind::Bench {
                site.draft.members[site.member].targets[target].test = Some(true);
            }
            site.source(target)
                .main
                .push_str(&wrap.statements(fact, edition));
        }
        Place::Doc => doc(site, fact, edition),
        Place::BinRun | Place::BinFound | Place::ExampleFound => {
            program(site, place, wrap, fact, edition);
        }
        Place::Script => {
            let statements = wrap.statements(fact, edition);
            script(site, &statements);
            site.bears_all();
        }
        Place::ScriptEnv => script_env(site, fact, edition),
        Place::Macro => expanded(site, wrap, fact, edition),
    }
}

fn unit(site: &mut Site<'_>, kind: TargetKind, wrap: Wrap, fact: &Fact) {
    let edition = site.edition();
    let name = if site.rng.chance(15) {
        site.function("größe_")
    } else {
        site.function("case_")
    };
    let target = site.target(kind, true, wrap.ends_process());
    if matches!(kind, TargetKind::Example | TargetKind::Bench) {
        site.draft.members[site.member].targets[target].test = Some(true);
    }
    let text = wrap.test(&name, fact, edition);
    site.source(target).items.push_str(&text);
}

fn doc(site: &mut Site<'_>, fact: &Fact, edition: &str) {
    let name = site.function("documented_");
    let flavour = *site.rng.weighted(&[
        (70, ""),
        (10, "should_panic"),
        (7, "no_run"),
        (5, "compile_fail"),
        (4, "ignore"),
        (4, "rust,edition2018"),
    ]);
    let wrap = match flavour {
        "should_panic" => Wrap::Negated,
        _ => Wrap::Assert,
    };
    let body = wrap.statements(fact, edition);
    let mut text = format!("/// ```{flavour}\n");
    for line in body.lines() {
        writeln!(text, "/// {}", line.trim()).expect("memory");
    }
    text.push_str("/// ```\n");
    // The text of a README is a doc test too.
    let is_readme = site.draft.toolchain.minor >= 54 && site.rng.chance(15);
    let file = format!("README-{name}.md");
    let documented = if is_readme {
        format!("#[doc = include_str!(\"../{file}\")]\n")
    } else {
        text.clone()
    };
    let is_macro = site.draft.members[site.member].is_macro;
    let Some(lib) = site.lib(TargetKind::Doc) else {
        return;
    };
    // A package of macros exports nothing else; what is private is tested all the same.
    let head = if is_macro {
        "#[allow(dead_code)] fn"
    } else {
        "pub fn"
    };
    writeln!(lib.items, "{documented}{head} {name}() {{}}").expect("memory");
    if is_readme {
        let text = text.replace("/// ", "");
        site.draft.write(site.member, &file, &text);
    }
}

/// A program that a test runs.
fn program(site: &mut Site<'_>, place: Place, wrap: Wrap, fact: &Fact, edition: &str) {
    let kind = if place == Place::ExampleFound {
        TargetKind::Example
    } else {
        TargetKind::Bin
    };
    let at = site.target(kind, true, true);
    site.source(at)
        .main
        .push_str(&wrap.statements(fact, edition));
    let name = site.draft.members[site.member].targets[at].name.clone();
    let path = if place == Place::BinRun {
        format!("std::path::PathBuf::from(env!(\"CARGO_BIN_EXE_{name}\"))")
    } else if place == Place::ExampleFound {
        beside(&format!("examples/{name}"))
    } else {
        beside(&name)
    };
    let runs = Fact::plain(format!(
        "std::process::Command::new({path}).status().unwrap().success()"
    ));
    let name = site.function("runs_");
    let test = site.target(TargetKind::Test, true, false);
    let text = Wrap::Assert.test(&name, &runs, edition);
    site.source(test).items.push_str(&text);
}

/// A path beside the folder of the running executable.
fn beside(path: &str) -> String {
    format!("std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join({path:?})")
}

/// Adds statements to the member's build script.
pub fn script(site: &mut Site<'_>, statements: &str) {
    let script = &mut site.draft.members[site.member].script;
    write!(script.main, "    {{\n{statements}    }}\n").expect("memory");
}

/// The build script looks, and tells a unit test and what else is compiled.
fn script_env(site: &mut Site<'_>, fact: &Fact, edition: &str) {
    let var = site.draft.fresh("TOLD_");
    let declared = match edition {
        "2015" => fact
            .crates
            .iter()
            .map(|c| format!("extern crate {c};"))
            .collect(),
        _ => String::new(),
    };
    let value = &fact.expression;
    script(
        site,
        &format!(
            "        {declared}\n        println!(\"cargo:rustc-env={var}={{}}\", {value});\n"
        ),
    );
    let holds = Fact::plain(format!("env!({var:?}) == \"true\""));
    let place = site
        .rng
        .pick(&[Place::LibUnit, Place::Test, Place::Doc, Place::BinRun]);
    put(site, place, Wrap::Assert, &holds);
}

/// A macro looks, where it is expanded.
fn expanded(site: &mut Site<'_>, wrap: Wrap, fact: &Fact, edition: &str) {
    let name = site.draft.fresh("looks_");
    // The fact was made for the macro's package, which the site is at.
    let user = site.rng.below(site.draft.members.len());
    let statements = if wrap.ends_process() {
        "assert!(holds, \"it does not hold\");"
    } else {
        ""
    };
    let declared = match edition {
        "2015" => fact
            .crates
            .iter()
            .map(|c| format!("extern crate {c}; "))
            .collect(),
        _ => String::new(),
    };
    let text = format!(
        "#[proc_macro]\npub fn {name}(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{\n\
         \x20   {declared}let holds: bool = {};\n    {statements}\n\
         \x20   holds.to_string().parse().unwrap()\n}}\n",
        fact.expression
    );
    let krate = site.draft.members[site.member].name.to_owned();
    if let Some(lib) = site.lib(TargetKind::Lib) {
        lib.items.push_str(&text);
    }
    if site.draft.members[user].is_macro {
        return;
    }
    site.member = user;
    let member = &mut site.draft.members[user];
    if !member.sees(&krate, true) {
        member.ask(Table::Dev, &krate);
    }
    let holds = Fact::with(
        format!("{}::{name}!()", krate.replace('-', "_")),
        &krate.replace('-', "_"),
    );
    put(site, Place::Test, Wrap::Assert, &holds);
}
