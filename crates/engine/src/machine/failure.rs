//! Distinguishes a machine failure from a failure of the code, by what programs print and how they
//! end. One table lists what they print.
//!
//! A machine failure is never a verdict on the code. Anything else that a program prints is.

use pinmatrix_core::model::status::InconclusiveReason;
use pinmatrix_core::text;
use pinmatrix_process::child::Exit;

/// Which program prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Cargo, a compiler, a linker, a build script or a test.
    Anyone,
    /// Only cargo.
    Cargo,
    /// Rustc, at the beginning of a message.
    Rustc,
    /// Rustdoc, about a doc test that it ran.
    Rustdoc,
}

/// What failed or ran out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Disk,
    Memory,
    Network,
    /// File handles, or processes.
    Handles,
    /// Anything else; the text names it.
    Other,
}

const SIGNS: [(By, What, &str); 32] = [
    (By::Anyone, What::Disk, "No space left on device"),
    (By::Anyone, What::Disk, "Disk quota exceeded"),
    (By::Anyone, What::Disk, "os error 28)"),
    // A linker that maps its output into memory gets this signal if the disk is full when it
    // writes.
    (
        By::Anyone,
        What::Disk,
        "ld terminated with signal 7 [Bus error]",
    ),
    (By::Anyone, What::Memory, "Cannot allocate memory"),
    (By::Anyone, What::Memory, "signal: 9, SIGKILL"),
    (By::Anyone, What::Memory, "os error 12)"),
    (By::Anyone, What::Memory, "out of memory allocating"),
    (By::Anyone, What::Memory, "emory exhausted"),
    (By::Anyone, What::Memory, "std::bad_alloc"),
    (By::Anyone, What::Memory, "ld terminated with signal 9"),
    (By::Anyone, What::Memory, "Killed signal terminated program"),
    (
        By::Rustdoc,
        What::Memory,
        "Test executable failed (signal: 9",
    ),
    (By::Anyone, What::Handles, "Too many open files"),
    (
        By::Anyone,
        What::Handles,
        "Resource temporarily unavailable",
    ),
    (By::Anyone, What::Other, "Read-only file system"),
    (By::Anyone, What::Other, "(never executed)"),
    (By::Anyone, What::Other, "Permission denied (os error 13)"),
    // Rustc cannot read what a compiler wrote: there is no memory to map it, or the file is
    // truncated.
    (
        By::Rustc,
        What::Other,
        "found invalid metadata files for crate",
    ),
    (By::Rustc, What::Other, "only metadata stub found for"),
    (By::Rustc, What::Other, "can't find crate for `core`"),
    (By::Rustc, What::Other, "can't find crate for `std`"),
    (By::Cargo, What::Network, "--offline was specified"),
    (By::Cargo, What::Network, "failed to download"),
    (By::Cargo, What::Network, "spurious network error"),
    (By::Cargo, What::Network, "Could not resolve host"),
    (By::Cargo, What::Network, "Couldn't resolve host"),
    (By::Cargo, What::Network, "failed to fetch `"),
    (
        By::Cargo,
        What::Network,
        "network failure seems to have happened",
    ),
    (
        By::Cargo,
        What::Network,
        "failed to query replaced source registry",
    ),
    (By::Cargo, What::Network, "Unable to update registry"),
    (By::Cargo, What::Network, "failed to verify the checksum of"),
];

fn words(who: By, what: What) -> impl Iterator<Item = &'static str> {
    let rows = SIGNS.into_iter();
    rows.filter_map(move |(by, of, words)| (by == who && of == what).then_some(words))
}

fn says(who: By, what: What, output: &str) -> bool {
    words(who, what).any(|words| output.contains(words))
}

/// Returns the machine failure that the output of any program reports.
#[must_use]
pub fn machine_failure(output: &str) -> Option<InconclusiveReason> {
    if says(By::Anyone, What::Disk, output) {
        return Some(InconclusiveReason::OutOfDisk);
    }
    if says(By::Anyone, What::Memory, output) || is_refused_memory(output) {
        return Some(InconclusiveReason::OutOfMemory);
    }
    let is_sign =
        |line: &&str| says(By::Anyone, What::Handles, line) || says(By::Anyone, What::Other, line);
    let line = output.lines().find(is_sign)?;
    // If a program could not be started, the reason is further down.
    let why = output.lines().find(|line| line.contains("os error"));
    Some(InconclusiveReason::Machine(text::one_line(
        why.unwrap_or(line),
    )))
}

/// Returns what a failed test ran out of, according to its own output. Denied access does not
/// count, since that is due to the sandbox.
#[must_use]
pub fn shortage(output: &str) -> Option<InconclusiveReason> {
    match machine_failure(output)? {
        reason @ (InconclusiveReason::OutOfDisk | InconclusiveReason::OutOfMemory) => Some(reason),
        InconclusiveReason::Machine(why) => {
            says(By::Anyone, What::Handles, &why).then_some(InconclusiveReason::Machine(why))
        }
        InconclusiveReason::Network | InconclusiveReason::Interrupted => None,
    }
}

