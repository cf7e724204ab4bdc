//! The cargo that tests find: what unlocks libtest's JSON does not reach what it starts.
//!
//! A test hands on its environment to what it starts, and with it the variable that libtest asks for.
//! An empty value unlocks nothing in cargo or rustc, but a build script can ask whether there is one.

use std::fs;
use std::fs::File;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_process::sandbox::policy::Shim;

use crate::fs_ext::write_program;
use crate::machine::toolchain::Toolchain;
use crate::test::libtest;

/// The script to put in the place of a toolchain's cargo, which takes the variable away. It is made in
/// a folder of the tool's. `None` where there is no need, or where the path leads elsewhere: another
/// program could be meant by that, too.
///
/// # Errors
///
/// When it cannot be made.
pub fn shim(toolchain: &Toolchain, within: &Utf8Path) -> Result<Option<Shim>> {
    let Some((variable, _)) = libtest::unlocking(&toolchain.rustc) else {
        return Ok(None);
    };
    let Ok(program) = Utf8PathBuf::from_path_buf(toolchain.program("cargo")) else {
        return Ok(None);
    };
    if !fs::symlink_metadata(&program).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let hash = blake3::hash(program.as_str().as_bytes()).to_hex();
    let folder = within.join(&hash[..12]);
    let (script, itself) = (folder.join("cargo"), folder.join("itself/cargo"));
    let of_itself = folder.join("itself");
    fs::create_dir_all(&of_itself).with_context(|| format!("make {of_itself}"))?;
    if !itself.exists() {
        File::create(&itself).with_context(|| format!("make {itself}"))?;
    }
    let quoted = itself.as_str().replace('\'', r"'\''");
    let lines =
        format!("[ \"${{{variable}-unset}}\" ] || unset {variable}\nexec '{quoted}' \"$@\"");
    write_program(&script, &lines)?;
    Ok(Some(Shim {
        program,
        script,
        itself,
    }))
}
