//! Followers: the versions that go with a pin, held against cargo on drawn indexes; pins that are
//! blocked; and what is wrong with followers in a config.

use std::fs;
use std::process::Command;

use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::status::Status;
use serde_json::Value;

use crate::harness::{Fixture, text};

/// The outcome of a cell of a run.
fn status(run: &pinmatrix_core::model::run::Run, cell: &str) -> Status {
    let mut cells = run.cells.iter();
    let record = cells.find(|record| record.id.as_str() == cell);
    record.expect("a cell").status()
}

#[test]
fn a_blocked_pin_is_built_with_two_copies_if_a_flag_says_so() {
    let fixture = Fixture::copied("followers");
    let (code, run) = fixture.run(&["--full", "--past-blockers"]);
    assert_eq!(code, 1);
    let at_3 = "stable@spindle-3.0.0";
    assert!(status(&run, at_3).is_failed());
    let record = run.cells.iter().find(|record| record.id.as_str() == at_3);
    let copies = record
        .and_then(|r| r.outcome())
        .map(|o: &Outcome| &o.copies);
    let copies: Vec<String> = copies
        .expect("an outcome")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        copies,
        ["spindle 1.0.0 beside 3.0.0, required by arbor 0.7.0"]
    );
    assert!(run.command.contains("--past-blockers"), "{}", run.command);
}

#[test]
fn followers_are_found_by_themselves() {
    let fixture = Fixture::copied("followers");
    fixture.change(
        "matrix.toml",
        "followers = [\"arbor\"]",
        "followers = \"auto\"",
    );
    assert_eq!(
        plan(&fixture),
        [
            "arbor goes with spindle: 0.7.0 at 1.0.0 (today), 0.9.0 at 2.0.0, blocked at 3.0.0, \
             0.10.0 at 4.0.0, blocked at 5.0.0",
            "spindle 3.0.0 waits for arbor (yours: 0.7.0): the newest arbor, 0.10.0, \
             requires spindle ^4",
            "spindle 5.0.0 waits for arbor (yours: 0.7.0): the newest arbor, 0.10.0, \
             requires spindle ^4",
        ]
    );
    // What does not go with the family today is not its follower.
    let copies = Fixture::copied("copies");
    copies.change("matrix.toml", "crates =", "followers = \"auto\"\ncrates =");
    copies.change(
        "app/Cargo.toml",
        "spindle = \"1.0.0\"",
        "spindle = \"2.0.0\"",
    );
    fs::remove_file(copies.subject().join("Cargo.lock")).expect("removed");
    assert_eq!(plan(&copies), [""; 0]);
}

#[test]
fn a_set_can_be_written_out() {
    let fixture = Fixture::copied("followers");
    fixture.change("matrix.toml", "followers = [\"arbor\"]\n", "");
    let pins = "pins = [\"1.0.0\", { spindle = \"2.0.0\", arbor = \"0.9.1\" }, { spindle = \"4.0.0\", arbor = \"0.10.0\" }]";
    fixture.change(
        "matrix.toml",
        "pins = { from = \"1.0.0\", choose = \"all\" }",
        pins,
    );
    assert_eq!(
        plan(&fixture),
        ["arbor goes with spindle: 0.7.0 at 1.0.0 (today), 0.9.1 at 2.0.0, 0.10.0 at 4.0.0"]
    );
    let (code, _) = fixture.run(&["--full"]);
    assert_eq!(code, 0);
}

/// The lines of a plan that are about versions that go together.
fn plan(fixture: &Fixture) -> Vec<String> {
    let output = fixture.call(&["plan", "--full"]);
    let said = text(&output.stdout);
    let about = |line: &&str| line.contains(" goes with ") || line.contains(" waits for ");
    said.lines().filter(about).map(str::to_owned).collect()
}

