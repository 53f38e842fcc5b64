//! Writing a bundle: parts of at most a size, each with everything that it needs to be taken by itself.

use super::{Door, ask, file_failure, unexpected};
use crate::digest::{Digest, Hashing};
use crate::division::DivisionCode;
use crate::ops::service::{Bundled, Bundling, Failure};
use crate::record::sync_dir;
use crate::sync::bundle::{Direction, Header, Leg, Plan, SEAL_BYTES};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What was written.
pub(in crate::ops) struct Exported {
    pub(in crate::ops) direction: Direction,
    pub(in crate::ops) files: Vec<PathBuf>,
    /// Entries of logs, going up.
    pub(in crate::ops) entries: u64,
    /// Leaves of the root log, going down.
    pub(in crate::ops) leaves: u64,
    pub(in crate::ops) receipts: u64,
    /// Attachments of the entries, going up.
    pub(in crate::ops) attachments: u64,
    pub(in crate::ops) bytes: u64,
}

impl Exported {
    /// True when the other node lacks nothing of it, as far as this one knows.
    pub(in crate::ops) const fn is_empty(&self) -> bool {
        self.entries + self.leaves == 0
    }
}

/// Writes what the node of a division lacks to `output`, or with `split_bytes` to `output.001` and so on.
pub(in crate::ops) fn export(
    door: &mut dyn Door,
    to: &DivisionCode,
    since: Option<u64>,
    output: &Path,
    split_bytes: Option<u64>,
) -> Result<Exported, Failure> {
    let plan = plan(door, to, since)?;
    let mut parts =
        Parts { door, plan: &plan, to, output, split_bytes, open: None, files: Vec::new(), bytes: 0 };
    for leg in plan.legs.iter().chain(&plan.attachments) {
        parts.leg(leg)?;
    }
    for frame in &plan.closing {
        parts.frame(None, &frame.to_bytes())?;
    }
    parts.end()?;
    let (files, bytes) = (std::mem::take(&mut parts.files), parts.bytes);
    let count = |leaves: bool| -> u64 {
        let legs = plan.legs.iter().filter(|leg| matches!(leg, Leg::Leaves { .. }) == leaves);
        legs.map(|leg| leg.range().1 - leg.range().0).sum()
    };
    Ok(Exported {
        direction: plan.direction,
        files,
        entries: count(false),
        leaves: count(true),
        receipts: plan.receipts,
        attachments: plan.attachments.len() as u64,
        bytes,
    })
}

/// What the node of a division lacks.
pub(in crate::ops) fn plan(
    door: &mut dyn Door,
    to: &DivisionCode,
    since: Option<u64>,
) -> Result<Plan, Failure> {
    match ask(door, Bundling::Plan { to: to.clone(), since })? {
        Bundled::Plan(plan) => Ok(*plan),
        _ => Err(unexpected()),
    }
}

/// The parts of one export.
struct Parts<'a> {
    door: &'a mut dyn Door,
    plan: &'a Plan,
    to: &'a DivisionCode,
    output: &'a Path,
    split_bytes: Option<u64>,
    open: Option<Part>,
    files: Vec<PathBuf>,
    bytes: u64,
}

