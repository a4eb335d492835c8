//! The `openhands` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    openhands::main()
}
