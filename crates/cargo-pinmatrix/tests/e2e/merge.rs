//! Results from elsewhere: they can be of something else, contradict each other, or be forged.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Fixture, text};
use crate::machines::{Machines, files};

/// Machines of which one ran two cells.
fn with_two_cells() -> Machines {
    let machines = Machines::of(Fixture::copied("history"));
    let cells = ["--pin", "1.0.0", "--pin", "1.1.0", "--toolchain", "stable"];
    machines.run("one", &cells);
    machines
}

fn cell<'a>(run: &'a mut Value, id: &str) -> &'a mut Value {
    let mut cells = run["cells"].as_array_mut().expect("cells").iter_mut();
    cells.find(|cell| cell["id"] == id).expect("a cell")
}

fn holds(printed: &str, parts: &[&str]) {
    for part in parts {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
}

/// What is said of results that cannot be merged with the first.
fn refused(machines: &Machines, parts: &[&str]) -> String {
    let (code, printed) = machines.merge("merged", parts);
    assert_eq!(code, 2, "{printed}");
    assert!(!machines.out("merged").exists(), "something was written");
    assert!(
        !printed.contains('\u{202e}') && !printed.contains("\n::"),
        "{printed}"
    );
    printed
}

#[test]
fn results_that_overlap_come_to_what_one_of_them_says() {
    let machines = with_two_cells();
    machines.run("other", &["--pin", "1.1.0", "--toolchain", "stable"]);
    let (code, printed) = machines.merge("merged", &["other", "one", "one"]);
    assert_eq!(code, 0, "{printed}");
    holds(&printed, &["cells: 2 passed, 0 failed, 6 skipped"]);
    assert_eq!(files(&machines.out("merged")), files(&machines.out("one")));
    // Into the same folder again, of what is less: nothing is left of before.
    let (code, printed) = machines.merge("merged", &["other"]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(
        files(&machines.out("merged")),
        files(&machines.out("other"))
    );
    let (code, printed) = machines.merge("one", &["one"]);
    assert_eq!(code, 2);
    holds(
        &printed,
        &["cannot be a part", "name another folder with --out"],
    );
}

#[test]
fn results_that_contradict_each_other_are_shown_and_decide_nothing() {
    let machines = with_two_cells();
    machines.forge("other", "one", |run| {
        let cell = cell(run, "stable@gadget-1.1.0");
        let target = &mut cell["outcome"]["targets"][0];
        target["status"] = "failed".into();
        target["class"] = "link".into();
        cell["outcome"]["status"] = "failed".into();
        cell["outcome"]["class"] = "link".into();
    });
    let (code, printed) = machines.merge("merged", &["one", "other"]);
    assert_eq!(code, 3, "{printed}");
    let said_by = |name: &str, what: &str| format!("{} says {what}", machines.out(name).display());
    holds(
        &printed,
        &[
            "? gadget: inconclusive(results contradict each other) at gadget 1.1.0 on stable",
            &said_by("one", "passed; app "),
            &said_by("other", "failed(link); app "),
            "1 contradicted, since results say different things: stable@gadget-1.1.0",
            "cells: 1 passed, 0 failed, 1 inconclusive",
        ],
    );
    let read = |name: &str| std::fs::read_to_string(machines.out("merged").join(name));
    holds(
        &read("summary.md").expect("a summary"),
        &["## Contradicted\n\n- stable@gadget-1.1.0\n"],
    );
    holds(
        &read("junit.xml").expect("JUnit"),
        &["results contradict each other"],
    );
    crate::reports::check(&machines.out("merged").join("junit.xml"));
    assert!(machines.known("merged").finished);
}

#[test]
fn results_of_something_else_are_refused() {
    let machines = with_two_cells();
    machines.forge("subject", "one", |run| {
        run["sources"][0]["content"] = "other".into()
    });
    holds(
        &refused(&machines, &["one", "subject"]),
        &[
            "are not of one run: the files of the subject hash to",
            "same files and pins",
        ],
    );
    machines.forge("pins", "one", |run| {
        run["families"][0]["pins"]
            .as_array_mut()
            .expect("pins")
            .pop();
    });
    holds(
        &refused(&machines, &["one", "pins"]),
        &["of gadget the one has 7.0.0, and the other no more pins"],
    );
    machines.forge("rustc", "one", |run| {
        run["toolchains"][0]["rustc"] = "rustc 1.0.0".into()
    });
    holds(
        &refused(&machines, &["one", "rustc"]),
        &["toolchain `stable` is rustc ", "name exact versions"],
    );
    machines.forge("matrix", "one", |run| {
        run["families"][0]["name"] = "wasmtime".into()
    });
    holds(
        &refused(&machines, &["matrix"]),
        &[
            "matrix is of another matrix than ",
            "its families are `wasmtime`",
            "--config",
        ],
    );
    machines.forge("schema", "one", |run| run["schema"] = 1.into());
    holds(
        &refused(&machines, &["schema"]),
        &["has schema 1, and this version reads"],
    );
    holds(
        &refused(&machines, &["nowhere"]),
        &[
            "cannot read ",
            "nowhere/run.json",
            "name a results folder, or the run.json in it",
        ],
    );
    std::fs::write(machines.out("matrix").join("run.json"), "{ half").expect("written");
    holds(
        &refused(&machines, &["matrix"]),
        &["matrix/run.json is not a run of a matrix"],
    );
    let file = std::fs::File::create(machines.out("matrix").join("run.json")).expect("a file");
    file.set_len(1 << 40).expect("a hole");
    holds(
        &refused(&machines, &["matrix"]),
        &["it has more than 1024 MiB"],
    );
    let output = machines.call("merged", &["merge"]);
    assert_eq!(output.status.code(), Some(2));
    holds(&text(&output.stderr), &["<PART>"]);
}

#[test]
fn names_in_a_part_lead_nowhere() {
    let machines = with_two_cells();
    let id = "stable@gadget-1.0.0";
    for name in [
        "../../x",
        "/tmp/x",
        "a\u{202e}b",
        "a\n::error::b",
        "stable@gadget-1.1.0",
    ] {
        machines.forge("forged", "one", |run| cell(run, id)["id"] = name.into());
        holds(
            &refused(&machines, &["forged"]),
            &[
                "a cell cannot be called `",
                "only a file that this tool wrote is read",
            ],
        );
        machines.forge("forged", "one", |run| {
            let cell = cell(run, id);
            cell["toolchain"] = name.into();
            cell["id"] = format!("{name}@gadget-1.0.0").into();
        });
        refused(&machines, &["forged"]);
    }
    machines.forge("forged", "one", |run| {
        cell(run, id)["outcome"]["phases"][0]["log"] = "../../../etc/passwd".into();
    });
    holds(
        &refused(&machines, &["forged"]),
        &["cannot be `../../../etc/passwd`"],
    );
    // What a part says of itself is not handed on.
    machines.forge("forged", "one", |run| {
        run["command"] = "rm -r /".into();
        run["out"] = "/etc".into();
    });
    let (code, printed) = machines.merge("merged", &["forged"]);
    assert_eq!(code, 0, "{printed}");
    let merged = machines.json("merged").to_string();
    assert!(!merged.contains("rm -r") && !merged.contains("\"/etc\""));
}

#[test]
fn a_part_that_cannot_be_read_stops_no_other() {
    let machines = with_two_cells();
    let torn = machines.out("torn");
    std::fs::create_dir(&torn).expect("a folder");
    let whole = std::fs::read(machines.out("one").join("run.json")).expect("a run");
    std::fs::write(torn.join("run.json"), &whole[..500]).expect("written");
    let (code, printed) = machines.merge("merged", &["torn", "one"]);
    assert_eq!(code, 0, "{printed}");
    holds(&printed, &["is cut off", "the other parts are merged"]);
    refused(&Machines::of(Fixture::in_place("history")), &["nowhere"]);
}

#[cfg(unix)]
#[test]
fn links_in_a_part_are_not_followed() {
    use std::os::unix::fs::symlink;

    let machines = with_two_cells();
    let (one, id) = (machines.out("one"), "stable@gadget-1.0.0");
    let secret = machines.out("secret");
    std::fs::create_dir(&secret).expect("a folder");
    for name in [
        "build.log",
        "resolve.log",
        "test.log",
        "stable@gadget-1.0.0.lock",
    ] {
        std::fs::write(secret.join(name), "a secret").expect("written");
    }
    let replace = |path: &Path, with: &Path| {
        let _ = std::fs::remove_file(path);
        let _ = std::fs::remove_dir_all(path);
        symlink(with, path).expect("a link");
    };
    let merged = || {
        let (code, printed) = machines.merge("merged", &["one"]);
        assert_eq!(code, 0, "{printed}");
        let out = machines.out("merged");
        let files = files(&out);
        for file in &files {
            let metadata = out.join(file).symlink_metadata().expect("a file");
            assert!(metadata.is_file(), "{}", file.display());
            let content = std::fs::read(out.join(file)).expect("readable");
            assert_ne!(content, b"a secret", "{}", file.display());
        }
        files.len()
    };
    let n_files = merged();
    assert_eq!(n_files, 8);
    replace(
        &one.join("logs").join(id).join("build.log"),
        &secret.join("build.log"),
    );
    assert_eq!(merged(), n_files - 1);
    replace(&one.join("logs").join(id), &secret);
    assert_eq!(merged(), n_files - 3);
    replace(&one.join("locks"), &secret);
    assert_eq!(merged(), n_files - 5);
    replace(&one.join("logs"), &secret);
    assert_eq!(merged(), 0);
    // What is no file would have whoever reads it wait, or lead out.
    let file = one.join("run.json");
    std::fs::rename(&file, secret.join("run.json")).expect("moved");
    symlink(secret.join("run.json"), &file).expect("a link");
    let (code, printed) = machines.merge("merged", &["one"]);
    assert_eq!(code, 2, "{printed}");
    holds(&printed, &["it is not a plain file"]);
}

#[test]
fn a_log_without_end_is_cut() {
    let machines = with_two_cells();
    let log = "logs/stable@gadget-1.0.0/build.log";
    let file = std::fs::File::create(machines.out("one").join(log)).expect("a file");
    file.set_len(100 << 20).expect("a hole");
    let (code, printed) = machines.merge("merged", &["one"]);
    assert_eq!(code, 0, "{printed}");
    let taken = std::fs::read(machines.out("merged").join(log)).expect("a log");
    assert!(taken.len() < 13 << 20);
    assert!(taken.ends_with(b"bytes left out ...]\n"));
}
