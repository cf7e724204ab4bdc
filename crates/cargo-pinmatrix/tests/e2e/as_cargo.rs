//! What `cargo test` builds and runs, and how: the tool does the same, on every cargo.

use crate::facts;
use crate::harness::Fixture;
use crate::verdicts::{holds, with_test};

#[test]
fn a_backtrace_tells_the_lines_of_the_subjects_own_code() {
    let fixture = with_test(
        "#[test] fn finds_itself() {
            let trace = fails_test::trace();
            for line in [\"tests/outcomes.rs:2\", \"src/lib.rs:2\"] {
                assert!(trace.contains(line), \"{}\", trace);
            }
         }",
    );
    fixture.write(
        "src/lib.rs",
        "pub fn trace() -> String {
            std::backtrace::Backtrace::force_capture().to_string()
         }",
    );
    let old = "[[toolchain]]\nlabel = \"old\"\nrustup = \"debian-1.78\"\n\n[[toolchain]]";
    let config = fixture
        .read("matrix.toml")
        .replacen("[[toolchain]]", old, 1);
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&[]);
    for toolchain in ["stable", "old"] {
        let case = "fails-test test:outcomes finds_itself passed";
        holds(&run, &format!("{toolchain}@gadget-1.0.0 {case}"));
    }
}

#[test]
fn a_binary_without_tests_that_does_not_build_is_no_pass() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.write("src/main.rs", "fn main() { gadget::turn(1); }");
    let manifest = fixture.read("Cargo.toml");
    let binary = "[[bin]]\nname = \"app\"\npath = \"src/main.rs\"\ntest = false\n";
    fixture.write("Cargo.toml", &(manifest + binary));
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]");
    let (_, run) = fixture.run(&[]);
    assert_eq!(run.cells[0].status().to_string(), "passed");
    assert_eq!(run.cells[1].status().to_string(), "failed(compile)");
}

#[test]
fn examples_are_compiled_as_cargo_test_does() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.write("examples/turns.rs", "fn main() { gadget::turn(1); }");
    fixture.write("examples/bears.rs", "fn main() {} #[test] fn bears() {}");
    let manifest = fixture.read("Cargo.toml");
    let bears = "[[example]]\nname = \"bears\"\ntest = true\n";
    fixture.write("Cargo.toml", &(manifest + bears));
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]");
    let oldest = "[[toolchain]]\nlabel = \"oldest\"\nrustup = \"debian-1.63\"\n\n[[toolchain]]";
    let config = fixture.read("matrix.toml");
    let config = config.replacen("[[toolchain]]", oldest, 1);
    fixture.write("matrix.toml", &config);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    for toolchain in ["stable", "oldest"] {
        let of = |pin: &str, what: &str| {
            let cell = format!("{toolchain}@gadget-{pin} fails-test example");
            holds(&run, &format!("{cell}:{what}"));
        };
        of("1.0.0", "turns passed");
        of("3.0.0", "turns failed(compile) E0425 examples/turns.rs:1");
        of("3.0.0", "bears bears passed");
    }
    fixture.write("matrix.toml", &(config + "[build]\nexamples = false\n"));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

