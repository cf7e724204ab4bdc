//! A machine that fails under a run: no verdict comes of it, and nothing of it is kept.

use std::fs;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::{InconclusiveReason, Status};

use crate::harness::{Fixture, text, through};

const CELL: &str = "stable@gadget-1.0.0";

/// Runs one cell by way of a shell that begins with some words.
fn starved(fixture: &Fixture, words: &str) -> Output {
    let command = fixture.command(&["run", "--fresh", "--cell", CELL]);
    let words = format!("{words}; exec \"$@\"");
    let mut command = through(&["sh", "-c", &words, "sh"], &command);
    command.output().expect("sh starts")
}

/// What became of the cell, if the run got as far as that.
fn status(fixture: &Fixture) -> Option<Status> {
    let run = fs::read_to_string(fixture.out().join("run.json")).ok()?;
    let run: Run = serde_json::from_str(&run).expect("a run");
    Some(of(&run, CELL))
}

fn of(run: &Run, cell: &str) -> Status {
    let record = run.cells.iter().find(|record| record.id.as_str() == cell);
    record.expect("the cell").status()
}

/// Holds that nothing in what a starved run left keeps the next one from its answer.
fn goes_well_afterwards(fixture: &Fixture) {
    let (code, run) = fixture.run(&["--cell", CELL]);
    assert_eq!(code, 0, "{}", of(&run, CELL));
    assert_eq!(of(&run, CELL), Status::Passed);
}

/// Starves a cell of something, less and less until it passes a few times, and returns the doubts
/// that came of it.
fn doubts(
    fixture: &Fixture,
    starving: impl IntoIterator<Item = String>,
) -> Vec<InconclusiveReason> {
    let (mut doubts, mut n_passed) = (Vec::new(), 0);
    for words in starving {
        if n_passed == 3 {
            break;
        }
        let _ = fs::remove_file(fixture.out().join("run.json"));
        let output = starved(fixture, &words);
        let stderr = text(&output.stderr);
        match status(fixture) {
            Some(Status::Inconclusive { doubt }) => doubts.push(doubt),
            // There was enough of it.
            Some(Status::Passed) => n_passed += 1,
            Some(status) => {
                let run = fs::read_to_string(fixture.out().join("run.json"));
                panic!("{words}: {status}\n{stderr}\n{}", run.unwrap_or_default())
            }
            // Not even the toolchain, or the tool itself, could start.
            None => {
                let code = output.status.code();
                assert!(!matches!(code, Some(0 | 1 | 101)), "{words}: {stderr}");
            }
        }
    }
    assert!(n_passed > 0, "it was never enough");
    doubts
}

#[test]
fn no_memory_is_no_verdict() {
    let fixture = Fixture::copied("history");
    let kilobytes = (240_000..4_000_000).step_by(30_000);
    let doubts = doubts(&fixture, kilobytes.map(|n| format!("ulimit -v {n}")));
    assert!(
        doubts.contains(&InconclusiveReason::OutOfMemory),
        "{doubts:?}"
    );
    goes_well_afterwards(&fixture);
}

#[test]
fn no_file_handles_are_no_verdict() {
    let fixture = Fixture::copied("history");
    let doubts = doubts(&fixture, (8..64).map(|n| format!("ulimit -n {n}")));
    let says_so = |doubt: &InconclusiveReason| doubt.to_string().contains("Too many open files");
    assert!(doubts.iter().any(says_so), "{doubts:?}");
    goes_well_afterwards(&fixture);
}

/// Runs the cell where a folder can only be read.
fn where_read_only(fixture: &Fixture, folder: &Path) -> Output {
    let command = fixture.command(&["run", "--cell", CELL]);
    let folder = folder.display();
    let words = format!(
        "mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec \"$@\""
    );
    let shell = ["sh", "-c", &words, "sh"];
    let unshare = [&["unshare", "--map-root-user", "--mount"], &shell[..]].concat();
    let mut command = through(&unshare, &command);
    command.output().expect("unshare starts")
}

