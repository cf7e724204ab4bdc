//! A platform that a toolchain builds for, other than by default.

use std::path::Path;
use std::str::FromStr;

use cargo_platform::{Cfg, Platform as Condition};
use serde::Serialize;

/// A platform, as the rustc that builds for it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// The target triple.
    pub triple: String,
    /// Whether the host runs its executables without help.
    #[serde(skip)]
    pub is_native: bool,
    #[serde(skip)]
    cfgs: Cfgs,
}

/// What rustc prints for a platform with `--print=cfg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cfgs(Vec<Cfg>);

impl Platform {
    /// Describes a platform from what rustc prints for it and for its host.
    #[must_use]
    pub fn new(triple: &str, cfgs: Cfgs, host: &Cfgs) -> Self {
        let (os, arch) = (cfgs.value("target_os"), cfgs.value("target_arch"));
        let host_arch = host.value("target_arch");
        // A 64-bit system of Intel's kind also runs 32-bit programs.
        let is_arch = arch == host_arch || (arch, host_arch) == (Some("x86"), Some("x86_64"));
        Self {
            triple: triple.to_owned(),
            is_native: is_arch && os == host.value("target_os"),
            cfgs,
        }
    }

    /// Returns true if it satisfies a `cfg(…)` expression.
    #[must_use]
    pub fn satisfies(&self, expression: &str) -> bool {
        self.cfgs.satisfy(expression)
    }

    /// Returns true if it is WebAssembly. Its tests run one after another, and a panic ends the
    /// process.
    #[must_use]
    pub fn is_wasm(&self) -> bool {
        self.satisfies("cfg(target_family = \"wasm\")")
    }
}

impl Cfgs {
    /// Parses what rustc prints.
    #[must_use]
    pub fn parse(printed: &str) -> Self {
        Self(
            printed
                .lines()
                .filter_map(|line| Cfg::from_str(line).ok())
                .collect(),
        )
    }

    /// Returns true if these satisfy a `cfg(…)` expression; false for anything else.
    #[must_use]
    pub fn satisfy(&self, expression: &str) -> bool {
        match Condition::from_str(expression) {
            Ok(Condition::Cfg(expression)) => expression.matches(&self.0),
            Ok(Condition::Name(_)) | Err(_) => false,
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find_map(|cfg| match cfg {
            Cfg::KeyPair(name, value) if name.as_str() == key => Some(value.as_str()),
            Cfg::KeyPair(..) | Cfg::Name(_) => None,
        })
    }
}

/// Returns the folder in which a toolchain has the standard library for a platform.
#[must_use]
pub fn standard_library(libraries: &Path, triple: &str) -> std::path::PathBuf {
    libraries.join("lib/rustlib").join(triple).join("lib")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX: &str = "target_arch=\"x86_64\"\ntarget_family=\"unix\"\ntarget_os=\"linux\"\nunix";

    fn platform(printed: &str) -> Platform {
        Platform::new("triple", Cfgs::parse(printed), &Cfgs::parse(LINUX))
    }

    #[test]
    fn a_host_runs_what_is_for_its_system_and_processor() {
        let linux = |arch: &str| format!("target_arch=\"{arch}\"\ntarget_os=\"linux\"");
        assert!(platform(&linux("x86_64")).is_native);
        assert!(platform(&linux("x86")).is_native);
        assert!(!platform(&linux("aarch64")).is_native);
        assert!(!platform("target_arch=\"x86_64\"\ntarget_os=\"windows\"").is_native);
    }

    #[test]
    fn web_assembly_is_known_by_its_family_and_runs_nowhere_by_itself() {
        let wasi = "target_arch=\"wasm32\"\ntarget_family=\"wasm\"\ntarget_os=\"wasi\"";
        let wasi = platform(wasi);
        assert!(wasi.is_wasm() && !wasi.is_native);
        assert!(wasi.satisfies("cfg(target_os = \"wasi\")") && !wasi.satisfies("cfg(unix)"));
        assert!(
            !wasi.satisfies("wasm32-wasip1"),
            "a triple is no expression"
        );
        assert!(!platform(LINUX).is_wasm());
    }
}