#[test]
fn benches_are_compiled_on_request_and_never_run() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]");
    fixture.write(
        "benches/turns.rs",
        "fn main() { gadget::turn(1); panic!(); }",
    );
    fixture.write("benches/needs.rs", "fn main() { compile_error!(); }");
    let own = "[[bench]]\nname = \"turns\"\nharness = false\n\n[[bench]]\nname = \"needs\"\n\
               harness = false\nrequired-features = [\"none\"]\n\n[features]\nnone = []\n";
    let manifest = fixture.read("Cargo.toml");
    fixture.write("Cargo.toml", &format!("{manifest}\n{own}"));
    let old = "[[toolchain]]\nlabel = \"old\"\nrustup = \"debian-1.63\"\n\n[[toolchain]]";
    let config = fixture
        .read("matrix.toml")
        .replacen("[[toolchain]]", old, 1);
    fixture.write("matrix.toml", &config);
    let benches = |run: &pinmatrix_core::model::run::Run| {
        let facts = facts::of(run).into_iter();
        facts
            .filter(|fact| fact.contains(" bench:"))
            .collect::<Vec<_>>()
    };
    let (_, run) = fixture.run(&["--full"]);
    assert_eq!(benches(&run), Vec::<String>::new());
    fixture.write("matrix.toml", &(config + "[build]\nbenches = true\n"));
    let (_, run) = fixture.run(&["--full"]);
    for toolchain in ["old", "stable"] {
        let cell = |pin: &str| format!("{toolchain}@gadget-{pin} fails-test bench:turns");
        holds(&run, &format!("{} passed", cell("1.0.0")));
        let broken = format!("{} failed(compile) E0425 benches/turns.rs:1", cell("3.0.0"));
        holds(&run, &broken);
    }
    assert!(
        !benches(&run)
            .iter()
            .any(|fact| fact.contains("needs failed")),
        "{:?}",
        benches(&run)
    );
}

#[test]
fn a_library_without_tests_is_no_target_where_benches_are_compiled() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.write("src/lib.rs", "#[cfg(test)] compile_error!();\n");
    fixture.write("benches/turns.rs", "fn main() { gadget::turn(1); }");
    let own = "[lib]\ntest = false\n\n[[bench]]\nname = \"turns\"\nharness = false\n";
    let manifest = fixture.read("Cargo.toml");
    fixture.write("Cargo.toml", &format!("{manifest}\n{own}"));
    let config = fixture.read("matrix.toml");
    fixture.write("matrix.toml", &(config + "[build]\nbenches = true\n"));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    holds(&run, "stable@gadget-1.0.0 fails-test bench:turns passed");
}

#[test]
fn an_example_with_tests_need_not_compile_without_them() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.write("examples/plain.rs", "fn main() {}");
    fixture.write(
        "examples/bears.rs",
        "#[cfg(not(test))] fn main() { gadget::turn(1); } #[test] fn bears() {}",
    );
    let manifest = fixture.read("Cargo.toml");
    let bears = "[[example]]\nname = \"bears\"\ntest = true\n";
    fixture.write("Cargo.toml", &(manifest + bears));
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"3.0.0\"]");
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

#[test]
fn a_binary_whose_features_are_off_in_the_build_is_not_missed() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.write("src/main.rs", "fn main() {}");
    let manifest = fixture.read("Cargo.toml");
    let binary = "[[bin]]\nname = \"fails-test\"\npath = \"src/main.rs\"\ntest = false\n\
                  required-features = [\"f\"]\n[features]\nf = []\n";
    let manifest = manifest.replace("[workspace]", "[workspace]\nmembers = [\"asks\"]");
    fixture.write("Cargo.toml", &(manifest + binary));
    // Cargo's metadata shows the feature as on: as a build dependency, it is.
    fixture.write(
        "asks/Cargo.toml",
        "[package]\nname = \"asks\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [build-dependencies]\nfails-test = { path = \"..\", features = [\"f\"] }\n",
    );
    fixture.write("asks/build.rs", "fn main() {}");
    fixture.write("asks/src/lib.rs", "");
    let lock = fixture.read("Cargo.lock");
    let own = "\n[[package]]\nname = \"asks\"\nversion = \"0.1.0\"\n\
               dependencies = [\n \"fails-test\",\n]\n";
    fixture.write("Cargo.lock", &(lock + own));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

/// `fails_test` with another member, of which the manifest says this.
fn with_helper(manifest: &str) -> Fixture {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.change(
        "Cargo.toml",
        "[workspace]\n",
        "[workspace]\nmembers = [\"helper\"]\n",
    );
    let package = "[package]\nname = \"helper\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    fixture.write("helper/Cargo.toml", &(package.to_owned() + manifest));
    fixture.write("helper/src/lib.rs", "");
    fixture
}

