//! Who is to blame where something does not compile: what a target needs, and nothing else.

use crate::harness::Fixture;
use crate::verdicts::{holds, with_test};

/// A library whose unit tests miss a file, and which itself calls what gadget 3.0.0 renamed.
const UNTESTABLE: &str = "//! ```\n//! assert_eq!(fails_test::turned(), 2);\n//! ```\n\
    pub fn turned() -> u32 { gadget::turn(1) }\n\
    #[cfg(test)] mod tests { const X: &[u8] = include_bytes!(\"missing.bin\"); }\n";

/// A fixture at gadget 1.0.0 and 3.0.0, on stable and on a cargo that cannot keep going.
fn on_two_cargos(fixture: &Fixture) {
    let row = "[[toolchain]]\nlabel = \"old\"\nrustup = \"debian-1.63\"\n\n[[toolchain]]";
    let config = fixture.read("matrix.toml");
    let config = config.replacen("[[toolchain]]", row, 1);
    fixture.write(
        "matrix.toml",
        &config.replace("[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]"),
    );
    std::fs::remove_file(fixture.subject().join("Cargo.lock")).expect("removed");
}

fn package(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
}

#[test]
fn an_error_of_unit_tests_is_not_one_of_the_library() {
    let fixture = with_test("#[test] fn turns() { assert_eq!(fails_test::turned(), 2); }");
    on_two_cargos(&fixture);
    fixture.write("src/lib.rs", UNTESTABLE);
    fixture.write("examples/turns.rs", "fn main() { fails_test::turned(); }");
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 1);
    for row in ["stable", "old"] {
        let shows = |pin: &str, what: &str| {
            let cell = format!("{row}@gadget-{pin}");
            holds(&run, &format!("{cell} fails-test {what}"));
        };
        shows("1.0.0", "lib:fails_test failed(compile) couldn't read");
        shows("1.0.0", "test:outcomes turns passed");
        shows("1.0.0", "example:turns passed");
        shows("1.0.0", "doc:fails_test src/lib.rs - (line 1) passed");
        shows("3.0.0", "lib:fails_test failed(compile) couldn't read");
        shows("3.0.0", "test:outcomes failed(compile) E0425 src/lib.rs:4");
        shows("3.0.0", "example:turns failed(compile) E0425 src/lib.rs:4");
        shows("3.0.0", "doc:fails_test skipped(not reached)");
    }
}

#[test]
fn an_error_of_a_binarys_unit_tests_is_not_one_of_the_binary() {
    let fixture = with_test("#[test] fn runs() { env!(\"CARGO_BIN_EXE_fails-test\"); }");
    on_two_cargos(&fixture);
    fixture.write(
        "src/main.rs",
        "fn main() { gadget::turn(1); }\n\
         #[cfg(test)] mod tests { const X: &[u8] = include_bytes!(\"missing.bin\"); }\n",
    );
    let (_, run) = fixture.run(&["--full"]);
    for row in ["stable", "old"] {
        let shows = |pin: &str, what: &str| {
            let cell = format!("{row}@gadget-{pin}");
            holds(&run, &format!("{cell} fails-test {what}"));
        };
        shows("1.0.0", "bin:fails-test failed(compile) couldn't read");
        shows("1.0.0", "test:outcomes runs passed");
        shows("3.0.0", "bin:fails-test failed(compile) couldn't read");
        shows("3.0.0", "test:outcomes failed(compile) E0425 src/main.rs:1");
    }
}

#[test]
fn a_cargo_that_cannot_keep_going_gives_the_features_of_all_members_too() {
    let fixture = with_test("#[test] fn has_it() { base::extra(); }");
    on_two_cargos(&fixture);
    fixture.write("src/lib.rs", "#[test] fn has_it() { base::extra(); }");
    let manifest = fixture.read("Cargo.toml");
    let manifest = manifest.replace("[workspace]", "[workspace]\nmembers = [\"base\", \"asks\"]");
    fixture.write("Cargo.toml", &(manifest + "base = { path = \"base\" }\n"));
    fixture.write(
        "base/Cargo.toml",
        &package("base", "[features]\nextra = []\n"),
    );
    fixture.write(
        "base/src/lib.rs",
        "#[cfg(feature = \"extra\")] pub fn extra() {}",
    );
    let asks =
        "[dependencies]\nbase = { path = \"../base\", features = [\"extra\"] }\ngadget = \"1\"\n";
    fixture.write("asks/Cargo.toml", &package("asks", asks));
    fixture.write("asks/src/lib.rs", "#[test] fn turns() { gadget::turn(1); }");
    fixture.write(
        "asks/tests/asks.rs",
        "#[test] fn turns() { gadget::turn(1); }",
    );
    let (_, run) = fixture.run(&["--full"]);
    for cell in ["old@gadget-3.0.0", "stable@gadget-3.0.0"] {
        for fact in [
            "asks lib:asks failed(compile) E0425",
            "asks test:asks failed(compile) E0425",
            "fails-test lib:fails_test has_it passed",
            "fails-test test:outcomes has_it passed",
        ] {
            holds(&run, &format!("{cell} {fact}"));
        }
    }
}
