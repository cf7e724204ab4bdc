//! What work folders take of the disk: kept within a bound, shown, and removed.

use std::path::{Path, PathBuf};

use crate::harness::{Fixture, text};

const ROW: [&str; 3] = ["--full", "--toolchain", "stable"];

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// The folder of all that was compiled for the only subject of a fixture.
fn groups(fixture: &Fixture) -> PathBuf {
    let cache = fixture.cache();
    let subject = std::fs::read_dir(cache).expect("a listing").flatten();
    let mut folders = subject.map(|entry| entry.path().join("groups"));
    folders.find(|groups| groups.is_dir()).expect("groups")
}

fn without_times(fixture: &Fixture, args: &[&str]) -> Vec<String> {
    let (_, run) = fixture.run(&[&ROW[..], args].concat());
    let cells = run.cells.iter();
    let shown = cells.map(|c| format!("{} {:?}", c.id, c.outcome().and_then(|o| o.signature())));
    shown.collect()
}

#[test]
fn a_run_within_a_small_disk_shows_the_same_and_leaves_less() {
    let (free, tight) = (Fixture::copied("history"), Fixture::copied("history"));
    let expected = without_times(&free, &["--max-disk", "unlimited"]);
    let most = size(&groups(&free)) / 3;
    let bound = format!("{most}B");
    assert_eq!(without_times(&tight, &["--max-disk", &bound]), expected);
    let left = size(&groups(&tight));
    assert!(left < 2 * most, "{left} bytes are left, of at most {most}");
    // What went is built again where it is needed.
    tight.change("app/tests/ratio.rs", "#[test]", "#[test]\n#[should_panic]");
    free.change("app/tests/ratio.rs", "#[test]", "#[test]\n#[should_panic]");
    let again = without_times(&free, &["--max-disk", "unlimited"]);
    assert_eq!(
        without_times(&tight, &["--max-disk", &bound, "--lanes", "2"]),
        again
    );
    assert_ne!(again, expected);
}

#[test]
fn what_takes_what_is_shown_and_removed() {
    let fixture = Fixture::copied("history");
    let cell = ["--cell", "stable@gadget-1.0.0"];
    fixture.run(&cell);
    let clean = |args: &[&str]| {
        let output = fixture.call(&[&["clean"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let printed = clean(&["--dry-run"]);
    assert!(printed.contains("compiled on stable"), "{printed}");
    assert!(
        printed.contains("outcomes and locks") && printed.contains("would be removed"),
        "{printed}"
    );
    assert!(size(&groups(&fixture)) > 0);
    let printed = clean(&[]);
    assert!(printed.contains("removed, "), "{printed}");
    // Nothing is compiled any more, and everything is still known.
    assert!(!clean(&["--dry-run"]).contains("compiled on"));
    let (_, run) = fixture.run(&cell);
    assert_eq!(run.counts().reused, 1);
    clean(&["--outcomes"]);
    let (_, run) = fixture.run(&cell);
    assert_eq!(run.counts().reused, 0);
    // What others have put into the same cache is none of ours.
    let foreign = fixture.cache().join("photos/a.jpg");
    std::fs::create_dir_all(foreign.parent().expect("a folder")).expect("a folder");
    std::fs::write(&foreign, "a picture").expect("written");
    clean(&["--all-subjects"]);
    assert!(foreign.is_file());
    assert!(!clean(&["--dry-run"]).contains("compiled on"));
}

#[test]
fn a_size_that_is_none_is_refused_with_what_would_do() {
    let fixture = Fixture::copied("history");
    let output = fixture.call(&["run", "--max-disk", "much"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("a size with its unit"));
    let config = fixture.read("matrix.toml");
    fixture.write(
        "matrix.toml",
        &format!("{config}\n[run]\nmax-disk = \"10\"\n"),
    );
    let output = fixture.call(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("`10` is not a valid size") && stderr.contains("matrix.toml:"),
        "{stderr}"
    );
    fixture.write(
        "matrix.toml",
        &format!("{config}\n[build]\nlinker = \"gold\"\n"),
    );
    let stderr = text(&fixture.call(&["run"]).stderr);
    assert!(stderr.contains("lld"), "{stderr}");
}

#[test]
fn the_bound_is_one_for_all_subjects_and_no_run_elsewhere_is_disturbed() {
    let (first, second) = (Fixture::copied("history"), Fixture::copied("flaky"));
    first.run(&[&ROW[..], &["--max-disk", "unlimited"]].concat());
    let theirs = groups(&first);
    let in_use = theirs.parent().expect("a folder").join("in-use");
    let before = size(&theirs);
    let tight = |fixture: &Fixture, more: &[&str]| {
        let args = ["run", "--cell", "stable@gadget-2.0.0", "--max-disk", "1MB"];
        let mut command = fixture.command(&[&args[..], more].concat());
        fixture.ran(command.env("PINMATRIX_CACHE", first.cache()))
    };
    let lock = std::fs::File::create(&in_use).expect("a lock");
    lock.lock().expect("locked");
    tight(&second, &[]);
    assert_eq!(size(&theirs), before);
    drop(lock);
    tight(&second, &["--fresh"]);
    let after = size(&theirs);
    assert!(after < before / 10, "{after} of {before} bytes are left");
    // What is known of the other subject stays.
    let (_, run) = first.run(&ROW);
    let counts = run.counts();
    assert_eq!(counts.reused, counts.passed + counts.failed);
}
