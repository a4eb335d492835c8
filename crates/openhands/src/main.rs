//! The `openhands` binary.

use std::process::ExitCode;

/// A choice of who builds the program; the crates have none.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    openhands::main()
}
