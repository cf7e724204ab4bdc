//! Facts about programs that code starts: cargo, rustc, git, itself, and what it leaves running.

use crate::grammar::site::{Fact, Place, Site};

/// How a test finds a program of the toolchain: a name for reports, and a path.
fn program(site: &mut Site<'_>, program: &str) -> (&'static str, String) {
    match (program, site.rng.below(3)) {
        ("cargo", 0) => (
            "variable",
            "std::env::var_os(\"CARGO\").unwrap()".to_owned(),
        ),
        ("cargo", 1) => (
            "compiled-in",
            "std::ffi::OsString::from(env!(\"CARGO\"))".to_owned(),
        ),
        (_, _) => ("path", format!("std::ffi::OsString::from({program:?})")),
    }
}

/// A nested rustc knows whether it is a stable one.
pub fn rustc(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let (_, rustc) = program(site, "rustc");
    site.piece = format!("nested-rustc@{}", place.name());
    let name = site.draft.fresh("nested-");
    Some(Fact::plain(format!(
        "{{ let path = std::env::temp_dir().join(format!(\"{name}-{{}}.rs\", std::process::id())); \
         std::fs::write(&path, \"#![feature(never_type)] fn main() {{}}\").unwrap(); \
         let ended = std::process::Command::new({rustc}).args(&[\"--emit=metadata\", \"--out-dir\"])\
         .arg(std::env::temp_dir()).arg(&path).output().unwrap(); \
         let _ = std::fs::remove_file(&path); \
         String::from_utf8_lossy(&ended.stderr).contains(\"E0554\") }}"
    )))
}

/// A nested cargo builds a package with a build script, and what it built runs.
pub fn cargo(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let (way, cargo) = program(site, "cargo");
    let inner = site.draft.fresh("inner-");
    let manifest =
        "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2018\"\n[workspace]\n";
    let files = [
        ("Cargo.toml", manifest),
        (
            "src/main.rs",
            "fn main() { print!(\"{}\", env!(\"SEEN\")); }\n",
        ),
        (
            "build.rs",
            "fn main() { println!(\"cargo:rustc-env=SEEN={}\", std::env::var_os(\"RUSTC_BOOTSTRAP\").is_none()); }\n",
        ),
    ];
    for (path, text) in files {
        let path = format!("{inner}/{path}");
        site.draft.write(site.member, &path, text);
    }
    let (kind, place_of_output) = if site.rng.chance(50) {
        (
            "own-target",
            format!("std::path::PathBuf::from(\"{inner}/target\")"),
        )
    } else {
        (
            "said-target",
            "std::env::temp_dir().join(format!(\"inner-{}\", std::process::id()))".to_owned(),
        )
    };
    let flag = match kind {
        "own-target" => String::new(),
        _ => ".arg(\"--target-dir\").arg(&target)".to_owned(),
    };
    site.piece = format!("nested-cargo-{way}-{kind}@{}", place.name());
    Some(Fact::plain(format!(
        "{{ let target = {place_of_output}; \
         let ended = std::process::Command::new({cargo})\
         .args(&[\"build\", \"--offline\", \"--quiet\", \"--manifest-path\", \"{inner}/Cargo.toml\"])\
         {flag}.status().unwrap(); \
         let said = std::process::Command::new(target.join(\"debug/inner\")).output(); \
         ended.success() && said.map(|o| o.stdout == b\"true\").unwrap_or(false) }}"
    )))
}

/// The versions of cargo and rustc that code finds.
pub fn version(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let (way, cargo) = program(site, "cargo");
    site.piece = format!("nested-version-{way}@{}", place.name());
    let sub = site.rng.pick(&["metadata", "tree", "locate-project"]);
    let more = match sub {
        "metadata" => ", \"--offline\", \"--format-version=1\"",
        "tree" => ", \"--offline\", \"--workspace\"",
        _ => ", \"--workspace\"",
    };
    Some(Fact::plain(format!(
        "std::process::Command::new({cargo}).args(&[\"{sub}\"{more}]).output().unwrap().status.success()"
    )))
}

/// What git says of the repository.
pub fn git(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let args = site.rng.pick(&[
        "[\"rev-parse\", \"HEAD\"]",
        "[\"describe\", \"--tags\"]",
        "[\"log\", \"-1\", \"--format=%H\"]",
    ]);
    site.draft.reads_git |= site.draft.in_git;
    let kind = if site.draft.in_git { "in" } else { "outside" };
    site.piece = format!("git-{kind}@{}", place.name());
    Some(Fact::plain(format!(
        "std::process::Command::new(\"git\").args(&{args}).output()\
         .map(|o| o.status.success() == {}).unwrap_or(false)",
        site.draft.in_git
    )))
}

/// The running executable once more, for its list of tests.
pub fn itself(_: &mut Site<'_>, place: Place) -> Option<Fact> {
    let has_harness = matches!(
        place,
        Place::LibUnit | Place::BinUnit | Place::Test | Place::BenchUnit
    );
    has_harness.then(|| {
        Fact::plain(
            "{ let ended = std::process::Command::new(std::env::current_exe().unwrap()).arg(\"--list\").output().unwrap(); \
             ended.status.success() && String::from_utf8_lossy(&ended.stdout).contains(\": test\") }",
        )
    })
}

/// More output than anyone reads.
pub fn floods(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain(
        "{ for line in 0..20_000 { println!(\"a line of many, number {}\", line); } true }",
    ))
}

/// A process that outlives the test.
pub fn left_running(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let streams = site.rng.pick(&[
        "",
        ".stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null())",
    ]);
    let program = site.rng.pick(&[
        "std::process::Command::new(\"sleep\").arg(\"8\")",
        "std::process::Command::new(\"setsid\").args(&[\"sleep\", \"8\"])",
        "std::process::Command::new(\"sh\").args(&[\"-c\", \"sleep 8 &\"])",
    ]);
    Some(Fact::plain(format!("{program}{streams}.spawn().is_ok()")))
}

/// A child that dies of a signal, which the test expects.
pub fn killed(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain(
        "{ let mut child = std::process::Command::new(\"sleep\").arg(\"8\").spawn().unwrap(); \
         child.kill().unwrap(); !child.wait().unwrap().success() }",
    ))
}

/// A backtrace names the file and the line that it was taken at.
pub fn backtrace(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    // `std::backtrace` is newer than 1.63; so is the line in a doc test.
    if site.draft.toolchain.minor < 65 || place == Place::Doc || place == Place::Macro {
        return None;
    }
    Some(Fact::plain(
        "{ let file = std::path::Path::new(file!()).file_name().unwrap().to_string_lossy().into_owned(); \
         std::backtrace::Backtrace::force_capture().to_string().contains(&format!(\"{}:{}\", file, line!())) }",
    ))
}
