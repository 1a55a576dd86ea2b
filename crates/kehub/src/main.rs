//! The binary: everything is in the library.

use std::process::ExitCode;

// Measured with `cargo xtask load`: requests make many small short-lived pieces of text.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kehub::cli::main()
}
