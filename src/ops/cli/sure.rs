//! Being sure: a dangerous verb asks for a name typed back, at a terminal and nowhere else.

use super::args::Global;
use super::say;
use crate::ops::service::Failure;
use std::io::{IsTerminal, stdin};

/// Asks for `name`; without a terminal, or with `--no-input`, nothing is asked.
pub(super) fn sure(global: &Global, what: &str, name: &str) -> Result<(), Failure> {
    if global.no_input || !stdin().is_terminal() {
        return Ok(());
    }
    say(what);
    say(&match global.english() {
        true => format!("Type {name} to go on:"),
        false => format!("输入 {name} 以继续："),
    });
    let mut line = String::new();
    match stdin().read_line(&mut line) {
        Ok(_) if line.trim() == name => Ok(()),
        _ => Err(Failure::new(2, "not_confirmed", "未确认，什么也没有做 / not confirmed: nothing was done")),
    }
}
