//! The audit log: every administrative act on this node, by whom, from where, and how it ended. Each line is hashed
//! together with the one before it, so that a line that was changed, taken out or put in is noticed.
//!
//! `D/audit/YYYY-MM.jsonl`, one JSON object a line (AUDIT.md). Promises: a line is on the disk before the answer to its
//! act is given; a line that a crash tore is cut at the next opening, and the cut is a line of its own. Leaves to others:
//! what an act is (`service::act`), and who may read it (the directory's permissions). The log is this node's own: it is
//! part of no statement and never travels. What it cannot do alone is stop someone with the directory in his hands from
//! writing all of it anew: note the newest hash elsewhere (`audit verify` prints it).
#![doc = include_str!("audit/AUDIT.md")]

use crate::config::AUDIT_DAYS_MIN;
use crate::digest::Digest;
use crate::record::sync_dir;
use crate::time::WallMs;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is hashed begins with this.
const HEADER: &str = "gongshi/audit/v1\n";
/// Longest line in bytes; an act's words are cut to fit long before.
const LINE_BYTES_MAX: u64 = 16 << 10;
const DAY_MS: u64 = 86_400_000;

/// Who asked, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A name of the operating system or of the console.
    pub who: String,
    /// The way: the command line, or the console and its visitor's address.
    pub from: String,
}

impl Caller {
    /// Whoever runs this process.
    pub fn here() -> Self {
        Self::at_the_command_line(Some(rustix::process::getuid().as_raw()))
    }

    /// Somebody with an account on this machine.
    pub fn at_the_command_line(uid: Option<u32>) -> Self {
        let who = uid.map_or_else(|| "?".to_owned(), account);
        Self { who, from: "command line".to_owned() }
    }
}

/// The name of an account, or its number where the machine's list does not have it.
fn account(uid: u32) -> String {
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

/// One act, before it has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who asked.
    pub caller: Caller,
    /// The command, as people type it.
    pub what: String,
    /// What it was about: a division, an agency and year, a digest.
    pub about: String,
    /// `done`, or the code of the failure.
    pub result: String,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3 ...
    pub seq: u64,
    /// When, RFC 3339 in UTC+8.
    pub at: String,
    /// See [`Caller::who`].
    pub who: String,
    /// See [`Caller::from`].
    pub from: String,
    /// See [`Act::what`].
    pub what: String,
    /// See [`Act::about`].
    pub about: String,
    /// See [`Act::result`].
    pub result: String,
    /// Hash of the line before; zeros for the first of all.
    pub prev: Digest,
    /// Hash of this line.
    pub hash: Digest,
}

impl Line {
    /// SHA-256 of the header and of the line's other fields as JSON in the order above.
    fn hashed(&self) -> Digest {
        let Self { seq, at, who, from, what, about, result, prev, .. } = self;
        let fields = serde_json::json!([seq, at, who, from, what, about, result, prev]).to_string();
        Digest::of(&[HEADER.as_bytes(), fields.as_bytes()])
    }
}

/// Where the chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the newest line; 0 when there is none.
    pub seq: u64,
    /// Its hash; zeros when there is none.
    pub hash: Digest,
}

/// Why the log cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A line is not what was written there, or does not follow the one before it.
    #[error("{}:{line}: {why}", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// The line in it, from 1.
        line: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The log, open for writing. One process at a time: whoever holds the data directory.
pub struct AuditLog {
    dir: PathBuf,
    head: Head,
}

impl AuditLog {
    /// Opens the log of a data directory, or begins it. A torn last line is cut and said.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn open(data: &Path, now: WallMs) -> Result<Self, AuditError> {
        let dir = data.join("audit");
        let failed = |error| AuditError::Io { file: dir.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed)?;
        let (mut head, mut cut) = (Head { seq: 0, hash: Digest::ZERO }, 0);
        if let Some(newest) = files(&dir)?.pop() {
            cut = cut_torn(&newest)?;
            head = last(&newest)?.unwrap_or(head);
        }
        let mut log = Self { dir, head };
        if cut > 0 {
            let caller = Caller { who: "gongshi".to_owned(), from: "start".to_owned() };
            let about = format!("{cut} bytes");
            let act = Act { caller, what: "audit cut".to_owned(), about, result: "done".to_owned() };
            // On a full disk the node starts all the same.
            let _ = log.append(&[act], now);
        }
        Ok(log)
    }

    /// Where the chain stands.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Writes acts, durably.
    ///
    /// # Errors
    /// [`AuditError::Io`]; what was not written is written nowhere.
    pub fn append(&mut self, acts: &[Act], now: WallMs) -> Result<(), AuditError> {
        if acts.is_empty() {
            return Ok(());
        }
        let (mut head, mut text) = (self.head, String::new());
        let at = now.to_string();
        for act in acts {
            let mut line = Line {
                seq: head.seq + 1,
                at: at.clone(),
                who: plain(&act.caller.who),
                from: plain(&act.caller.from),
                what: plain(&act.what),
                about: plain(&act.about),
                result: plain(&act.result),
                prev: head.hash,
                hash: Digest::ZERO,
            };
            line.hash = line.hashed();
            head = Head { seq: line.seq, hash: line.hash };
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        let month = at.get(..7).unwrap_or("0000-00");
        let file = self.dir.join(format!("{month}.jsonl"));
        let failed = |error| AuditError::Io { file: file.clone(), error };
        let is_new = !file.exists();
        let mut out = OpenOptions::new().create(true).append(true).mode(0o600).open(&file).map_err(failed)?;
        let before = out.seek(SeekFrom::End(0)).map_err(failed)?;
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.sync_data()) {
            // Half a line would be cut at the next start; it is taken back here, if that can be done.
            let _ = out.set_len(before);
            return Err(failed(error));
        }
        if is_new {
            sync_dir(&self.dir).map_err(failed)?;
        }
        self.head = head;
        Ok(())
    }

    /// Removes the months that ended more than `keep_days` ago, and says so; how many.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn prune(&mut self, keep_days: u16, now: WallMs) -> Result<usize, AuditError> {
        let keep = u64::from(keep_days.max(AUDIT_DAYS_MIN)) * DAY_MS;
        let oldest = WallMs(now.0.saturating_sub(keep)).to_string();
        let oldest = oldest.get(..7).unwrap_or_default();
        let mut removed = Vec::new();
        for file in files(&self.dir)? {
            let month = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if month.as_str() < oldest {
                fs::remove_file(&file).map_err(|error| AuditError::Io { file: file.clone(), error })?;
                removed.push(month);
            }
        }
        if !removed.is_empty() {
            let caller = Caller { who: "gongshi".to_owned(), from: "retention".to_owned() };
            let about = removed.join(" ");
            let act = Act { caller, what: "audit prune".to_owned(), about, result: "done".to_owned() };
            self.append(&[act], now)?;
        }
        Ok(removed.len())
    }
}

