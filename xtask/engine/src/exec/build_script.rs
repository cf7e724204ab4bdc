//! Build scripts that have run: later commands of the same cell find what they said.
//!
//! A checkout in which cargo is asked once runs each build script once. A cell can take more than one
//! command, and cargo runs a script again whose files it cannot find unchanged.
//! <https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>

use std::fs::{self, File};
use std::io::{self, Write};

use camino::Utf8Path;

/// In the place of a build script: says what the real one said where it ended well, as cargo wrote it
/// down, and otherwise runs it.
const STAND_IN: &str = r#"#!/bin/sh
said=${OUT_DIR%/out}/output
[ ! -f "$said" ] || exec cat "$said"
exec "$0.itself" "$@"
"#;

/// Puts a script in the place of a build script's executable, once. The file stays the same one with the
/// same time, so that cargo takes it for what it has built.
///
/// # Errors
///
/// When the files cannot be written: a process that a build script left behind may hold them.
pub fn replace(executable: &Utf8Path) -> io::Result<()> {
    let itself = executable.with_file_name(format!(
        "{}.itself",
        executable.file_name().unwrap_or_default()
    ));
    if !cfg!(unix) || itself.exists() || !executable.is_file() {
        return Ok(());
    }
    let built = fs::metadata(executable)?.modified()?;
    let mut file = File::options().write(true).open(executable)?;
    fs::copy(executable, &itself)?;
    file.set_len(0)?;
    file.write_all(STAND_IN.as_bytes())?;
    file.set_modified(built)
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use camino::Utf8PathBuf;

    use super::*;
    use crate::files::write_program;

    fn said(executable: &Utf8Path, run: &Utf8Path) -> String {
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
        assert_eq!(said(&executable, &ran), "cargo:rustc-cfg=first\n");
        assert_eq!(said(&executable, &folder.join("never")), "ran\n");
        assert_eq!(fs::metadata(&linked).expect("there").modified().ok(), built);
    }
}
