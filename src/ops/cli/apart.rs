//! `gongshi read-apart`: the child that reads one file for another process of this program, never for people.

use super::Outcome;
use crate::ops::sandbox;
use crate::ops::service::Failure;
use std::io::{stdin, stdout};

pub(super) fn run() -> Result<Outcome, Failure> {
    let answered = sandbox::answer(&mut stdin().lock(), &mut stdout().lock());
    answered.map_err(|error| Failure::new(1, "io", error.to_string()))?;
    Ok(Outcome::said_already())
}
