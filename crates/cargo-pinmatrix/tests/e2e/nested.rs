//! Compilers that a test starts are what they are outside, by whichever way it finds them.

use crate::facts;
use crate::verdicts::{holds, with_test};

/// Starts cargo and rustc on a program that needs an unstable feature, and says how each took it.
const STARTS_COMPILERS: &str = r##"
use std::ffi::OsStr;
use std::process::Command;

const SOURCE: &str = "#![feature(never_type)] fn main() {}";

fn is_stable() -> bool {
    let version = Command::new("rustc").arg("-V").output().unwrap();
    !String::from_utf8_lossy(&version.stdout).contains("nightly")
}

fn judges_alike(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.contains("E0554"), is_stable(), "{}", said);
    assert_eq!(output.status.success(), !is_stable(), "{}", said);
}

fn build(name: &str, cargo: &OsStr, files: &[(&str, &str)]) -> Command {
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = "[package]\nname = \"nested\"\nversion = \"0.1.0\"\nedition = \"2018\"\n";
    for (path, text) in [("Cargo.toml", manifest)].iter().chain(files) {
        std::fs::write(folder.join(path), text).unwrap();
    }
    let mut command = Command::new(cargo);
    command.args(["build", "--offline"]).current_dir(&folder);
    command
}

const ASKS: &str = "fn main() { assert!(std::env::var_os(\"RUSTC_BOOTSTRAP\").is_none()); }";

fn cargo_refuses(name: &str, cargo: impl AsRef<OsStr>) {
    judges_alike(&mut build(name, cargo.as_ref(), &[("src/main.rs", SOURCE)]));
    let files = [("build.rs", ASKS), ("src/main.rs", "fn main() {}")];
    let asked = build(&format!("{}-asks", name), cargo.as_ref(), &files).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
}

#[test]
fn cargo_by_its_variable() {
    cargo_refuses("variable", std::env::var_os("CARGO").unwrap());
}

#[test]
fn cargo_compiled_in() {
    cargo_refuses("compiled_in", env!("CARGO"));
}

#[test]
fn cargo_on_the_path() {
    cargo_refuses("path", "cargo");
}

#[test]
fn rustc_on_the_path() {
    let folder = std::env::temp_dir().join("rustc");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.rs"), SOURCE).unwrap();
    judges_alike(Command::new("rustc").args(["--emit=metadata", "main.rs"]).current_dir(&folder));
}

#[test]
fn a_flag_of_cargo() {
    // Debian's cargo takes it anyway.
    let flag = |command: &mut Command| command.args(["-Zunstable-options", "version"]).status().unwrap();
    let before = flag(Command::new("cargo").env_remove("RUSTC_BOOTSTRAP"));
    assert_eq!(flag(&mut Command::new("cargo")), before);
}
"##;

#[test]
fn compilers_that_a_test_starts_refuse_what_they_refuse_outside() {
    let fixture = with_test(STARTS_COMPILERS);
    let rows = ["debian-1.63", "debian-1.78", "nightly"];
    let rows = rows.map(|name| {
        let label = name.replace('.', "-");
        format!("[[toolchain]]\nlabel = \"{label}\"\nrustup = \"{name}\"\n\n")
    });
    let config = fixture.read("matrix.toml");
    let config = config.replacen("[[toolchain]]", &(rows.concat() + "[[toolchain]]"), 1);
    fixture.write("matrix.toml", &config);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    // The row of the nightly compiler is one of another machine's where none is installed.
    for toolchain in ["stable", "debian-1-78", "debian-1-63"] {
        let cargo = "fails-test test:outcomes cargo_compiled_in passed";
        holds(&run, &format!("{toolchain}@gadget-1.0.0 {cargo}"));
    }
}

/// Starts another toolchain by name, as a test that formats code with the newest rustfmt does.
const STARTS_BY_NAME: &str = r#"
use std::process::Command;

fn answer(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_toolchain_by_name() {
    let own = answer(Command::new(std::env::var_os("CARGO").unwrap()).arg("-V"));
    let found = answer(Command::new("cargo").arg("-V"));
    assert_eq!(found, own);
    let other = answer(Command::new("cargo").args(["+debian-1.63", "-V"]));
    assert!(other.starts_with("cargo 1.65"), "{}", other);
    let other = answer(Command::new("rustup").args(["run", "debian-1.78", "rustc", "-V"]));
    assert!(other.starts_with("rustc 1.78"), "{}", other);
}
"#;

#[test]
fn a_test_starts_other_toolchains_by_name() {
    let fixture = with_test(STARTS_BY_NAME);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    let case = "test:outcomes a_toolchain_by_name passed";
    holds(&run, &format!("stable@gadget-1.0.0 fails-test {case}"));
}

#[test]
fn a_test_sees_the_bootstrap_that_a_person_asks_for() {
    let fixture = with_test(
        "#[test] fn sees() { assert_eq!(std::env::var(\"RUSTC_BOOTSTRAP\").unwrap(), \"1\"); }",
    );
    let config = fixture.read("matrix.toml") + "\n[env]\nset = { RUSTC_BOOTSTRAP = \"1\" }\n";
    fixture.write("matrix.toml", &config);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}
