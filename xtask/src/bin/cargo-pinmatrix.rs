//! `cargo pinmatrix …`: the same program for any other workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main(xtask::Program::CargoPinmatrix)
}
