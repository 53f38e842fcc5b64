//! An agency's desk: what the node tells it (`keys desk`), its key (`keys new`), and its delegation (`keys delegate`).
//!
//! Three small files go back and forth, all public but the key itself, which never leaves the desk.

use super::args::Global;
use super::govern::say;
use super::key_file;
use super::keys::years_ms;
use super::link::ask;
use super::{Outcome, usage};
use crate::agency::CreditCode;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ops::service::{Failure, Keying, Request};
use crate::sync::govern::{AgencyRequest, Governing};
use crate::trust::delegation::agency_key_message;
use crate::trust::key::PublicKey;
use clap::Args as ClapArgs;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file from a desk or for it: templates of 64 KiB each are most of it.
const FILE_BYTES_MAX: u64 = 16 << 20;

pub(super) const HELP: &str = "机关自行签名，四步 / an agency signs its own packages, in four steps:\n  1 节点 node   gongshi keys desk --agency 市场监督管理局 -o desk.json --data D\n  2 机关 desk   gongshi keys new --desk desk.json -o clerk.pem          (得 clerk.pem.request; 密钥不离开机关 the key stays here)\n  3 节点 node   gongshi keys delegate --agency 市场监督管理局 --key clerk.pem.request --years 3 --data D   (核对密钥编号 compare the key id)\n  4 机关 desk   gongshi sign 报告.xlsx --desk desk.json --key clerk.pem -o 2024.gongshi\n    节点 node   gongshi publish 2024.gongshi --data D\n自第 3 步起，该机关的报告须有其签名（撤回除外）。节点更换密钥、或上一版有变时，重做第 1 步取新的 desk.json。续期：用同一 request 再做第 3 步。遗失：gongshi keys revoke --agency 编号。\nFrom step 3 on every report of the agency needs its signature, withdrawals excepted. Take a new desk.json (step 1) after the node has rotated its key or another revision stands. To renew, do step 3 again with the same request. Lost: gongshi keys revoke --agency ID.";

