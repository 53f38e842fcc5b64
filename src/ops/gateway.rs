//! Drop folders: bundles that appear in one directory are imported, and those for configured nodes are written to another,
//! so that a one-way gateway needs nothing but to move files.
//!
//! Plain polling. A file is taken when its length and time have stood still between two looks; names that begin with a dot
//! or end with `.part` are passed over, and our own files appear under their names only when they are complete.

use super::bundle::{Door, export, file_failure, import, plan};
use super::daemon::spawn;
use super::data_dir::DataDir;
use super::driver::{Ask, pause};
use super::service::{Failure, Reply, Request};
use crate::config::Gateway;
use crate::division::DivisionCode;
use crate::sync::bundle::{Direction, Plan};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often the folders are looked at: a gateway moves files in minutes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Watches the configured folders until `stop`.
pub(super) fn start(ask: Ask, config: Gateway, data: DataDir, mut stop: watch::Receiver<bool>) {
    if config.inbox.is_empty() && config.outbox.is_empty() {
        return;
    }
    let mut folders = Folders { ask, config, data, seen: BTreeMap::new(), written: BTreeMap::new() };
    spawn(async move {
        loop {
            tokio::select! {
                () = pause(Some(LOOK_EVERY)) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let Ok(looked) = look(folders).await else { return };
            folders = looked;
        }
    });
}

#[allow(clippy::disallowed_methods, reason = "reading and writing files may block, at the edge")]
async fn look(mut folders: Folders) -> Result<Folders, tokio::task::JoinError> {
    tokio::task::spawn_blocking(move || {
        folders.take_in();
        folders.write_out();
        folders
    })
    .await
}

/// What was written for a node last.
#[derive(Clone, PartialEq, Eq)]
struct Last {
    legs: Vec<(u64, u64)>,
    receipted: u64,
    /// Root-log leaves that have gone out to it.
    leaves: u64,
}

struct Folders {
    ask: Ask,
    config: Gateway,
    data: DataDir,
    /// Length and time of files in the inbox at the last look.
    seen: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
    written: BTreeMap<DivisionCode, Last>,
}

impl Door for Ask {
    fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        match self.call(request) {
            Some(Reply::Failure(failure)) => Err(failure),
            Some(reply) => Ok(reply),
            None => Err(super::bundle::unexpected()),
        }
    }
}

impl Folders {
    fn take_in(&mut self) {
        if self.config.inbox.is_empty() {
            return;
        }
        let inbox = PathBuf::from(&self.config.inbox);
        let found = match files(&inbox) {
            Ok(found) => found,
            Err(error) => return tracing::warn!(inbox = %inbox.display(), %error, "the inbox cannot be read"),
        };
        for (path, mark) in &found {
            if self.seen.get(path) == Some(mark) {
                self.take(&inbox, path);
            }
        }
        self.seen = found;
    }

    fn take(&mut self, inbox: &Path, path: &Path) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let taken = import(&mut self.ask, &[path.to_path_buf()], &self.data.waiting());
        let moved = match taken {
            Ok(lines) => {
                let state = lines.first().map_or("again", super::bundle::Line::state);
                tracing::info!(name, state, "a bundle was imported");
                put_away(&inbox.join("done"), path, &name)
            }
            Err(failure) => {
                tracing::warn!(name, code = %failure.code, "a bundle was not imported");
                let failed = inbox.join("failed");
                let reason = format!("{}\n{}\n", failure.code, failure.message);
                let told = fs::create_dir_all(&failed)
                    .and_then(|()| fs::write(failed.join(format!("{name}.reason.txt")), reason));
                told.and_then(|()| put_away(&failed, path, &name))
            }
        };
        if let Err(error) = moved {
            tracing::warn!(name, %error, "a bundle cannot be moved out of the inbox, and is tried again");
        }
    }

    fn write_out(&mut self) {
        if self.config.outbox.is_empty() {
            return;
        }
        for code in self.config.peers.clone() {
            if let Err(failure) = self.write_for(&code) {
                tracing::warn!(%code, reason = %failure.code, message = %failure.message, "no bundle is written");
            }
        }
    }

    /// Writes a bundle when there is something that none before had.
    fn write_for(&mut self, code: &DivisionCode) -> Result<(), Failure> {
        let outbox = Path::new(&self.config.outbox);
        let known = plan(&mut self.ask, code, None)?;
        let last = self.written.get(code);
        // A gateway that only goes down never brings back what arrived: what went out is not written twice, until the next
        // start, after which everything that is not known to have arrived goes out again.
        let gone = last.map(|last| last.leaves);
        let first = known.legs.first().map(|leg| leg.range().0);
        let since = match known.direction {
            Direction::Down => gone.filter(|gone| first.is_some_and(|first| *gone > first)),
            Direction::Up => None,
        };
        let next = summary(&known, since);
        let is_news = next.legs.iter().any(|(first, until)| first < until) || next.receipted > 0;
        if !is_news || last == Some(&next) {
            return Ok(());
        }
        let repeats = last.is_some_and(|last| {
            last.receipted == next.receipted && next.legs.iter().all(|(first, until)| first >= until)
        });
        if !repeats {
            fs::create_dir_all(outbox).map_err(|error| file_failure(outbox, &error))?;
            let name = format!("to-{code}-{}.bundle", known.header.created_at.0);
            let exported = export(&mut self.ask, code, since, &outbox.join(&name), None)?;
            tracing::info!(name, bytes = exported.bytes, "a bundle was written");
        }
        self.written.insert(code.clone(), next);
        Ok(())
    }
}

/// What a plan would carry.
fn summary(plan: &Plan, since: Option<u64>) -> Last {
    let legs = plan.legs.iter().map(|leg| leg.range());
    let legs = legs.map(|(first, until)| (since.unwrap_or(first).min(until), until)).collect();
    let leaves = match plan.direction {
        Direction::Down => plan.header.root_size,
        Direction::Up => 0,
    };
    Last { legs, receipted: plan.receipted, leaves }
}

/// Files that may be whole, by name.
fn files(inbox: &Path) -> io::Result<BTreeMap<PathBuf, (u64, Option<SystemTime>)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(inbox)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata()?;
        if metadata.is_file() && !name.starts_with('.') && !name.ends_with(".part") {
            found.insert(entry.path(), (metadata.len(), metadata.modified().ok()));
        }
    }
    Ok(found)
}

fn put_away(dir: &Path, path: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::rename(path, dir.join(name))
}
