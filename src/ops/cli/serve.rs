//! `gongshi serve`: runs the node.

use super::args::{Global, Serve};
use super::{Outcome, say};
use crate::config::{Config, Loaded, LogLevel};
use crate::ops::service::Failure;
use crate::ops::{daemon, logs};
use std::io::Read;

pub(super) fn run(global: &Global, serve: &Serve) -> Result<Outcome, Failure> {
    let data = global.data();
    if !data.is_initialised() {
        return Err(crate::ops::data_dir::DataDirError::NotInitialised(global.data.clone()).into());
    }
    let loaded = loaded(global)?;
    let mut config = loaded.config().clone();
    match global.manner.verbose {
        0 => {}
        1 => config.log.level = LogLevel::Debug,
        _ => config.log.level = LogLevel::Trace,
    }
    logs::start(&config.log);
    if serve.until_stdin_closes {
        end_with_stdin();
    }
    let portal = config.listen.portal.to_string();
    daemon::run(&data, &config, loaded.settings(), || {
        if global.manner.quiet {
            return;
        }
        say(&format!("{} http://{portal}/", global.words("公示门户", "portal")));
    })?;
    Ok(Outcome::done(serde_json::json!({"schema": "gongshi.serve/1", "stopped": true}), ""))
}

/// The configuration of the data directory, or of `--config`.
pub(super) fn load(global: &Global) -> Result<Config, Failure> {
    Ok(loaded(global)?.config().clone())
}

/// The same with the origin of each value.
pub(super) fn loaded(global: &Global) -> Result<Loaded, Failure> {
    let path = global.config.clone().unwrap_or_else(|| global.data().config());
    Ok(Config::load(&path, environment())?)
}

#[allow(clippy::disallowed_methods, reason = "the edge where the environment enters")]
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

/// The demo's nodes end with it, also when it is killed: its end of the pipe closes.
#[allow(clippy::disallowed_methods, reason = "a thread that only waits for the end of a pipe")]
fn end_with_stdin() {
    std::thread::spawn(|| {
        let mut byte = [0];
        while std::io::stdin().lock().read(&mut byte).is_ok_and(|count| count > 0) {}
        std::process::exit(0);
    });
}