#[test]
fn a_feature_that_only_a_build_script_asks_for_is_off_for_tests() {
    let extra = "features = [\"extra\"]";
    let fixture = with_helper(&format!(
        "[build-dependencies]\nfails-test = {{ path = \"..\", {extra} }}\n"
    ));
    fixture.write("helper/build.rs", "fn main() {}");
    let manifest = fixture.read("Cargo.toml")
        + "[features]\nextra = []\n[[test]]\nname = \"needs\"\nrequired-features = [\"extra\"]\n";
    fixture.write("Cargo.toml", &manifest);
    fixture.write("tests/needs.rs", "#[test] fn fails() { panic!(); }");
    with_old_row(&fixture);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0);
    for row in ["stable", "old"] {
        let cell = format!("{row}@gadget-1.0.0 fails-test test:");
        holds(&run, &format!("{cell}outcomes passes passed"));
        holds(
            &run,
            &format!("{cell}needs skipped(required features off: extra)"),
        );
    }
}

#[test]
fn doc_tests_wait_for_a_library_whose_name_has_no_hash() {
    let fixture = with_helper("[lib]\ncrate-type = [\"lib\", \"cdylib\"]\n");
    fixture.write("helper/src/lib.rs", "fn broken() -> u8 { \"text\" }");
    let manifest = fixture.read("Cargo.toml");
    fixture.write(
        "Cargo.toml",
        &(manifest + "helper = { path = \"helper\" }\n"),
    );
    fixture.write(
        "src/lib.rs",
        "/// ```\n/// fails_test::f();\n/// ```\npub fn f() {}\n",
    );
    let (_, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test doc:fails_test skipped(not reached)",
    );
}

#[test]
fn a_benchmark_that_fails_as_a_test_is_a_failure() {
    let fixture = with_test(
        "#![feature(test)] extern crate test;
         #[bench] fn halves(b: &mut test::Bencher) {
            assert_eq!(gadget::ratio(7, 2), 3); b.iter(|| 1); }",
    );
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"5.0.0\"]");
    let config = fixture.read("matrix.toml") + "\n[env]\nset = { RUSTC_BOOTSTRAP = \"1\" }\n";
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&[]);
    let bench = "fails-test test:outcomes halves";
    holds(&run, &format!("stable@gadget-1.0.0 {bench} passed"));
    holds(&run, &format!("stable@gadget-5.0.0 {bench} failed(test)"));
}

