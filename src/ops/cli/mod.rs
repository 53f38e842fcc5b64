//! The command line: one file a command. Data goes to stdout, everything else to stderr.

mod anchor;
mod apart;
mod args;
mod attach;
mod attachment;
mod audit;
mod backup;
mod blank;
mod bundle;
mod config;
mod console;
mod cores;
mod coverage;
mod demo;
mod desk;
mod doctor;
mod escrow;
mod explain;
mod export;
mod global;
mod govern;
mod grid;
mod init;
mod invite;
mod join;
mod join_file;
mod key_file;
mod keys;
mod link;
mod locale;
mod look;
mod man;
mod manual;
mod marked;
mod net;
mod nothing;
mod packages;
mod path;
mod portal;
mod ports;
mod progress;
mod publish;
mod reading;
mod release;
mod retention;
mod review;
mod root;
mod roster;
mod roster_file;
mod serve;
mod setting;
mod sign;
mod signed;
mod status;
mod store;
mod sure;
mod template;
mod upgrade;
mod view;
mod withdraw;
mod witness;

use super::daemon::DaemonError;
use super::data_dir::DataDirError;
use super::service::Failure;
use crate::config::{ConfigError, Log, LogLevel};
use args::{Args, Command};
use clap::FromArgMatches;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::Write;

/// Exit code: done.
const DONE: u8 = 0;
/// Exit code: done, with findings.
const FINDINGS: u8 = 3;
/// Exit code: verification failed.
const NOT_VERIFIED: u8 = 4;
/// Exit code: data not valid.
const NOT_VALID: u8 = 5;
/// Exit code: refused by a rule.
const REFUSED: u8 = 6;
/// Exit code: cannot reach daemon or peer.
const UNREACHABLE: u8 = 7;
/// Exit code: another process holds the directory.
const LOCKED: u8 = 8;
/// Exit code: store damaged.
const DAMAGED: u8 = 9;
/// Exit code: not initialised, or configuration missing or wrong.
const NOT_INITIALISED: u8 = 10;
/// Exit code: written by another version.
const INCOMPATIBLE: u8 = 11;

/// What a command has to say: a document for programs, lines for people, and how it ended.
struct Outcome {
    exit: u8,
    document: Value,
    text: String,
}

impl Outcome {
    fn done(document: Value, text: impl Into<String>) -> Self {
        Self { exit: DONE, document, text: text.into() }
    }

    /// What there was to say was printed while the command ran.
    const fn said_already() -> Self {
        Self { exit: DONE, document: Value::Null, text: String::new() }
    }
}

