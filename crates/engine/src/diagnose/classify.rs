//! Classifies errors of the compiler, the linker or a build script: as a failure kind or an
//! inconclusive reason.

use std::collections::BTreeSet;

use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason};

use crate::machine::failure::{is_unreadable_crate, machine_failure};

/// Detects a failure of the machine that the compiler or the linker reported as an error.
#[must_use]
pub fn fault_in(errors: &[Diagnostic]) -> Option<InconclusiveReason> {
    errors.iter().find_map(|error| {
        let message = error.message.as_str();
        if message.starts_with("linker `") && message.ends_with("not found") {
            return Some(InconclusiveReason::Machine(message.to_owned()));
        }
        if is_unreadable_crate(message) {
            // If the reason is known at all, it is in the notes.
            let why = error.rendered.as_deref().and_then(machine_failure);
            return why.or_else(|| Some(InconclusiveReason::Machine(message.to_owned())));
        }
        // The linker's output is in the notes; the notes of other errors hold the subject's own
        // lines.
        let notes = error
            .rendered
            .as_deref()
            .filter(|_| message.starts_with(LINKING) || message.starts_with(BUILD_SCRIPT));
        machine_failure(message).or_else(|| machine_failure(notes?))
    })
}

/// The prefix of the tool's message for a failed build script.
pub const BUILD_SCRIPT: &str = "the build script of ";

/// The prefix of rustc's message if the linker fails.
const LINKING: &str = "linking with ";

/// Returns the most telling line that a failing build script printed: its panic message, or else
/// the signal that killed it, or else its last line.
#[must_use]
pub fn build_script_message(output: &str) -> Option<&str> {
    let mut lines = output.lines().skip_while(|l| !l.contains("panicked at"));
    // Since Rust 1.73, the panic message is on the line after its location.
    let panic = lines.next().and(lines.next());
    let death = || output.lines().find(|l| l.contains("(signal: "));
    panic
        .or_else(death)
        .or_else(|| output.lines().rev().find(|l| !l.trim().is_empty()))
}

/// Derives the failure kind of a target from all its errors.
#[must_use]
pub fn kind_of(errors: &[Diagnostic]) -> FailureKind {
    let codes: BTreeSet<&str> = errors.iter().filter_map(|e| e.code.as_deref()).collect();
    let all_coded = errors.iter().all(|e| e.code.is_some());
    let says = |words: &str| errors.iter().any(|e| e.message.starts_with(words));
    if says(LINKING) {
        FailureKind::Link
    } else if says("internal compiler error") {
        FailureKind::Crash
    } else if all_coded && codes.iter().all(|code| !is_error_code(code)) {
        FailureKind::Lint
    } else {
        FailureKind::Compile
    }
}

/// Returns true for a code like `E0425`, and false for the name of a lint.
fn is_error_code(code: &str) -> bool {
    code.strip_prefix('E')
        .is_some_and(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>, message: &str) -> Diagnostic {
        Diagnostic {
            code: code.map(str::to_owned),
            ..Diagnostic::from_message(message)
        }
    }

    #[test]
    fn a_machine_that_fails_under_the_compiler_is_no_verdict() {
        let no_linker = error(None, "linker `cc` not found");
        assert!(matches!(
            fault_in(&[no_linker]),
            Some(InconclusiveReason::Machine(_))
        ));
        let mut no_room = error(None, "linking with `cc` failed: exit status: 1");
        no_room.rendered = Some("= note: ld: final link failed: No space left on device".into());
        assert_eq!(fault_in(&[no_room]), Some(InconclusiveReason::OutOfDisk));
        let mut quoting = error(Some("E0425"), "cannot find value `x` in this scope");
        quoting.rendered = Some("1 | \"No space left on device\" + x".into());
        assert_eq!(fault_in(&[quoting]), None);
    }

    #[test]
    fn a_crate_that_cannot_be_read_is_no_verdict() {
        let stub = error(
            None,
            "only metadata stub found for `rlib` dependency `core`",
        );
        assert!(matches!(
            fault_in(&[stub]),
            Some(InconclusiveReason::Machine(_))
        ));
        let mut unmapped = error(
            Some("E0786"),
            "found invalid metadata files for crate `core`",
        );
        unmapped.rendered = Some("= note: failed to mmap: Cannot allocate memory".into());
        assert_eq!(fault_in(&[unmapped]), Some(InconclusiveReason::OutOfMemory));
    }

    #[test]
    fn a_target_that_fails_only_for_lints_is_a_class_of_its_own() {
        let lint = error(Some("unused_variables"), "unused variable: `x`");
        let code = error(Some("E0425"), "cannot find value `x`");
        let macro_error = error(None, "no rules expected this token");
        assert_eq!(kind_of(std::slice::from_ref(&lint)), FailureKind::Lint);
        assert_eq!(kind_of(&[lint.clone(), code]), FailureKind::Compile);
        assert_eq!(kind_of(&[lint, macro_error]), FailureKind::Compile);
        let link = error(None, "linking with `cc` failed: exit status: 1");
        assert_eq!(kind_of(&[link]), FailureKind::Link);
    }
}
