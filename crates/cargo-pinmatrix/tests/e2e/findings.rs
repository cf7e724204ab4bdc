//! What follows from a run: claims, the least toolchain, what is left to do, and hindsight.

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::findings::Truth;

use crate::harness::{Fixture, text};

fn claims(run: &Run) -> Vec<(&str, Truth)> {
    let claims = run.findings.claims.iter();
    claims
        .map(|claim| (claim.says.as_str(), claim.truth))
        .collect()
}

const CLAIMS: &str = r#"
[[claim]]
says = "7.0.0 needs Rust 1.999"
least-rust = "1.999"
pin = "7.0.0"

[[claim]]
says = "6.0.0 needs Rust 1.78"
least-rust = "1.78"
pin = "6.0.0"

[[claim]]
says = "turning breaks at 3"
changes = "* test:turning"
at = "3"

[[claim]]
says = "rounding breaks at 4"
changes = "* test:ratio"
at = "=4.0.0"

[[claim]]
says = "the banner changes"
changes = "* test:banner"

[[claim]]
says = "all is well at 6.0.0"
passes = ["app *", "platform *"]
pin = "6.0.0"

[[claim]]
says = "all is well at 5.0.0"
passes = ["app *"]
pin = "5.0.0"

[[claim]]
says = "nobody knows"
passes = ["app test:banner", "none *"]
pin = "5.0.0"
"#;

#[test]
fn claims_are_confirmed_or_refuted_with_evidence() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    fixture.write(
        "matrix.toml",
        &format!("{config}{CLAIMS}\n[run]\nprobes = 0\n"),
    );
    let (_, run) = fixture.run(&["--full"]);
    assert_eq!(
        claims(&run),
        [
            ("7.0.0 needs Rust 1.999", Truth::Confirmed),
            ("6.0.0 needs Rust 1.78", Truth::Refuted),
            ("turning breaks at 3", Truth::Confirmed),
            ("rounding breaks at 4", Truth::Refuted),
            ("the banner changes", Truth::Refuted),
            ("all is well at 6.0.0", Truth::Confirmed),
            ("all is well at 5.0.0", Truth::Refuted),
            ("nobody knows", Truth::Inconclusive),
        ]
    );
    let evidence = |index: usize| run.findings.claims[index].evidence.join("\n");
    assert!(
        evidence(1).contains("declares rustc 1.80.0"),
        "{}",
        evidence(1)
    );
    assert!(
        evidence(2).contains("2.0.0 passed → 3.0.0 failed(compile) (exact)"),
        "{}",
        evidence(2)
    );
    assert!(
        evidence(4).contains("passed at all 7 tested from 1.0.0 to 6.0.0"),
        "{}",
        evidence(4)
    );
    assert!(
        evidence(6).contains("odd_ratio_is_rounded_down"),
        "{}",
        evidence(6)
    );
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(
        summary.contains("- ✘ **refuted: 6.0.0 needs Rust 1.78**"),
        "{summary}"
    );

    // As declared and as measured.
    let least = run.findings.least.iter().map(|least| {
        let declared = least.declared.as_ref().map(|need| need.rustc.to_string());
        format!(
            "{} {} {}",
            least.pin,
            declared.unwrap_or_default(),
            least.measured.clone().unwrap_or_default()
        )
    });
    let least: Vec<String> = least.collect();
    assert_eq!(least[0], "1.0.0 1.63.0 old");
    assert_eq!(least[6], "6.0.0 1.80.0 stable");
    assert_eq!(least[7], "7.0.0 1.999.0 ");
    let reach = run.findings.reach.iter().map(|reach| {
        format!(
            "{} {:?} {:?}",
            reach.row,
            reach.newest.as_deref(),
            reach.newest_passed.as_deref()
        )
    });
    let reach: Vec<String> = reach.collect();
    assert_eq!(
        reach,
        [
            "stable Some(\"6.0.0\") Some(\"6.0.0\")",
            "old Some(\"5.0.0\") Some(\"4.0.0\")",
        ]
    );

    // What strategy frontier would have got wrong is told once everything ran.
    let wrong: Vec<&str> = run
        .findings
        .wrongly_inferred
        .iter()
        .map(|cell| cell.as_str())
        .collect();
    assert_eq!(
        wrong,
        ["stable@gadget-3.0.0", "stable@gadget-5.0.0"],
        "the ends agree"
    );
}

#[test]
fn the_worklist_names_what_is_to_blame_with_file_and_line() {
    let fixture = Fixture::in_place("history");
    let ask = |args: &[&str], code: i32| {
        let output = fixture.call(&[&["worklist"], args].concat());
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{printed}");
        printed
    };
    assert!(ask(&[], 2).contains("run the matrix first"));
    fixture.run(&["--toolchain", "stable", "--pin", "3.0.0", "--pin", "5.0.0"]);
    let words = ask(&["--pin", "3.0.0"], 0);
    for part in [
        "gadget 3.0.0: 2 errors with 1 thing to blame, on stable",
        "gadget::turn, 2 times",
        "app/tests/turning.rs:5: E0425 cannot find function `turn` in crate `gadget`",
        "2  app/tests/turning.rs",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
    let words = ask(&["--pin", "5.0.0"], 0);
    assert!(words.contains("tests of app test:ratio, once"), "{words}");
    assert!(
        words.contains("odd_ratio_is_rounded_down: assertion"),
        "{words}"
    );
    let json = ask(
        &[
            "--pin",
            "5.0.0",
            "--target",
            "* test:banner",
            "--format",
            "json",
        ],
        0,
    );
    let list: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(list["causes"].as_array().map(Vec::len), Some(0));
    assert!(ask(&["--pin", "5.0.1"], 2).contains("did you mean `5.0.0`?"));
    assert!(ask(&["--pin", "4.0.0"], 3).contains("no cell at 4.0.0 was tested"));
}

#[test]
fn claims_that_cannot_be_judged_are_user_errors() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    for (claim, words) in [
        ("says = \"x\"", "a claim that cannot be judged"),
        (
            "says = \"x\"\nleast-rust = \"new\"\npin = \"1.0.0\"",
            "`new` is not a valid Rust version",
        ),
        (
            "says = \"x\"\nleast-rust = \"1.80\"",
            "a claim that cannot be judged",
        ),
        (
            "says = \"x\"\nchanges = \"a\"\nat = \"soon\"",
            "is not a valid range of versions",
        ),
        (
            "says = \"x\"\npasses = [\"a[\"]\npin = \"1.0.0\"",
            "is not a valid glob",
        ),
        (
            "says = \"x\"\nchanges = \"a\"\nfamily = \"gadgte\"",
            "did you mean `gadget`?",
        ),
        ("changes = \"a\"", "missing field `says`"),
    ] {
        fixture.write("matrix.toml", &format!("{config}\n[[claim]]\n{claim}\n"));
        let output = fixture.call(&["plan"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(words) && stderr.contains("matrix.toml:"),
            "{claim}: {stderr}"
        );
    }
}
