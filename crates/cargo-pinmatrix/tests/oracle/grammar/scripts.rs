//! Build scripts that write somewhere under some condition, and code that reads what they wrote.

use pinmatrix_core::model::outcome::TargetKind;

use crate::draft::{Table, join};
use crate::grammar::places::{put, script};
use crate::grammar::site::{Fact, Place, Site, Wrap};

/// Where a script writes: the name for reports, the path in the script, the path from the package
/// for code that runs, and a path for `include_str!`, where there are such.
struct Written {
    kind: &'static str,
    in_script: String,
    at_run_time: Option<String>,
    compiled_in: Option<String>,
}

fn written(site: &mut Site<'_>, file: &str) -> Written {
    let up = site.draft.up_to_workspace(site.member);
    let top = site.draft.up_to_top(site.member);
    let own = |kind, path: String| Written {
        kind,
        in_script: format!("std::path::PathBuf::from({path:?})"),
        compiled_in: Some(format!(
            "concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\")"
        )),
        at_run_time: Some(format!("std::path::PathBuf::from({path:?})")),
    };
    let in_target = |kind, way: &str| Written {
        kind,
        in_script: format!(
            "std::path::PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap()).join(\"{way}{file}\")"
        ),
        compiled_in: Some(format!("concat!(env!(\"OUT_DIR\"), \"/{way}{file}\")")),
        at_run_time: Some(format!(
            "std::path::Path::new(env!(\"OUT_DIR\")).join(\"{way}{file}\")"
        )),
    };
    match site.rng.below(8) {
        0 | 1 => in_target("out", ""),
        2 => in_target("target", "../../../"),
        3 | 4 => own("source", format!("src/{file}")),
        5 => own("package", format!("generated/{file}")),
        6 => own("workspace", format!("{up}/{file}")),
        _ => own("above", format!("{top}/{file}")),
    }
}

/// A build script writes a file, and code reads it.
pub fn writes(site: &mut Site<'_>) {
    let edition = site.edition();
    let file = site.draft.fresh("made-") + ".txt";
    let place = written(site, &file);
    let (kind, content, is_pin) = content(site);
    let (when, condition) = condition(site, edition);
    let rerun = match site.rng.below(6) {
        0 => "build.rs",
        1 | 2 => "itself",
        3 => "Cargo.toml",
        4 => "environment",
        _ => "default",
    };
    let line = match rerun {
        "itself" => "println!(\"cargo:rerun-if-changed={}\", path.display());".to_owned(),
        "environment" => "println!(\"cargo:rerun-if-env-changed=NEVER_SET\");".to_owned(),
        "default" => String::new(),
        file => format!("println!(\"cargo:rerun-if-changed={file}\");"),
    };
    let path = &place.in_script;
    script(
        site,
        &format!(
            "        let path = {path};\n        let text = {content};\n        {condition}\n        \
             if is_wanted {{\n            std::fs::create_dir_all(path.parent().unwrap()).unwrap();\n            \
             std::fs::write(&path, text).unwrap();\n        }}\n        {line}\n"
        ),
    );
    let who = site.piece.clone();
    site.piece = format!("{who}-{}-{kind}-{when}-{rerun}", place.kind);
    if site.is_never() {
        return;
    }
    site.bears_all();
    let expected = if is_pin {
        pin_as_expected(site)
    } else {
        ("\"1\"".to_owned(), Vec::new())
    };
    let read = match (&place.compiled_in, &place.at_run_time, site.rng.chance(55)) {
        (Some(path), _, true) => format!("include_str!({path}) == {}", expected.0),
        (_, Some(path), _) => format!(
            "std::fs::read_to_string({path}).ok().as_deref() == Some({})",
            expected.0
        ),
        (_, None, _) => return,
    };
    let fact = Fact {
        crates: expected.1,
        ..Fact::plain(read)
    };
    let reader = site.rng.pick(&[
        Place::LibUnit,
        Place::LibUnit,
        Place::Test,
        Place::BinUnit,
        Place::BinRun,
        Place::Doc,
    ]);
    put(site, reader, Wrap::Assert, &fact);
}

/// What is written: its name, an expression in the script, and whether it is the pin.
fn content(site: &mut Site<'_>) -> (&'static str, String, bool) {
    match site.rng.below(5) {
        0 => ("constant", "\"1\".to_owned()".to_owned(), false),
        // How often the script ran here: in a fresh checkout, once.
        1 | 2 => (
            "count",
            "std::fs::read_to_string(&path).map(|t| t.trim().parse::<u32>().unwrap_or(0) + 1)\
             .unwrap_or(1).to_string()"
                .to_owned(),
            false,
        ),
        3 => ("pin-of-lock", pin_of_lock(site), true),
        _ => {
            let member = &mut site.draft.members[site.member];
            member.ask(Table::Build, "gadget");
            let gadget = member.gadget;
            let declared = match member.edition {
                "2015" => format!("extern crate {gadget}; "),
                _ => String::new(),
            };
            let expression = format!("{{ {declared}{gadget}::VERSION.to_owned() }}");
            ("pin-of-crate", expression, true)
        }
    }
}

