//! `gongshi portal export`: what a portal shows as static files under the same addresses, for a mirror or an archive.
//!
//! Everything that the pages lead to is asked for and written as answered; what is asked with a query is left out,
//! because no static server can answer it, and counted. `export.json` lists every file with its address and digest.

use super::args::Global;
use super::progress::Progress;
use super::{FINDINGS, Outcome, UNREACHABLE, runtime, usage};
use crate::digest::Digest;
use crate::log::tile::{TileKind, TilePath};
use crate::ops::service::Failure;
use clap::Subcommand;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest answer taken, in bytes: the largest attachment.
const ANSWER_BYTES_MAX: usize = 512 << 20;
/// Most addresses of one export.
const ADDRESSES_MAX: usize = 1_000_000;
/// Longest part of a file's name, in bytes, on the usual file systems.
const PART_BYTES_MAX: usize = 255;

#[derive(Subcommand)]
pub(super) enum PortalAction {
    /// 把门户写成静态文件，网址不变 / write the portal as static files under the same addresses
    Export {
        /// 目录（须为空或不存在）/ directory, empty or new
        dir: PathBuf,
        /// 从此门户导出（缺省为本节点正在运行的门户）/ the portal to export, this node's running one without it
        #[arg(long, value_name = "URL")]
        from: Option<String>,
        /// 不含大字版 / leave out the large-text pages
        #[arg(long)]
        no_large: bool,
    },
}

/// What was written.
struct Written {
    file: String,
    media_type: String,
    digest: Digest,
}

/// What is written where, and what is still to be asked for.
#[derive(Default)]
struct Walk {
    waiting: BTreeSet<String>,
    seen: BTreeSet<String>,
    written: BTreeMap<String, Written>,
    failed: Vec<(String, u16)>,
    queries: BTreeSet<String>,
    unnameable: BTreeSet<String>,
}

pub(super) fn run(global: &Global, action: &PortalAction) -> Result<Outcome, Failure> {
    let PortalAction::Export { dir, from, no_large } = action;
    let (host, base) = match from {
        Some(url) => parts(url)?,
        None => {
            let config = super::serve::load(global)?;
            (config.listen.portal.to_string(), config.portal.base_path.as_str().to_owned())
        }
    };
    if fs::read_dir(dir).is_ok_and(|mut found| found.next().is_some()) {
        let message = format!(
            "{}：目录不空，请换一个空目录 / not empty: name an empty or new directory",
            dir.display()
        );
        return Err(Failure::new(6, "not_empty", message));
    }
    let walk = runtime()?.block_on(crawl(global, dir, &host, &base, *no_large))?;
    let files: Vec<Value> = walk
        .written
        .iter()
        .map(|(path, own)| {
            json!({"url": path, "file": own.file, "type": own.media_type, "sha256": own.digest})
        })
        .collect();
    let failed: Vec<Value> =
        walk.failed.iter().map(|(path, status)| json!({"url": path, "status": status})).collect();
    let document = json!({
        "schema": "gongshi.export/1", "from": format!("http://{host}{base}"), "files": files, "failed": failed,
        "left_out": {"queries": walk.queries.len(), "unnameable": walk.unnameable},
    });
    write(&dir.join("export.json"), document.to_string().as_bytes())?;
    let text = format!(
        "{}  {}  {}\n{}",
        global.words("已导出文件", "files exported"),
        walk.written.len(),
        dir.display(),
        global.words(
            "用静态服务器发布时请设 try_files $uri $uri/index.html $uri/index.json =404",
            "a static server wants: try_files $uri $uri/index.html $uri/index.json =404",
        )
    );
    let mut outcome = Outcome::done(document, text);
    if !walk.failed.is_empty() || !walk.unnameable.is_empty() {
        outcome.exit = FINDINGS;
    }
    Ok(outcome)
}

/// Host and base path of an address.
fn parts(url: &str) -> Result<(String, String), Failure> {
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        usage("只支持 http:// 地址 / only http:// is spoken: point at the node's own portal behind the proxy")
    })?;
    let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    Ok((host, base.trim_end_matches('/').to_owned()))
}

async fn crawl(global: &Global, dir: &Path, host: &str, base: &str, no_large: bool) -> Result<Walk, Failure> {
    let unreachable = |why: String| {
        let message = format!(
            "http://{host}{base}: 无法取得：{why}；请先启动节点（gongshi serve）或用 --from 指明门户 / cannot be fetched: {why}; start the node, or name a portal with --from"
        );
        Failure::new(UNREACHABLE, "portal_unreachable", message)
    };
    let mut walk = Walk::default();
    let first =
        ["/", "/index.json", "/robots.txt", "/sitemap.xml", "/feed.atom", "/openapi.json", "/checkpoint"];
    walk.waiting.extend(first.map(|path| format!("{base}{path}")));
    let mut connection = connect(host).await.map_err(unreachable)?;
    let bar = Progress::endless(global, "正在导出门户", "exporting the portal");
    while let Some(path) = walk.waiting.pop_first() {
        if !walk.seen.insert(path.clone()) || walk.seen.len() > ADDRESSES_MAX {
            continue;
        }
        let answer = match ask(&mut connection, host, &path).await {
            Ok(answer) => answer,
            // A server may close a connection between two questions: once more on a new one.
            Err(_) => {
                connection = connect(host).await.map_err(unreachable)?;
                ask(&mut connection, host, &path).await.map_err(unreachable)?
            }
        };
        let (status, media_type, bytes) = answer;
        if status != 200 {
            walk.failed.push((path, status));
            continue;
        }
        if media_type.starts_with("text/html") {
            walk.follow(&String::from_utf8_lossy(&bytes), base, no_large);
        }
        if path == format!("{base}/checkpoint") {
            walk.waiting.extend(tiles(&bytes, base));
        }
        let Some(file) = file_of(path.strip_prefix(base).unwrap_or(&path), &media_type) else {
            walk.unnameable.insert(path);
            continue;
        };
        write(&dir.join(&file), &bytes)?;
        walk.written.insert(path, Written { file, media_type, digest: Digest::of(&[&bytes]) });
    }
    drop(bar);
    Ok(walk)
}

