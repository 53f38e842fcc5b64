//! Healing: a record that is damaged is set aside, and a fresh one is made of what is sound in it and in the index. What
//! both have lost is then asked of neighbours, as by any node that was restored from an old copy.
//!
//! The damaged record stays beside the new one, `record.damaged-DATE-TIME`, until a person removes it, or the first start
//! after an erasure, which must reach everything that may hold what was erased. The fresh record is
//! made in `record.new` and called `record.salvaged` once it is whole and durable, so that a stop at any point leaves
//! either the damaged record or a whole one.

use super::data_dir::{DataDir, DataDirError, Opened};
use super::engine::EngineError;
use super::inspection::inspect_record;
use crate::digest::Digest;
use crate::log::checkpoint::root_origin;
use crate::record::{
    BATCH_BYTES_MAX, Batch, FileRecord, Frame, Guard, Mark, Record, RecordError, Stream, inspect, sync_dir,
};
use crate::store::{Read, SledStore, StoreError};
use crate::sync::salvage::{Lineage, Salvage, Salvaged};
use crate::time::{Now, WallMs};
use crate::trust::key::PublicKey;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Frames are handed to the fresh record in batches of this many bytes, and of so many frames.
const BATCH_BYTES: usize = BATCH_BYTES_MAX / 8;
const BATCH_FRAMES: usize = 4_096;

/// Why nothing can be salvaged.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// The fact that says who this node is, and a delegation from which that could be told, are lost.
    #[error("身份无法恢复 / who this node is cannot be told from what is left")]
    NoIdentity,
    /// The damaged record cannot be read, or the fresh one not written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What helps to salvage.
pub struct Aids<'a> {
    /// The signing keys that there are, and the transport key.
    pub keys: (Vec<PublicKey>, PublicKey),
    /// The old index.
    pub index: Option<&'a dyn Read>,
    /// The largest root log that this node has signed.
    pub signed: Option<Mark>,
}

/// Fills `into`, which is empty, with what is sound of the record in `dir`.
///
/// # Errors
/// [`SalvageError`].
pub fn salvage(dir: &Path, aids: &Aids<'_>, into: &mut dyn Record) -> Result<Salvaged, SalvageError> {
    let (mut salvage, mut lineage) = (Salvage::default(), Lineage::default());
    let mut sink = Sink::new(into);
    inspect(dir, &mut |sound| {
        let facts = sound.stream == Stream::Facts;
        sink.take(facts, |out| salvage.take(sound.stream, &sound.frame, sound.gaps, out));
        if facts && !salvage.has_identity() {
            lineage.take(&sound.frame);
        }
        ControlFlow::Continue(())
    })?;
    if !salvage.has_identity() {
        let (signing, transport) = &aids.keys;
        let found = signing.iter().find_map(|key| lineage.identity(*key, *transport));
        let identity = found.ok_or(SalvageError::NoIdentity)?;
        sink.take(true, |out| out.push(salvage.adopt(identity)));
        inspect(dir, &mut |sound| {
            if sound.stream == Stream::Facts {
                sink.take(true, |out| salvage.take(Stream::Facts, &sound.frame, sound.gaps, out));
            }
            ControlFlow::Continue(())
        })?;
    }
    if let Some(index) = aids.index {
        let mut from = Vec::new();
        loop {
            let Batch { bodies, facts } = &mut sink.batch;
            // An index that cannot be read further was only a help.
            let Ok(true) = salvage.fill(index, &mut from, bodies, facts) else { break };
            sink.flush();
        }
        if let Some(signed) = aids.signed {
            sink.take(true, |out| {
                let _ = salvage.fill_leaves(index, signed, out);
            });
        }
    }
    let mut salvaged = Salvaged::default();
    sink.take(true, |out| salvaged = salvage.finish(out));
    sink.finish()?;
    Ok(salvaged)
}

/// Hands frames on in batches. A fault is kept until the end: it is of the disk, and nothing is lost by it.
pub(super) struct Sink<'a> {
    into: &'a mut dyn Record,
    batch: Batch,
    bytes: usize,
    failed: Option<RecordError>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(into: &'a mut dyn Record) -> Self {
        Self { into, batch: Batch::default(), bytes: 0, failed: None }
    }

    /// Everything is in the record, or it failed.
    pub(super) fn finish(mut self) -> Result<(), RecordError> {
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }

    pub(super) fn take(&mut self, facts: bool, give: impl FnOnce(&mut Vec<Frame>)) {
        let frames = if facts { &mut self.batch.facts } else { &mut self.batch.bodies };
        let before = frames.len();
        give(frames);
        self.bytes += frames.iter().skip(before).map(|frame| frame.payload.len() + 64).sum::<usize>();
        if self.bytes > BATCH_BYTES || frames.len() > BATCH_FRAMES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        // A batch that grew beyond what one append takes, by bodies of the index, goes in pieces.
        let bodies = batch
            .bodies
            .chunks(BATCH_FRAMES / 16)
            .map(|bodies| Batch { bodies: bodies.to_vec(), facts: Vec::new() });
        let facts =
            batch.facts.chunks(BATCH_FRAMES).map(|facts| Batch { bodies: Vec::new(), facts: facts.to_vec() });
        for part in bodies.chain(facts) {
            if self.failed.is_none() {
                self.failed = self.into.append(&part).err();
            }
        }
    }
}

