//! The cause of an error, as far as its code and message reveal it.

use std::fmt;

use crate::model::diagnostic::Diagnostic;
use crate::text;

/// The cause of an error that several targets show, each at its own location.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// A missing item of the family, by its path.
    Item(String),
    /// A missing item that only the code of one package may refer to.
    ItemIn {
        /// The package of the subject.
        package: String,
        /// The item, as the compiler names it.
        item: String,
    },
    /// A package outside the subject that does not compile.
    Package(String),
}

/// A text that identifies the cause; `gadget::turn`.
impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => f.write_str(item),
            Self::ItemIn { package, item } => write!(f, "{package}: {item}"),
            Self::Package(package) => write!(f, "package {package}"),
        }
    }
}

/// Returns the cause that several targets of a package may share, wherever each of them shows it.
#[must_use]
pub fn shared(error: &Diagnostic, family: &[String], package: &str) -> Option<Blame> {
    if let Some(outside) = &error.package {
        // Its version differs from pin to pin.
        let name = outside.split_whitespace().next().unwrap_or_default();
        return Some(Blame::Package(name.to_owned()));
    }
    let item = missing(error)?;
    let root = item.split("::").next().unwrap_or_default();
    let is_of_family = family.iter().any(|name| name.replace('-', "_") == root);
    Some(if is_of_family {
        Blame::Item(item)
    } else {
        Blame::ItemIn {
            package: package.to_owned(),
            item,
        }
    })
}

/// The item that an error reports as missing. A path that starts in the file itself refers to a
/// different item in each file, and so may a type that is named without its path.
fn missing(error: &Diagnostic) -> Option<String> {
    let code = error.code.as_deref()?;
    let named = quoted(&error.message);
    let item = items(error).join(", ");
    let is_path = |path: &str| {
        path.chars()
            .all(|c| c.is_alphanumeric() || "_:".contains(c))
    };
    let is_named = match code {
        "E0432" => named.len() == 1 && item.contains("::"),
        "E0433" | "E0425" | "E0412" | "E0407" | "E0437" | "E0438" => named.len() > 1,
        "E0599" | "E0609" => named.len() > 1 && named[1].contains("::"),
        _ => false,
    };
    let root = item.split("::").next().unwrap_or_default();
    let is_own = matches!(root, "crate" | "self" | "super" | "Self" | "");
    (is_named && is_path(&item) && !is_own).then_some(item)
}

/// The items that a message names, interpreted according to its code.
/// <https://doc.rust-lang.org/error_codes/error-index.html>
#[must_use]
pub fn items(error: &Diagnostic) -> Vec<String> {
    let named = quoted(&error.message);
    let within = |item: &str, of: &str| format!("{of}::{item}");
    match (error.code.as_deref().unwrap_or_default(), named.as_slice()) {
        // Each of several missing imports is a separate item.
        ("E0432", [_, ..]) => named.iter().map(|item| (*item).to_owned()).collect(),
        // method `m` is not a member of trait `T`; cannot find `x` in `m`
        ("E0407" | "E0437" | "E0438" | "E0433" | "E0425" | "E0412", [item, of, ..]) => {
            vec![within(item, of)]
        }
        // no method named `m` found for struct `S` in the current scope
        ("E0599" | "E0609", [item, of, ..]) => vec![within(item, of)],
        // struct `S` has no field named `f`
        ("E0560", [of, item, ..]) => vec![within(item, of)],
        ("E0046", [item, ..]) => vec![format!("trait item {item}")],
        ("E0053" | "E0050" | "E0195", [item, ..]) => vec![format!("signature of {item}")],
        (_, [item, ..]) => vec![format!("{item}: {}", unquoted(&error.message))],
        (_, []) => vec![error.message.clone()],
    }
}

/// The part of an error that distinguishes it from others: what it quotes, since compilers reword
/// the rest.
#[must_use]
pub fn gist_of(error: &Diagnostic) -> String {
    match error.code {
        Some(_) => text::ellipsis(&quoted(&error.message).join(", "), LONGEST_GIST),
        None => gist(&error.message),
    }
}

/// The maximum length of a gist, in characters.
const LONGEST_GIST: usize = 200;