/// Arguments of `keys desk`.
#[derive(ClapArgs)]
pub(super) struct Desk {
    /// 机关名称 / the agency's name
    #[arg(long, value_name = "NAME")]
    agency: String,
    /// 统一社会信用代码 / the agency's code
    #[arg(long, value_name = "CODE")]
    agency_code: Option<String>,
    /// 区划代码（缺省为本节点区划）/ division; this node's own without it
    #[arg(long)]
    division: Option<DivisionCode>,
    /// 写入文件 / where it goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Arguments of `keys new`.
#[derive(ClapArgs)]
pub(super) struct New {
    /// 节点给的签名资料（keys desk）/ the node's file, of keys desk
    #[arg(long, value_name = "FILE")]
    desk: PathBuf,
    /// 密钥文件（0600），请求写入同名 .request / the key's file; the request goes beside it, as FILE.request
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// 口令文件：密钥加密存放（- 为标准输入）/ keep the key under the passphrase of a file; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Arguments of `keys delegate`.
#[derive(ClapArgs)]
pub(super) struct Delegate {
    /// 机关名称，须与请求一致 / the agency's name, as in its request
    #[arg(long, value_name = "NAME")]
    agency: String,
    /// 机关的请求文件（keys new 所得）/ the desk's request, of keys new
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// 自今日起几年 / for so many years from now
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    years: u32,
    /// 只说明将发生什么 / only say what would happen
    #[arg(long)]
    dry_run: bool,
}

/// What a desk knows of its node, read from its file.
pub(super) struct DeskFile {
    pub(super) federation: Digest,
    pub(super) node: PublicKey,
    pub(super) division: DivisionCode,
    pub(super) agency_name: String,
    pub(super) agency_code: String,
    pub(super) document: Value,
}

pub(super) fn desk(global: &Global, desk: &Desk) -> Result<Outcome, Failure> {
    let agency = AgencyRequest {
        key: PublicKey::from_bytes([0; 32]),
        proof: [0; 64],
        division: match &desk.division {
            Some(division) => division.clone(),
            None => own_division(global)?,
        },
        agency_name: crate::agency::agency_name(&desk.agency)
            .map_err(|error| Failure::new(5, "agency_name", format!("机关名称不合格 / {error}")))?,
        agency_code: agency_code(desk.agency_code.as_deref())?,
    };
    let document = ask(global, Request::Keying(Box::new(Keying::Desk { agency: Box::new(agency) })))?;
    write(&desk.output, document.to_string().as_bytes())?;
    let place = desk.output.display();
    let zh = format!(
        "签名资料已写入 {place}（内容均可公开）\n下一步，机关：gongshi keys new --desk {place} -o clerk.pem；已有密钥则 gongshi sign"
    );
    let en = format!(
        "written to {place}; all of it is public\nNext, at the desk: gongshi keys new --desk {place} -o clerk.pem, or with a key gongshi sign"
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

pub(super) fn new(global: &Global, new: &New) -> Result<Outcome, Failure> {
    let desk = DeskFile::read(&new.desk)?;
    let request = PathBuf::from(format!("{}.request", new.output.display()));
    if request.exists() {
        return Err(Failure::new(
            2,
            "cannot_write",
            format!("{}: 已有文件 / is there already", request.display()),
        ));
    }
    let key = key_file::create(&new.output, new.passphrase_file.as_deref())?;
    let message = agency_key_message(&desk.federation, &desk.node, &key.public(), &desk.division);
    let document = json!({
        "schema": "gongshi.agency-request/1", "federation": desk.federation, "node": hex(desk.node.as_bytes()),
        "division": desk.division, "agency": {"name": desk.agency_name, "code": desk.agency_code},
        "key": hex(key.public().as_bytes()), "proof": hex(key.sign(&message).as_bytes()), "key_id": key.public().id(),
    });
    write(&request, document.to_string().as_bytes())?;
    let (id, place, name) = (key.public().to_string(), request.display(), &desk.agency_name);
    let zh = format!(
        "密钥 {id}\n  文件 {}（勿外传，请另存一份）\n  请求 {place}（交给节点）\n下一步，节点：gongshi keys delegate --agency {name} --key {place}，双方核对密钥编号",
        new.output.display()
    );
    let en = format!(
        "key {id}\n  file {} (keep it here, and a copy)\n  request {place} (for the node)\nNext, at the node: gongshi keys delegate --agency {name} --key {place}; compare the key id",
        new.output.display()
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

pub(super) fn delegate(global: &Global, delegate: &Delegate) -> Result<Outcome, Failure> {
    let document = read_json(&delegate.key, "gongshi.agency-request/1")?;
    let wrong = || not_one(&delegate.key);
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
    let agency = AgencyRequest {
        key: PublicKey::from_bytes(bytes(&document["key"]).ok_or_else(wrong)?),
        proof: bytes(&document["proof"]).ok_or_else(wrong)?,
        division: text(&document["division"])?.parse().map_err(|_| wrong())?,
        agency_name: text(&document["agency"]["name"])?,
        agency_code: text(&document["agency"]["code"])?,
    };
    if agency.agency_name != delegate.agency.trim() {
        let message = format!(
            "请求是 {} 的，不是 {} 的 / the request is of {0}, not of {1}",
            agency.agency_name, delegate.agency
        );
        return Err(Failure::new(6, "other_agency", message));
    }
    let (id, name) = (agency.key.to_string(), agency.agency_name.clone());
    let zh = format!(
        "{name} 自此须用密钥 {id} 签名报告；请与机关核对编号。撤回：gongshi keys revoke --agency {}",
        id.get(..16).unwrap_or_default()
    );
    let en = format!(
        "{name} signs its reports with key {id} from now on; compare the id with the desk. Undo: gongshi keys revoke --agency {}",
        id.get(..16).unwrap_or_default()
    );
    let governing = Governing::Agency { agency: Box::new(agency), life_ms: Some(years_ms(delegate.years)) };
    say(global, governing, delegate.dry_run, (&zh, &en))
}

impl DeskFile {
    /// Reads what `keys desk` wrote.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let document = read_json(path, "gongshi.desk/1")?;
        let wrong = || not_one(path);
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
        Ok(Self {
            federation: text(&document["federation"])?.parse().map_err(|_| wrong())?,
            node: PublicKey::from_bytes(bytes(&document["node"]["key"]).ok_or_else(wrong)?),
            division: text(&document["division"]["code"])?.parse().map_err(|_| wrong())?,
            agency_name: text(&document["agency"]["name"])?,
            agency_code: text(&document["agency"]["code"])?,
            document,
        })
    }

    /// Revision and statement of what the node had for a year when it wrote the file, and whether it stood.
    pub(super) fn year(&self, year: u16) -> Option<(u32, Digest, bool)> {
        let rows = self.document["years"].as_array()?;
        let row = rows.iter().find(|row| row["year"].as_u64() == Some(u64::from(year)))?;
        let revision = row["revision"].as_u64()?.try_into().ok()?;
        Some((revision, row["digest"].as_str()?.parse().ok()?, row["stands"] == true))
    }
}

/// A JSON file of a schema.
pub(super) fn read_json(path: &Path, schema: &str) -> Result<Value, Failure> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| key_file::unreadable(path, &error))?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|_| not_one(path))?;
    let document: Value = serde_json::from_str(&text).map_err(|_| not_one(path))?;
    if document["schema"] == schema { Ok(document) } else { Err(not_one(path)) }
}

fn not_one(path: &Path) -> Failure {
    let message = format!(
        "{}: 不是所需的文件，或已损坏：用 gongshi man keys 查看步骤 / not the file that is wanted, or damaged: see gongshi man keys",
        path.display()
    );
    Failure::new(5, "not_that_file", message)
}

/// Writes a public file, over what is there.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| {
        Failure::new(2, "cannot_write", format!("{}: 无法写入：{error} / cannot be written", path.display()))
    })
}

fn own_division(global: &Global) -> Result<DivisionCode, Failure> {
    let status = ask(global, Request::Status)?;
    status["node"]["code"].as_str().and_then(|code| code.parse().ok()).ok_or_else(super::unexpected)
}

fn agency_code(code: Option<&str>) -> Result<String, Failure> {
    let Some(code) = code else { return Ok(String::new()) };
    let parsed: Result<CreditCode, _> = code.trim().to_ascii_uppercase().parse();
    let code =
        parsed.map_err(|error| usage(&format!("统一社会信用代码不对：{error} / not a code of GB 32100")))?;
    Ok(code.as_str().to_owned())
}

fn bytes<const N: usize>(value: &Value) -> Option<[u8; N]> {
    HEXLOWER_PERMISSIVE.decode(value.as_str()?.as_bytes()).ok()?.try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