impl Parts<'_> {
    fn leg(&mut self, leg: &Leg) -> Result<(), Failure> {
        for frame in self.introduction(leg)? {
            self.frame(None, &frame)?;
        }
        let mut rest = leg.clone();
        loop {
            // Several packs to a part, so that parts are about as long as was asked for.
            let part =
                self.split_bytes.map_or(usize::MAX, |split| usize::try_from(split / 4).unwrap_or(usize::MAX));
            let (root_note, leg_left) = (self.plan.root_note.clone(), rest.clone());
            let pack = Bundling::Pack { root_note, leg: leg_left, bytes_target: part };
            match ask(self.door, pack)? {
                Bundled::Pack(Some((frame, left))) => {
                    self.frame(Some(leg), &frame)?;
                    rest = left;
                }
                Bundled::Pack(None) => break,
                _ => return Err(unexpected()),
            }
        }
        if rest.range().0 < rest.range().1 {
            let message = "报告正文不全，暂不能写出；请先看 gongshi doctor / bodies are missing here: see gongshi doctor";
            return Err(Failure::new(9, "bundle_incomplete", message));
        }
        Ok(())
    }

    fn introduction(&mut self, leg: &Leg) -> Result<Vec<Vec<u8>>, Failure> {
        match ask(self.door, Bundling::Introduce(leg.clone()))? {
            Bundled::Frames(frames) => Ok(frames.into_iter().map(serde_bytes::ByteBuf::into_vec).collect()),
            _ => Err(unexpected()),
        }
    }

    /// Writes a frame, in a new part if this one is full; there the leg it is of is introduced again.
    fn frame(&mut self, leg: Option<&Leg>, frame: &[u8]) -> Result<(), Failure> {
        let room = |part: &Part| match self.split_bytes {
            Some(split) => part.bytes + 4 + frame.len() as u64 + SEAL_BYTES as u64 <= split || part.is_fresh,
            None => true,
        };
        if self.open.as_ref().is_some_and(|part| !room(part)) {
            self.end_part()?;
        }
        if self.open.is_none() {
            self.begin_part(leg)?;
        }
        let Some(part) = &mut self.open else { return Err(unexpected()) };
        part.is_fresh &= leg.is_none();
        part.frame(frame).map_err(|error| file_failure(&part.temporary, &error))
    }

    fn begin_part(&mut self, leg: Option<&Leg>) -> Result<(), Failure> {
        let number = u32::try_from(self.files.len() + 1).unwrap_or(u32::MAX);
        let path = match self.split_bytes {
            Some(_) => with_suffix(self.output, &format!(".{number:03}")),
            None => self.output.to_path_buf(),
        };
        let header = Header { part: number, ..self.plan.header.clone() };
        let mut frames: Vec<Vec<u8>> =
            self.plan.opening.iter().map(crate::sync::frame::Frame::to_bytes).collect();
        if let (Some(leg), true) = (leg, number > 1) {
            frames.extend(self.introduction(leg)?);
        }
        let begin = || -> io::Result<Part> {
            let mut part = Part::begin(path.clone(), &header)?;
            frames.iter().try_for_each(|frame| part.frame(frame))?;
            Ok(part)
        };
        self.open = Some(begin().map_err(|error| file_failure(&path, &error))?);
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), Failure> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        let failed = |path: &Path, error: io::Error| file_failure(path, &error);
        let digest = part.end().map_err(|error| failed(&part.temporary, error))?;
        let Bundled::Seal(signature) = ask(self.door, Bundling::Seal { digest, to: self.to.clone() })? else {
            return Err(unexpected());
        };
        part.close(&signature).map_err(|error| failed(&part.path, error))?;
        self.bytes += part.bytes;
        self.files.push(part.path.clone());
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.open.is_none() && self.files.is_empty() {
            self.begin_part(None)?;
        }
        self.end_part()
    }
}

/// A part that is being written, beside its place. Removed when it is not completed.
struct Part {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    hashing: Hashing,
    bytes: u64,
    /// Nothing but what opens a part is in it: the next frame goes in, however long.
    is_fresh: bool,
    complete: bool,
}

impl Part {
    fn begin(path: PathBuf, header: &Header) -> io::Result<Self> {
        let temporary = with_suffix(&path, ".part");
        let file = BufWriter::new(File::create(&temporary)?);
        let hashing = Hashing::new();
        let mut part = Self { path, temporary, file, hashing, bytes: 0, is_fresh: true, complete: false };
        part.write(&header.to_bytes())?;
        Ok(part)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hashing.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn frame(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.write(&length.to_be_bytes())?;
        self.write(frame)
    }

    /// The digest of all that is there.
    fn end(&mut self) -> io::Result<Digest> {
        self.write(&[0; 4])?;
        let digest = std::mem::take(&mut self.hashing).finish();
        self.write(digest.as_bytes())?;
        Ok(digest)
    }

    /// Seals it and gives it its name.
    fn close(&mut self, signature: &[u8]) -> io::Result<()> {
        self.write(signature)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.complete = true;
        self.path.parent().map_or(Ok(()), sync_dir)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.complete {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The path with something behind its name.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
