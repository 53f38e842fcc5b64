//! Importing bundles: in any order. One that begins behind what is held is kept in the data directory until what comes
//! before it is there.

use super::read::BundleFile;
use super::{Door, ask, file_failure, unexpected};
use crate::ops::service::{Bundled, Bundling, Failure};
use crate::sync::bundle::{Direction, Taken};
use serde_bytes::ByteBuf;
use std::fs;
use std::path::{Path, PathBuf};

/// Most bundles that wait for an earlier one: parts of one large export in the wrong order.
const WAITING_COUNT_MAX: usize = 1_000;
/// What files that wait are called.
const EXTENSION: &str = "bundle";

/// What became of one file.
pub(in crate::ops) struct Line {
    pub(in crate::ops) path: PathBuf,
    pub(in crate::ops) direction: Direction,
    pub(in crate::ops) taken: Taken,
}

impl Line {
    /// The word in JSON.
    pub(in crate::ops) const fn state(&self) -> &'static str {
        match self.taken {
            Taken { waits: true, .. } => "waits",
            taken if taken.is_news() => "taken",
            _ => "again",
        }
    }
}

/// Imports files. All are checked before anything of any of them is taken. `waiting` is where those are kept that come too
/// early; they are tried again whenever something new was taken.
pub(in crate::ops) fn import(
    door: &mut dyn Door,
    paths: &[PathBuf],
    waiting: &Path,
) -> Result<Vec<Line>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        files.push((path, BundleFile::open(path)?));
    }
    let mut lines = Vec::new();
    for (path, file) in &mut files {
        let line = take(door, path, file)?;
        if line.taken.waits {
            keep(waiting, path, file)?;
        }
        lines.push(line);
    }
    while lines.iter().any(|line| line.taken.is_news()) {
        let again = retry(door, waiting)?;
        // Files that were named and had to wait are told of once, as what became of them in the end.
        let done: Vec<Line> = again.into_iter().filter(|line| !line.taken.waits).collect();
        if done.is_empty() {
            break;
        }
        for line in done {
            let named = |(path, file): &(&PathBuf, BundleFile)| {
                kept_name(waiting, file) == line.path && lines.iter().any(|line| line.path == **path)
            };
            let path = files.iter().find(|file| named(file)).map(|(path, _)| (*path).clone());
            match path.and_then(|path| lines.iter_mut().find(|line| line.path == path)) {
                Some(first) => {
                    first.taken = Taken { waits: false, ..first.taken.and(line.taken) };
                }
                None => lines.push(line),
            }
        }
    }
    Ok(lines)
}

/// Hands a bundle to the node.
fn take(door: &mut dyn Door, path: &Path, file: &mut BundleFile) -> Result<Line, Failure> {
    let open = Bundling::Open { header: file.header.clone(), introduction: file.introduction.clone() };
    let Bundled::Opened(direction) = ask(door, open)? else { return Err(unexpected()) };
    let (from, mut taken) = (file.header.from, Taken::default());
    file.frames(|frame| {
        match ask(door, Bundling::Take { from, frame: ByteBuf::from(frame) })? {
            Bundled::Taken(more) => taken = taken.and(more),
            _ => return Err(unexpected()),
        }
        Ok(())
    })?;
    Ok(Line { path: path.to_path_buf(), direction, taken })
}

fn kept_name(waiting: &Path, file: &BundleFile) -> PathBuf {
    waiting.join(format!("{}.{EXTENSION}", file.digest))
}

fn keep(waiting: &Path, path: &Path, file: &BundleFile) -> Result<(), Failure> {
    let name = kept_name(waiting, file);
    if name.exists() {
        return Ok(());
    }
    fs::create_dir_all(waiting).map_err(|error| file_failure(waiting, &error))?;
    if kept(waiting)?.len() >= WAITING_COUNT_MAX {
        let message = format!(
            "{}：等待前一份的数据包已达 {WAITING_COUNT_MAX} 个，请先导入较早的 / {WAITING_COUNT_MAX} bundles wait for an earlier one: import that first",
            waiting.display()
        );
        return Err(Failure::new(6, "too_many_waiting", message));
    }
    let temporary = name.with_extension("part");
    let copied = fs::copy(path, &temporary).and_then(|_| fs::rename(&temporary, &name));
    copied.map_err(|error| file_failure(&name, &error))
}

fn kept(waiting: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| file_failure(waiting, &error);
    if !waiting.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(waiting).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Tries what waits; what is taken, or was damaged meanwhile, or is no longer for us, waits no more.
fn retry(door: &mut dyn Door, waiting: &Path) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for path in kept(waiting)? {
        let line = BundleFile::open(&path).and_then(|mut file| take(door, &path, &mut file));
        let waits = line.as_ref().is_ok_and(|line| line.taken.waits);
        if !waits {
            fs::remove_file(&path).map_err(|error| file_failure(&path, &error))?;
        }
        match line {
            Ok(line) => lines.push(line),
            Err(failure) => {
                tracing::warn!(path = %path.display(), %failure.code, "a bundle that waited is dropped")
            }
        }
    }
    Ok(lines)
}
