//! `--attach FILE` of `publish` and `correct`: files become bodies before the report that names them is signed.
//!
//! A file is read three times, a chunk at a time: its SHA-256 gives the salt, the salt the outline, and what the node
//! does not hold yet is sent. So memory does not grow with it, and a command that was cut goes on where it stopped.

use super::args::Global;
use super::link::Link;
use super::{runtime, unexpected};
use crate::digest::Digest;
use crate::ops::service::{Attaching, Failure, Reply, Request};
use crate::package::attachment::{Attachment, harmless_name};
use crate::package::body::{BODY_CHUNK_BYTES, with_attachments};
use crate::sync::chunk::pack_chunk;
use crate::sync::limits::ATTACHMENT_BYTES_MAX;
use crate::sync::outline::Outline;
use crate::sync::publish::{Attached, Submission};
use clap::Args;
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

/// Chunks handed to the node at once: 1 MiB.
const CHUNKS_AT_ONCE: usize = 16;
/// Times that one file can have been erased.
const ATTEMPTS_MAX: u32 = 16;

/// Files beside a report.
#[derive(Args, Default)]
pub(super) struct Attach {
    /// 附件（原始表格、PDF 等，每个不超过 100 MB）/ attachments: the original workbook, a PDF; at most 100 MB each
    #[arg(long, value_name = "FILE")]
    pub(super) attach: Vec<PathBuf>,
    /// 报告文件本身也作为附件（隐藏表、批注、作者名随之公开）/ attach each report's own file too, the original workbook
    /// say: its hidden sheets, comments and author's name become public with it
    #[arg(long, env = "GONGSHI_ORIGINAL", value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) original: bool,
}

/// A file, or a part of one: where it begins and how long it is.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) path: &'a Path,
    pub(super) from: u64,
    /// None: to the file's end.
    pub(super) bytes: Option<u64>,
}

impl<'a> Part<'a> {
    /// All of a file.
    pub(super) const fn whole(path: &'a Path) -> Self {
        Self { path, from: 0, bytes: None }
    }
}

/// A file that the node keeps.
pub(super) struct Kept {
    /// As the card names it.
    pub(super) attached: Attached,
    /// As the content names it.
    pub(super) named: Attachment,
}

impl Attach {
    /// Keeps the files and names them in the one report, and each report's own file in it if that is wanted.
    pub(super) fn to(
        &self,
        global: &Global,
        submissions: &mut [(PathBuf, &mut Submission)],
    ) -> Result<(), Failure> {
        // Of a report that is not valid the findings are what there is to say.
        if !self.attach.is_empty() && submissions.len() > 1 {
            let message = "--attach 只能用于一份报告 / --attach goes with one report";
            return Err(Failure::new(2, "attach_one_report", message));
        }
        for (file, submission) in submissions {
            let own = self.original.then_some(&*file);
            let kept = self.attach.iter().chain(own).map(|path| keep(global, path));
            let kept = kept.collect::<Result<Vec<_>, _>>()?;
            if !kept.is_empty() {
                name_in(submission, &kept)?;
            }
        }
        Ok(())
    }
}

/// Names kept files in a submission, behind those it names already.
pub(super) fn name_in(submission: &mut Submission, kept: &[Kept]) -> Result<(), Failure> {
    let mut named = crate::package::attachment::attachments_of(&submission.content);
    named.extend(kept.iter().map(|kept| kept.named.clone()));
    submission.content = with_attachments(&submission.content, &named).map_err(|error| {
        Failure::new(
            5,
            "too_many_attachments",
            format!("附件无法列入报告 / attachments cannot be listed: {error}"),
        )
    })?;
    submission.attachments.extend(kept.iter().map(|kept| kept.attached));
    Ok(())
}

