//! The `openhands` program, built beside the tests that start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    openhands::main()
}
