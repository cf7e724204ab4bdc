//! How cargo calls a compiler, as recorded by a script that ran in the compiler's place.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text::{bounded, shell_word};

use crate::workdir::unit_reuse::{hash_of, name_of_unit};

/// The variable that names rustdoc to cargo.
pub const RUSTDOC: &str = "RUSTDOC";
/// The variable that names a rustc wrapper to cargo.
pub const WRAPPER: &str = "RUSTC_WRAPPER";

/// Variables that apply to the recorded call alone: those that put the script in the compiler's
/// place, those of cargo's jobserver, which no longer exists later, and those that a shell sets for
/// itself.
const PASSING: [&str; 11] = [
    RUSTDOC,
    WRAPPER,
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "MFLAGS",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "_",
];

/// How much of a command a log shows, in bytes.
const MOST_OF_A_LINE: usize = 64 * 1024;

/// One call of a compiler by cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerCall {
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The environment variables that cargo adds or changes.
    pub vars: BTreeMap<OsString, OsString>,
    /// Its working directory.
    pub folder: Utf8PathBuf,
}

/// The doc tests of one library, before they run.
#[derive(Clone, Debug)]
pub enum DocTests {
    /// Everything they need is built, so rustdoc is called.
    Ready(CompilerCall),
    /// Something they need is not built, for this reason.
    Not(Status, Vec<Diagnostic>),
}

impl CompilerCall {
    /// Reads the call that was recorded in a folder by a cargo that was given the variables in
    /// `given`; `relocate` replaces temporary paths by lasting ones.
    ///
    /// # Errors
    ///
    /// Returns an error if the record is incomplete.
    pub fn read(
        folder: &Utf8Path,
        given: &BTreeMap<OsString, OsString>,
        relocate: impl Fn(&OsStr) -> OsString,
    ) -> Result<Self> {
        let read = |what: &str| {
            let path = folder.join(what);
            std::fs::read(&path).with_context(|| format!("read {path}"))
        };
        let at = String::from_utf8(read("folder")?).context("read a folder as text")?;
        let vars = read("vars")?;
        let vars = words(&vars).filter_map(|word| variable(&word));
        let is_own = |(name, value): &(OsString, OsString)| {
            given.get(name) != Some(value) && !PASSING.iter().any(|passing| name == *passing)
        };
        let vars = vars.filter(is_own);
        Ok(Self {
            args: words(&read("args")?).map(|word| relocate(&word)).collect(),
            vars: vars.map(|(name, value)| (name, relocate(&value))).collect(),
            folder: at.trim_end_matches('\n').into(),
        })
    }

    /// Makes the call print errors for people: cargo makes rustdoc use cargo's own message format.
    #[must_use]
    pub fn with_errors_for_people(mut self) -> Self {
        let index = self.args.iter().rposition(|arg| arg == "--error-format");
        if let Some(format) = index.and_then(|index| self.args.get_mut(index + 1)) {
            *format = "human".into();
        }
        self
    }

    /// Returns the values of a compiler option.
    fn option(&self, option: &str) -> impl Iterator<Item = &str> {
        let values = self.args.windows(2).filter(move |pair| pair[0] == option);
        values.filter_map(|pair| pair[1].to_str())
    }

    /// Returns the name of the crate that is compiled.
    #[must_use]
    pub fn crate_name(&self) -> String {
        let mut names = self.option("--crate-name");
        names.next().unwrap_or_default().to_owned()
    }

    /// Returns the unit name of the library that the call compiles, if it compiles one.
    #[must_use]
    pub fn makes(&self) -> Option<String> {
        let is_program = self.option("--crate-type").any(|of| of == "bin");
        let mut extra = self
            .option("-C")
            .filter_map(|of| of.strip_prefix("extra-filename="));
        let file = format!(
            "lib{}{}",
            self.crate_name(),
            extra.next().unwrap_or_default()
        );
        name_of_unit(&file)
            .map(str::to_owned)
            .filter(|_| !is_program)
    }

    /// Returns the names of the units it needs: those that it links, and the build script whose
    /// files it includes.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let linked = self.option("--extern").filter_map(|of| {
            let (_, path) = of.split_once('=')?;
            name_of_unit(Utf8Path::new(path).file_name()?)
        });
        let included = self.vars.get(OsStr::new("OUT_DIR")).and_then(|path| {
            let folder = Utf8Path::new(path.to_str()?).parent()?;
            hash_of(folder.file_name()?)
        });
        linked.chain(included)
    }

    /// Returns true if every unit it needs is in `used`.
    #[must_use]
    pub fn has_all<T>(&self, used: &BTreeMap<String, T>) -> bool {
        self.needs().all(|hash| used.contains_key(hash))
    }
}