/// The stable part of a message without an error code: without numbers, versions and paths. Empty
/// for a failed assertion, which its location identifies.
#[must_use]
pub fn gist(message: &str) -> String {
    // Before Rust 1.73, the panic message was between the thread and the location.
    let panic = message.split_once("panicked at '");
    let message = match panic.and_then(|(_, rest)| rest.rsplit_once("', ")) {
        Some((words, _)) => words,
        None => message,
    };
    let is_assertion = ["assertion ", "left: `", "left == right"];
    if is_assertion.iter().any(|words| message.starts_with(words)) {
        return String::new();
    }
    let message = text::ellipsis(message, LONGEST_GIST);
    let varies = |word: &&str| word.contains(|c: char| c.is_ascii_digit() || c == '/');
    let words = message.split_whitespace().filter(|word| !varies(word));
    words.collect::<Vec<_>>().join(" ")
}

/// The parts of a message in backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// The message without the parts in backticks.
fn unquoted(message: &str) -> String {
    let unquoted: String = message.split('`').step_by(2).collect();
    unquoted.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> Diagnostic {
        Diagnostic {
            code: Some(code.to_owned()),
            ..Diagnostic::from_message(message)
        }
    }

    #[test]
    fn an_error_is_blamed_on_the_item_that_it_names() {
        let cases = [
            (
                "E0407",
                "method `table` is not a member of trait `WasiView`",
                "WasiView::table",
            ),
            (
                "E0433",
                "cannot find `bindings` in `wasmtime_wasi`",
                "wasmtime_wasi::bindings",
            ),
            (
                "E0425",
                "cannot find function `turn` in crate `cog`",
                "cog::turn",
            ),
            (
                "E0599",
                "no method named `export_index` found for struct `wasmtime::component::Component` in the current scope",
                "wasmtime::component::Component::export_index",
            ),
            (
                "E0432",
                "unresolved imports `a::B`, `a::C`",
                "a::B and a::C",
            ),
            (
                "E0046",
                "not all trait items implemented, missing: `table`",
                "trait item table",
            ),
            (
                "E0053",
                "method `ctx` has an incompatible type for trait",
                "signature of ctx",
            ),
            (
                "E0310",
                "the parameter type `T` may not live long enough",
                "T: the parameter type may not live long enough",
            ),
            ("E0560", "struct `S` has no field named `f`", "S::f"),
            ("E0308", "mismatched types", "mismatched types"),
        ];
        for (code, message, item) in cases {
            assert_eq!(items(&error(code, message)).join(" and "), item);
        }
    }

    #[test]
    fn only_an_item_that_is_missing_for_all_is_shared() {
        let shared = |code: &str, message: &str| {
            let blame = shared(&error(code, message), &["gad-get".to_owned()], "app");
            blame.map(|blame| blame.to_string()).unwrap_or_default()
        };
        let cases = [
            (
                "E0432",
                "unresolved import `gad_get::Turn`",
                "gad_get::Turn",
            ),
            (
                "E0433",
                "failed to resolve: could not find `p2` in `gad_get`",
                "gad_get::p2",
            ),
            ("E0433", "cannot find `p2` in `gad_get`", "gad_get::p2"),
            ("E0432", "unresolved import `util::Turn`", "app: util::Turn"),
            (
                "E0407",
                "method `m` is not a member of trait `T`",
                "app: T::m",
            ),
            ("E0432", "unresolved import `super::Turn`", ""),
            ("E0432", "unresolved import `super::Turn`", ""),
            ("E0432", "unresolved import `gad_get`", ""),
            ("E0425", "cannot find function `turn` in this scope", ""),
            ("E0308", "mismatched types", ""),
            ("E0046", "not all trait items implemented, missing: `m`", ""),
        ];
        for (code, message, blame) in cases {
            assert_eq!(shared(code, message), blame, "{message}");
        }
        let outside = Diagnostic {
            package: Some("axum-core 0.5.5".to_owned()),
            ..error("E0432", "unresolved import `gad_get::Turn`")
        };
        let blame = super::shared(&outside, &["gad-get".to_owned()], "app");
        assert_eq!(blame, Some(Blame::Package("axum-core".to_owned())));
    }

    #[test]
    fn a_gist_is_the_same_each_time() {
        for (one, other) in [
            (
                "wasmtime 27.0.0 needs rustc 1.80.0",
                "wasmtime 28.0.1 needs rustc 1.81.0",
            ),
            (
                "cannot open /tmp/a1/x: no such file",
                "cannot open /tmp/b2/x: no such file",
            ),
            (
                "assertion `left == right` failed",
                "assertion failed: `(left == right)`",
            ),
            ("thread 'a' panicked at 'no luck', a.rs:3:5", "no luck"),
            ("left: `1`,", "assertion `left == right` failed"),
        ] {
            assert_eq!(gist(one), gist(other));
        }
        assert_ne!(
            gist("called on an `Err` value: Shut"),
            gist("called on an `Err` value: Full")
        );
    }
}
