//! `gongshi root`: the root's machine is lost for good, and a mirror's backup is promoted to be the root
//! (src/trust/CEREMONY.md, E).

use super::anchor::{granted, shown};
use super::args::{Addresses, Global};
use super::desk::write;
use super::init::configure;
use super::keys::years_ms;
use super::{NOT_VERIFIED, Outcome, REFUSED};
use crate::ops::backup;
use crate::ops::data_dir::Clock;
use crate::ops::service::{Failure, anchor_request};
use crate::statement::Entry;
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};

const HELP: &str = "根节点机器损毁、且没有它自己的备份时使用。任何镜像节点（通常是市级）都能接替，请选 gongshi rollcall 中根日志最长的一个；该节点照常运行，不受影响。\nFor a root whose machine is lost together with its backups. Any mirror can stand in for it: take the one that rollcall shows with the largest root log; it goes on as it is.\n\n  gongshi backup B --data CITY                                              在该镜像节点 at that mirror\n  gongshi keys escrow restore root.txt --passphrase-file P --only transport -o NEW/keys/transport.pem   有托管时 with the escrow\n  gongshi root request B -o request.json --data NEW                          新机器 on the new machine\n  gongshi keys anchor sign request.json --key anchor.pem -o grant.json       离线机器 offline\n  gongshi root promote B --grant grant.json --listen 0.0.0.0:4701 --data NEW  新机器 on the new machine\n  gongshi serve --data NEW\n\n新根先向多数下级补齐根日志，之后才签署；旧根密钥随锚密钥的授权终止。恢复了旧传输密钥、且仍在旧地址时，下级自行连上；传输密钥是新的时，新根按各下级登记的地址找到它们。只能外拨、没有地址的下级，用数据包补上：gongshi bundle export --for CODE。未用完的邀请码作废。\nThe new root first fetches what most of its children have more of the root log, and signs only then; the old root's key ends with the anchor's delegation. With the old transport key at the old address the children connect by themselves; with a new transport key the new root dials them where they announced. A child that only dials out and announces nothing gets a bundle: gongshi bundle export --for CODE. Open invitations are void.";

#[derive(Subcommand)]
pub(super) enum RootAction {
    /// 新机器：由镜像节点的备份写下要锚密钥签署的内容 / on the new machine: what the anchor is to sign, from a mirror's backup
    #[command(after_long_help = HELP)]
    Request {
        /// 镜像节点的备份目录 / the backup of a mirror
        backup: PathBuf,
        /// 新根的连接地址（可多次；不写则沿用旧根的）/ where the new root is dialled; the old root's addresses without it
        #[arg(long, value_name = "HOST:PORT")]
        announce: Vec<String>,
        /// 自今日起几年 / for so many years from now
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
        years: u32,
        /// 写入文件 / where it goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// 新机器：以锚密钥的授权接替根节点 / on the new machine: take the root's place with what the anchor signed
    #[command(after_long_help = HELP)]
    Promote {
        /// 同一份备份 / the same backup
        backup: PathBuf,
        /// 锚密钥签署的授权 / what the anchor signed
        #[arg(long, value_name = "FILE")]
        grant: PathBuf,
        #[command(flatten)]
        addresses: Addresses,
    },
}

pub(super) fn run(global: &Global, action: &RootAction) -> Result<Outcome, Failure> {
    match action {
        RootAction::Request { backup, announce, years, output } => {
            request(global, backup, announce, *years, output)
        }
        RootAction::Promote { backup, grant, addresses } => promote(global, backup, grant, addresses),
    }
}

fn request(
    global: &Global,
    from: &Path,
    announce: &[String],
    years: u32,
    output: &Path,
) -> Result<Outcome, Failure> {
    let data = global.data();
    let standby = backup::standby(from)?;
    let addresses = Addresses { listen: None, portal: None, console: None, announce: announce.to_vec() };
    let loaded = configure(&addresses)?;
    let announce = if announce.is_empty() { Vec::new() } else { super::init::announced(&loaded) };
    let _lock = data.begin()?;
    let signing = data.key("keys/signing.pem", true)?;
    let (anchor, old) = standby.root().ok_or_else(super::unexpected)?;
    if old.signing == signing.public() {
        let message = format!(
            "{}：是旧根的签名密钥；接替须用新的签名密钥，请移走后重试（旧密钥仍可靠时，用它恢复根节点自己的备份即可）/ it is the old root's signing key; a new one takes its place: move it away and try again (where the old key is sound, restore the root's own backup with it)",
            data.path().join("keys/signing.pem").display()
        );
        return Err(Failure::new(REFUSED, "old_root_key", message));
    }
    // One that was restored from paper stays: by it the children find the new machine.
    let transport = data.key("keys/transport.pem", true)?;
    let now = Clock::start().now().wall;
    let asked = standby.ask(now, Some(years_ms(years)), (&signing, &transport), announce);
    let document = anchor_request(anchor, &asked.ok_or_else(super::unexpected)?, true)?;
    write(output, document.to_string().as_bytes())?;
    let (place, from, path) = (output.display(), from.display(), data.path().display());
    let (zh, en) = (shown(&document, false), shown(&document, true));
    let zh = format!(
        "{zh}\n请求已写入 {place}\n下一步，离线机器：gongshi keys anchor sign {place} --key anchor.pem -o grant.json\n然后在本机：gongshi root promote {from} --grant grant.json --data {path}"
    );
    let en = format!(
        "{en}\nrequest written to {place}\nNext, on the offline machine: gongshi keys anchor sign {place} --key anchor.pem -o grant.json\nThen here: gongshi root promote {from} --grant grant.json --data {path}"
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

fn promote(global: &Global, from: &Path, grant: &Path, addresses: &Addresses) -> Result<Outcome, Failure> {
    let data = global.data();
    let (statement, card) = granted(grant)?;
    let entry = Entry::verify(&statement, &card).map_err(|error| {
        Failure::new(NOT_VERIFIED, "request_damaged", format!("{}: {error}", grant.display()))
    })?;
    let loaded = configure(addresses)?;
    let lock = data.begin()?;
    let digest = entry.digest();
    let made = backup::promote(from, &data, entry)?;
    data.write_config(&loaded.config().to_toml())?;
    drop(lock);
    super::note(&data, "root promote", &digest.hex());
    let place = data.path().display();
    let document = json!({
        "schema": "gongshi.promote/1", "data": place.to_string(), "grant": digest,
        "root_log": {"size": made.leaves}, "entries": made.entries, "bodies": made.bodies,
    });
    let zh = format!(
        "已接替根节点：根日志 {} 条、报文 {} 条、正文 {} 份\n下一步：gongshi serve --data {place}（先向多数下级补齐，之后才签署）\n再打印托管：gongshi keys escrow export",
        made.leaves, made.entries, made.bodies
    );
    let en = format!(
        "promoted: {} root-log leaves, {} entries, {} bodies\nNext: gongshi serve --data {place} (it asks most of its children before it signs)\nThen print the escrow: gongshi keys escrow export",
        made.leaves, made.entries, made.bodies
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}