/// Keeps a file in the node of the data directory.
pub(super) fn keep(global: &Global, path: &Path) -> Result<Kept, Failure> {
    let part = Part::whole(path);
    let named = named(path)?;
    let (bytes, sha256) = (named.bytes, named.sha256);
    runtime()?.block_on(async {
        let mut link = Link::open(&global.data()).await?;
        for attempt in 0..ATTEMPTS_MAX {
            let salt = match link.call(attaching(Attaching::Salt(sha256, attempt))).await? {
                Reply::Bytes(salt) => salt.try_into().map_err(|_| unexpected())?,
                _ => return Err(unexpected()),
            };
            let outline = outline(part, salt)?;
            if outline.bytes != bytes {
                return Err(changed(path));
            }
            match begin(&mut link, part, outline).await {
                Ok(digest) => return Ok(Kept { attached: Attached { digest, bytes }, named }),
                Err(failure) if failure.code == "attachment_erased" => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(unexpected())
    })
}

/// As the content names a file: its name, length and SHA-256.
pub(super) fn named(path: &Path) -> Result<Attachment, Failure> {
    let (bytes, sha256) = measure(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Attachment { name: harmless_name(&name), bytes, sha256 })
}

/// Begins a body of an outline, or goes on with it, and sends what the node lacks of it; its digest.
pub(super) async fn begin(link: &mut Link, part: Part<'_>, outline: Outline) -> Result<Digest, Failure> {
    let begun = link.document(attaching(Attaching::Begin(outline))).await?;
    let digest: Digest =
        begun["digest"].as_str().and_then(|text| text.parse().ok()).ok_or_else(unexpected)?;
    let held = begun["held"].as_u64().ok_or_else(unexpected)?;
    send(link, part, &digest, held).await?;
    Ok(digest)
}

fn attaching(what: Attaching) -> Request {
    Request::Attach(Box::new(what))
}

/// Length and SHA-256 of a file within bounds.
fn measure(path: &Path) -> Result<(u64, Digest), Failure> {
    let (mut bytes, mut sha256) = (0_u64, Sha256::new());
    each_chunk(Part::whole(path), |chunk| {
        bytes += chunk.len() as u64;
        sha256.update(chunk);
        Ok(())
    })?;
    Ok((bytes, Digest::from_bytes(sha256.finalize().into())))
}

/// The outline of a part under a salt.
pub(super) fn outline(part: Part<'_>, salt: [u8; 32]) -> Result<Outline, Failure> {
    let mut outline = Outline { salt, bytes: 0, leaves: Vec::new() };
    each_chunk(part, |chunk| {
        outline.push(chunk);
        Ok(())
    })?;
    outline.end();
    Ok(outline)
}

/// Sends the chunks from `held` on, a few at a time.
async fn send(link: &mut Link, part: Part<'_>, digest: &Digest, held: u64) -> Result<(), Failure> {
    let mut file = open(part)?;
    let mut at = 0_u32;
    loop {
        let mut requests = Vec::new();
        let mut ended = false;
        while requests.len() < CHUNKS_AT_ONCE && !ended {
            let chunk = next_chunk(&mut file, part.path)?;
            ended = chunk.len() < BODY_CHUNK_BYTES;
            if u64::from(at) >= held && (!chunk.is_empty() || at == 0) {
                let packed = ByteBuf::from(pack_chunk(&chunk));
                requests.push(attaching(Attaching::Chunk(*digest, at, packed)));
            }
            at += 1;
        }
        let mut failed = None;
        let on_reply = |reply| match reply {
            Reply::Bytes(_) => {}
            Reply::Failure(failure) => failed = Some(failure),
            _ => failed = Some(unexpected()),
        };
        link.calls(requests, on_reply).await?;
        if let Some(failure) = failed {
            return Err(failure);
        }
        if ended {
            return Ok(());
        }
    }
}

fn each_chunk(part: Part<'_>, mut take: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
    let path = part.path;
    let mut file = open(part)?;
    let mut bytes = 0;
    loop {
        let chunk = next_chunk(&mut file, path)?;
        bytes += chunk.len() as u64;
        if bytes > ATTACHMENT_BYTES_MAX {
            return Err(too_long(path));
        }
        if !chunk.is_empty() {
            take(&chunk)?;
        }
        if chunk.len() < BODY_CHUNK_BYTES {
            return Ok(());
        }
    }
}

fn open(part: Part<'_>) -> Result<Take<File>, Failure> {
    let path = part.path;
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(unreadable(path, &std::io::Error::from(std::io::ErrorKind::InvalidInput)));
    }
    // Before anything is read: a file of ten gigabytes costs nothing.
    let bytes = part.bytes.unwrap_or(metadata.len());
    if bytes > ATTACHMENT_BYTES_MAX {
        return Err(too_long(path));
    }
    file.seek(SeekFrom::Start(part.from)).map_err(|error| unreadable(path, &error))?;
    // One byte more tells that a file has grown meanwhile.
    Ok(file.take(part.bytes.unwrap_or(ATTACHMENT_BYTES_MAX + 1)))
}

/// The next chunk, shorter only at the end.
fn next_chunk(file: &mut Take<File>, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut chunk = Vec::with_capacity(BODY_CHUNK_BYTES);
    file.take(BODY_CHUNK_BYTES as u64).read_to_end(&mut chunk).map_err(|error| unreadable(path, &error))?;
    Ok(chunk)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(2, "no_such_file", format!("{}: 无法读取：{error} / cannot be read", path.display()))
}

fn too_long(path: &Path) -> Failure {
    let message =
        format!("{}: 附件超过 100 MB，请压缩或拆分 / over 100 MB: compress or split it", path.display());
    Failure::new(5, "attachment_too_long", message)
}

pub(super) fn changed(path: &Path) -> Failure {
    let message =
        format!("{}: 读取期间变了，请重新运行 / changed while it was read: run again", path.display());
    Failure::new(5, "attachment_changed", message)
}
