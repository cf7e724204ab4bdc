//! `cargo xtask matrix …`: this repository's own way in.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main(xtask::Program::Xtask)
}
