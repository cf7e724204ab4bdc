//! The cargo that tests find: it keeps the variable that unlocks libtest's JSON from what it
//! starts.
//!
//! A test passes its environment on to what it starts, including the variable that libtest
//! requires. An empty value unlocks nothing in cargo or rustc, but a build script can check whether
//! it is set.

use std::fs;
use std::fs::File;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_process::sandbox::policy::Shim;

use crate::fs_ext::write_program;
use crate::machine::toolchain::Toolchain;
use crate::test::libtest::unlocking::unlocking;

/// Creates, in a folder of the tool, the script that stands in for a toolchain's cargo and removes
/// the variable. Returns `None` if it is not needed, or if the path of cargo is a link, which could
/// lead to another program.
///
/// # Errors
///
/// Returns an error if the script cannot be created.
pub fn shim(toolchain: &Toolchain, within: &Utf8Path) -> Result<Option<Shim>> {
    let Some((variable, _)) = unlocking(&toolchain.rustc) else {
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
