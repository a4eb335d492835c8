//! The `openhands` program, built together with the tests that start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    openhands::main()
}
