//! What sources say before anything compiles, and of what broke after.

use pinmatrix_core::model::forecast::{Change, Forecast};

use crate::harness::{Fixture, text};
use crate::verdicts::with_test;

fn forecast(fixture: &Fixture, args: &[&str]) -> Vec<Forecast> {
    let output = fixture.call(&[&["forecast", "--format", "json"][..], args].concat());
    let (json, stderr) = (text(&output.stdout), text(&output.stderr));
    serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {json}{stderr}"))
}

#[test]
fn the_steps_at_which_a_target_breaks_are_foretold_without_compiling() {
    let fixture = Fixture::copied("history");
    let output = fixture.call(&["forecast"]);
    let printed = text(&output.stdout);
    for said in [
        "gadget 1.0.0 to 7.0.0: 8 versions, read from sources. A forecast, not a result.",
        "app test:turning  ··!!···",
        "7 targets more name nothing that changes.",
        "2.0.0 → 3.0.0\n  gone      gadget::turn\n            app test:turning (app/tests/turning.rs:5)",
        "3.0.0 → 4.0.0\n  new       gadget::turn",
    ] {
        assert!(printed.contains(said), "{said}\n{printed}");
    }
    assert_eq!(output.status.code(), Some(0));
    assert!(!fixture.out().exists(), "nothing ran");
    // What is kept says the same.
    assert_eq!(text(&fixture.call(&["forecast"]).stdout), printed);
    // The run finds that, and says why.
    let (_, run) = fixture.run(&[]);
    let causes: Vec<String> = run
        .findings
        .causes
        .iter()
        .map(|cause| {
            let findings: Vec<String> = cause.findings.iter().map(ToString::to_string).collect();
            format!(
                "{} {} {}: {}",
                cause.target,
                cause.before,
                cause.after,
                findings.join(", ")
            )
        })
        .collect();
    let expected = [
        "app test:turning 2.0.0 3.0.0: `gadget::turn` is gone",
        "app test:turning 3.0.0 4.0.0: `gadget::turn` is new",
    ];
    assert_eq!(causes, expected);
    let file = |name: &str| std::fs::read_to_string(fixture.out().join(name)).expect(name);
    for name in ["summary.md", "report.html"] {
        let said = file(name).replace("&#96;", "`");
        assert!(
            said.contains("in the sources, `gadget::turn` is gone"),
            "{name}"
        );
    }
}

#[test]
fn every_published_version_can_be_read_and_targets_chosen() {
    let fixture = Fixture::copied("history");
    let pins =
        "[\"1.0.0\", \"1.1.0\", \"2.0.0\", \"3.0.0\", \"4.0.0\", \"5.0.0\", \"6.0.0\", \"7.0.0\"]";
    fixture.change("matrix.toml", pins, "[\"1.0.0\", \"7.0.0\"]");
    let all = forecast(&fixture, &["--all-versions", "--target", "app *"]);
    let [all] = all.as_slice() else {
        panic!("{all:#?}")
    };
    let ladder = &forecast(&fixture, &[])[0];
    assert_eq!((ladder.versions.len(), all.versions.len()), (2, 8));
    // What breaks in between and works at the end is not in the ladder's only step.
    assert!(ladder.targets.iter().all(|of| of.steps.is_empty()));
    assert!(all.targets.iter().all(|of| of.target.package == "app"));
    let turning = all
        .targets
        .iter()
        .find(|of| of.target.name == "turning")
        .expect("there");
    let touched = turning.steps.iter().filter(|step| step.is_touched());
    assert_eq!(touched.count(), 2);
}

#[test]
fn a_key_and_a_library_of_the_subject_are_followed_into_the_family() {
    let fixture = with_test("#[test] fn it() { fails_test::tools::spin(2); }");
    fixture.write(
        "src/lib.rs",
        "pub mod tools { pub use other::turn as spin; }",
    );
    fixture.change(
        "Cargo.toml",
        "gadget = \"1.0.0\"",
        "other = { package = \"gadget\", version = \"1.0.0\" }",
    );
    fixture.change(
        "matrix.toml",
        "[\"1.0.0\"]",
        "[\"1.0.0\", \"2.0.0\", \"3.0.0\"]",
    );
    let forecasts = forecast(&fixture, &[]);
    let steps: Vec<String> = forecasts[0]
        .targets
        .iter()
        .flat_map(|of| {
            of.steps
                .iter()
                .flat_map(|step| &step.findings)
                .map(|finding| format!("{} {finding}", of.target))
        })
        .collect();
    let gone = "`gadget::turn` is gone";
    assert_eq!(
        steps,
        [
            format!("fails-test lib:fails_test {gone}"),
            format!("fails-test test:outcomes {gone}")
        ]
    );
}

#[test]
fn bad_flags_and_sources_that_are_not_there_are_told() {
    let fixture = with_test("#[test] fn it() {}");
    let output = fixture.call(&["forecast", "--family", "gadge"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `gadget`?"));
    let forecasts = forecast(&fixture, &[]);
    assert_eq!(
        (forecasts[0].versions.len(), forecasts[0].targets.len()),
        (1, 0)
    );
    let printed = text(&fixture.call(&["forecast"]).stdout);
    assert!(
        printed.contains("There is no other version to compare it with."),
        "{printed}"
    );
}

#[test]
fn what_a_macro_of_the_subject_makes_is_marked() {
    let fixture = with_test(
        "macro_rules! make { ($name:ident) => { #[test] fn $name() { gadget::ratio(1, 1); } } }
         make!(it);",
    );
    let forecasts = forecast(&fixture, &[]);
    let target = &forecasts[0].targets[0];
    assert_eq!(target.unseen, ["what `make!` makes"]);
    // What its tokens name is known all the same.
    assert_eq!(target.n_paths, 1);
    assert!(
        target
            .steps
            .iter()
            .flat_map(|step| &step.findings)
            .all(|f| f.change != Change::Gone)
    );
}

#[test]
fn the_worklist_says_what_the_sources_say() {
    let fixture = with_test("#[test] fn it() { assert_eq!(gadget::turn(2), 4); }");
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]");
    fixture.run(&[]);
    let printed = text(&fixture.call(&["worklist"]).stdout);
    assert!(
        printed.contains("in the sources, `gadget::turn` is gone"),
        "{printed}"
    );
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(
        summary.contains("  - in the sources, `gadget::turn` is gone"),
        "{summary}"
    );
}
