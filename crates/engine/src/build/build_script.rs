//! Keeps build scripts from running again: later commands of the same cell reuse their output.
//!
//! In a checkout where cargo runs once, each build script runs once. A cell can take several
//! commands, and cargo runs a script again unless it can tell that its files are unchanged.
//! <https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>

use std::fs::File;
use std::io::{Seek, Write};
use std::time::SystemTime;
use std::{fs, io};

use camino::{Utf8Path, Utf8PathBuf};

/// Stands in for a build script: prints the output that cargo recorded if the real script
/// succeeded, and otherwise runs it.
const STAND_IN: &str = r#"#!/bin/sh
output=${OUT_DIR%/out}/output
[ ! -f "$output" ] || exec cat "$output"
exec "$0.itself" "$@"
"#;

/// Replaces a build script's executable by a script, once. The file keeps its identity and its
/// modification time, so that cargo considers it up to date.
///
/// # Errors
///
/// Returns an error if the files cannot be written, for example because a process that a build
/// script left behind holds them open.
pub fn replace(executable: &Utf8Path) -> io::Result<()> {
    let itself = beside(executable);
    if !cfg!(unix) || itself.exists() || !executable.is_file() {
        return Ok(());
    }
    let built = fs::metadata(executable)?.modified()?;
    let mut file = File::options().write(true).open(executable)?;
    fs::copy(executable, &itself)?;
    let written = overwrite(&mut file, STAND_IN.as_bytes(), built);
    if written.is_err() {
        put_back(executable)?;
    }
    written
}

/// Restores a build script's executable if it was replaced, so that a cargo that a test starts
/// finds it as it was built.
///
/// # Errors
///
/// Returns an error if the files cannot be written.
pub fn put_back(executable: &Utf8Path) -> io::Result<()> {
    let itself = beside(executable);
    if !itself.exists() {
        return Ok(());
    }
    let built = fs::metadata(executable)?.modified()?;
    let mut file = File::options().write(true).open(executable)?;
    overwrite(&mut file, &fs::read(&itself)?, built)?;
    fs::remove_file(itself)
}

/// Overwrites the contents of a file; its hard links and its mode stay.
fn overwrite(file: &mut File, bytes: &[u8], time: SystemTime) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)?;
    file.set_modified(time)
}

/// Returns the path of the real executable while a script stands in for it.
fn beside(executable: &Utf8Path) -> Utf8PathBuf {
    let name = executable.file_name().unwrap_or_default();
    executable.with_file_name(format!("{name}.itself"))
}

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, reason = "a test runs the script itself")]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::fs_ext::write_program;

    fn stdout_of(executable: &Utf8Path, run: &Utf8Path) -> String {
        let mut command = Command::new(executable);
        let out = command.env("OUT_DIR", run.join("out")).output();
        String::from_utf8(out.expect("it runs").stdout).expect("text")
    }

    #[test]
    fn what_has_run_says_the_same_and_what_has_not_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("text");
        let executable = folder.join("build-script-build");
        write_program(&executable, "echo ran").expect("written");
        let linked = folder.join("build_script_build-1");
        fs::hard_link(&executable, &linked).expect("a link");
        let built = fs::metadata(&executable).expect("there").modified().ok();

        replace(&executable).expect("replaced");
        replace(&executable).expect("left as it is");
        let ran = folder.join("ran");
        fs::create_dir_all(ran.join("out")).expect("a folder");
        fs::write(ran.join("output"), "cargo:rustc-cfg=first\n").expect("written");
        assert_eq!(stdout_of(&executable, &ran), "cargo:rustc-cfg=first\n");
        assert_eq!(stdout_of(&executable, &folder.join("never")), "ran\n");
        put_back(&executable).expect("put back");
        put_back(&executable).expect("left as it is");
        assert_eq!(stdout_of(&executable, &ran), "ran\n");
        assert!(!beside(&executable).exists());
        assert_eq!(fs::metadata(&linked).expect("there").modified().ok(), built);
    }
}
