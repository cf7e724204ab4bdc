//! What a cell sees in the places that all programs know, and what it cannot change elsewhere.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::facts;
use crate::verdicts::with_test;

/// Uses folders that all programs share by their names.
const USES_SHARED_FOLDERS: &str = r#"
use std::fs;
use std::path::Path;

fn leaves_a_file_where_there_is_none(folder: &str) {
    let file = Path::new(folder).join("left-by-a-cell");
    assert!(!file.exists());
    fs::write(&file, "x").unwrap();
    let moved = Path::new(folder).join("left-by-another");
    fs::rename(&file, &moved).unwrap();
    fs::hard_link(&moved, &file).unwrap();
}

#[test]
fn temporary() { leaves_a_file_where_there_is_none("/tmp"); }

#[test]
fn of_var() { leaves_a_file_where_there_is_none("/var/tmp"); }

#[test]
fn of_memory() { leaves_a_file_where_there_is_none("/dev/shm"); }

#[test]
fn finds_the_one_that_was_asked_for() {
    let folder = std::env::temp_dir();
    assert_eq!(folder, Path::new(&std::env::var("EXPECTED").unwrap()));
    fs::write(folder.join("file"), "x").unwrap();
}

#[test]
fn listens_on_a_socket() {
    std::os::unix::net::UnixListener::bind("/tmp/socket").unwrap();
}
"#;

/// The files of that name that a cell left where all programs see them.
fn left() -> Vec<&'static str> {
    let places = ["/tmp", "/var/tmp", "/dev/shm"].into_iter();
    let has_it = |place: &&str| Path::new(place).join("left-by-a-cell").exists();
    places.filter(has_it).collect()
}

#[test]
fn shared_folders_are_the_cells_own_and_empty_at_its_start() {
    let fixture = with_test(USES_SHARED_FOLDERS);
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"2.0.0\"]");
    let config = fixture.read("matrix.toml") + "\n[env]\npass = [\"EXPECTED\"]\n";
    fixture.write("matrix.toml", &config);
    let persons = tempfile::tempdir_in("/tmp").expect("a folder");
    let persons = persons.path().to_str().expect("text");
    let elsewhere = env!("CARGO_TARGET_TMPDIR");
    for (given, expected) in [
        (None, "/tmp"),
        (Some("/tmp"), "/tmp"),
        (Some(persons), persons),
        (Some(elsewhere), "/tmp"),
    ] {
        let mut command = fixture.command(&["run", "--sandbox", "required", "--full", "--fresh"]);
        match given {
            Some(folder) => command.env("TMPDIR", folder),
            None => command.env_remove("TMPDIR"),
        };
        let (code, run) = fixture.ran(command.env("EXPECTED", expected));
        assert_eq!(code, 0, "{given:?}: {:#?}", facts::of(&run));
        assert_eq!(run.cells.len(), 2);
    }
    assert_eq!(left(), Vec::<&str>::new());
}

/// Tries to change what the system says of a file without writing in it.
const CHANGES_WHAT_IS_SAID: &str = r#"
use std::{fs::File, fs::Permissions};
use std::{os::unix::fs::PermissionsExt, os::unix::fs::MetadataExt};

fn file() -> std::path::PathBuf { std::env::var_os("OUTSIDE_FILE").unwrap().into() }

#[test]
fn mode() { std::fs::set_permissions(file(), Permissions::from_mode(0o700)).unwrap_err(); }

#[test]
fn owner() {
    let own = file().metadata().unwrap();
    std::os::unix::fs::chown(file(), Some(own.uid()), Some(own.gid())).unwrap_err();
}

#[test]
fn times() {
    File::open(file()).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap_err();
}
"#;

#[test]
fn modes_owners_and_times_of_files_elsewhere_stay() {
    let fixture = with_test(CHANGES_WHAT_IS_SAID);
    let outside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let file = outside.path().join("file");
    std::fs::write(&file, "x").expect("written");
    // It may be read, and with the network it is no more than that.
    for network in [false, true] {
        let allow = format!(
            "[env]\npass = [\"OUTSIDE_FILE\"]\n[[sandbox.allow]]\nfor = \"outcomes\"\n\
             reason = \"tried\"\nnetwork = {network}\nread = [\"{}\"]\n",
            outside.path().display()
        );
        let fixture_config = fixture.read("matrix.toml");
        let config = fixture_config.split("[env]").next().expect("a config");
        fixture.write("matrix.toml", &format!("{config}\n{allow}"));
        let before = file.metadata().expect("a file");
        let mut command = fixture.command(&["run", "--sandbox", "required"]);
        let (code, run) = fixture.ran(command.env("OUTSIDE_FILE", &file));
        assert_eq!(code, 0, "{:#?}", facts::of(&run));
        let after = file.metadata().expect("a file");
        let facts = |m: &std::fs::Metadata| (m.mode(), m.uid(), m.mtime(), m.ctime_nsec());
        assert_eq!(facts(&before), facts(&after));
    }
}