/// Writes one act of the command line itself, which asked no node.
///
/// # Errors
/// [`AuditError`].
pub fn note(data: &Path, what: &str, about: &str, now: WallMs) -> Result<(), AuditError> {
    let caller = Caller::here();
    let (what, about, result) = (what.to_owned(), about.to_owned(), "done".to_owned());
    AuditLog::open(data, now)?.append(&[Act { caller, what, about, result }], now)
}

/// Every line of a data directory's log from the oldest that is kept, each checked against the one before it; where the
/// chain stands in the end.
///
/// # Errors
/// [`AuditError`] at the first line that cannot be believed.
pub fn read(data: &Path, mut visit: impl FnMut(Line)) -> Result<Head, AuditError> {
    let mut before: Option<Head> = None;
    for file in files(&data.join("audit"))? {
        let failed = |error| AuditError::Io { file: file.clone(), error };
        let mut lines = BufReader::new(File::open(&file).map_err(failed)?);
        let mut number = 0;
        loop {
            let mut text = Vec::new();
            let mut bounded = Read::take(&mut lines, LINE_BYTES_MAX);
            if bounded.read_until(b'\n', &mut text).map_err(failed)? == 0 {
                break;
            }
            number += 1;
            let broken = |why| AuditError::Broken { file: file.clone(), line: number, why };
            let line: Line = serde_json::from_slice(&text).map_err(|_| broken("not a line of the log"))?;
            if text.last() != Some(&b'\n') {
                return Err(broken("the line does not end"));
            }
            if line.hash != line.hashed() {
                return Err(broken("the line is not what was written"));
            }
            let follows = match before {
                Some(before) => (line.seq, line.prev) == (before.seq + 1, before.hash),
                // Older lines may have been removed when their time was over.
                None => line.seq > 1 || line.prev == Digest::ZERO,
            };
            if !follows {
                return Err(broken("the line does not follow the one before it"));
            }
            before = Some(Head { seq: line.seq, hash: line.hash });
            visit(line);
        }
    }
    Ok(before.unwrap_or(Head { seq: 0, hash: Digest::ZERO }))
}

/// The files, the oldest first.
fn files(dir: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let failed = |error| AuditError::Io { file: dir.to_path_buf(), error };
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The last `most` bytes of a file, and where they begin.
fn tail(file: &Path, most: u64) -> io::Result<(u64, Vec<u8>)> {
    let mut input = File::open(file)?;
    let from = input.metadata()?.len().saturating_sub(most);
    input.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    input.take(most).read_to_end(&mut bytes)?;
    Ok((from, bytes))
}

/// Cuts what stands behind the last line feed; how many bytes that was.
fn cut_torn(file: &Path) -> Result<u64, AuditError> {
    let failed = |error| AuditError::Io { file: file.to_path_buf(), error };
    let mut most = LINE_BYTES_MAX;
    loop {
        let (from, bytes) = tail(file, most).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let Some(whole) = whole.or((from == 0).then_some(0)) else {
            // No line is so long, but a lost page of zeros may be.
            most = most.saturating_mul(4);
            continue;
        };
        let torn = bytes.len().saturating_sub(whole) as u64;
        if torn > 0 {
            let out = OpenOptions::new().write(true).open(file).map_err(failed)?;
            out.set_len(from + whole as u64).and_then(|()| out.sync_all()).map_err(failed)?;
        }
        return Ok(torn);
    }
}

/// Where the chain stands at the end of a file that ends with a line feed; none when it has no line.
fn last(file: &Path) -> Result<Option<Head>, AuditError> {
    let (_, text) =
        tail(file, LINE_BYTES_MAX).map_err(|error| AuditError::Io { file: file.to_path_buf(), error })?;
    let Some(text) = text.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()) else {
        return Ok(None);
    };
    let broken =
        AuditError::Broken { file: file.to_path_buf(), line: 0, why: "the last line cannot be read" };
    let line: Line = serde_json::from_slice(text).map_err(|_| broken)?;
    Ok(Some(Head { seq: line.seq, hash: line.hash }))
}

/// What people and callers wrote, without control characters, cut to a length that fits a line.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests;
