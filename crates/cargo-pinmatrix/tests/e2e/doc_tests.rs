//! Doc tests are run as cargo runs them: the same commands on every cargo, also where cargo itself
//! cannot run them, since a member does not build; and cargo compiles nothing for them.

use std::path::Path;
use std::process::Command;

use crate::facts;
use crate::harness::{Fixture, text};
use crate::verdicts::{holds, with_test};

const TOOLCHAINS: [&str; 3] = ["oldest", "middle", "stable"];

#[test]
fn rustdoc_is_called_as_cargo_calls_it() {
    let fixture = Fixture::copied("doc_commands");
    let (_, run) = fixture.run(&["--full"]);
    for toolchain in TOOLCHAINS {
        let calls = calls_of(&fixture, toolchain, "1.0.0");
        let by_cargo = by_cargo(&fixture, toolchain);
        assert_eq!(calls.len(), 4, "{toolchain}: {calls:#?}");
        assert_eq!(calls, by_cargo, "{toolchain}");
        // The member that does not build is the only one that is missed.
        let mut of_broken = calls_of(&fixture, toolchain, "3.0.0");
        let is_of_bad = |call: &Vec<String>| call.contains(&"bad".to_owned());
        let mut of_others: Vec<_> = calls.into_iter().filter(|call| !is_of_bad(call)).collect();
        of_others.sort();
        of_broken.sort();
        assert_eq!(of_broken, of_others, "{toolchain}");
        for pin in ["1.0.0", "3.0.0"] {
            let all = facts::of(&run);
            let cell = format!("{toolchain}@gadget-{pin} ");
            let passed = |fact: &&String| fact.starts_with(&cell) && fact.contains(" doc:");
            let n_passed = all.iter().filter(passed).filter(|f| f.ends_with(" passed"));
            let expected = if pin == "1.0.0" { 7 } else { 6 };
            assert_eq!(n_passed.count(), expected, "{all:#?}");
        }
    }
}

#[test]
fn nothing_is_compiled_for_doc_tests_twice() {
    let fixture = Fixture::copied("doc_features");
    fixture.run(&["--full", "--cell", "stable@gadget-1.0.0"]);
    let log = |phase: &str| log(&fixture, "stable@gadget-1.0.0", phase);
    assert!(!log("test").contains("$ cargo"), "{}", log("test"));
    let build = log("build");
    let (tests, doc_tests) = build.split_once("$ cargo test --doc").expect("both");
    // The errors of `untestable` had every library be asked for already.
    assert!(tests.contains("Compiling untestable v"), "{build}");
    assert_eq!(doc_tests.matches("Compiling ").count(), 0, "{build}");
}

#[test]
fn what_the_tool_sets_for_builds_says_nothing_to_what_runs() {
    let fixture = with_test("#[test] fn built() {}");
    fixture.write(
        "build.rs",
        "fn main() {
            let ours = [\"CARGO_PROFILE_\", \"CARGO_INCREMENTAL\", \"CARGO_TERM_\"];
            let is_ours = |name: &str| ours.iter().any(|prefix| name.starts_with(prefix));
            let found: Vec<_> = std::env::vars().filter(|(name, _)| is_ours(name)).collect();
            assert_eq!(found, []);
         }",
    );
    let library = "/// ```
/// let ours = |name: &str| name.starts_with(\"CARGO_PROFILE\") || name.starts_with(\"RUSTDOC\");
/// let ours: Vec<_> = std::env::vars().filter(|(name, _)| ours(name)).collect();
/// assert_eq!(ours, []);
/// assert_eq!(std::env::var(\"NEAR\").unwrap(), \"own\");
/// ```
pub fn f() {}
";
    fixture.write("src/lib.rs", library);
    let config = fixture.read(".cargo/config.toml") + "\n[env]\nNEAR = \"own\"\n";
    fixture.write(".cargo/config.toml", &config);
    let (_, run) = fixture.run(&[]);
    for fact in [
        "stable@gadget-1.0.0 fails-test test:outcomes built passed",
        "stable@gadget-1.0.0 fails-test doc:fails_test src/lib.rs - f (line 1) passed",
    ] {
        holds(&run, fact);
    }
}

/// How the tool called rustdoc in a cell.
fn calls_of(fixture: &Fixture, toolchain: &str, pin: &str) -> Vec<Vec<String>> {
    let log = log(fixture, &format!("{toolchain}@gadget-{pin}"), "test");
    let calls = log.lines().filter_map(|line| line.strip_prefix("$ "));
    let cache = fixture.cache();
    let cache = cache.to_str().expect("text");
    let normalize = |word: &str| match word.split_once(cache) {
        Some((option, path)) => {
            let (_, inside) = path.split_once("/checkout").expect("a place in the copy");
            if inside.starts_with("/target") {
                format!("{option}{inside}")
            } else {
                format!("{option}/subject{inside}")
            }
        }
        None => word.to_owned(),
    };
    calls.filter_map(|line| call(line, normalize)).collect()
}

