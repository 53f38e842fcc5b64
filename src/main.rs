//! The `gongshi` program: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gongshi::ops::cli::run(std::env::args_os()))
}