/// Puts a row of an old cargo before the others, which stops at the first error.
#[test]
fn targets_run_in_the_order_in_which_cargo_runs_them() {
    let fixture = with_test(
        "#[test] fn second() { assert!(std::path::Path::new(\"a\").exists()); std::fs::write(\"b\", \"\").unwrap(); }",
    );
    let manifest = fixture.read("Cargo.toml")
        + "[[bench]]\nname = \"z\"\ntest = true\n[[example]]\nname = \"y\"\ntest = true\n";
    fixture.write("Cargo.toml", &manifest);
    let body = |finds: &str, leaves: &str| {
        format!(
            "fn main() {{}}\n#[test] fn runs() {{ assert!({finds:?}.is_empty() || std::path::Path::new({finds:?}).exists()); std::fs::write({leaves:?}, \"\").unwrap(); }}\n"
        )
    };
    fixture.write("src/main.rs", &body("", "a"));
    fixture.write("benches/z.rs", &body("b", "c"));
    fixture.write("examples/y.rs", &body("c", "d"));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

fn with_old_row(fixture: &Fixture) {
    let row = "[[toolchain]]\nlabel = \"old\"\nrustup = \"debian-1.63\"\n\n[[toolchain]]";
    let config = fixture.read("matrix.toml");
    fixture.write("matrix.toml", &config.replacen("[[toolchain]]", row, 1));
}

#[test]
fn a_member_is_not_mistaken_for_what_was_published_of_it() {
    let fixture = with_test("#[test] fn passes() {}");
    with_old_row(&fixture);
    fixture.change("matrix.toml", "\"1.0.0\"", "\"1.0.0\", \"3.0.0\"");
    // gadget asks for relay 0.1.25 too.
    fixture.change(
        "Cargo.toml",
        "name = \"fails-test\"\nversion = \"0.1.0\"",
        "name = \"relay\"\nversion = \"0.1.25\"",
    );
    std::fs::remove_file(fixture.subject().join("Cargo.lock")).expect("removed");
    fixture.write(
        "src/lib.rs",
        "/// ```\n/// relay::f();\n/// ```\npub fn f() {}\n",
    );
    fixture.write("tests/a_turn.rs", "#[test] fn turns() { gadget::turn(1); }");
    let (_, run) = fixture.run(&[]);
    for pin in ["1.0.0", "3.0.0"] {
        holds(
            &run,
            &format!("old@gadget-{pin} relay doc:relay src/lib.rs - f (line 1) passed"),
        );
        holds(
            &run,
            &format!("old@gadget-{pin} relay test:outcomes passes passed"),
        );
    }
}

#[test]
fn a_member_is_not_asked_for_features_that_only_others_have() {
    let fixture = with_test("#[test] fn passes() {}");
    with_old_row(&fixture);
    let manifest = fixture.read("Cargo.toml");
    let manifest = manifest.replace("[workspace]", "[workspace]\nmembers = [\"other\"]");
    fixture.write("Cargo.toml", &manifest);
    let other = "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[features]\nextra = []\n";
    fixture.write("other/Cargo.toml", other);
    fixture.write("other/src/lib.rs", "");
    fixture.write(
        "src/lib.rs",
        "/// ```\n/// fails_test::f();\n/// ```\npub fn f() {}\n",
    );
    fixture.write("tests/a_turn.rs", "#[test] fn turns() { gadget::turn(1); }");
    fixture.change("matrix.toml", "\"1.0.0\"", "\"1.0.0\", \"3.0.0\"");
    let config = fixture.read("matrix.toml") + "\n[build]\nfeatures = [\"extra\"]\n";
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&[]);
    for cell in [
        "old@gadget-1.0.0",
        "old@gadget-3.0.0",
        "stable@gadget-3.0.0",
    ] {
        holds(
            &run,
            &format!("{cell} fails-test doc:fails_test src/lib.rs - f (line 1) passed"),
        );
        holds(
            &run,
            &format!("{cell} fails-test test:outcomes passes passed"),
        );
    }
}

#[test]
fn the_tests_of_a_proc_macro_find_the_standard_library() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.change(
        "Cargo.toml",
        "[dependencies]",
        "[lib]\nproc-macro = true\n\n[dependencies]",
    );
    fixture.write("src/lib.rs", "#[test] fn turns() { gadget::turn(1); }");
    let (code, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test lib:fails_test turns passed",
    );
    assert_eq!(code, 0);
}

#[test]
fn doc_tests_of_a_library_whose_tests_crash_are_run() {
    let fixture = with_test("");
    let library = "/// ```\n/// fails_test::f();\n/// ```\npub fn f() {}\n
        extern \"C\" fn say_no() { std::process::abort() }
        extern \"C\" { fn atexit(of: extern \"C\" fn()) -> i32; }
        #[test] fn passes() { unsafe { atexit(say_no); } }";
    fixture.write("src/lib.rs", library);
    let (_, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test lib:fails_test failed(crash)",
    );
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test doc:fails_test src/lib.rs - f (line 1) passed",
    );
}