impl Walk {
    /// Takes note of the addresses of this portal that a page leads to.
    fn follow(&mut self, html: &str, base: &str, no_large: bool) {
        for part in ["href=\"", "src=\""].iter().flat_map(|attribute| html.split(attribute).skip(1)) {
            let link = part.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#39;", "'");
            let link = link.split('#').next().unwrap_or_default();
            let ours =
                link.strip_prefix(base).is_some_and(|below| below.starts_with('/') || below.is_empty());
            if !ours || link.is_empty() || link.starts_with("//") || (no_large && link.contains("/large")) {
                continue;
            }
            match link.contains('?') {
                true => self.queries.insert(link.to_owned()),
                false => self.waiting.insert(link.to_owned()),
            };
        }
    }
}

/// The tiles of the log that a checkpoint is of.
fn tiles(note: &[u8], base: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(note);
    let size: u64 = text.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
    let mut paths = Vec::new();
    let mut put = |kind: fn(u8) -> TileKind, level: u8, count: u64| {
        let full = count / 256;
        let partial = u16::try_from(count % 256).ok().filter(|width| *width > 0);
        let whole = (0..full).map(|index| (index, None));
        for (index, width) in whole.chain(partial.map(|width| (full, Some(width)))) {
            paths.push(format!("{base}/tile/{}", TilePath { kind: kind(level), index, width }));
        }
    };
    put(|_| TileKind::Entries, 0, size);
    let (mut level, mut count) = (0, size);
    while count > 0 {
        put(TileKind::Hash, level, count);
        count /= 256;
        level += 1;
    }
    paths
}

/// Where an address is written: a page as `index.html` of its own directory, so that addresses below it have a place.
/// None for what no file can be named.
fn file_of(path: &str, media_type: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut names = Vec::new();
    for part in parts {
        let name = decoded(part)?;
        let hidden = name == "." || name == ".." || name.contains(['/', '\\', '\0']);
        if hidden || name.len() > PART_BYTES_MAX {
            return None;
        }
        names.push(name);
    }
    let named = |ending: &str| names.last().is_some_and(|name| name.ends_with(ending));
    match media_type.split(';').next() {
        Some("text/html") => names.push("index.html".to_owned()),
        Some("application/json") if !named(".json") => names.push("index.json".to_owned()),
        _ => {}
    }
    (!names.is_empty()).then(|| names.join("/"))
}

/// A part of a path with its percent signs read.
fn decoded(part: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), part.as_bytes());
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = std::str::from_utf8(&[*high, *low]).ok()?.to_owned();
                bytes.push(u8::from_str_radix(&digits, 16).ok()?);
                rest = after;
            }
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    made.map_err(|error| Failure::new(1, "io", format!("{}: {error}", path.display())))
}

#[allow(clippy::disallowed_methods, reason = "an edge: the connection of one export")]
async fn connect(host: &str) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = tokio::net::TcpStream::connect(host).await.map_err(|error| error.to_string())?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Status, media type and body of one address.
async fn ask(
    connection: &mut SendRequest<Empty<Bytes>>,
    host: &str,
    path: &str,
) -> Result<(u16, String, Vec<u8>), String> {
    connection.ready().await.map_err(|error| error.to_string())?;
    let request = hyper::Request::get(path).header(header::HOST, host).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let answer = connection.send_request(request).await.map_err(|error| error.to_string())?;
    let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let (status, media_type) = (answer.status().as_u16(), media_type.unwrap_or_default().to_owned());
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    Ok((status, media_type, body.map_err(|error| error.to_string())?.to_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_one_file_and_none_leaves_the_directory() {
        let page = "text/html; charset=utf-8";
        for (path, media_type, file) in [
            ("/", page, Some("index.html")),
            ("/331126/2024", page, Some("331126/2024/index.html")),
            ("/331126/2024.csv", "text/csv", Some("331126/2024.csv")),
            ("/api/v1/packages/ab", "application/json", Some("api/v1/packages/ab/index.json")),
            ("/openapi.json", "application/json", Some("openapi.json")),
            ("/api/v1/packages/ab/proof", "text/plain", Some("api/v1/packages/ab/proof")),
            ("/a/331126%3A%E5%BA%86/2024", page, Some("a/331126:庆/2024/index.html")),
            ("/a/%2e%2e/2024", page, None),
            ("/a/x%2Fy/2024", page, None),
            ("/a/%00/2024", page, None),
        ] {
            assert_eq!(file_of(path, media_type).as_deref(), file, "{path}");
        }
    }

    #[test]
    fn the_tiles_of_a_log_are_named_by_its_checkpoint() {
        let paths = tiles(b"o\n600\nx\n", "/b");
        assert_eq!(paths.len(), 3 + 3 + 1);
        assert!(
            paths.contains(&"/b/tile/0/002.p/88".to_owned())
                && paths.contains(&"/b/tile/1/000.p/2".to_owned())
        );
    }
}
