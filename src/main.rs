//! The `gongshi` program: parse, run, exit code.
fn main() {}
