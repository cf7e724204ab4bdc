//! What a cell runs cannot leave it: no file, no connection, no process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pinmatrix_core::model::outcome::enforced::Enforced;
use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, text};

const CLOSED: Enforced = Enforced {
    files: true,
    network: true,
    mounts: true,
};

/// What a cell is tempted with: a folder of the user's, and someone who listens.
struct Outside {
    folder: tempfile::TempDir,
    listener: TcpListener,
}

impl Outside {
    fn new() -> Self {
        // Not in a folder that a cell has one of its own for.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        std::fs::write(folder.path().join("key"), "secret").expect("written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        Self { folder, listener }
    }

    fn run(&self, fixture: &Fixture, args: &[&str]) -> Run {
        let mut all = vec!["run"];
        all.extend(args);
        let mut command = fixture.command(&all);
        let address = self.listener.local_addr().expect("an address");
        command.env("OUTSIDE", self.folder.path());
        command.env("LISTENER", address.to_string());
        fixture.ran(&mut command).1
    }

    /// The names of what is in the folder.
    fn names(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a listing");
        let name = |entry: std::fs::DirEntry| entry.file_name().into_string().expect("text");
        entries
            .map(|entry| name(entry.expect("an entry")))
            .collect()
    }

    fn was_called(&self) -> bool {
        self.listener.accept().is_ok()
    }

    /// Processes that carry the folder in their environment.
    fn processes(&self) -> usize {
        self.alive().len()
    }

