//! `cargo xtask matrix …`: this repository's own way in.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_pinmatrix::main(cargo_pinmatrix::Program::Xtask)
}
