//! `gongshi keys escrow`: keys printed on paper, encrypted, and back again.

use super::args::Global;
use super::{NOT_VERIFIED, Outcome, key_file, usage};
use crate::ops::service::Failure;
use crate::trust::locked;
use crate::trust::printed::{self, PrintedError};
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a typed-in file.
const BYTES_MAX: u64 = 64 * 1024;

const HELP: &str = "在离线打印机上打印，与口令分开存放。恢复时逐行键入（大小写、空格不限，O 与 0、I L 与 1 不分），每行末三位为该行校验，错在哪一行会指出；首行标题也要键入。\nPrint it on an offline printer and keep it apart from the passphrase. To restore, type the lines in: case and spaces do not matter, O is 0, I and L are 1; the last three characters of each line are its sum, so a mistyped line is named. Type the title line too.\n\n  gongshi keys escrow export --passphrase-file P -o escrow.txt --data D      签名与传输密钥 signing and transport keys\n  gongshi keys escrow export --key D/anchor/anchor.pem --passphrase-file P -o anchor.txt\n  gongshi keys escrow restore escrow.txt --passphrase-file P --data NEW      放回 keys/（机器换了 a new machine: restore BACKUP first）\n  gongshi keys escrow restore anchor.txt --passphrase-file P -o anchor.pem";

#[derive(Subcommand)]
pub(super) enum EscrowAction {
    /// 加密并写成可打印的文字 / encrypt keys and write them as printable text
    #[command(after_long_help = HELP)]
    Export {
        /// 要托管的密钥文件（缺省为数据目录的签名与传输密钥）/ key files; the data directory's own two without it
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// 口令文件，至少 12 个字符（- 为标准输入）/ passphrase of at least 12 characters; - is standard input
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
        /// 写入文件（缺省为标准输出）/ where it goes; standard output without it
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// 由键入或扫描的文字恢复密钥 / restore keys from what was typed in
    #[command(after_long_help = HELP)]
    Restore {
        /// 键入的文字 / the typed-in text
        file: PathBuf,
        /// 口令文件（- 为标准输入）/ the passphrase; - is standard input
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
        /// 只恢复其中一把，写入此文件；不写则放回数据目录 keys/ / restore one key into this file; without it they go to keys/
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// 恢复哪一把（文字中不止一把时）/ which one, where the text has several
        #[arg(long, value_enum, requires = "output")]
        only: Option<Which>,
    },
}

/// Which key of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    Signing,
    Transport,
    Anchor,
    Other,
}

impl Which {
    const fn word(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Transport => "transport",
            Self::Anchor => "anchor",
            Self::Other => "other",
        }
    }

    fn of_file(path: &Path) -> Self {
        match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("signing") => Self::Signing,
            Some("transport") => Self::Transport,
            Some("anchor") => Self::Anchor,
            _ => Self::Other,
        }
    }
}

/// One key of a text: which, its id, its lines.
struct Printed {
    which: String,
    id: String,
    lines: String,
}

pub(super) fn run(global: &Global, action: &EscrowAction) -> Result<Outcome, Failure> {
    match action {
        EscrowAction::Export { key, passphrase_file, output } => {
            export(global, key, passphrase_file, output.as_deref())
        }
        EscrowAction::Restore { file, passphrase_file, output, only } => {
            restore(global, file, passphrase_file, output.as_deref(), *only)
        }
    }
}

