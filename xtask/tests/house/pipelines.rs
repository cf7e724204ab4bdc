//! Pipelines as they are printed; `ci/pipelines` runs them.

use std::process::{Command, Output};

use crate::root;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn print(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["matrix", "ci"])
        .args(args)
        .current_dir(root())
        .output()
        .expect("the program starts")
}

#[test]
fn this_repositorys_own_pipelines_are_what_is_printed() {
    let own = [
        ("github", ".github/workflows/matrix.yml"),
        ("gitlab", "ci/gitlab.yml"),
    ];
    for (engine, file) in own {
        let committed = std::fs::read_to_string(root().join(file)).expect("a pipeline");
        let printed = text(&print(&[engine]).stdout);
        assert!(
            committed == printed,
            "{file} is out of date; `cargo xtask matrix ci {engine} > {file}` makes it anew"
        );
    }
}

#[test]
fn what_selects_cells_goes_into_every_job_as_words_of_the_shell() {
    let args = ["generic", "--", "--pin", "2*; rm", "--ends"];
    let printed = text(&print(&args).stdout);
    assert!(
        printed.contains("matrix run --pin '2*; rm' --ends --shard"),
        "{printed}"
    );
    assert!(!printed.contains("--full"), "{printed}");
    let unfilled = [
        "@words@",
        "@made_with@",
        "@flags@",
        "@config@",
        "@shards@",
        "@merge_flags@",
    ];
    assert!(
        !unfilled.iter().any(|place| printed.contains(place)),
        "{printed}"
    );
}

#[test]
fn user_errors_are_reported_where_the_pipeline_is_printed() {
    let user_errors: [(&[&str], &str); 7] = [
        (&["github", "--shards", "257"], "from 1 to 256"),
        (&["gitlab", "--shards", "0"], "from 1 to 200"),
        (
            &["gitlab", "--", "--toolchian", "stable"],
            "unexpected argument '--toolchian'",
        ),
        (
            &["github", "--", "--pin", "${{ secrets.KEY }}"],
            "more than a word",
        ),
        (&["github", "--config", "no.toml"], "cannot read"),
        (&["gitlab", "--", "--exact"], "found out on the way"),
        (
            &["gitlab", "--", "--out", "x"],
            "--out is the pipeline's own",
        ),
    ];
    for (args, expected) in user_errors {
        let output = print(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