#[test]
fn wrong_followers_are_told_where_they_stand() {
    let wrong = [
        (
            "followers = [\"arbour\"]",
            "the subject does not use `arbour`",
            "did you mean `arbor`?",
        ),
        (
            "followers = \"all\"",
            "`all` is not a list of followers",
            "or `followers = \"auto\"`",
        ),
        (
            "followers = [\"spindle\"]",
            "family `spindle` names `spindle` twice",
            "belongs to one family",
        ),
        (
            "followers = [\"arbor\"]\npins = [{ arbor = \"0.7.0\" }]",
            "a set of pins names no crate of the family",
            "each set holds it",
        ),
        (
            "followers = [\"arbor\"]\npins = [{ spindle = \"1.0.0\", arbor = \"0.7.5\" }]",
            "arbor 0.7.5 is not published",
            "a pin of a set",
        ),
        (
            "followers = \"auto\"\npins = [{ spindle = \"1.0.0\", arbor = \"0.7.0\" }]",
            "followers are found by themselves and also written out",
            "name the followers",
        ),
    ];
    for (written, message, hint) in wrong {
        let fixture = Fixture::copied("followers");
        fixture.change("matrix.toml", "followers = [\"arbor\"]", written);
        if written.contains("pins") {
            fixture.change(
                "matrix.toml",
                "pins = { from = \"1.0.0\", choose = \"all\" }\n",
                "",
            );
        }
        let output = fixture.call(&["plan"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{written}: {said}");
        for part in [message, hint, "matrix.toml:"] {
            assert!(said.contains(part), "{written}: {part} is not in\n{said}");
        }
    }
}

/// Numbers that a seed determines.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A line of an index.
fn line(name: &str, version: &str, deps: &[String], is_yanked: bool) -> String {
    let deps = deps.join(",");
    let checksum = "0".repeat(64);
    format!(
        r#"{{"name":"{name}","vers":"{version}","deps":[{deps}],"cksum":"{checksum}","features":{{"turning":[]}},"yanked":{is_yanked}}}"#
    )
}

/// Draws what is published of the family and of two crates that follow it.
fn draw_index(draw: &mut Draw, registry: &std::path::Path) {
    let write = |name: &str, lines: &[String]| {
        let folder = registry.join(format!("index/{}/{}", &name[..2], &name[2..4]));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(name), lines.join("\n") + "\n").expect("written");
    };
    let spindles: Vec<String> = (1..5)
        .map(|n| line("spindle", &format!("{n}.0.0"), &[], false))
        .collect();
    write("spindle", &spindles);
    // Cargo refuses crates that require each other.
    let requires_other = ["arbor", "chuck"][usize::from(draw.below(2) == 0)];
    for (name, other) in [("arbor", "chuck"), ("chuck", "arbor")] {
        let others = if name == requires_other {
            vec!["spindle", other]
        } else {
            vec!["spindle"]
        };
        let mut lines = Vec::new();
        for n in 1..=1 + draw.below(5) {
            let mut deps = Vec::new();
            for on in &others {
                if draw.below(10) < 7 {
                    let (major, is_optional) = (1 + draw.below(4), draw.below(4) == 0);
                    deps.push(format!(
                        r#"{{"name":"{on}","req":"^{major}","features":[],"optional":{is_optional},"default_features":true,"target":null,"kind":"normal"}}"#
                    ));
                }
            }
            // The first is there to be locked.
            let is_yanked = n > 1 && draw.below(6) == 0;
            lines.push(line(name, &format!("{n}.0.0"), &deps, is_yanked));
        }
        write(name, &lines);
    }
}

/// Cargo resolves each set that is found, with one copy of each crate, as far as nothing that only
/// others require needs another.
#[test]
fn cargo_resolves_each_set_that_is_found() {
    let mut n_sets = 0;
    for seed in 0..12 {
        let mut draw = Draw(seed);
        let fixture = Fixture::empty("drawn");
        draw_index(&mut draw, &fixture.subject().join("../../registry"));
        fixture.write(
            "Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
             [dependencies]\nspindle = \"1\"\narbor = \"1\"\nchuck = \"1\"\n",
        );
        fixture.write("src/lib.rs", "");
        fixture.write(
            "matrix.toml",
            "[subject]\npath = \".\"\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\
             [[family]]\nname = \"spindle\"\ncrates = [\"spindle\"]\n\
             followers = [\"arbor\", \"chuck\"]\npins = { from = \"1.0.0\", choose = \"all\" }\n",
        );
        let output = fixture.call(&["plan", "--full", "--no-today", "--format", "json"]);
        let plan: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("seed {seed}: {}", text(&output.stderr)));
        for set in plan["sets"]["spindle"].as_array().expect("sets") {
            // At 1.0.0 the set is what the subject is on today, whether it fits or not.
            if set["blocker"].is_null() && set["version"] != "1.0.0" {
                n_sets += 1;
                resolves(&fixture, set, seed);
            }
        }
    }
    assert!(n_sets > 12, "only {n_sets} sets");
}