/// Formats a command as a person would type it.
pub fn line<'a>(words: impl IntoIterator<Item = &'a OsString>) -> String {
    let words = words.into_iter();
    let words: Vec<String> = words.map(|w| shell_word(&w.to_string_lossy())).collect();
    bounded(&format!("$ {}", words.join(" ")), MOST_OF_A_LINE)
}

/// Splits a list of NUL-terminated words.
fn words(list: &[u8]) -> impl Iterator<Item = OsString> {
    let ended = list.strip_suffix(&[0]);
    let words = ended.map(|list| list.split(|byte| *byte == 0));
    words.into_iter().flatten().map(word)
}

#[cfg(unix)]
fn word(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
fn word(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// Splits `NAME=VALUE` into name and value.
fn variable(word: &OsStr) -> Option<(OsString, OsString)> {
    let bytes = word.as_encoded_bytes();
    let index = bytes.iter().position(|byte| *byte == b'=')?;
    Some((self::word(&bytes[..index]), self::word(&bytes[index + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(folder: &tempfile::TempDir, args: &[&str], vars: &[&str]) -> Result<CompilerCall> {
        let list = |words: &[&str]| words.iter().map(|word| format!("{word}\0")).collect();
        let parts: [(&str, String); 3] = [
            ("folder", "/cell/a b\n".to_owned()),
            ("args", list(args)),
            ("vars", list(vars)),
        ];
        for (name, text) in parts {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let given = [("HOME", "/home"), ("PATH", "/bin")];
        let given = given.map(|(name, value)| (name.into(), value.into()));
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        CompilerCall::read(folder, &given.into(), |word| {
            let word = word.to_str().expect("text");
            word.replace("/scratch/", "/target/").into()
        })
    }

    #[test]
    fn a_call_holds_what_cargo_adds_and_what_lasts() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = ["--cfg", "key=\"a\nvalue\"", "", "--error-format", "json"];
        let vars = [
            "HOME=/home",
            "PATH=/scratch/deps:/bin",
            "RUSTDOC=/script",
            "CARGO_MAKEFLAGS=-j",
            "TEXT=a=b\nc",
        ];
        let call = call(&folder, &args, &vars).expect("a call");
        let call = call.with_errors_for_people();
        assert_eq!(call.args[1], args[1]);
        assert_eq!(call.args[2], "");
        assert_eq!(call.args[4], "human");
        assert_eq!(call.folder, "/cell/a b");
        let vars: Vec<_> = call
            .vars
            .iter()
            .map(|(n, v)| (n.to_str(), v.to_str()))
            .collect();
        let expected = [("PATH", "/target/deps:/bin"), ("TEXT", "a=b\nc")];
        assert_eq!(vars, expected.map(|(n, v)| (Some(n), Some(v))));
    }

    #[test]
    fn a_call_needs_what_it_links_and_the_build_script_it_includes() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = [
            "rustc",
            "--crate-name",
            "app",
            "--crate-type",
            "lib",
            "-C",
            "extra-filename=-0123456789abcdef",
            "--extern",
            "noprelude:kern=/scratch/deps/libkern-1111111111111111.rmeta",
            "--extern",
            "proc_macro",
            "--extern",
            // A library that is also a `cdylib` has no hash in its name.
            "both=/scratch/deps/libboth.rlib",
        ];
        let vars = ["OUT_DIR=/scratch/debug/build/app-2222222222222222/out"];
        let call = call(&folder, &args, &vars).expect("a call");
        assert_eq!(call.crate_name(), "app");
        assert_eq!(call.makes().as_deref(), Some("0123456789abcdef"));
        let needs: Vec<&str> = call.needs().collect();
        assert_eq!(needs, ["1111111111111111", "libboth", "2222222222222222"]);
        let mut used = BTreeMap::from([("1111111111111111".to_owned(), ())]);
        assert!(!call.has_all(&used));
        used.insert("2222222222222222".to_owned(), ());
        assert!(!call.has_all(&used));
        used.insert("libboth".to_owned(), ());
        assert!(call.has_all(&used));
    }

    #[test]
    fn half_a_call_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Utf8Path::from_path(folder.path()).expect("text");
        std::fs::write(path.join("args"), "a\0").expect("written");
        let read = CompilerCall::read(path, &BTreeMap::new(), |word| word.to_owned());
        assert!(read.is_err());
    }
}