#[test]
fn a_subject_that_can_only_be_read_is_as_good_as_any() {
    let fixture = Fixture::copied("history");
    let output = where_read_only(&fixture, fixture.subject());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn results_and_work_folders_that_can_only_be_read_are_reported() {
    let fixture = Fixture::copied("history");
    for folder in [fixture.out(), fixture.cache()] {
        fs::create_dir_all(&folder).expect("a folder");
        let output = where_read_only(&fixture, &folder);
        let stderr = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{stderr}");
        let folder = folder.display().to_string();
        assert!(stderr.contains(&folder), "{stderr}");
        assert!(stderr.contains("Read-only file system"), "{stderr}");
    }
    goes_well_afterwards(&fixture);
}

/// A registry at an address, that answers what it is told to.
struct Registry {
    address: String,
}

impl Registry {
    fn that_answers(answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let own = address.clone();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                match answer(&own, &asked_for(&stream)) {
                    Some(bytes) => stream.write_all(&bytes).unwrap_or_default(),
                    // It listens on, and says nothing.
                    None => open.push(stream),
                }
            }
        });
        Self { address }
    }

    /// A subject that has all its crates from there.
    fn subject(&self) -> Fixture {
        let fixture = Fixture::copied("history");
        fs::remove_file(fixture.subject().join("Cargo.lock")).expect("removed");
        let config = format!(
            "[source.crates-io]\nreplace-with = \"far\"\n\n\
             [source.far]\nregistry = \"sparse+http://{}/\"\n\n[net]\nretry = 0\n",
            self.address
        );
        fixture.write(".cargo/config.toml", &config);
        fixture
    }

    fn run(fixture: &Fixture) -> Status {
        let mut command = fixture.online(&["run", "--cell", CELL]);
        command.env("CARGO_HOME", fixture.cache().join("cargo-home"));
        of(&fixture.ran(&mut command).1, CELL)
    }
}

/// The path of a request.
fn asked_for(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next().unwrap_or_default();
    let path = path.split(' ').nth(1).unwrap_or_default().to_owned();
    // The rest is read, since a connection that is closed before that is reset.
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    path
}

fn http(status: &str, body: &[u8]) -> Option<Vec<u8>> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    Some([head.as_bytes(), body].concat())
}

/// What a registry says of itself: where its crates are.
fn config(address: &str) -> Option<Vec<u8>> {
    let config = format!("{{\"dl\":\"http://{address}/dl/{{crate}}-{{version}}.crate\"}}");
    http("200 OK", config.as_bytes())
}

/// A file of the registry that all other tests have their crates from.
fn real(path: &str) -> Option<Vec<u8>> {
    let registry = crate::harness::root().join("tests/fixtures/registry");
    let file = match path.strip_prefix("/dl/") {
        Some(krate) => registry.join(krate),
        None => registry.join("index").join(path.trim_start_matches('/')),
    };
    match fs::read(file) {
        Ok(bytes) => http("200 OK", &bytes),
        Err(_) => http("404 Not Found", b""),
    }
}

#[test]
fn a_registry_that_answers_is_as_good_as_a_folder() {
    let registry = Registry::that_answers(|own, path| match path {
        "/config.json" => config(own),
        path => real(path),
    });
    assert_eq!(Registry::run(&registry.subject()), Status::Passed);
}