fn resolves(fixture: &Fixture, set: &Value, seed: u64) {
    let version = |value: &Value| value.as_str().expect("a version").to_owned();
    let mut pins = vec![("spindle".to_owned(), version(&set["version"]))];
    let followers = set["followers"].as_object().expect("followers");
    pins.extend(
        followers
            .iter()
            .map(|(name, at)| (name.clone(), version(at))),
    );
    let requirements: String = pins
        .iter()
        .map(|(name, at)| format!("{name} = \"={at}\"\n"))
        .collect();
    let app =
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n";
    fixture.write("Cargo.toml", &format!("{app}{requirements}"));
    let output = Command::new("cargo")
        .args(["generate-lockfile", "--offline"])
        .current_dir(fixture.subject())
        .output()
        .expect("cargo starts");
    let said = text(&output.stderr);
    assert!(output.status.success(), "seed {seed}, {set}: {said}");
    let lock = fixture.read("Cargo.lock");
    for (name, at) in pins {
        let copies = lock.matches(&format!("name = \"{name}\"\n")).count();
        let held = format!("name = \"{name}\"\nversion = \"{at}\"");
        assert!(
            lock.contains(&held) && copies == 1,
            "seed {seed}, {set}: {lock}"
        );
    }
}

#[test]
fn a_package_is_held_for_a_range_of_pins() {
    let fixture = Fixture::copied("history");
    let adjust = "\n[[adjust]]\npins = \">=2\"\nhold = { relay = \"=0.1.26\" }\n";
    let config = fixture.read("matrix.toml") + adjust;
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&[
        "--cell",
        "stable@gadget-1.0.0",
        "--cell",
        "stable@gadget-2.0.0",
    ]);
    let moved = |cell: &str| {
        let record = run.cells.iter().find(|record| record.id.as_str() == cell);
        let moved = &record.and_then(|r| r.outcome()).expect("an outcome").moved;
        let words = moved
            .iter()
            .map(|moved| format!("{moved}, {}", moved.because));
        words.collect::<Vec<_>>()
    };
    assert_eq!(moved("stable@gadget-1.0.0"), [""; 0]);
    assert_eq!(
        moved("stable@gadget-2.0.0"),
        ["relay 0.1.25 → 0.1.26, `[[adjust]]` holds it at =0.1.26"]
    );
    let nowhere = config.replace("=0.1.26", "=0.1.27");
    fixture.write("matrix.toml", &nowhere);
    let (_, run) = fixture.run(&["--cell", "stable@gadget-2.0.0"]);
    let mut cells = run.cells.iter();
    let record = cells.find(|record| record.id.as_str() == "stable@gadget-2.0.0");
    let outcome = record
        .and_then(|record| record.outcome())
        .expect("an outcome");
    let error = outcome.errors.first().expect("an error").message.clone();
    assert!(
        error.starts_with("relay 0.1.25 cannot move to =0.1.27, at which `[[adjust]]` holds it"),
        "{error}"
    );
    let family = config.replace("relay = ", "gadget = ");
    fixture.write("matrix.toml", &family);
    let output = fixture.call(&["plan"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`gadget` moves with the family"), "{said}");
}

#[test]
fn a_crate_in_a_folder_follows_nothing() {
    let fixture = Fixture::copied("followers");
    fixture.change("Cargo.toml", "[\"app\"]", "[\"app\", \"arbor\"]");
    fixture.write(
        "arbor/Cargo.toml",
        "[package]\nname = \"arbor\"\nversion = \"0.7.0\"\nedition = \"2021\"\n\
         [dependencies]\nspindle = \"1\"\n",
    );
    let source = "pub fn turn(s: spindle::Spindle) -> spindle::Spindle { spindle::Spindle { turns: s.turns + 1 } }\n";
    fixture.write("arbor/src/lib.rs", source);
    fixture.change(
        "app/Cargo.toml",
        "arbor = \"0.7\"",
        "arbor = { path = \"../arbor\", version = \"0.7\" }",
    );
    fs::remove_file(fixture.subject().join("Cargo.lock")).expect("removed");
    let output = fixture.call(&["plan"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("`arbor` does not come from the registry of the family"),
        "{said}"
    );
    fixture.change("matrix.toml", "[\"arbor\"]", "\"auto\"");
    assert_eq!(plan(&fixture), [""; 0]);
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 0, "{:?}", run.counts());
}

#[test]
fn a_family_that_becomes_strict_is_looked_at_again() {
    let fixture = Fixture::copied("copies");
    let only = ["--cell", "stable@spindle-2.0.0"];
    let (_, run) = fixture.run(&only);
    assert_eq!(
        status(&run, "stable@spindle-2.0.0").to_string(),
        "failed(compile)"
    );
    fixture.change("matrix.toml", "crates =", "strict = true\ncrates =");
    let (_, run) = fixture.run(&only);
    assert_eq!(
        status(&run, "stable@spindle-2.0.0").to_string(),
        "failed(resolve)"
    );
}

#[test]
fn shards_of_blocked_pins_are_merged() {
    let fixture = Fixture::copied("followers");
    let whole = fixture.run(&["--full"]).1;
    let parts = [1, 2].map(|n| {
        let part = fixture.subject().join(format!("../part-{n}"));
        let (code, _) = fixture.run(&["--full", "--shard", &format!("{n}/2")]);
        assert_eq!(code, 0);
        fs::rename(fixture.out(), &part).expect("renamed");
        part
    });
    let mut command = fixture.online(&["merge"]);
    let output = command.args(parts).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let merged = fs::read_to_string(fixture.out().join("run.json")).expect("a run");
    let merged: pinmatrix_core::model::run::Run = serde_json::from_str(&merged).expect("a run");
    for record in &whole.cells {
        assert_eq!(status(&merged, record.id.as_str()), record.status());
    }
    assert_eq!(merged.families[0].sets, whole.families[0].sets);
}

#[test]
fn a_blocked_pin_says_nothing_in_a_bisection() {
    let fixture = Fixture::copied("followers");
    fixture.change(
        "app/tests/turns.rs",
        "assert_eq!(spindle.turns, 2);",
        "assert_eq!(spindle.turns, 2);\n    assert_ne!(arbor::VERSION, \"0.10.0\");",
    );
    fixture.change(
        "matrix.toml",
        "from = \"1.0.0\"",
        "from = \"1.0.0\", to = \"4.0.0\"",
    );
    let case = "arbor_takes_the_spindle_of_the_subject";
    let output = fixture.call(&["bisect", "--case", case, "--pins"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(
        said.contains("3.0.0") && said.contains("blocked: the newest arbor"),
        "{said}"
    );
    assert!(!said.contains("mismatched types"), "{said}");
}

#[test]
fn versions_in_the_locks_are_shown_beside_the_pins() {
    let fixture = Fixture::copied("two_versions");
    fixture.write(
        "app/Cargo.toml",
        &fixture.read("app/Cargo.toml").replace("holdback", "#"),
    );
    fixture.write("app/tests/both.rs", "");
    fixture.change(
        "matrix.toml",
        "crates = [\"gadget\"]",
        "crates = [\"gadget\"]\nshown = [\"relay\", \"none\"]",
    );
    fixture.change("matrix.toml", "root = \"../..\"", "root = \".\"");
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 0);
    assert_eq!(run.families[0].index.as_ref().map(String::len), Some(16));
    let lock = fs::read_to_string(fixture.out().join("locks/stable@gadget-2.0.0.lock"));
    let lock = lock.expect("a lock");
    let (_, relay) = lock
        .split_once("name = \"relay\"\nversion = \"")
        .expect("relay");
    let relay = relay.split('"').next().expect("a version");
    let summary = fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    let words = format!("| 2.0.0 | {relay} | – |");
    assert!(
        summary.contains("## Versions in the locks beside gadget"),
        "{summary}"
    );
    assert!(summary.contains(&words), "{words}\n{summary}");
    let page = fs::read_to_string(fixture.out().join("report.html")).expect("a page");
    assert!(page.contains("Versions in the locks beside gadget"));
}