/// Returns true if cargo reports that it cannot reach a registry.
#[must_use]
pub fn is_network_failure(err: &str) -> bool {
    says(By::Cargo, What::Network, err)
}

/// Returns true if a message of rustc is about a compiled crate that it cannot read.
#[must_use]
pub fn is_unreadable_crate(message: &str) -> bool {
    words(By::Rustc, What::Other).any(|words| message.starts_with(words))
}

/// Returns true if rustdoc reports that the system killed a doc test.
#[must_use]
pub fn is_killed_doc_test(output: &str) -> bool {
    says(By::Rustdoc, What::Memory, output)
}

/// Returns true if text contains what a program prints before it aborts because it is out of
/// memory: from the standard library
/// (<https://doc.rust-lang.org/std/alloc/fn.handle_alloc_error.html>), LLVM or glibc.
#[must_use]
pub fn is_refused_memory(output: &str) -> bool {
    let mut lines = output.lines().map(str::trim);
    lines.any(|line| {
        let asked = line.strip_prefix("memory allocation of ");
        let asked = asked.and_then(|rest| rest.strip_suffix(" bytes failed")?.parse().ok());
        asked.is_some_and(|bytes: u64| bytes < MOST_ASKED) || line.ends_with(": out of memory")
    })
}

/// A single request for this many bytes or more exceeds what almost any machine has.
const MOST_ASKED: u64 = 1 << 40;

/// Returns why an exit says nothing about the code. If the system kills a process without a
/// message, the reason is memory.
#[must_use]
pub fn of_exit(exit: &Exit) -> Option<InconclusiveReason> {
    match exit {
        Exit::Interrupted => Some(InconclusiveReason::Interrupted),
        Exit::Lost(why) => Some(InconclusiveReason::Machine(why.clone())),
        Exit::Signal(9) => Some(InconclusiveReason::OutOfMemory),
        Exit::Code(_) | Exit::Signal(_) | Exit::TimedOut => None,
    }
}

/// Returns why the tool itself could not continue.
#[must_use]
pub fn of_error(error: &anyhow::Error) -> InconclusiveReason {
    use std::io::{Error, ErrorKind};
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>());
    match io.map(Error::kind) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => InconclusiveReason::OutOfDisk,
        Some(ErrorKind::OutOfMemory) => InconclusiveReason::OutOfMemory,
        Some(_) | None => InconclusiveReason::Machine("the tool could not go on".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_found_in_a_longer_text_and_stands_once() {
        for (index, (by, what, words)) in SIGNS.into_iter().enumerate() {
            let output = format!("error: it went wrong\n  cause: {words} and so on\n");
            assert!(says(by, what, &output), "{words}");
            let again = SIGNS[index + 1..]
                .iter()
                .any(|(_, _, others)| *others == words);
            assert!(!again, "{words} stands twice");
            if by == By::Anyone {
                assert!(machine_failure(&output).is_some(), "{words}");
            }
        }
        assert_eq!(machine_failure("error[E0425]: cannot find value `x`"), None);
    }

    #[test]
    fn what_a_program_could_not_do_is_known_by_the_systems_error() {
        let output = "could not execute process `rustc` (never executed)\n\nCaused by:\n  \
                    Exec format error (os error 8)";
        let reason = InconclusiveReason::Machine("Exec format error (os error 8)".to_owned());
        assert_eq!(machine_failure(output), Some(reason));
    }

    #[test]
    fn a_test_that_was_short_of_something_is_told_from_one_that_was_kept_out() {
        let short = shortage("thread 'a' panicked: Os { message: \"Too many open files\" }");
        assert!(matches!(short, Some(InconclusiveReason::Machine(_))));
        let disk = shortage("write x: No space left on device (os error 28)");
        assert_eq!(disk, Some(InconclusiveReason::OutOfDisk));
        assert_eq!(shortage("Permission denied (os error 13)"), None);
        assert_eq!(shortage("left: 1, right: 2"), None);
    }

    #[test]
    fn only_what_hardly_any_machine_has_is_the_codes_own_to_ask_for() {
        assert!(is_refused_memory("memory allocation of 4096 bytes failed"));
        assert!(!is_refused_memory(
            "memory allocation of 9223372036854775807 bytes failed"
        ));
        assert!(is_refused_memory("LLVM ERROR: out of memory"));
    }

    #[test]
    fn an_error_of_the_tool_itself_is_known_by_the_systems_kind() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = anyhow::Error::from(full).context("write a lock");
        assert_eq!(of_error(&error), InconclusiveReason::OutOfDisk);
        let other = anyhow::anyhow!("a cell has no row");
        assert!(matches!(of_error(&other), InconclusiveReason::Machine(_)));
    }
}