#[test]
fn a_registry_that_fails_is_no_verdict() {
    type Answer = fn(&str, &str) -> Option<Vec<u8>>;
    let failures: [(&str, Answer); 5] = [
        ("an error", |_, _| http("500 Internal Server Error", b"")),
        ("nonsense", |_, _| http("200 OK", b"<html>\xff{")),
        ("half an answer", |_, _| {
            Some(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{".to_vec())
        }),
        ("an index of nonsense", |own, path| match path {
            "/config.json" => config(own),
            _ => http("200 OK", b"<html>sorry</html>"),
        }),
        ("crates of nonsense", |own, path| match path {
            "/config.json" => config(own),
            path if path.starts_with("/dl/") => http("200 OK", b"<html>sorry</html>"),
            path => real(path),
        }),
    ];
    for (what, answer) in failures {
        let status = Registry::run(&Registry::that_answers(answer).subject());
        let doubt = InconclusiveReason::Network;
        assert_eq!(status, Status::Inconclusive { doubt }, "{what}");
    }
}

#[test]
fn a_registry_that_never_answers_is_no_verdict() {
    let registry = Registry::that_answers(|_, _| None);
    let fixture = registry.subject();
    let limits = "[timeouts]\nresolve = \"2s\"\n\n[[family]]";
    fixture.change("matrix.toml", "[[family]]", limits);
    let status = Registry::run(&fixture);
    let doubt = InconclusiveReason::Machine(
        "cargo did not resolve in time (`resolve` under `[timeouts]`)".to_owned(),
    );
    assert_eq!(status, Status::Inconclusive { doubt });
}

#[test]
fn an_address_where_nobody_listens_is_no_verdict() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let status = Registry::run(&Registry { address }.subject());
    let doubt = InconclusiveReason::Network;
    assert_eq!(status, Status::Inconclusive { doubt });
}

/// Dates every file below a folder.
fn date(folder: &Path, time: SystemTime) {
    let entries = fs::read_dir(folder).expect("a listing");
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            date(&entry.path(), time);
        } else if kind.is_file() {
            let file = File::open(entry.path()).expect("a file");
            file.set_modified(time).expect("dated");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_hides_no_change() {
    let fixture = Fixture::copied("history");
    goes_well_afterwards(&fixture);
    // As if it had been set back by a day since.
    let a_day = Duration::from_secs(24 * 3600);
    date(&fixture.cache(), SystemTime::now() + a_day);
    fixture.change("app/tests/ratio.rs", "#[test]", "#[test]\n#[should_panic]");
    let (_, run) = fixture.run(&["--cell", CELL]);
    assert!(of(&run, CELL).is_failed(), "the change was not seen");
}

#[test]
fn what_tests_say_is_no_command_to_a_ci_engine() {
    let fixture = Fixture::copied("garbage");
    // Of what fails first, the first line is told on the terminal.
    let hostile =
        "panic!(\"::error::x ##[add-mask]z\");\n    #[cfg(any())]\n    panic!(\"\\u{1b}[1mloud";
    fixture.change("tests/captured.rs", "panic!(\"\\u{1b}[1mloud", hostile);
    let output = fixture.call(&["run"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(out.contains("::error::x ## [add-mask]z"), "{out}");
    for line in out.lines().chain(err.lines()) {
        let is_command = line.trim_start().starts_with("::") || line.contains("##[");
        assert!(!is_command, "{line}");
    }
}

/// Tests that write past what libtest captures: many lines, and one.
const FLOODS: &str = r#"
use std::io::Write;

fn flood(piece: &[u8]) {
    let mut out = std::io::stdout().lock();
    for _ in 0..1024 {
        out.write_all(piece).unwrap();
    }
}

#[test]
fn a_gigabyte_of_lines() {
    flood(&[b"x".repeat(127), b"\n".to_vec()].concat().repeat(8192));
    panic!("at the end");
}

#[test]
fn a_gigabyte_of_one_line() {
    flood(&b"x".repeat(1024 * 1024));
    panic!("at the end");
}
"#;

#[test]
fn a_gigabyte_of_output_takes_neither_memory_nor_disk() {
    let fixture = Fixture::copied("fails_test");
    fixture.write("tests/floods.rs", FLOODS);
    let mut child = fixture
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut most = 0;
    while child.try_wait().expect("waited").is_none() {
        most = peak_memory(child.id()).unwrap_or(most);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(most < 512 * 1024, "{most} kB");
    let log = fixture.out().join(format!("logs/{CELL}/test.log"));
    let log = fs::read(log).expect("a log");
    assert!(log.len() < 12 * 1024 * 1024, "{} bytes", log.len());
    assert!(String::from_utf8_lossy(&log).contains("bytes left out"));
    let run = fs::read_to_string(fixture.out().join("run.json")).expect("a run");
    let run: Run = serde_json::from_str(&run).expect("a run");
    let facts = crate::facts::of(&run);
    for case in ["a_gigabyte_of_lines", "a_gigabyte_of_one_line"] {
        let is_reported = |fact: &String| fact.contains(case) && fact.contains("failed(test)");
        assert!(facts.iter().any(is_reported), "{case}: {facts:#?}");
    }
}

/// The most memory that a process has taken so far, in kilobytes.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
