//! The `openhands` binary.

use std::process::ExitCode;

/// Chosen by a feature when the program is built; the library sets no allocator.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    openhands::main()
}