impl EngineError {
    /// True when what is on the disk is not what was written, so that it can be healed.
    pub const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Record(RecordError::Damaged { .. })
                | Self::Store(StoreError::Damaged(_) | StoreError::Unopenable(_))
                | Self::Fact(_)
                | Self::IndexAhead
        )
    }
}

impl DataDir {
    /// Takes the directory and opens the node in it, as [`DataDir::open`] does; a damaged record is healed first. Bodies
    /// are read for that if there are not more than `checked_bytes` of them.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub(super) fn open_and_heal(&self, now: Now, checked_bytes: u64) -> Result<Opened, DataDirError> {
        match self.open(now) {
            Ok(opened) if self.body_bytes() > checked_bytes || !self.is_hurt_behind() => return Ok(opened),
            Ok(opened) => drop(opened),
            Err(DataDirError::Damaged(why)) if self.is_hurt() => {
                tracing::error!(%why, "the record is damaged");
            }
            Err(error) => return Err(error),
        }
        self.heal(now)?;
        let mut opened = self.open(now)?;
        opened.engine.set_healing();
        Ok(opened)
    }

    /// True when something in the record is not as it was written.
    fn is_hurt(&self) -> bool {
        inspect_record(&self.record(), |_| {}).is_ok_and(|found| !found.wrong.is_empty())
    }

    /// The same for what opening does not read: bodies that the index has taken in.
    fn is_hurt_behind(&self) -> bool {
        inspect(&self.record(), &mut |sound| {
            if sound.gaps > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .is_ok_and(|found| !found.damages.is_empty())
    }

    /// Bytes of bodies in the record.
    pub(super) fn body_bytes(&self) -> u64 {
        let files = fs::read_dir(self.record().join("bodies")).into_iter().flatten().flatten();
        files.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
    }

    /// Where the record lies.
    pub(super) fn record(&self) -> PathBuf {
        self.0.join("record")
    }

    /// Makes a fresh record of what is sound, and sets the damaged one and the index aside.
    fn heal(&self, now: Now) -> Result<(), DataDirError> {
        let _lock = self.lock()?;
        let (record, new, whole) = (self.record(), self.0.join("record.new"), self.salvaged_path());
        let io = |error| self.io("record", error);
        let _ = fs::remove_dir_all(&new);
        let signing: Vec<PublicKey> = self.signing_keys()?.iter().map(|key| key.public()).collect();
        let transport = self.key("keys/transport.pem", false)?.public();
        let index = SledStore::open(&self.0.join("index")).ok();
        let mut fresh = FileRecord::create(&new).map_err(|error| self.record_error(error))?;
        let aids = Aids {
            keys: (signing, transport),
            index: index.as_ref().map(|index| index as &dyn Read),
            signed: self.signed(&record),
        };
        let found =
            salvage(&record, &aids, &mut fresh).map_err(|error| DataDirError::Damaged(error.to_string()))?;
        drop((fresh, index));
        let away = self.aside("record", now.wall);
        fs::rename(&new, &whole).and_then(|()| sync_dir(&self.0)).map_err(io)?;
        fs::rename(&record, &away).and_then(|()| sync_dir(&self.0)).map_err(io)?;
        self.finish_healing()?;
        SledStore::wipe(&self.0.join("index")).map_err(|error| DataDirError::Damaged(error.to_string()))?;
        tracing::error!(
            leaves = found.leaves, entries = found.entries, bodies = found.bodies, left_out = found.dropped,
            aside = %away.display(),
            "a fresh record was made of what is sound; what is lost is fetched from neighbours"
        );
        Ok(())
    }

    fn salvaged_path(&self) -> PathBuf {
        self.0.join("record.salvaged")
    }

    /// Puts a salvaged record in its place, if we stopped before that.
    pub(super) fn finish_healing(&self) -> Result<(), DataDirError> {
        let (record, whole) = (self.record(), self.salvaged_path());
        if record.exists() || !whole.exists() {
            return Ok(());
        }
        fs::rename(&whole, &record).and_then(|()| sync_dir(&self.0)).map_err(|error| self.io("record", error))
    }

    /// True when a stop came between setting the damaged record aside and putting the whole one in its place.
    pub(super) fn is_half_healed(&self) -> bool {
        !self.record().exists() && self.salvaged_path().join("facts").is_dir()
    }

    /// A name beside `name` that says when it was set aside.
    fn aside(&self, name: &str, at: WallMs) -> PathBuf {
        let digits: String = at.to_string().chars().take(19).filter(char::is_ascii_alphanumeric).collect();
        let named = |more: String| self.0.join(format!("{name}.damaged-{digits}{more}"));
        let mut away = named(String::new());
        let mut number = 1;
        while away.exists() {
            number += 1;
            away = named(format!("-{number}"));
        }
        away
    }

    /// What was set aside because it was damaged, by name.
    pub(super) fn set_aside(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.contains(".damaged-")).collect();
        names.sort();
        names
    }

    /// The largest root log signed here: of the guard's marks the one of the root log's origin, whose name the record
    /// gives.
    fn signed(&self, record: &Path) -> Option<Mark> {
        let guard = Guard::open(&self.0.join("guard")).ok()?;
        let mut federation: Option<Digest> = None;
        let _ = inspect(record, &mut |sound| {
            if federation.is_none() && sound.stream == Stream::Facts {
                federation = crate::sync::salvage::federation_of(&sound.frame);
            }
            if federation.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        guard.mark(&Digest::of(&[root_origin(&federation?).as_bytes()]))
    }
}
