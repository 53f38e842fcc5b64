//! Report files as `check`, `publish` and `correct` take them: paths in, submissions and findings out.

use super::args::{Check, Global};
use super::cores::on_every_core;
use super::link::Link;
use super::progress::Progress;
use super::signed::{self, Signed};
use super::{runtime, template};
use crate::division::DivisionCode;
use crate::intake::{self, Given};
use crate::ops::data_dir::Clock;
use crate::ops::sandbox::{OWN_PROGRAM, ReadReport, Upload, read_apart};
use crate::ops::service::{Failure, Request};
use crate::package::finding::Finding;
use crate::package::report_file::ReadOptions;
use crate::sync::publish::Submission;
use crate::template::Templates;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most files in one call.
const FILE_COUNT_MAX: usize = 20_000;
/// Report files by the ends of their names.
const ENDS: [&str; 4] = ["json", "csv", "xlsx", "gongshi"];
/// Bytes of a file that are read: one more than a file may have tells that it is longer.
const BYTES_READ_MAX: u64 = intake::FILE_BYTES_MAX as u64 + 1;

/// A file and what became of it.
pub(super) struct ReadFile {
    /// As it was named, or found in a directory.
    pub(super) file: String,
    pub(super) submission: Option<Submission>,
    pub(super) findings: Vec<Finding>,
    /// What an agency signed, with nothing that must be fixed.
    pub(super) signed: Option<Box<Signed>>,
}

/// A code that no division has: what is checked without a node has to be read for one.
const NOBODYS_DIVISION: &str = "000000";

/// What a reader knows beside the files.
struct Reader<'a> {
    check: &'a Check,
    texts: Vec<(String, String)>,
    templates: Templates,
    current_year: u16,
    own_division: Option<DivisionCode>,
}

/// Reads all that the arguments name, with a bar. A file that names no division is about the node's own; where there is
/// no node, one that is only checked is not the worse for it.
pub(super) fn read_all(global: &Global, check: &Check, publishes: bool) -> Result<Vec<ReadFile>, Failure> {
    let mut paths = Vec::new();
    for path in &check.paths {
        collect(path, true, &mut paths)?;
    }
    if paths.len() > FILE_COUNT_MAX {
        let message =
            format!("一次最多 {FILE_COUNT_MAX} 个文件 / at most {FILE_COUNT_MAX} files in one call");
        return Err(Failure::new(2, "too_many_files", message));
    }
    let texts = template::texts(global);
    let mut reader = Reader {
        check,
        templates: template::in_force(&texts),
        texts,
        current_year: Clock::start().now().wall.year(),
        own_division: None,
    };
    let progress = Progress::of(global, paths.len() as u64, "校验", "checking");
    let read = |path: &PathBuf| {
        progress.step();
        reader.read(path)
    };
    let mut files = on_every_core(&paths, read);
    drop(progress);
    if files.iter().any(ReadFile::names_no_division) {
        reader.own_division = own_division(global);
        let open = reader.own_division.is_none() && !publishes;
        if open {
            reader.own_division = NOBODYS_DIVISION.parse().ok();
        }
        for (file, path) in files.iter_mut().zip(&paths).filter(|(file, _)| file.names_no_division()) {
            *file = reader.read(path);
            if open {
                file.leaves_division_open();
            }
        }
    }
    Ok(files)
}

impl ReadFile {
    fn names_no_division(&self) -> bool {
        self.findings.iter().any(|finding| finding.code == "division_missing")
    }

    /// Says that whoever publishes it gives it its division, in the place of what was said of a division of nobody.
    fn leaves_division_open(&mut self) {
        let zh = "文件没有区划代码；公示时为公示节点的区划，或用 --division 指定";
        let en = "the file names no division: it will be that of the node that publishes it, or --division";
        for finding in self.findings.iter_mut().filter(|finding| finding.code == "division_own") {
            *finding = Finding::hint("division_missing", zh, en).in_column("division_code");
        }
    }
}

impl Reader<'_> {
    fn read(&self, path: &Path) -> ReadFile {
        let file = path.display().to_string();
        if signed::is_signed(path) {
            let (signed, findings) = signed::read(path, &self.templates);
            return ReadFile { file, submission: None, findings, signed };
        }
        let bytes = match bytes_of(path) {
            Ok(bytes) => bytes,
            Err(finding) => {
                return ReadFile { file, submission: None, findings: vec![*finding], signed: None };
            }
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let ReadReport { submission, findings } = match self.check.apart {
            true => self.read_apart(name, bytes),
            false => self.read_here(&name, &bytes),
        };
        ReadFile { file, submission, findings, signed: None }
    }

    fn read_here(&self, name: &str, bytes: &[u8]) -> ReadReport {
        let options = ReadOptions {
            division_override: self.check.division.as_ref(),
            own_division: self.own_division.as_ref(),
            current_year: self.current_year,
            templates: &self.templates,
        };
        let given = Given { agency_name: self.check.agency.as_deref(), year: self.check.year };
        let (report, findings) = intake::read(bytes, name, given, &options);
        ReadReport::of(report, findings)
    }

    fn read_apart(&self, name: String, bytes: Vec<u8>) -> ReadReport {
        let upload = Upload {
            name,
            bytes,
            division: self.check.division.clone(),
            own_division: self.own_division.clone(),
            agency_name: self.check.agency.clone(),
            year: self.check.year,
            current_year: self.current_year,
            templates: self.texts.clone(),
        };
        read_apart(Path::new(OWN_PROGRAM), &upload)
    }
}

/// Reads one report without asking any node.
pub(super) fn read_one(path: &Path, given: Given<'_>, options: &ReadOptions<'_>) -> ReadFile {
    let file = path.display().to_string();
    let ReadReport { submission, findings } = match bytes_of(path) {
        Ok(bytes) => {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let (report, findings) = intake::read(&bytes, &name, given, options);
            ReadReport::of(report, findings)
        }
        Err(finding) => ReadReport { submission: None, findings: vec![*finding] },
    };
    ReadFile { file, submission, findings, signed: None }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Box<Finding>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(BYTES_READ_MAX).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| {
        let zh = format!("无法读取文件：{error}");
        Box::new(Finding::must_fix("unreadable", &zh, "the file cannot be read"))
    })
}

/// The division of the node that would publish; none where there is no node to ask.
fn own_division(global: &Global) -> Option<DivisionCode> {
    let status =
        runtime().ok()?.block_on(async { Link::open(&global.data()).await?.document(Request::Status).await });
    status.ok()?["node"]["code"].as_str()?.parse().ok()
}

/// Files as named; directories recursively, report files only, in path order.
fn collect(path: &Path, named: bool, out: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(2, "no_such_file", format!("{}: 无法读取：{error} / cannot be read", path.display()))
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            inside.push(entry.map_err(failed)?.path());
        }
        inside.sort();
        for path in inside {
            // A dangling link inside a directory is not somebody's report.
            if path.exists() {
                collect(&path, false, out)?;
            }
        }
    } else if named || is_report(path) {
        out.push(path.to_path_buf());
    }
    Ok(())
}

/// By its name. Excel keeps a hidden `~$` file beside every workbook that is open.
fn is_report(path: &Path) -> bool {
    let ends = path.extension().is_some_and(|end| ENDS.iter().any(|one| end.eq_ignore_ascii_case(one)));
    ends && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("~$"))
}