/// What a process may do to itself, and to what is its cell's.
const WORKS_ON_ITS_OWN: &str = r#"
use std::{fs, fs::File, fs::OpenOptions};
use std::io::Write;
use std::path::Path;

#[test]
fn changes_itself() {
    fs::write("/proc/self/oom_score_adj", "100").unwrap();
    assert_eq!(fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim(), "100");
    fs::write("/proc/self/coredump_filter", "0x33").unwrap();
}

#[test]
fn changes_nothing_of_the_system() {
    let key = "/proc/sys/vm/swappiness";
    let value = fs::read_to_string(key).unwrap();
    fs::write(key, value).unwrap_err();
}

#[test]
fn opens_a_terminal() {
    let open = |path: &str| OpenOptions::new().read(true).write(true).open(path);
    let _terminal = open("/dev/ptmx").unwrap();
    let names = fs::read_dir("/dev/pts").unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["0", "ptmx"]);
}

#[test]
fn uses_devices() {
    File::create("/dev/null").unwrap().write_all(b"x").unwrap();
    assert!(File::open("/dev/urandom").is_ok());
}

#[test]
fn moves_and_links_between_its_folders() {
    let home = std::env::var("HOME").unwrap();
    let folders = [Path::new("tests"), Path::new(env!("CARGO_TARGET_TMPDIR")), Path::new(&home)];
    let names = folders.map(|folder| folder.join("moving"));
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        fs::write(&names[from], "x").unwrap();
        fs::hard_link(&names[from], &names[to]).unwrap();
        fs::remove_file(&names[to]).unwrap();
        fs::rename(&names[from], &names[to]).unwrap();
        fs::remove_file(&names[to]).unwrap();
    }
}

#[test]
fn changes_modes_and_times_of_its_own() {
    let file = File::create("tests/own").unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut permissions = file.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions).unwrap();
    fs::remove_file("tests/own").unwrap();
}
"#;

#[test]
fn a_test_changes_itself_and_what_is_its_cells() {
    let fixture = with_test(WORKS_ON_ITS_OWN);
    let (code, run) = fixture.run(&["--sandbox", "required"]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

#[test]
fn what_is_allowed_below_a_shared_folder_is_the_users() {
    let fixture = with_test(
        "use std::{env, fs, os::unix::net::UnixStream};
         #[test] fn writes() {
            let folder = env::var(\"FOLDER\").unwrap();
            assert_eq!(fs::read_to_string(folder.clone() + \"/given\").unwrap(), \"x\");
            fs::write(folder + \"/written\", \"x\").unwrap(); }
         #[test] fn calls() { UnixStream::connect(env::var(\"SOCKET\").unwrap()).unwrap(); }
         #[test] fn sees_no_other() {
            assert!(fs::metadata(env::var(\"OTHER\").unwrap()).is_err()); }",
    );
    let [folder, sockets, other] =
        [(); 3].map(|()| tempfile::tempdir_in("/tmp").expect("a folder"));
    std::fs::write(folder.path().join("given"), "x").expect("written");
    let socket = sockets.path().join("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    let allow = format!(
        "[env]\npass = [\"FOLDER\", \"SOCKET\", \"OTHER\"]\n[[sandbox.allow]]\nfor = \"outcomes\"\n\
         reason = \"tried\"\nwrite = [\"{}\"]\nread = [\"{}\"]\n",
        folder.path().display(),
        socket.display(),
    );
    fixture.write(
        "matrix.toml",
        &(fixture.read("matrix.toml") + "\n" + &allow),
    );
    let mut command = fixture.command(&["run", "--sandbox", "required"]);
    command.env("FOLDER", folder.path()).env("SOCKET", &socket);
    let (code, run) = fixture.ran(command.env("OTHER", other.path()));
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    assert!(folder.path().join("written").exists());
}

#[test]
fn a_shared_folder_that_is_allowed_is_the_users() {
    let fixture = with_test(
        "#[test] fn writes() { std::fs::write(std::env::var(\"FILE\").unwrap(), \"x\").unwrap(); }",
    );
    let allow = "\n[env]\npass = [\"FILE\"]\n[sandbox]\nwrite = [\"/var/tmp\"]\n";
    fixture.write("matrix.toml", &(fixture.read("matrix.toml") + allow));
    let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let file = folder.path().join("file");
    let mut command = fixture.command(&["run", "--sandbox", "required"]);
    let (code, run) = fixture.ran(command.env("FILE", &file));
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    assert!(file.exists());
}