    /// What each of them is, for whoever reads that some are left.
    fn alive(&self) -> Vec<String> {
        let mark = format!("OUTSIDE={}", self.folder.path().display());
        let entries = std::fs::read_dir("/proc").expect("a listing").flatten();
        let read = |name: &str, process: &std::fs::DirEntry| {
            let bytes = std::fs::read(process.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let carries = |process: &std::fs::DirEntry| {
            let environ = read("environ", process);
            environ.split(' ').any(|variable| variable == mark)
        };
        let carriers = entries.filter(carries);
        carriers
            .map(|process| format!("{}: {}", read("cmdline", &process), read("stat", &process)))
            .collect()
    }
}

/// How each case of a target ended.
fn cases(run: &Run, target: &str) -> BTreeMap<String, String> {
    let outcome = run.cells[0].outcome().expect("an outcome");
    let found = outcome.targets.iter().find(|t| t.id.is_called(target));
    let target = found.unwrap_or_else(|| panic!("no {target} in {outcome:#?}"));
    assert!(!target.cases.is_empty(), "{target:#?}");
    let ended = target
        .cases
        .iter()
        .map(|c| (c.name.clone(), c.status.to_string()));
    ended.collect()
}

fn all_are(cases: &BTreeMap<String, String>, status: &str) {
    assert!(
        cases.values().all(|s| s == status),
        "not all {status}: {cases:#?}"
    );
}

#[test]
fn what_a_cell_runs_reaches_nothing_outside() {
    let (fixture, outside) = (Fixture::in_place("escapes"), Outside::new());
    let run = outside.run(&fixture, &["--sandbox", "required"]);
    all_are(&cases(&run, "closed"), "passed");
    all_are(&cases(&run, "open"), "passed");
    assert_eq!(outside.names(), BTreeSet::from(["key".to_owned()]));
    assert!(!outside.was_called());
    assert_eq!(run.cells[0].outcome().expect("an outcome").sandbox, CLOSED);
}

#[test]
fn without_a_sandbox_it_reaches_all_of_it() {
    let (fixture, outside) = (Fixture::in_place("escapes"), Outside::new());
    let run = outside.run(&fixture, &["--sandbox", "off"]);
    all_are(&cases(&run, "closed"), "failed(test)");
    let names = ["build", "key", "test"].map(str::to_owned);
    assert_eq!(outside.names(), BTreeSet::from(names));
    assert!(outside.was_called());
    let sandbox = run.cells[0].outcome().expect("an outcome").sandbox;
    assert_eq!(sandbox, Enforced::default());
    // What it came to without a sandbox is no answer with one.
    let run = outside.run(&fixture, &["--sandbox", "required"]);
    all_are(&cases(&run, "closed"), "passed");
}

#[test]
fn whoever_is_denied_something_learns_how_to_look_further() {
    let (fixture, outside) = (Fixture::copied("escapes"), Outside::new());
    let test = "#[test]\nfn reads_a_key() {\n    \
                std::fs::read(std::env::var(\"OUTSIDE\").unwrap() + \"/key\").unwrap();\n}\n";
    fixture.write("tests/open.rs", test);
    let mut command = fixture.command(&["run", "--sandbox", "required"]);
    command.env("OUTSIDE", outside.folder.path());
    let stdout = text(&command.output().expect("the program starts").stdout);
    let hint = "hint: stable@gadget-1.0.0 escapes test:open was denied something; `";
    assert!(stdout.contains(hint), "{stdout}");
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(summary.contains("Hint: stable@gadget"), "{summary}");
    // The flag that it names stands behind the one that is there.
    assert!(stdout.contains("--sandbox off` tells"), "{stdout}");
    let again = fixture.call(&["plan", "--sandbox", "required", "--sandbox", "off"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
}

#[test]
fn links_that_a_cell_leaves_do_not_lead_the_tool_out() {
    let (fixture, outside) = (Fixture::copied("escapes"), Outside::new());
    fixture.write("data/file", "one");
    let test = "use std::os::unix::fs::symlink;\n\n#[test]\nfn leaves_links() {\n    \
                let outside = std::env::var(\"OUTSIDE\").unwrap();\n    \
                let target = std::env::current_exe().unwrap();\n    \
                let target = target.ancestors().nth(3).unwrap();\n    \
                std::fs::remove_dir_all(\"data\").unwrap();\n    \
                symlink(&outside, \"data\").unwrap();\n    \
                let _ = std::fs::remove_dir_all(target.join(\"tmp\"));\n    \
                symlink(&outside, target.join(\"tmp\")).unwrap();\n    \
                // What stands beside the copy decides for whoever works in it.\n    \
                let _ = std::fs::create_dir(\"../.cargo\");\n    \
                let _ = std::fs::write(\"../.cargo/config.toml\", \"no config\");\n    \
                let _ = std::fs::rename(\"../target\", \"../other\");\n}\n";
    fixture.write("tests/open.rs", test);
    for content in ["one", "two", "three"] {
        fixture.write("data/file", content);
        let run = outside.run(&fixture, &["--sandbox", "required", "--fresh"]);
        all_are(&cases(&run, "open"), "passed");
        assert_eq!(outside.names(), BTreeSet::from(["key".to_owned()]));
    }
}

#[test]
fn secrets_reach_neither_a_test_nor_a_report_unless_they_are_passed() {
    let fixture = Fixture::copied("escapes");
    let test = "#[test]\nfn tells_all() {\n    \
                for (name, value) in std::env::vars() {\n        \
                println!(\"{name}={value}\");\n    }\n    panic!(\"told\");\n}\n";
    fixture.write("tests/open.rs", test);
    let config = fixture.read("matrix.toml");
    let passed = config.replace(
        "\"HANG\"]",
        "\"HANG\", \"MY_TOKEN\", \"PLAIN\"]\nsecret = [\"PLAIN\"]",
    );
    fixture.write("matrix.toml", &passed);
    let mut command = fixture.command(&["run"]);
    command
        .env("MY_TOKEN", "hush-hush-1")
        .env("PLAIN", "hush-hush-2");
    command.env("CARGO_REGISTRIES_MINE_TOKEN", "hush-hush-3");
    let output = command.output().expect("the program starts");
    let mut all = text(&output.stdout) + &text(&output.stderr);
    let log = fixture.out().join("logs/stable@gadget-1.0.0/test.log");
    for file in
        ["run.json", "junit.xml", "summary.md", "report.html"].map(|name| fixture.out().join(name))
    {
        all.push_str(&std::fs::read_to_string(file).expect("a report"));
    }
    all.push_str(&std::fs::read_to_string(log).expect("a log"));
    assert!(
        all.contains("MY_TOKEN=***") && all.contains("PLAIN=***"),
        "{all}"
    );
    assert!(!all.contains("CARGO_REGISTRIES_MINE_TOKEN"), "{all}");
    assert!(!all.contains("hush-hush"), "{all}");
}

#[test]
fn what_is_allowed_by_name_is_reached_by_that_name_only() {
    let (fixture, outside) = (Fixture::copied("escapes"), Outside::new());
    let place = outside.folder.path().display();
    let allow = format!(
        "[sandbox]\nmode = \"required\"\n[[sandbox.allow]]\nfor = \"closed\"\nreason = \"tried\"\n\
         network = true\nwrite = [\"{place}\"]\n\n[timeouts]"
    );
    fixture.change("matrix.toml", "[timeouts]", &allow);
    let run = outside.run(&fixture, &[]);
    let (of_build, of_test) = cases(&run, "closed")
        .into_iter()
        .partition::<BTreeMap<_, _>, _>(|(name, _)| name.starts_with("build_script"));
    all_are(&of_build, "passed");
    all_are(&of_test, "failed(test)");

    let only_build = fixture
        .read("matrix.toml")
        .replace("for = \"closed\"", "for = \"build\"");
    fixture.write("matrix.toml", &only_build);
    let run = outside.run(&fixture, &["--fresh"]);
    let passed = cases(&run, "closed")
        .into_iter()
        .filter(|(_, status)| status == "passed");
    let passed: Vec<String> = passed.map(|(name, _)| name).collect();
    assert_eq!(
        passed,
        [
            "connects",
            "lists",
            "reads",
            "signals_whoever_started_it",
            "writes"
        ]
    );
}

#[test]
fn no_process_of_a_cell_outlives_it() {
    let (fixture, outside) = (Fixture::in_place("escapes"), Outside::new());
    let run = outside.run(&fixture, &[]);
    all_are(&cases(&run, "leaves"), "passed");
    assert_eq!(outside.processes(), 0);
}

#[test]
fn a_system_that_cannot_cut_off_the_network_is_reported() {
    let fixture = Fixture::in_place("escapes");
    // A user namespace in which there can be no other.
    let without = |args: &[&str]| {
        let tool = fixture.command(args);
        let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", forbid, "sh"]);
        command.arg(tool.get_program()).args(tool.get_args());
        let vars = tool
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.envs(vars);
        command
    };
    let required = without(&["plan", "--sandbox", "required"]);
    let output = { required }.output().expect("unshare starts");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("this system cannot close the sandbox"),
        "{stderr}"
    );
    assert!(stderr.contains("cut off the network"), "{stderr}");

    let mut auto = without(&["run"]);
    let stderr = text(&auto.output().expect("unshare starts").stderr);
    let note = "note: builds and tests are not bounded in all (";
    assert_eq!(stderr.matches(note).count(), 1, "{stderr}");
    let gaps = "they can reach the network; they can change modes, owners and times of your files";
    assert!(stderr.contains(gaps), "{stderr}");
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(summary.contains(gaps), "{summary}");
    let (_, run) = fixture.ran(&mut auto);
    let sandbox = run.cells[0].outcome().expect("an outcome").sandbox;
    let files_only = Enforced {
        files: true,
        ..Enforced::default()
    };
    assert_eq!(sandbox, files_only);
}

/// Starts a run that hangs, and waits until it does.
fn hanging(fixture: &Fixture, outside: &Outside) -> std::process::Child {
    let log = fixture.out().join("logs/stable@gadget-1.0.0/test.log");
    let mut command = fixture.command(&["run", "--sandbox", "required"]);
    command
        .env("OUTSIDE", outside.folder.path())
        .env("HANG", "1");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let until = Instant::now() + Duration::from_secs(120);
    // Tool, supervisor, test, two daemons, a shell, and what they sleep in.
    while !log.is_file() || outside.processes() < 6 {
        assert!(Instant::now() < until, "it does not hang");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.expect("the program starts")
}

fn nothing_is_left(outside: &Outside) {
    let until = Instant::now() + Duration::from_secs(10);
    while outside.processes() > 0 {
        assert!(Instant::now() < until, "{:#?}", outside.alive());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_outlives_a_tool_that_is_killed() {
    let (fixture, outside) = (Fixture::in_place("escapes"), Outside::new());
    let mut child = hanging(&fixture, &outside);
    child.kill().expect("killed");
    child.wait().expect("gone");
    nothing_is_left(&outside);
}

#[test]
fn nothing_outlives_a_tool_that_is_interrupted() {
    let (fixture, outside) = (Fixture::in_place("escapes"), Outside::new());
    let child = hanging(&fixture, &outside);
    let id = child.id().to_string();
    let status = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(status.expect("kill").success());
    let ended = child.wait_with_output().expect("ended");
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(outside.processes(), 0);
}

#[test]
fn a_sandbox_that_says_nonsense_is_refused_at_its_place() {
    let fixture = Fixture::copied("escapes");
    let config = fixture.read("matrix.toml");
    for (sandbox, expected) in [
        ("mode = \"strict\"", "unknown variant `strict`"),
        ("read = [\"~/data\"]", "`~/data` cannot be allowed"),
        (
            "[[sandbox.allow]]\nfor = \"x\"\nreason = \"y\"",
            "nothing is allowed for `x`",
        ),
        (
            "[[sandbox.allow]]\nfor = \"escape test:open\"\nnetwork = true\nreason = \"y\"",
            "did you mean `escapes`?",
        ),
        (
            "[[sandbox.allow]]\nfor = \"x\"\nnetwork = true\nreason = \"\"",
            "something is allowed without a reason",
        ),
    ] {
        fixture.write("matrix.toml", &format!("{config}\n[sandbox]\n{sandbox}\n"));
        let output = fixture.call(&["plan"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert!(stderr.contains("matrix.toml:"), "{stderr}");
    }
}