/// The version of `gadget` in the lock, which nothing declares to be read.
fn pin_of_lock(site: &mut Site<'_>) -> String {
    let up = site.draft.up_to_workspace(site.member);
    let lock = join(&up, "Cargo.lock");
    format!(
        "{{ let lock = std::fs::read_to_string({lock:?}).unwrap(); \
         let rest = lock.split(\"name = \\\"gadget\\\"\\nversion = \\\"\").nth(1).unwrap_or_default(); \
         rest.split('\"').next().unwrap_or_default().to_owned() }}"
    )
}

/// What code that reads it expects: the pin that it sees itself.
fn pin_as_expected(site: &mut Site<'_>) -> (String, Vec<String>) {
    let member = &mut site.draft.members[site.member];
    member.ask(Table::Normal, "gadget");
    let gadget = member.gadget.to_owned();
    (format!("{gadget}::VERSION"), vec![gadget])
}

/// When it is written: a name, and statements that set `is_wanted`.
fn condition(site: &mut Site<'_>, edition: &str) -> (&'static str, String) {
    let pin = site.rng.pick(&site.draft.pins);
    let is_at = format!(
        "{{ let pin: String = {}; pin == {pin:?} }}",
        pin_of_lock(site)
    );
    let _ = edition;
    let always = "let is_wanted = true;".to_owned();
    match site.rng.below(8) {
        0..=3 => ("always", always),
        // As generators do that do not touch what is there.
        4 | 5 => ("absent", "let is_wanted = !path.exists();".to_owned()),
        6 => ("not-at-pin", format!("let is_wanted = !{is_at};")),
        _ => ("at-pin", format!("let is_wanted = {is_at};")),
    }
}

/// A build script that reads what it does not declare, or what is there only by accident.
pub fn reads(site: &mut Site<'_>) {
    let up = site.draft.up_to_workspace(site.member);
    let top = site.draft.up_to_top(site.member);
    let var = site.draft.fresh("READ_");
    let (kind, expression) = match site.rng.below(4) {
        0 => ("lock", pin_of_lock(site)),
        1 => (
            "manifest",
            format!("std::fs::read_to_string(\"{up}/Cargo.toml\").is_ok().to_string()"),
        ),
        2 => (
            "listing",
            "{ let mut names: Vec<_> = std::fs::read_dir(\".\").unwrap()\
             .map(|e| e.unwrap().file_name()).filter(|n| n != \"target\").collect(); \
             names.sort(); format!(\"{:?}\", names).contains(\"Cargo.toml\").to_string() }"
                .to_owned(),
        ),
        _ => (
            "above",
            format!("std::path::Path::new(\"{top}/matrix.toml\").is_file().to_string()"),
        ),
    };
    site.piece = format!("{}-{kind}", site.piece);
    if site.is_never() {
        return;
    }
    let rerun = if site.rng.chance(60) {
        "println!(\"cargo:rerun-if-changed=build.rs\");"
    } else {
        ""
    };
    script(
        site,
        &format!(
            "        let value = {expression};\n        println!(\"cargo:rustc-env={var}={{}}\", value);\n        {rerun}\n"
        ),
    );
    let fact = match kind {
        "lock" => {
            let (expected, crates) = pin_as_expected(site);
            Fact {
                crates,
                ..Fact::plain(format!("env!({var:?}) == {expected}"))
            }
        }
        _ => Fact::plain(format!("env!({var:?}) == \"true\"")),
    };
    let reader = site.rng.pick(&[Place::LibUnit, Place::Test, Place::Doc]);
    put(site, reader, Wrap::Assert, &fact);
}

/// A generated module, as code generators write it: into `OUT_DIR` or beside the sources.
pub fn generates(site: &mut Site<'_>) {
    let name = site.draft.fresh("generated_");
    let is_beside = site.rng.chance(60);
    let (path, include) = if is_beside {
        (
            format!("std::path::PathBuf::from(\"src/{name}.rs\")"),
            format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/src/{name}.rs\")"),
        )
    } else {
        (
            format!(
                "std::path::PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap()).join(\"{name}.rs\")"
            ),
            format!("concat!(env!(\"OUT_DIR\"), \"/{name}.rs\")"),
        )
    };
    let rerun = site.rng.pick(&[
        "println!(\"cargo:rerun-if-changed={}\", path.display());",
        "println!(\"cargo:rerun-if-changed=build.rs\");",
        "",
    ]);
    script(
        site,
        &format!(
            "        let path = {path};\n        \
             std::fs::write(&path, \"pub(crate) fn {name}() -> u32 {{ 7 }}\\n\").unwrap();\n        {rerun}\n"
        ),
    );
    let where_to = if is_beside { "source" } else { "out" };
    site.piece = format!("{}-{where_to}", site.piece);
    if site.is_never() {
        return;
    }
    site.bears_all();
    if let Some(lib) = site.lib(TargetKind::Lib) {
        lib.items.push_str(&format!("include!({include});\n"));
        let fact = Fact::plain(format!("{name}() == 7"));
        put(site, Place::LibUnit, Wrap::Assert, &fact);
    }
}