/// How cargo itself calls it, in a copy of what the cell was made of.
fn by_cargo(fixture: &Fixture, toolchain: &str) -> Vec<Vec<String>> {
    let cell = format!("{toolchain}@gadget-1.0.0");
    let build = log(fixture, &cell, "build");
    let mut lines = build.lines();
    let line = lines.find_map(|line| line.strip_prefix("$ cargo test --doc "));
    let line = line
        .expect("a dry run")
        .replace("--message-format=json", "");
    let lock = fixture.out().join("locks").join(format!("{cell}.lock"));
    std::fs::copy(&lock, fixture.subject().join("Cargo.lock")).expect("its lock");
    let names = [
        ("oldest", "debian-1.63"),
        ("middle", "debian-1.78"),
        ("stable", "stable"),
    ];
    let name = names.iter().find(|(label, _)| *label == toolchain);
    let sysroot = Command::new("rustup")
        .args(["run", name.expect("a toolchain").1, "rustc"])
        .args(["--print", "sysroot"])
        .output()
        .expect("rustup starts");
    let sysroot = text(&sysroot.stdout);
    let sysroot = Path::new(sysroot.trim());
    let path = std::env::var("PATH").expect("a path");
    let output = Command::new(sysroot.join("bin/cargo"))
        .args(["test", "--doc", "-v", "--target-dir"])
        .arg(fixture.out().join(toolchain))
        .args(line.split_whitespace())
        .current_dir(fixture.subject())
        .env("PATH", format!("{}:{path}", sysroot.join("bin").display()))
        .env("LD_LIBRARY_PATH", sysroot.join("lib"))
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .expect("cargo starts");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let calls = stderr.lines().map(str::trim);
    let calls = calls.filter_map(|line| line.strip_prefix("Running `")?.strip_suffix('`'));
    let target = fixture.out().join(toolchain);
    let normalize = |word: &str| {
        let word = word.replace(target.to_str().expect("text"), "/target");
        word.replace(fixture.subject().to_str().expect("text"), "/subject")
    };
    calls.filter_map(|line| call(line, normalize)).collect()
}

/// The words of a command after the program, where that is rustdoc, with places made alike; and
/// without the hashes of units, which hold what the tool sets for builds.
fn call(line: &str, normalize: impl Fn(&str) -> String) -> Option<Vec<String>> {
    let (program, args) = line.split_once(' ')?;
    if !program.ends_with("rustdoc") {
        return None;
    }
    let script = format!("printf '%s\\n' {args}");
    let output = Command::new("sh").args(["-c", &script]).output();
    let words = text(&output.expect("a shell").stdout);
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let without_hash = |word: String| {
        let parts = word.split_inclusive(['-', '.', '/']);
        parts
            .filter(|part| !is_hash(part.trim_end_matches(['-', '.', '/'])))
            .collect()
    };
    let words = words.lines().map(|word| without_hash(normalize(word)));
    Some(words.collect())
}

fn log(fixture: &Fixture, cell: &str, phase: &str) -> String {
    let path = fixture.out().join("logs").join(cell);
    let path = path.join(format!("{phase}.log"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A build script that cargo runs again whenever it is asked, and a test that it ran once.
fn with_counting_script() -> Fixture {
    let count = "fn main() {\n    let path = std::path::Path::new(&std::env::var_os(\"OUT_DIR\").unwrap()).join(\"runs\");\n    \
                 let runs = std::fs::read_to_string(&path).map_or(0, |text| text.len());\n    \
                 std::fs::write(&path, \"x\".repeat(runs + 1)).unwrap();\n    \
                 println!(\"cargo:rerun-if-changed=never-there\");\n}\n";
    let fixture = with_test(
        "#[test] fn once() { let runs = concat!(env!(\"OUT_DIR\"), \"/runs\"); \
         assert_eq!(std::fs::read_to_string(runs).unwrap(), \"x\"); }",
    );
    fixture.write("build.rs", count);
    // The tests of a library need no binary.
    let library = "/// ```\n/// fails_test::f();\n/// ```\npub fn f() {}\n\
                   #[cfg(test)]\n#[path = \"../tests/outcomes.rs\"]\nmod tests;\n";
    fixture.write("src/lib.rs", library);
    fixture
}

#[test]
fn a_build_script_runs_once_where_there_are_doc_tests() {
    let (code, run) = with_counting_script().run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test doc:fails_test src/lib.rs - f (line 1) passed",
    );
}

#[test]
fn a_build_script_runs_once_where_something_does_not_build() {
    let fixture = with_counting_script();
    // Whether an error is of a binary or of its tests takes another command, and doc tests one more.
    fixture.write("src/bin/broken.rs", "fn main() { missing(); }\n");
    fixture.write("tests/broken.rs", "#[test] fn never() { missing(); }\n");
    let (_, run) = fixture.run(&[]);
    for fact in [
        "stable@gadget-1.0.0 fails-test bin:broken failed(compile) E0425",
        "stable@gadget-1.0.0 fails-test lib:fails_test tests::once passed",
        "stable@gadget-1.0.0 fails-test doc:fails_test src/lib.rs - f (line 1) passed",
    ] {
        holds(&run, fact);
    }
}
