//! What is compiled, and how often; and that nothing is taken over that is out of date.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pinmatrix_core::model::run::Run;

use crate::harness::Fixture;

/// A compiler's wrapper that writes down what it compiles, and then calls the compiler. A sandbox
/// would keep it from writing where the list outlives a cell, so there is none.
struct Counter {
    folder: tempfile::TempDir,
}

impl Counter {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let counter = Self { folder };
        let list = counter.list();
        let list = list.display();
        let script = format!(
            "#!/bin/sh\nname=; metadata=; kind=\nfor arg in \"$@\"; do\n  case $before in\n    \
             --crate-name) name=$arg ;;\n  esac\n  case $arg in\n    metadata=*) metadata=$arg ;;\n    \
             --test) kind=test ;;\n  esac\n  before=$arg\ndone\ncase $name in\n  '' | ___) ;;\n  \
             *) echo \"$name $metadata $kind\" >> '{list}' ;;\nesac\nexec \"$@\"\n"
        );
        write_program(&counter.wrapper(), &script);
        counter
    }

    fn wrapper(&self) -> PathBuf {
        self.folder.path().join("counting-rustc")
    }

    fn list(&self) -> PathBuf {
        self.folder.path().join("compiled")
    }

    /// How often each unit was compiled since this was last asked.
    fn compiled(&self) -> BTreeMap<String, usize> {
        let mut units = BTreeMap::new();
        let text = std::fs::read_to_string(self.list()).unwrap_or_default();
        for unit in text.lines() {
            *units.entry(unit.to_owned()).or_default() += 1;
        }
        let _ = std::fs::remove_file(self.list());
        units
    }

    /// Of the crates that are published, how often each unit was compiled.
    fn compiled_from_registry(&self) -> BTreeMap<String, usize> {
        let mut units = self.compiled();
        let published = ["gadget", "relay", "tempo", "brittle", "build_script"];
        units.retain(|unit, _| published.iter().any(|name| unit.starts_with(name)));
        units
    }

    fn run(&self, fixture: &Fixture, args: &[&str]) -> Run {
        let mut all = vec!["run"];
        all.extend(args);
        all.extend(["--sandbox", "off"]);
        let mut command = fixture.command(&all);
        command.env("RUSTC_WRAPPER", self.wrapper());
        fixture.ran(&mut command).1
    }
}

fn write_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, script).expect("written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("executable");
}

fn twice(units: &BTreeMap<String, usize>) -> Vec<&String> {
    let twice = units.iter().filter(|(_, n)| **n > 1);
    twice.map(|(unit, _)| unit).collect()
}

/// What every cell showed, without times.
fn shown(run: &Run) -> Vec<String> {
    let cells = run.cells.iter();
    let shown = cells.map(|c| {
        let signature = c.outcome().and_then(|o| o.signature());
        format!("{} {:?}", c.id, signature)
    });
    shown.collect()
}

const STABLE: [&str; 3] = ["--full", "--toolchain", "stable"];

#[test]
fn lanes_side_by_side_compile_nothing_twice_and_show_the_same() {
    let counter = Counter::new();
    let (alone, beside) = (Fixture::copied("history"), Fixture::copied("history"));
    let one = counter.run(&alone, &[&STABLE[..], &["--lanes", "1"]].concat());
    let one_by_one = counter.compiled_from_registry();
    let four = counter.run(&beside, &[&STABLE[..], &["--lanes", "4"]].concat());
    let side_by_side = counter.compiled_from_registry();
    assert_eq!(twice(&side_by_side), Vec::<&String>::new());
    assert_eq!(one_by_one.len(), side_by_side.len());
    assert!(one_by_one.len() > 6, "{one_by_one:?}");
    assert_eq!(shown(&one), shown(&four));
    let lanes: std::collections::BTreeSet<usize> = four.timeline.iter().map(|s| s.lane).collect();
    assert!(lanes.len() > 1, "only lanes {lanes:?} worked");
}

#[test]
fn a_crate_that_holds_the_path_of_its_lane_stays_there_and_its_build_script_does_not() {
    let counter = Counter::new();
    let (alone, beside) = (
        Fixture::copied("drift_build"),
        Fixture::copied("drift_build"),
    );
    let old = ["--full", "--toolchain", "old"];
    let one = counter.run(&alone, &old);
    let compiled_alone = counter.compiled_from_registry();
    let two = counter.run(&beside, &[&old[..], &["--lanes", "2"]].concat());
    let compiled = counter.compiled_from_registry();
    assert_eq!(twice(&compiled_alone), Vec::<&String>::new());
    assert!(compiled.keys().eq(compiled_alone.keys()));
    // It includes what its build script wrote.
    let includes = |unit: &&String| unit.starts_with("brittle");
    assert!(twice(&compiled).iter().all(includes), "{compiled:?}");
    let is_script = |unit: &&String| unit.starts_with("build_script");
    assert!(compiled.keys().any(|unit| is_script(&unit)), "{compiled:?}");
    assert_eq!(shown(&one), shown(&two));
    let lanes: std::collections::BTreeSet<usize> = two.timeline.iter().map(|s| s.lane).collect();
    assert_eq!(lanes.len(), 2);
}

