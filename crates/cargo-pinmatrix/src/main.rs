//! `cargo pinmatrix …`: the same program for any other workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_pinmatrix::main(cargo_pinmatrix::Program::CargoPinmatrix)
}
