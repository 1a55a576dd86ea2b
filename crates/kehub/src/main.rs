//! The binary: everything is in the library.

use std::process::ExitCode;

// Requests make many small short-lived pieces of text: with `cargo xtask load` an upsert took 8 %
// less processor time than with the allocator of glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kehub::cli::main()
}