#[test]
fn the_next_run_compiles_only_what_is_new() {
    let (fixture, counter) = (Fixture::copied("history"), Counter::new());
    let cell = ["--cell", "stable@gadget-[12].0.0"];
    counter.run(&fixture, &cell);
    assert!(!counter.compiled().is_empty());
    fixture.change("app/tests/ratio.rs", "#[test]", "#[test]\n#[should_panic]");
    // More lanes than before: each takes over what the first one has.
    counter.run(&fixture, &[&cell[..], &["--lanes", "2"]].concat());
    let again = counter.compiled();
    assert!(again.keys().any(|unit| unit.starts_with("ratio ")));
    let published = |unit: &&String| unit.starts_with("gadget") || unit.starts_with("relay");
    assert_eq!(again.keys().find(published), None);
}

/// The folders in which cells of a toolchain were built.
fn groups(fixture: &Fixture, toolchain: &str) -> Vec<std::ffi::OsString> {
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect::<Vec<_>>()
    };
    let subjects = names(&fixture.cache()).into_iter();
    let groups =
        subjects.map(|subject| fixture.cache().join(subject).join("groups").join(toolchain));
    groups.flat_map(|group| names(&group)).collect()
}

#[test]
fn two_compilers_that_differ_only_in_their_commit_share_nothing() {
    let (fixture, counter) = (Fixture::copied("history"), Counter::new());
    let toolchain = fixture.subject().join("../toolchain");
    let make = |commit: &str| {
        std::fs::create_dir_all(toolchain.join("bin")).expect("a folder");
        for name in ["rustc", "cargo", "rustdoc"] {
            let real = std::process::Command::new("rustup")
                .args(["which", "--toolchain", "stable", name])
                .output()
                .expect("rustup");
            let real = String::from_utf8(real.stdout).expect("a path");
            let real = real.trim();
            let script = match name {
                "rustc" => format!(
                    "#!/bin/sh\ncase \"$*\" in\n  -vV) {real} -vV | sed 's/^commit-hash.*/commit-hash: {commit}/' ;;\n  *) exec {real} \"$@\" ;;\nesac\n"
                ),
                _ => format!("#!/bin/sh\nexec {real} \"$@\"\n"),
            };
            write_program(&toolchain.join("bin").join(name), &script);
        }
    };
    let config = fixture.read("matrix.toml");
    let config = config.replace(
        "label = \"absent\"\nrustup = \"no-such-toolchain\"",
        "label = \"daily\"\ndir = \"../toolchain\"",
    );
    fixture.write("matrix.toml", &config);
    let cell = ["--cell", "daily@gadget-1.0.0"];
    // Cargo gives them other names where it knows of the commit; what counts is that there are as
    // many.
    make("aaaa");
    counter.run(&fixture, &cell);
    let (first, group) = (counter.compiled(), groups(&fixture, "daily"));
    assert!(!first.is_empty());
    make("bbbb");
    counter.run(&fixture, &cell);
    assert_eq!(counter.compiled().len(), first.len());
    // Nor do they lie side by side, where all would hang on what cargo looks at.
    let other = groups(&fixture, "daily");
    assert_eq!((group.len(), other.len()), (1, 1));
    assert_ne!(group, other);
}

#[test]
fn a_wrapper_of_the_compiler_is_used_and_is_part_of_the_key() {
    let fixture = Fixture::copied("history");
    let cell = ["--cell", "stable@gadget-1.0.0"];
    let (one, other) = (Counter::new(), Counter::new());
    one.run(&fixture, &cell);
    assert!(!one.compiled().is_empty());
    one.run(&fixture, &cell);
    assert!(one.compiled().is_empty(), "it was known");
    other.run(&fixture, &cell);
    assert!(
        !other.compiled().is_empty(),
        "another wrapper was not asked"
    );
}

/// The fixture with a build script that hands on a variable and does not say that it reads it, and
/// with a test that passes where that was `other`.
fn reading_mode() -> Fixture {
    let fixture = Fixture::copied("history");
    fixture.write(
        "app/build.rs",
        "fn main() {\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    \
         println!(\"cargo:rustc-env=MODE_THEN={}\", std::env::var(\"MODE\").unwrap_or_default());\n}\n",
    );
    fixture.write(
        "app/tests/mode.rs",
        "#[test]\nfn other() {\n    assert_eq!(env!(\"MODE_THEN\"), \"other\");\n}\n",
    );
    fixture
}

/// Each mode in turn, written into a file of the subject, and how the run has to end.
fn check_modes(file: &str, write: impl Fn(&str) -> String) {
    let fixture = reading_mode();
    let text = fixture.read(file);
    for (mode, expected) in [("one", 1), ("other", 0), ("one", 1)] {
        fixture.write(file, &format!("{text}\n[env]\n{}\n", write(mode)));
        let (code, _) = fixture.run(&["--cell", "stable@gadget-1.0.0"]);
        assert_eq!(code, expected, "MODE={mode}");
    }
}

#[test]
fn a_build_script_that_reads_its_environment_and_does_not_say_so_is_run_again() {
    check_modes("matrix.toml", |mode| {
        format!("set = {{ MODE = \"{mode}\" }}")
    });
}

#[test]
fn a_config_of_the_subject_that_cargo_does_not_look_at_is_no_stale_one() {
    check_modes(".cargo/config.toml", |mode| format!("MODE = \"{mode}\""));
}