fn export(
    global: &Global,
    keys: &[PathBuf],
    passphrase_file: &Path,
    output: Option<&Path>,
) -> Result<Outcome, Failure> {
    let own =
        ["signing", "transport"].map(|name| global.data().path().join("keys").join(format!("{name}.pem")));
    let keys: &[PathBuf] = if keys.is_empty() { &own } else { keys };
    let passphrase = key_file::passphrase(passphrase_file)?;
    let (mut text, mut rows) = (String::new(), Vec::new());
    for path in keys {
        let key = key_file::read(path, Some(passphrase_file))?;
        let (which, id) = (Which::of_file(path), key.public().id());
        let lines = printed::print(&key_file::lock(&key, &passphrase)?);
        text.push_str(&format!("gongshi-escrow/1 {} {}\n{}\n\n", which.word(), id.hex(), lines.join("\n")));
        rows.push(json!({"key": id, "which": which.word(), "lines": lines.len()}));
    }
    super::note(&global.data(), "keys escrow export", &format!("{} keys", rows.len()));
    let document = json!({"schema": "gongshi.escrow/1", "keys": rows, "text": text});
    let Some(output) = output else { return Ok(Outcome::done(document, text.trim_end())) };
    key_file::write_new(output, text.as_bytes())?;
    let place = output.display();
    let zh = format!(
        "{} 把密钥已加密写入 {place}：请打印，与口令分开存放，然后删除该文件\n演练：gongshi keys escrow restore {place} --passphrase-file 口令文件 -o 试恢复.pem --only signing",
        rows.len()
    );
    let en = format!(
        "{} keys written to {place}, encrypted: print it, keep it apart from the passphrase, then delete the file\ndrill: gongshi keys escrow restore {place} --passphrase-file P -o trial.pem --only signing",
        rows.len()
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

fn restore(
    global: &Global,
    file: &Path,
    passphrase_file: &Path,
    output: Option<&Path>,
    only: Option<Which>,
) -> Result<Outcome, Failure> {
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(|error| key_file::unreadable(file, &error))?;
    opened.take(BYTES_MAX).read_to_string(&mut text).map_err(|error| key_file::unreadable(file, &error))?;
    let mut found = parts(&text);
    if let Some(only) = only {
        found.retain(|one| one.which == only.word());
    }
    if found.is_empty() {
        return Err(mistyped(file, PrintedError::None));
    }
    if output.is_some() && found.len() > 1 {
        return Err(usage(
            "文字中不止一把密钥，请用 --only 指明 / the text has several keys: say which with --only",
        ));
    }
    let passphrase = key_file::passphrase(passphrase_file)?;
    let mut keys = Vec::new();
    for one in &found {
        let der = printed::read(&one.lines).map_err(|error| mistyped(file, error))?;
        let key = locked::unlock(&der, &passphrase).map_err(|error| key_file::lock_failure(error, file))?;
        if key.public().id().hex() != one.id.to_ascii_lowercase() {
            let message =
                format!("{}: 标题行的编号与密钥不符 / the title's id is not that key's", file.display());
            return Err(Failure::new(NOT_VERIFIED, "mistyped", message));
        }
        keys.push((one.which.clone(), key));
    }
    let mut rows = Vec::new();
    for (which, key) in &keys {
        let path = match output {
            Some(output) => output.to_path_buf(),
            None => place(global, which)?,
        };
        key_file::write(&path, key, None)?;
        rows.push(json!({"key": key.public().id(), "which": which, "file": path.display().to_string()}));
    }
    if output.is_none() {
        super::note(&global.data(), "keys escrow restore", &format!("{} keys", rows.len()));
    }
    let files: Vec<&str> = rows.iter().filter_map(|row| row["file"].as_str()).collect();
    let (zh, en) = (format!("已恢复：{}", files.join("、")), format!("restored: {}", files.join(", ")));
    Ok(Outcome::done(json!({"schema": "gongshi.escrow/1", "keys": rows}), global.words(&zh, &en)))
}

/// Where a node's key belongs; its directory is made if it is not there.
fn place(global: &Global, which: &str) -> Result<PathBuf, Failure> {
    let dir = match which {
        "signing" | "transport" => "keys",
        "anchor" => "anchor",
        _ => return Err(usage("请用 -o 指明写到哪里 / say with -o where it goes")),
    };
    let dir = global.data().path().join(dir);
    let made =
        std::os::unix::fs::DirBuilderExt::mode(fs::DirBuilder::new().recursive(true), 0o700).create(&dir);
    made.map_err(|error| key_file::unreadable(&dir, &error))?;
    Ok(dir.join(format!("{which}.pem")))
}

/// The keys of a text, each under its title.
fn parts(text: &str) -> Vec<Printed> {
    let mut found: Vec<Printed> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), found.last_mut()) {
            (Some(first), _) if first.eq_ignore_ascii_case("gongshi-escrow/1") => {
                let word = |word: Option<&str>| word.unwrap_or_default().to_ascii_lowercase();
                found.push(Printed {
                    which: word(words.next()),
                    id: word(words.next()),
                    lines: String::new(),
                });
            }
            (_, Some(one)) => one.lines.push_str(&format!("{line}\n")),
            (_, None) => {}
        }
    }
    found
}

fn mistyped(file: &Path, error: PrintedError) -> Failure {
    let path = file.display();
    let (zh, en) = match error {
        PrintedError::Line(line) => (format!("第 {line:02} 行有误"), format!("line {line:02} is mistyped")),
        PrintedError::Missing(line) => (format!("应接第 {line:02} 行"), format!("line {line:02} comes next")),
        PrintedError::None => ("没有托管文字".to_owned(), "no escrow text".to_owned()),
    };
    Failure::new(NOT_VERIFIED, "mistyped", format!("{path}: {zh} / {en}"))
}