#[test]
fn tests_are_built_as_cargo_test_builds_them() {
    let fixture = with_test("#[test] fn passes() { assert!(!cfg!(debug_assertions)); }");
    let manifest = fixture.read("Cargo.toml");
    let profile = "\n[profile.test]\ndebug-assertions = false\n";
    fixture.write("Cargo.toml", &(manifest + profile));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

#[test]
fn tests_see_what_cargos_own_config_sets() {
    let fixture = with_test(
        "#[test] fn sees() {
            let var = |name| std::env::var(name).unwrap();
            assert_eq!((var(\"NEAR\"), var(\"FAR\")), (\"own\".into(), \"home\".into())); }",
    );
    let config = fixture.read(".cargo/config.toml") + "\n[env]\nNEAR = \"own\"\n";
    fixture.write(".cargo/config.toml", &config);
    let home = "[env]\nNEAR = \"home\"\nFAR = \"home\"\n";
    fixture.write("../home/config.toml", home);
    let home = fixture.subject().join("../home");
    let (code, run) = fixture.ran(fixture.command(&["run"]).env("CARGO_HOME", home));
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

#[test]
fn executables_are_started_by_the_runner_of_the_cargo_config() {
    let fixture = with_test(
        "#[test] fn sees() { assert_eq!(std::env::var(\"RUN_BY\").as_deref(), Ok(\"me 1\")); }",
    );
    fixture.write(
        "ci/run",
        "#!/bin/sh\nRUN_BY=\"me $1\"; export RUN_BY; shift; exec \"$@\"\n",
    );
    let run = fixture.subject().join("ci/run");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(run, mode).expect("executable");
    let config = fixture.read(".cargo/config.toml");
    let runner = "[target.'cfg(unix)']\nrunner = [\"ci/run\", \"1\"]\n";
    fixture.write(".cargo/config.toml", &format!("{config}\n{runner}"));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes sees passed",
    );
}

#[test]
fn the_runner_of_a_triple_comes_before_one_of_a_cfg_in_a_nearer_config() {
    let fixture = with_test(
        "#[test] fn sees() { assert_eq!(std::env::var(\"RUN_BY\").as_deref(), Ok(\"triple\")); }",
    );
    let rustc = std::process::Command::new("rustc").arg("-vV").output();
    let rustc = String::from_utf8(rustc.expect("rustc starts").stdout).expect("text");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("a host");
    fixture.write(
        "../../.cargo/config.toml",
        &format!("[target.{host}]\nrunner = [\"env\", \"RUN_BY=triple\"]\n"),
    );
    let config = fixture.read(".cargo/config.toml");
    let nearer = "[target.'cfg(unix)']\nrunner = [\"env\", \"RUN_BY=cfg\"]\n";
    fixture.write(".cargo/config.toml", &format!("{config}\n{nearer}"));
    fixture.change(
        "matrix.toml",
        "path = \".\"",
        "path = \".\"\nroot = \"../..\"",
    );
    let cargo = fixture
        .cargo(&["test", "--target-dir", "../../../by-cargo"])
        .output();
    assert!(cargo.expect("cargo starts").status.success());
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

#[test]
fn a_config_that_builds_for_a_platform_without_its_standard_library_is_refused() {
    let fixture = with_test("#[test] fn passes() {}");
    let config = fixture.read(".cargo/config.toml");
    let builds_for = |target: &str| {
        let build = format!("{config}\n[build]\ntarget = \"{target}\"\n");
        fixture.write(".cargo/config.toml", &build);
    };
    builds_for("s390x-unknown-linux-gnu");
    let output = fixture.call(&["plan"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    for words in [
        ".cargo/config.toml builds for `s390x-unknown-linux-gnu`, and ",
        "`rustup target add s390x-unknown-linux-gnu --toolchain stable",
        "CARGO_BUILD_TARGET",
    ] {
        assert!(message.contains(words), "{words}\n{message}");
    }
    let host = std::process::Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output();
    let host = String::from_utf8(host.expect("rustc starts").stdout).expect("text");
    builds_for(host.trim());
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}
