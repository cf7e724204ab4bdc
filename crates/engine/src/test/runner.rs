//! The program through which cargo starts what it built: `target.*.runner` of a cargo config.
//! <https://doc.rust-lang.org/cargo/reference/config.html#targettriplerunner>

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use camino::{Utf8Path, Utf8PathBuf};

use crate::machine::cargo_config;
use crate::machine::cargo_home::{cargo_home, own_config};
use crate::test::env::TestLocation;

/// Returns the runner and its arguments; empty if executables are started by themselves. A variable
/// takes precedence, then the subject's own configs, then that of cargo's home.
#[must_use]
pub fn runner(place: &TestLocation<'_>, vars: &BTreeMap<OsString, OsString>) -> Vec<OsString> {
    let toolchain = place.context.toolchain;
    let triple = place.triple();
    let in_variables = triple.to_uppercase().replace(['-', '.'], "_");
    let variable = vars.get(OsStr::new(&format!("CARGO_TARGET_{in_variables}_RUNNER")));
    if let Some(words) = variable.and_then(|words| words.to_str()) {
        let words = words.split_whitespace().map(str::to_owned).collect();
        let words = cargo_config::with_program_in(words, &place.folders.subject);
        return words.into_iter().map(OsString::from).collect();
    }
    let own = place.context.tree.subject.cargo_configs();
    let own = own.unwrap_or_default().into_iter();
    let own = own.map(|config| (config.text, place.folders.checkout.join(config.folder)));
    let home = cargo_home().and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
    let around = home.as_deref().and_then(Utf8Path::parent);
    let of_home = own_config().into_iter().flatten();
    let of_home = of_home.filter_map(|text| Some((text, around?.to_owned())));
    let configs: Vec<(String, Utf8PathBuf)> = own.chain(of_home).collect();
    let named = |is_meant: &dyn Fn(&str) -> bool| {
        let mut configs = configs.iter();
        configs.find_map(|(text, root)| cargo_config::runner(text, root, is_meant))
    };
    // Cargo puts all configs together first, and a triple comes before any `cfg`.
    let of_triple = named(&|key| key == triple);
    let satisfies = |key: &str| match place.platform {
        Some(platform) => platform.satisfies(key),
        None => toolchain.satisfies(key),
    };
    let found = of_triple.or_else(|| named(&satisfies));
    found.into_iter().flatten().map(OsString::from).collect()
}