/// Parses and runs a command line; returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let colourless = arguments.iter().any(|argument| argument == "--no-color");
    let choice = if colourless { clap::ColorChoice::Never } else { clap::ColorChoice::Auto };
    let parsed = manual::command().color(choice).try_get_matches_from(arguments);
    let args = match parsed.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to stdout and end 0, the rest to stderr and ends 2.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let global = args.global;
    locale::decide(&global.lang);
    if global.manner.verbose > 0 && !matches!(args.command, Command::Serve(_)) {
        let level = if global.manner.verbose > 1 { LogLevel::Debug } else { LogLevel::Info };
        super::logs::start(&Log { level, ..Log::default() });
    }
    let result = match args.command {
        Command::Demo(demo) => demo::run(&global, &demo),
        Command::Init(init) => init::run(&global, &init),
        Command::Invite(invite) => invite::run(&global, &invite),
        Command::Template { action } => template::run(&global, &action),
        Command::Keys { action } => keys::run(&global, &action),
        Command::Host { action } => govern::host(&global, &action),
        Command::Reparent(moved) => govern::reparent(&global, &moved),
        Command::Close(closed) => govern::close(&global, &closed),
        Command::Join(join) => join::run(&global, &join),
        Command::Serve(serve) => serve::run(&global, &serve),
        Command::Check(check) => marked::run(&global, &check),
        Command::ReadApart => apart::run(),
        Command::Publish(publish) => publish::publish(&global, &publish),
        Command::Sign(options) => sign::run(&global, &options),
        Command::Correct(correct) => publish::correct(&global, &correct),
        Command::Attachment(attachment) => attachment::run(&global, &attachment),
        Command::Withdraw(withdraw) => withdraw::run(&global, &withdraw),
        Command::Nil(nothing) => nothing::run(&global, &nothing, false),
        Command::NotApplicable(nothing) => nothing::run(&global, &nothing, true),
        Command::Roster { action } => roster::run(&global, &action),
        Command::Review { action } => review::run(&global, &action),
        Command::Retention { action } => retention::run(&global, &action),
        Command::Coverage(options) => coverage::run(&global, &options),
        Command::Release { action } => release::run(&global, &action),
        Command::Status(options) => status::run(&global, &options),
        Command::Tree => look::tree(&global),
        Command::List(list) => packages::list(&global, &list),
        Command::Show { digest } => packages::show(&global, &digest),
        Command::Diff { a, b } => packages::diff(&global, &a, &b),
        Command::Proof(proof) => packages::proof(&global, &proof),
        Command::Verify(verify) => look::verify(&global, &verify),
        Command::Store { action } => store::run(&global, &action),
        Command::Push(options) => path::push(&global, &options),
        Command::Pull => path::pull(&global),
        Command::Backup(options) => backup::backup(&global, &options),
        Command::Restore(options) => backup::restore(&global, &options),
        Command::Root { action } => root::run(&global, &action),
        Command::Bundle { action } => bundle::run(&global, &action),
        Command::Portal { action } => export::run(&global, &action),
        Command::Peers => path::peers(&global),
        Command::View(options) => view::run(&global, &options),
        Command::Audit { action } => audit::run(&global, &action),
        Command::Policy { action } => witness::policy(&global, &action),
        Command::Compare => witness::compare(&global),
        Command::Evidence(options) => witness::evidence(&global, &options),
        Command::Rollcall => look::roll_call(&global),
        Command::Doctor => doctor::run(&global),
        Command::Net { action } => net::run(&global, &action),
        Command::Upgrade { action } => upgrade::run(&global, &action),
        Command::Config { action } => config::run(&global, &action),
        Command::Console { action } => console::run(&global, &action),
        Command::Explain { code } => explain::run(&global, code.as_deref()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut manual::command(), "gongshi", &mut script);
            Ok(Outcome::done(Value::Null, String::from_utf8_lossy(&script)))
        }
        Command::Man(man) => man::run(&global, &man),
        Command::Version => Ok(look::version()),
    };
    let english = global.english();
    match result {
        Ok(outcome) => {
            if global.json && !outcome.document.is_null() {
                print(&format!("{}\n", outcome.document));
            } else if !global.json && !outcome.text.is_empty() {
                print(&locale::shown(&format!("{}\n", outcome.text)));
            }
            outcome.exit
        }
        Err(failure) => {
            if global.json {
                let document = json!({
                    "schema": "gongshi.error/1", "code": failure.code, "message": failure.message, "exit": failure.exit,
                });
                print(&format!("{document}\n"));
            }
            let word = if english { "error" } else { "错误" };
            say(&format!("{word} [{}] {}", failure.code, failure.message));
            failure.exit
        }
    }
}

/// Writes to stdout; a closed pipe ends nothing here.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to stderr.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", locale::shown(text));
}

impl From<DataDirError> for Failure {
    fn from(error: DataDirError) -> Self {
        let (exit, code) = match &error {
            DataDirError::NotInitialised(_) => (NOT_INITIALISED, "not_initialised"),
            DataDirError::AlreadyThere(_) => (REFUSED, "already_initialised"),
            DataDirError::Locked { .. } => (LOCKED, "locked"),
            DataDirError::Key { .. } => (NOT_INITIALISED, "bad_key_file"),
            DataDirError::Damaged(_) => (DAMAGED, "damaged"),
            DataDirError::OtherVersion { .. } => (INCOMPATIBLE, "incompatible_version"),
            DataDirError::Full => return super::service::disk_full(),
            DataDirError::Io { .. } => (1, "io"),
        };
        Self::new(exit, code, error.to_string())
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Data(error) => error.into(),
            DaemonError::Engine(super::engine::EngineError::Full) => super::service::disk_full(),
            DaemonError::Engine(error) => {
                Self::new(DAMAGED, "engine", format!("节点停止：{error} / the node stopped: {error}"))
            }
            DaemonError::Listen { .. } | DaemonError::Net(_) => {
                Self::new(UNREACHABLE, "listen", error.to_string())
            }
            DaemonError::Io(_) => Self::new(1, "io", error.to_string()),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(NOT_INITIALISED, "config", error.to_string())
    }
}

impl From<super::engine::EngineError> for Failure {
    fn from(error: super::engine::EngineError) -> Self {
        DaemonError::from(error).into()
    }
}

/// A runtime for commands that talk to a daemon or a peer.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(1, "io", error.to_string()))
}

/// Notes in the audit log what the command line itself did to a data directory.
fn note(data: &crate::ops::data_dir::DataDir, what: &str, about: &str) {
    let now = crate::ops::data_dir::Clock::start().now().wall;
    if let Err(error) = super::audit::note(data.path(), what, about, now) {
        say(&format!("审计日志未能写入 / the audit log cannot be written: {error}"));
    }
}

fn usage(message: &str) -> Failure {
    Failure::new(2, "usage", message)
}

fn unexpected() -> Failure {
    Failure::new(
        1,
        "unexpected_reply",
        "守护进程的回答无法识别，版本可能不同 / the daemon's answer is not understood; versions may differ",
    )
}
