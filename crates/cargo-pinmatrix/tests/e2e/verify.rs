//! Cells that are run twice: what is the same, and what is not.

use std::process::Stdio;

use pinmatrix_core::model::run::reproducibility::Reproducibility;

use crate::harness::{Fixture, text};
use crate::verdicts::with_test;

fn verify(fixture: &Fixture) -> (i32, Vec<Reproducibility>) {
    let output = fixture.call(&["verify", "--format", "json"]);
    let stderr = text(&output.stderr);
    let json = text(&output.stdout);
    let verified = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {json}{stderr}"));
    (output.status.code().expect("an exit code"), verified)
}

#[test]
fn what_is_built_twice_is_the_same_but_for_what_holds_its_place() {
    let fixture = Fixture::in_place("build_script");
    let (code, verified) = verify(&fixture);
    assert_eq!(code, 0);
    // Its results can be written over.
    assert_eq!(verify(&fixture), (code, verified.clone()));
    let [cell] = verified.as_slice() else {
        panic!("{verified:#?}")
    };
    assert!(cell.same_outcome && cell.same_lock && cell.is_certain);
    let executable = |name: &str| {
        let mut found = cell.executables.iter().filter(|e| e.target.name == name);
        found.next().expect("an executable")
    };
    assert_eq!(executable("working").first_difference, None);
    // It has `env!("OUT_DIR")` in it.
    let with_place = executable("environment");
    assert!(with_place.first_difference.is_some() && with_place.tells_its_place);
}

#[test]
fn what_differs_from_run_to_run_is_found() {
    let fixture = Fixture::copied("build_script");
    // A test that fails in one of the two places only.
    fixture.write(
        "working/tests/place.rs",
        "#[test]\nfn is_long() {\n    assert!(!env!(\"CARGO_MANIFEST_DIR\").contains(\"another\"));\n}\n",
    );
    let (code, verified) = verify(&fixture);
    assert_eq!(code, 1);
    assert!(!verified[0].same_outcome && verified[0].same_lock);
    // Nothing is left of what was built.
    let left = std::fs::read_dir(fixture.cache())
        .expect("a listing")
        .flatten();
    let names = left.map(|e| e.file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.starts_with("verify")).count(), 0);
}

#[test]
fn executables_of_every_cell_are_compared() {
    let fixture = with_test("#[test] fn passes() { assert_eq!(gadget::ratio(7, 2), 3); }");
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"4.0.0\"]");
    let (code, verified) = verify(&fixture);
    assert_eq!(code, 0, "{verified:#?}");
    let same = |cell: &Reproducibility| {
        cell.executables
            .iter()
            .all(|e| e.first_difference.is_none())
    };
    assert!(verified.iter().all(same));
    let counts: Vec<usize> = verified.iter().map(|cell| cell.executables.len()).collect();
    assert_eq!(counts, [2, 2]);
}

#[test]
fn two_at_once_wait_for_each_other() {
    let fixtures = [(); 2].map(|()| Fixture::in_place("build_script"));
    let cache = fixtures[0].cache();
    let begin = |fixture: &Fixture| {
        let mut command = fixture.command(&["verify"]);
        command.env("PINMATRIX_CACHE", &cache);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    };
    let stderr = fixtures.each_ref().map(begin).map(|child| {
        let output = child.wait_with_output().expect("it ends");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        stderr
    });
    let waits = |stderr: &&String| stderr.contains("another run verifies here");
    assert_eq!(stderr.iter().filter(waits).count(), 1, "{stderr:?}");
}
