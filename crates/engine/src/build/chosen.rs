//! A rustc wrapper that compiles the tests of some packages only.
//!
//! Cargo chooses a target by name among all selected packages, and features depend on which packages
//! are selected. So it would compile every target of a shared name.
//! <https://doc.rust-lang.org/cargo/reference/config.html#buildrustc-workspace-wrapper>

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::fs_ext::write_program;

/// The variables that name a wrapper for workspace packages.
pub const VARIABLES: [&str; 2] = [
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
];

/// The cargo config key that does the same.
pub const KEY: &str = "rustc-workspace-wrapper";

/// Makes cargo reject the tests of every package outside some folders. With the wrapper, cargo
/// considers workspace members different units, while external packages stay the same.
///
/// # Errors
///
/// Returns an error if the wrapper cannot be written.
pub fn compile_only(
    packages: &[Utf8PathBuf],
    wrapper: &Utf8Path,
    vars: &mut BTreeMap<OsString, OsString>,
) -> Result<()> {
    let quoted = |folder: &Utf8PathBuf| format!("'{}'", folder.as_str().replace('\'', r"'\''"));
    let folders: Vec<String> = packages.iter().map(quoted).collect();
    let lines = format!(
        "case \"$CARGO_MANIFEST_DIR\" in {}) exec \"$@\" ;; esac\n\
         for word; do [ \"$word\" != --test ] || exit 1; done\n\
         exec \"$@\"",
        folders.join("|")
    );
    write_program(wrapper, &lines)?;
    vars.insert(VARIABLES[0].into(), wrapper.as_os_str().to_owned());
    Ok(())
}
